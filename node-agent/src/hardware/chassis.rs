//! The case a machine stands in: maker and product of the machine, serial number of the case.

use rollcall_model::hardware::Chassis;

use super::serial::{is_placeholder, is_real_serial};
use super::smbios::Tables;
use super::tree::Tree;

const DMI: &str = "sys/class/dmi/id";

/// Reads the case: from the kernel's own reading of the firmware, else from the tables. What firmware vendors leave
/// in place of a name or number is unknown.
pub(super) fn read(tree: &Tree, tables: Option<&Tables>) -> Chassis {
    let field = |name: &str| tree.line(&format!("{DMI}/{name}")).filter(|text| !is_placeholder(text));
    let system = tables.map(Tables::system).unwrap_or_default();
    let in_tables = |text: Option<String>| text.filter(|text| !is_placeholder(text));
    Chassis {
        vendor: field("sys_vendor").or_else(|| in_tables(system.0)),
        product: field("product_name").or_else(|| in_tables(system.1)),
        serial: serial_of(tree, tables),
    }
}

/// Serial number of the case, type 3; the kernel shows it to root only.
fn serial_of(tree: &Tree, tables: Option<&Tables>) -> Option<String> {
    let told = tree.line(&format!("{DMI}/chassis_serial")).filter(|text| is_real_serial(text));
    told.or_else(|| tables.and_then(Tables::chassis_serial).filter(|text| is_real_serial(text)))
}

/// The serial number of the case alone.
pub(crate) fn chassis_serial(tree: &Tree) -> Option<String> {
    serial_of(tree, Tables::read(tree).as_ref())
}
