//! Lists of entries, and what each entry has.

use rollcall_model::hardware::{Accelerator, Nic, Storage};

use super::{Kind, Seen};

/// What an entry of a list has.
pub struct Field {
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
    pub(crate) meaning: &'static str,
    see: for<'a> fn(Item<'a>) -> Seen<'a>,
}

impl std::fmt::Debug for Field {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name)
    }
}

/// An entry of a list.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Item<'a> {
    Nic(&'a Nic),
    Storage(&'a Storage),
    Accelerator(&'a Accelerator),
}

impl<'a> Item<'a> {
    fn fields(self) -> &'static [Field] {
        match self {
            Self::Nic(_) => NIC,
            Self::Storage(_) => STORAGE,
            Self::Accelerator(_) => ACCELERATOR,
        }
    }

    /// What it has by that name; `None` when its kind has no such field.
    pub(crate) fn see(self, field: &str) -> Option<Seen<'a>> {
        self.fields().iter().find(|known| known.name == field).map(|known| (known.see)(self))
    }
}

/// A field of one kind of entry; entries of the other kinds have no value there.
macro_rules! field {
    ($item:ident, $name:literal, $kind:ident, $entry:ident => $see:expr, $meaning:literal) => {
        Field {
            name: $name,
            kind: Kind::$kind,
            meaning: $meaning,
            see: |item| match item {
                Item::$item($entry) => $see,
                _ => Seen::Unknown,
            },
        }
    };
}

fn text(value: Option<&String>) -> Seen<'_> {
    Seen::or_null(value, |text| Seen::text(text))
}

pub(super) const NIC: &[Field] = &[
    field!(Nic, "name", Text, nic => Seen::text(&nic.name), "Interface name."),
    field!(Nic, "mac", Text, nic => text(nic.mac.as_ref()), "Address on the medium."),
    field!(Nic, "driver", Text, nic => text(nic.driver.as_ref()), "Kernel driver, e.g. `mlx5_core`."),
    field!(Nic, "bus_address", Text, nic => text(nic.bus_address.as_ref()), "Bus address."),
    field!(Nic, "pci_id", Text, nic => text(nic.pci_id.as_ref()), "`vendor:device`, hexadecimal."),
    field!(Nic, "speed_mbps", Int, nic => Seen::or_null(nic.speed_mbps, Seen::count), "Speed when it was read, Mb/s."),
    field!(Nic, "best_mbps", Int, nic => Seen::or_null(nic.best_mbps, Seen::count), "Best speed it can run at, Mb/s."),
    field!(Nic, "firmware", Text, nic => text(nic.firmware.as_ref()), "Firmware version."),
];

pub(super) const STORAGE: &[Field] = &[
    field!(Storage, "name", Text, device => Seen::text(&device.name), "Kernel name, e.g. `nvme0n1`."),
    field!(Storage, "size_bytes", Int, device => Seen::or_null(device.size_bytes, Seen::count), "Bytes."),
    field!(Storage, "model", Text, device => text(device.model.as_ref()), "Model text."),
    field!(Storage, "rotational", Bool, device => Seen::or_null(device.rotational, Seen::Bool), "Spinning disk."),
    field!(Storage, "firmware", Text, device => text(device.firmware.as_ref()), "Firmware revision."),
];

pub(super) const ACCELERATOR: &[Field] = &[
    field!(Accelerator, "bus_address", Text, card => Seen::text(&card.bus_address), "Bus address."),
    field!(Accelerator, "pci_id", Text, card => Seen::text(&card.pci_id), "`vendor:device`, hexadecimal."),
    field!(Accelerator, "class", Text, card => Seen::text(&card.class), "PCI class, hexadecimal."),
];
