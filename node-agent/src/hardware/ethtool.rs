//! What drivers of network interfaces tell through `ethtool`: sysfs shows neither firmware nor possible speeds.

use rollcall_model::Millis;

use super::tree::{Tree, printable};
use crate::programs::Program;

/// A driver answers from memory; one that does not is not waited for.
const LIMIT: Millis = Millis(2_000);

/// The installed `ethtool`.
#[derive(Clone, Debug)]
pub(crate) struct Ethtool(Program);

/// Speeds of an interface in Mb/s; unknown where the driver does not say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Speeds {
    /// Best speed it can run at.
    pub(crate) supported: Option<u32>,
    /// Best speed that it and the other end of the cable both offer.
    pub(crate) common: Option<u32>,
}

impl Ethtool {
    /// `None` where it is not installed.
    pub(crate) fn find(tree: &Tree) -> Option<Self> {
        Program::find(tree, "ethtool").map(Self)
    }

    fn ask(&self, arguments: &[&str]) -> Option<String> {
        self.0.ask(arguments, LIMIT).ok().filter(|answer| answer.code == Some(0)).map(|answer| answer.text)
    }

    /// Version of an interface's firmware. Blocks for a moment.
    pub(crate) fn firmware(&self, interface: &str) -> Option<String> {
        // A name that looks like an option is none that we ask about.
        let text = if interface.starts_with('-') { None } else { self.ask(&["-i", interface]) }?;
        let version = text.lines().find_map(|line| line.strip_prefix("firmware-version:"))?;
        printable(version).filter(|version| !version.eq_ignore_ascii_case("n/a"))
    }

    /// Speeds of an interface. Blocks for a moment.
    pub(crate) fn speeds(&self, interface: &str) -> Speeds {
        let text = if interface.starts_with('-') { None } else { self.ask(&[interface]) };
        text.map(|text| speeds(&text)).unwrap_or_default()
    }
}

/// Reads the sections of link modes, such as `Supported link modes:   100baseT/Full` with further lines below.
fn speeds(text: &str) -> Speeds {
    let (mut supported, mut advertised, mut partner) = (Vec::new(), Vec::new(), Vec::new());
    let mut section: Option<&mut Vec<u32>> = None;
    for line in text.lines() {
        let modes = match line.split_once(':') {
            Some((key, modes)) => {
                section = match key.trim() {
                    "Supported link modes" => Some(&mut supported),
                    "Advertised link modes" => Some(&mut advertised),
                    "Link partner advertised link modes" => Some(&mut partner),
                    _ => None,
                };
                modes
            }
            None => line,
        };
        if let Some(list) = &mut section {
            list.extend(modes.split_whitespace().filter_map(mbps));
        }
    }
    Speeds {
        supported: supported.iter().copied().max(),
        common: advertised.iter().filter(|speed| partner.contains(speed)).copied().max(),
    }
}

/// The speed of a mode such as `10000baseSR/Full`.
fn mbps(mode: &str) -> Option<u32> {
    mode.split_once("base")?.0.parse().ok().filter(|speed| *speed > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_best_speed_of_both_ends_is_told_from_the_best_of_one() {
        let text = "Settings for eth0:\n\tSupported ports: [ TP ]\n\
                    \tSupported link modes:   100baseT/Full\n\t                        1000baseT/Full\n\
                    \t                        10000baseT/Full\n\tSupported pause frame use: Symmetric\n\
                    \tAdvertised link modes:  1000baseT/Full\n\t                        10000baseT/Full\n\
                    \tLink partner advertised link modes:  100baseT/Half 100baseT/Full\n\
                    \t                                     1000baseT/Full\n\tSpeed: 100Mb/s\n";
        assert_eq!(speeds(text), Speeds { supported: Some(10_000), common: Some(1_000) });
        let fibre = "\tSupported link modes:   25000baseCR/Full\n\tLink partner advertised link modes:  Not reported\n";
        assert_eq!(speeds(fibre), Speeds { supported: Some(25_000), common: None });
        assert_eq!(speeds("Settings for veth0:\n\tSpeed: 10000Mb/s\n"), Speeds::default());
    }
}
