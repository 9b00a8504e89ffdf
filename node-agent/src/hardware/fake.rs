//! Machines made of files, for tests: layouts as the kernel's documents describe them.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use tempfile::TempDir;

/// A root with the files that were asked for, gone when dropped.
pub(crate) struct Fake(TempDir, Vec<TempDir>);

impl Fake {
    /// A machine that tells nothing at all.
    pub(crate) fn new() -> Self {
        // Thousands of small files: in memory where that is possible.
        Self(tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap(), Vec::new())
    }

    pub(crate) fn root(&self) -> &Path {
        self.0.path()
    }

    pub(crate) fn path(&self, below: &str) -> PathBuf {
        self.0.path().join(below)
    }

    /// Writes a file, with the folders it lies in.
    pub(crate) fn put(&self, below: &str, content: impl AsRef<[u8]>) {
        let path = self.path(below);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    pub(crate) fn remove(&self, below: &str) {
        let path = self.path(below);
        if path.is_dir() { fs::remove_dir_all(path).unwrap() } else { fs::remove_file(path).unwrap() }
    }

    pub(crate) fn with(self, below: &str, content: impl AsRef<[u8]>) -> Self {
        self.put(below, content);
        self
    }

    /// Writes several files of one folder.
    pub(crate) fn with_all(self, folder: &str, files: &[(&str, &str)]) -> Self {
        for (name, content) in files {
            self.put(&format!("{folder}/{name}"), format!("{content}\n"));
        }
        self
    }

    /// A link to another path below the root.
    pub(crate) fn with_link(self, below: &str, target: &str) -> Self {
        let (path, ups) = (self.path(below), below.matches('/').count());
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::create_dir_all(self.path(target)).unwrap();
        symlink(format!("{}{target}", "../".repeat(ups)), path).unwrap();
        self
    }

    /// A program in `/usr/sbin`: a script of the shell.
    pub(crate) fn with_program(mut self, name: &str, script: &str) -> Self {
        // Memory file systems may forbid to run what lies on them.
        let place = tempfile::tempdir().unwrap();
        let file = place.path().join(name);
        fs::write(&file, format!("#!/bin/sh\n{script}\n")).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).unwrap();
        let path = self.path(&format!("usr/sbin/{name}"));
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        let _ = fs::remove_file(&path);
        symlink(file, path).unwrap();
        self.1.push(place);
        self
    }

    /// A network interface, on a PCI device of its own or on none.
    pub(crate) fn with_interface(self, name: &str, address: &str, device: bool) -> Self {
        let fake = self.with(&format!("sys/class/net/{name}/address"), format!("{address}\n"));
        if !device {
            return fake;
        }
        let number = name.trim_start_matches(|c: char| !c.is_ascii_digit());
        let pci = format!("sys/devices/pci0000:00/0000:0{number}:00.0");
        fake.with_all(&pci, &[("vendor", "0x8086"), ("device", "0x10fb"), ("class", "0x020000")])
            .with_link(&format!("sys/class/net/{name}/device"), &pci)
            .with_link(&format!("{pci}/driver"), "sys/bus/pci/drivers/ixgbe")
    }

    /// A processor with its place in the topology.
    pub(crate) fn with_cpu(self, number: u32, package: u32, siblings: &str, package_cpus: &str) -> Self {
        let cpu = format!("sys/devices/system/cpu/cpu{number}");
        let package = package.to_string();
        let core = [("physical_package_id", package.as_str()), ("core_cpus_list", siblings)];
        let topology = [core[0], core[1], ("package_cpus_list", package_cpus)];
        let level1 = [("level", "1"), ("type", "Data"), ("size", "48K"), ("shared_cpu_list", siblings)];
        let level3 = [("level", "3"), ("type", "Unified"), ("size", "43008K"), ("shared_cpu_list", package_cpus)];
        self.with_all(&format!("{cpu}/topology"), &topology)
            .with_all(&format!("{cpu}/cache/index0"), &level1)
            .with_all(&format!("{cpu}/cache/index3"), &level3)
            .with_all(&format!("{cpu}/cpufreq"), &[("cpuinfo_max_freq", "3100000"), ("scaling_max_freq", "2000000")])
    }

    /// SMBIOS tables of version 3.3.
    pub(crate) fn with_tables(self, structures: &[Vec<u8>]) -> Self {
        let mut entry = b"_SM3_\0\x18\x03\x03\0\x01\0".to_vec();
        entry.resize(24, 0);
        self.with("sys/firmware/dmi/tables/smbios_entry_point", entry)
            .with("sys/firmware/dmi/tables/DMI", structures.concat())
    }
}

/// An SMBIOS structure: formatted fields (from offset 4 on) and strings.
pub(crate) fn structure(kind: u8, handle: u16, fields: &[u8], strings: &[&str]) -> Vec<u8> {
    let mut bytes = vec![kind, u8::try_from(fields.len() + 4).unwrap()];
    bytes.extend(handle.to_le_bytes());
    bytes.extend(fields);
    for text in strings {
        bytes.extend(text.as_bytes());
        bytes.push(0);
    }
    bytes.extend(if strings.is_empty() { &[0, 0][..] } else { &[0][..] });
    bytes
}

/// Type 16: an array of system memory with this error correction (5: single bit).
pub(crate) fn memory_array(correction: u8) -> Vec<u8> {
    structure(16, 0x1000, &[3, 3, correction, 0, 0, 0, 0, 0xfe, 0xff, 16, 0], &[])
}

/// Type 17: a module of this many MiB (none when 0) and type (0x1a: DDR4, 0x22: DDR5) at this speed.
pub(crate) fn memory_module(slot: &str, mib: u32, kind: u8, mts: u16) -> Vec<u8> {
    let mut fields = vec![0_u8; 0x28 - 4];
    let mut place = |offset: usize, bytes: &[u8]| fields[offset - 4..offset - 4 + bytes.len()].copy_from_slice(bytes);
    match u16::try_from(mib) {
        Ok(size) if size < 0x7fff => place(0x0c, &size.to_le_bytes()),
        _ => {
            place(0x0c, &0x7fff_u16.to_le_bytes());
            place(0x1c, &mib.to_le_bytes());
        }
    }
    place(0x10, &[1]);
    place(0x12, &[kind]);
    place(0x15, &mts.to_le_bytes());
    place(0x20, &mts.to_le_bytes());
    structure(17, 0x1100, &fields, &[slot])
}

/// Type 3: a case with this serial number.
pub(crate) fn chassis(serial: &str) -> Vec<u8> {
    structure(3, 0x0300, &[1, 0x1c, 0, 2, 0, 3, 3, 3, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0], &["HPE", serial])
}

/// Type 1 with this UUID.
pub(crate) fn system_information(uuid: [u8; 16]) -> Vec<u8> {
    let mut fields = vec![1, 2, 0, 0];
    fields.extend(uuid);
    fields.extend([6, 0, 0]);
    structure(1, 0x0100, &fields, &["Dell Inc.", "PowerEdge R650"])
}
