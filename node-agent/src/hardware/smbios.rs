//! What the firmware says in its SMBIOS tables (DMTF DSP0134). Only root may read them.

use rollcall_model::hardware::MemoryModule;
use smbioslib::{
    MemoryArrayErrorCorrection, MemoryArrayUse, MemoryDeviceType, MemorySize, MemorySizeExtended, MemorySpeed,
    MemorySpeedExtended, SMBiosBaseboardInformation, SMBiosData, SMBiosMemoryDevice, SMBiosPhysicalMemoryArray,
    SMBiosSystemChassisInformation, SMBiosSystemInformation, SMBiosVersion, SystemUuidData,
};

use super::tree::{Tree, printable};

/// Tables of the largest machines take some tens of KiB.
const TABLES_LIMIT: u64 = 1024 * 1024;

/// The tables of one machine.
pub(crate) struct Tables {
    data: SMBiosData,
    version: (u8, u8),
}

impl Tables {
    /// Reads the tables; `None` where there are none, or none for this user.
    pub(crate) fn read(tree: &Tree) -> Option<Self> {
        let entry = tree.bytes("sys/firmware/dmi/tables/smbios_entry_point", 64).ok()?;
        let version = version(&entry)?;
        let bytes = tree.bytes("sys/firmware/dmi/tables/DMI", TABLES_LIMIT).ok()?;
        let of = SMBiosVersion::new(version.0, version.1, 0);
        Some(Self { data: SMBiosData::from_vec_and_version(bytes, Some(of)), version })
    }

    /// UUID of the system, type 1. Its first three fields are little-endian since SMBIOS 2.6.
    pub(crate) fn system_uuid(&self) -> Option<String> {
        let SystemUuidData::Uuid(uuid) = self.data.first::<SMBiosSystemInformation<'_>>()?.uuid()? else {
            return None;
        };
        if self.version >= (2, 6) {
            return Some(uuid.to_string());
        }
        let digits: String = uuid.raw.iter().map(|byte| format!("{byte:02x}")).collect();
        let parts = [&digits[..8], &digits[8..12], &digits[12..16], &digits[16..20], &digits[20..]];
        Some(parts.join("-"))
    }

    /// Serial number of the board, type 2.
    pub(crate) fn board_serial(&self) -> Option<String> {
        let serial = self.data.first::<SMBiosBaseboardInformation<'_>>()?.serial_number().to_utf8_lossy();
        serial.and_then(|text| printable(&text))
    }

    /// Maker and product name of the system, type 1.
    pub(crate) fn system(&self) -> (Option<String>, Option<String>) {
        let Some(system) = self.data.first::<SMBiosSystemInformation<'_>>() else { return (None, None) };
        let [maker, product] = [system.manufacturer(), system.product_name()]
            .map(|text| text.to_utf8_lossy().and_then(|text| printable(&text)));
        (maker, product)
    }

    /// Serial number of the case, type 3.
    pub(crate) fn chassis_serial(&self) -> Option<String> {
        let serial = self.data.first::<SMBiosSystemChassisInformation<'_>>()?.serial_number().to_utf8_lossy();
        serial.and_then(|text| printable(&text))
    }

    /// Whether the system memory corrects errors, type 16; `None` when the firmware does not say.
    pub(crate) fn corrects_memory_errors(&self) -> Option<bool> {
        let corrects = |array: SMBiosPhysicalMemoryArray<'_>| {
            if array.usage()?.value != MemoryArrayUse::SystemMemory {
                return None;
            }
            match array.memory_error_correction()?.value {
                MemoryArrayErrorCorrection::SingleBitEcc
                | MemoryArrayErrorCorrection::MultiBitEcc
                | MemoryArrayErrorCorrection::Crc => Some(true),
                MemoryArrayErrorCorrection::NoCorrection | MemoryArrayErrorCorrection::Parity => Some(false),
                _ => None,
            }
        };
        let arrays: Vec<bool> = self.data.defined_struct_iter().filter_map(corrects).collect();
        (!arrays.is_empty()).then(|| arrays.iter().all(|corrects| *corrects))
    }

    /// The memory modules that are installed, type 17.
    pub(crate) fn memory_modules(&self) -> Vec<MemoryModule> {
        self.data.defined_struct_iter::<SMBiosMemoryDevice<'_>>().filter_map(|device| module(&device)).collect()
    }
}

fn version(entry: &[u8]) -> Option<(u8, u8)> {
    let at = if entry.starts_with(b"_SM3_") {
        7
    } else if entry.starts_with(b"_SM_") {
        6
    } else {
        return None;
    };
    Some((*entry.get(at)?, *entry.get(at + 1)?))
}

fn module(device: &SMBiosMemoryDevice<'_>) -> Option<MemoryModule> {
    let size_bytes = match device.size()? {
        MemorySize::NotInstalled => return None,
        MemorySize::Unknown => None,
        MemorySize::Kilobytes(size) => Some(u64::from(size) << 10),
        MemorySize::Megabytes(size) => Some(u64::from(size) << 20),
        MemorySize::SeeExtendedSize => match device.extended_size() {
            Some(MemorySizeExtended::Megabytes(size)) => Some(u64::from(size) << 20),
            _ => None,
        },
    };
    let speed = device.configured_memory_speed().or_else(|| device.speed());
    let speed_mts = match speed? {
        MemorySpeed::Unknown => None,
        MemorySpeed::MTs(speed) => Some(u32::from(speed)),
        MemorySpeed::SeeExtendedSpeed => match device.extended_configured_memory_speed() {
            Some(MemorySpeedExtended::MTs(speed)) => Some(speed),
            _ => None,
        },
    };
    let locator = device.device_locator().to_utf8_lossy().and_then(|text| printable(&text)).unwrap_or_default();
    let technology = device.memory_type().and_then(|kind| technology(&kind.value)).map(str::to_owned);
    Some(MemoryModule { locator, size_bytes, speed_mts, technology })
}

/// The name of a technology. Types that only say "some memory", as hypervisors do, are unknown; memory that
/// is not volatile does not say what the main memory is made of.
fn technology(kind: &MemoryDeviceType) -> Option<&'static str> {
    Some(match kind {
        MemoryDeviceType::Sdram => "SDRAM",
        MemoryDeviceType::Ddr => "DDR",
        MemoryDeviceType::Ddr2 | MemoryDeviceType::Ddr2Fbdimm | MemoryDeviceType::Fbd2 => "DDR2",
        MemoryDeviceType::Ddr3 => "DDR3",
        MemoryDeviceType::Ddr4 => "DDR4",
        MemoryDeviceType::Ddr5 => "DDR5",
        MemoryDeviceType::Mrdimm => "MRDIMM",
        MemoryDeviceType::Lpddr => "LPDDR",
        MemoryDeviceType::Lpddr2 => "LPDDR2",
        MemoryDeviceType::Lpddr3 => "LPDDR3",
        MemoryDeviceType::Lpddr4 => "LPDDR4",
        MemoryDeviceType::Lpddr5 => "LPDDR5",
        MemoryDeviceType::Hbm => "HBM",
        MemoryDeviceType::Hbm2 => "HBM2",
        MemoryDeviceType::Hbm3 => "HBM3",
        _ => return None,
    })
}
