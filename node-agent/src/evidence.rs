//! Which machine this is (N1): the evidence its node id is derived from.
//!
//! Firmware first: the system UUID and the board's serial number outlive disks and network cards. Boards
//! that were never given any hold placeholders, which are ignored, for they would make a thousand machines
//! one. Then the operating system's machine-id counts, together with the lowest address of a network
//! interface, because a copied disk takes its machine-id along.
//!
//! A container sees the firmware of its host, as its siblings do; there the address and the machine-id are
//! taken into the evidence as well.

use std::io;
use std::path::Path;

use rollcall_model::NodeIdentifier;
use rollcall_model::identifier::{Evidence, EvidenceSource, IdentifierError};

use crate::hardware::{
    Tables, Tree, cpu_signature, distinct, hardware_address, is_real_serial, network_devices, printable,
};

const UUID: &str = "sys/class/dmi/id/product_uuid";
const SERIALS: [&str; 2] = ["sys/class/dmi/id/board_serial", "sys/firmware/devicetree/base/serial-number"];
const MACHINE_IDS: [&str; 2] = ["etc/machine-id", "var/lib/dbus/machine-id"];
const CONTAINER_MARKS: [&str; 3] = [".dockerenv", "run/.containerenv", "run/systemd/container"];
const NET: &str = "sys/class/net";

/// UUIDs that firmware vendors left in place of one; those of hardly any different digits are found by rule.
const PLACEHOLDER_UUIDS: [&str; 5] = [
    "03000200-0400-0500-0006-000700080009",
    "00020003-0004-0005-0006-000700080009",
    "12345678-1234-5678-90ab-cddeefaabbcc",
    "12345678-1234-5678-1234-567812345678",
    "11111111-2222-3333-4444-555555555555",
];

/// Why a machine cannot say which one it is. Nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum EvidenceError {
    /// Neither firmware nor operating system identify the machine.
    #[error(
        "nothing tells which machine this is ({}). Run the agent as root, so that it may read the firmware's \
         identifiers, or give the system a machine-id with `systemd-machine-id-setup`",
        .looked_at.join("; ")
    )]
    Nothing {
        /// Every place that was tried, and what was wrong with it.
        looked_at: Vec<String>,
    },
    /// The firmware tells nothing, and the machine-id alone would be shared by copies of the disk.
    #[error(
        "no network interface with a hardware address was found in /sys/class/net, and the firmware tells nothing \
         usable ({}). The machine-id alone does not tell copies of a disk apart: start the agent once an interface \
         is there",
        .looked_at.join("; ")
    )]
    NoAddress {
        /// Every place that was tried in the firmware, and what was wrong with it.
        looked_at: Vec<String>,
    },
    /// The evidence found does not lead to an id.
    #[error("the evidence of this machine's identity is unusable")]
    Unusable(#[from] IdentifierError),
}

/// Reads the evidence of the machine below `root` (`/` in production). Two calls on the same machine give the
/// same identifier, whatever happened to its disks in between; the same user must ask, since only root may read
/// what the firmware says.
///
/// # Errors
/// When nothing usable was found; the message names every place and what to do.
pub fn read(root: &Path) -> Result<NodeIdentifier, EvidenceError> {
    let tree = Tree::new(root);
    let mut looked_at = Vec::new();
    let tables = Tables::read(&tree);
    let product_uuid = product_uuid(&tree, tables.as_ref(), &mut looked_at);
    let board_serial = board_serial(&tree, tables.as_ref(), &mut looked_at);
    let firmware = product_uuid.is_some() || board_serial.is_some();
    let contained = CONTAINER_MARKS.iter().any(|mark| tree.exists(mark));

    let (mut machine_id, mut mac) = (None, None);
    if !firmware || contained {
        mac = lowest_address(&tree);
        if mac.is_none() && !firmware {
            return Err(EvidenceError::NoAddress { looked_at });
        }
        machine_id = self::machine_id(&tree, &mut looked_at);
        if machine_id.is_none() && !firmware {
            return Err(EvidenceError::Nothing { looked_at });
        }
    }
    let source = if firmware { EvidenceSource::Firmware } else { EvidenceSource::MachineId };
    let evidence = Evidence { source, product_uuid, board_serial, cpu: cpu_signature(&tree), machine_id, mac };
    Ok(NodeIdentifier::from_evidence(evidence)?)
}

/// A file's text, or why it does not count.
fn look(tree: &Tree, below: &str, usable: fn(&str) -> bool, looked_at: &mut Vec<String>) -> Option<String> {
    let why = match tree.try_text(below) {
        Ok(text) => match printable(&text) {
            Some(text) if usable(&text) => return Some(text),
            Some(text) => format!("holds the placeholder {text:?}"),
            None => "is empty".into(),
        },
        Err(error) if error.kind() == io::ErrorKind::NotFound => "is not there".into(),
        Err(error) => format!("cannot be read: {error}"),
    };
    looked_at.push(format!("/{below} {why}"));
    None
}

fn product_uuid(tree: &Tree, tables: Option<&Tables>, looked_at: &mut Vec<String>) -> Option<String> {
    look(tree, UUID, is_real_uuid, looked_at)
        .or_else(|| tables?.system_uuid().filter(|uuid| is_real_uuid(uuid)))
        .map(|uuid| uuid.to_lowercase())
}

fn board_serial(tree: &Tree, tables: Option<&Tables>, looked_at: &mut Vec<String>) -> Option<String> {
    SERIALS
        .iter()
        .find_map(|below| look(tree, below, is_real_serial, looked_at))
        .or_else(|| tables?.board_serial().filter(|serial| is_real_serial(serial)))
}

fn machine_id(tree: &Tree, looked_at: &mut Vec<String>) -> Option<String> {
    let usable = |text: &str| text.len() == 32 && is_hexadecimal(text) && distinct(text) > 2;
    MACHINE_IDS.iter().find_map(|below| look(tree, below, usable, looked_at))
}

fn is_hexadecimal(text: &str) -> bool {
    text.chars().all(|c| c.is_ascii_hexdigit())
}

fn is_real_uuid(text: &str) -> bool {
    let lengths: Vec<usize> = text.split('-').map(str::len).collect();
    let lower = text.to_lowercase();
    lengths == [8, 4, 4, 4, 12]
        && text.split('-').all(is_hexadecimal)
        && distinct(text) > 2
        && !PLACEHOLDER_UUIDS.contains(&lower.as_str())
}

/// The lowest address of the interfaces that tell machines apart best: devices before others, addresses given by
/// a manufacturer or an administrator before random ones, universal ones before those made up locally.
fn lowest_address(tree: &Tree) -> Option<String> {
    let devices = network_devices(tree);
    let candidates = tree.names(NET).into_iter().filter_map(|name| {
        let address = hardware_address(tree, &name).filter(|address| address.len() == 17)?;
        let device = devices.contains(&name);
        let made_up =
            ["bridge", "tun_flags", "device/physfn"].iter().any(|mark| tree.exists(&format!("{NET}/{name}/{mark}")));
        if name == "lo" || made_up {
            return None;
        }
        // `addr_assign_type` 1: drawn at random when the interface came up.
        let random = tree.number::<u8>(&format!("{NET}/{name}/addr_assign_type")) == Some(1);
        let first = u8::from_str_radix(&address[..2], 16).ok()?;
        Some((!device, random, first & 0b10 != 0, address))
    });
    candidates.min().map(|(_, _, _, address)| address)
}

#[cfg(test)]
mod tests;
