//! The zone id (Z1): from this machine's product identifier and the administrator's secret.

use std::path::{Path, PathBuf};

use rollcall_model::ZoneId;
use sha2::{Digest, Sha256};

/// Why there is no zone id.
#[derive(Debug, thiserror::Error)]
pub enum ZoneIdError {
    /// The secret cannot be read.
    #[error("cannot read the zone's secret {path}: {source}")]
    NoSecret {
        /// Where it should be.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// The secret is too short to be one.
    #[error(
        "the zone's secret in {path} has {bytes} bytes, at least 16 are needed: e.g. `head -c 32 /dev/urandom | base64`"
    )]
    WeakSecret {
        /// Where it is.
        path: PathBuf,
        /// How long it is.
        bytes: usize,
    },
    /// The machine tells no identifier.
    #[error(
        "this machine tells neither a product UUID nor a machine-id; set `machine_identifier` in the configuration"
    )]
    NoMachineIdentifier,
}

/// Reads the secret; white space around it does not count.
///
/// # Errors
/// When it cannot be read or is shorter than 16 bytes.
pub fn read_secret(path: &Path) -> Result<Vec<u8>, ZoneIdError> {
    let text = std::fs::read(path).map_err(|source| ZoneIdError::NoSecret { path: path.to_owned(), source })?;
    let secret = text.trim_ascii().to_vec();
    if secret.len() < 16 {
        return Err(ZoneIdError::WeakSecret { path: path.to_owned(), bytes: secret.len() });
    }
    Ok(secret)
}

/// The machine's product identifier: SMBIOS product UUID, else the machine-id.
///
/// # Errors
/// When the machine tells neither.
pub fn machine_identifier(root: &Path) -> Result<String, ZoneIdError> {
    ["sys/class/dmi/id/product_uuid", "etc/machine-id"]
        .into_iter()
        .filter_map(|file| std::fs::read_to_string(root.join(file)).ok())
        .map(|text| text.trim().to_lowercase())
        .find(|text| text.len() >= 16 && text.chars().any(|c| c.is_ascii_hexdigit() && c != '0' && c != 'f'))
        .ok_or(ZoneIdError::NoMachineIdentifier)
}

/// The zone id of a machine and a secret. The secret cannot be found from it.
#[must_use]
pub fn zone_id(machine_identifier: &str, secret: &[u8]) -> ZoneId {
    let key = Sha256::digest(secret);
    let key: String = key.iter().map(|byte| format!("{byte:02x}")).collect();
    ZoneId::derived_from(&format!("rollcall zone v1\n{machine_identifier}\n{key}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn machine_and_secret_make_the_id_and_nothing_else_does() {
        let id = zone_id("4c4c4544", b"0123456789abcdef");
        assert_eq!(id, zone_id("4c4c4544", b"0123456789abcdef"));
        assert_ne!(id, zone_id("4c4c4545", b"0123456789abcdef"));
        assert_ne!(id, zone_id("4c4c4544", b"0123456789abcdeg"));
    }

    #[test]
    fn the_product_uuid_counts_before_the_machine_id_and_junk_never_does() {
        let root = tempfile::tempdir().unwrap();
        assert!(matches!(machine_identifier(root.path()), Err(ZoneIdError::NoMachineIdentifier)));
        std::fs::create_dir_all(root.path().join("etc")).unwrap();
        std::fs::write(root.path().join("etc/machine-id"), "3d1219c7c4c5404aaa1f6d2a48adfda4\n").unwrap();
        assert_eq!(machine_identifier(root.path()).unwrap(), "3d1219c7c4c5404aaa1f6d2a48adfda4");
        std::fs::create_dir_all(root.path().join("sys/class/dmi/id")).unwrap();
        let uuid = root.path().join("sys/class/dmi/id/product_uuid");
        std::fs::write(&uuid, "00000000-0000-0000-0000-000000000000").unwrap();
        assert_eq!(machine_identifier(root.path()).unwrap(), "3d1219c7c4c5404aaa1f6d2a48adfda4");
        std::fs::write(&uuid, "4C4C4544-0042-3510-8052-B7C04F4B4D32\n").unwrap();
        assert_eq!(machine_identifier(root.path()).unwrap(), "4c4c4544-0042-3510-8052-b7c04f4b4d32");
    }

    #[test]
    fn a_short_secret_is_refused_with_the_remedy() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("secret");
        assert!(matches!(read_secret(&path), Err(ZoneIdError::NoSecret { .. })));
        std::fs::write(&path, " short \n").unwrap();
        assert!(read_secret(&path).unwrap_err().to_string().contains("has 5 bytes, at least 16"));
    }
}
