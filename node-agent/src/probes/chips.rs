//! The sensor chips that hwmon lists (`Documentation/hwmon/sysfs-interface.rst`).

use crate::hardware::Tree;

const HWMON: &str = "sys/class/hwmon";

/// Directories of all chips with their attributes. Some old drivers keep these with the device instead of the class.
pub(super) fn all(tree: &Tree) -> Vec<String> {
    let place = |(_, chip): (u32, String)| {
        let device = format!("{chip}/device");
        if !tree.exists(&format!("{chip}/name")) && tree.exists(&format!("{device}/name")) { device } else { chip }
    };
    tree.numbered(HWMON, "hwmon").into_iter().map(place).collect()
}

/// Chips of one driver.
pub(super) fn named(tree: &Tree, driver: &str) -> Vec<String> {
    let mut chips = all(tree);
    chips.retain(|chip| tree.line(&format!("{chip}/name")).as_deref() == Some(driver));
    chips
}
