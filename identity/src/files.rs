//! Key files and certificate files: written so that a power cut leaves the old content or the new, and secrets so that
//! nobody else on the machine reads them.

use std::fs::{DirBuilder, File, OpenOptions, Permissions};
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

/// Longest file that is read: certificates and keys are small, whatever is longer is something else.
const LONGEST: u64 = 64 * 1024;

/// Why a file of keys or certificates cannot be used. Nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// It cannot be read.
    #[error("cannot read {}: {source}", .path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The system's word.
        source: std::io::Error,
    },
    /// It cannot be written; an old content is untouched.
    #[error("cannot write {}: {source}", .path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// The system's word.
        source: std::io::Error,
    },
    /// A secret that others may read is no secret.
    #[error("{} is a secret, but others on this machine may read it (mode {mode:04o}); chmod 0600 it, and replace it if \
             somebody may have", .path.display())]
    Exposed {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// It is far too long to be what it should be.
    #[error("{} has more than {LONGEST} bytes; that is no key or certificate", .path.display())]
    TooLong {
        /// The file.
        path: PathBuf,
    },
    /// It would be overwritten.
    #[error("{} is there already and is not overwritten", .path.display())]
    Exists {
        /// The file.
        path: PathBuf,
    },
}

impl FileError {
    /// Whether there is no such file.
    #[must_use]
    pub fn is_missing(&self) -> bool {
        matches!(self, Self::Read { source, .. } if source.kind() == ErrorKind::NotFound)
    }
}

/// Reads a file that holds a secret.
///
/// # Errors
/// When it cannot be read, is too long, or other users of the machine may read it.
pub fn read_secret(path: &Path) -> Result<Zeroizing<String>, FileError> {
    let wrong = |source| FileError::Read { path: path.to_owned(), source };
    let file = File::open(path).map_err(wrong)?;
    // Of the opened file, not of the name: nobody exchanges it in between.
    let mode = file.metadata().map_err(wrong)?.permissions().mode() & 0o7777;
    if mode & 0o077 != 0 && !is_given_by_service_manager(path) {
        return Err(FileError::Exposed { path: path.to_owned(), mode });
    }
    read(&file, path).map(Zeroizing::new)
}

/// The service manager hands credentials over in a directory of this process alone; an ACL there may look like rights
/// of the group.
fn is_given_by_service_manager(path: &Path) -> bool {
    std::env::var_os("CREDENTIALS_DIRECTORY").is_some_and(|directory| path.starts_with(directory))
}

/// Reads a file that anybody may read.
///
/// # Errors
/// When it cannot be read or is too long.
pub fn read_public(path: &Path) -> Result<String, FileError> {
    let file = File::open(path).map_err(|source| FileError::Read { path: path.to_owned(), source })?;
    read(&file, path)
}

fn read(file: &File, path: &Path) -> Result<String, FileError> {
    let mut text = String::with_capacity(4096);
    file.take(LONGEST + 1)
        .read_to_string(&mut text)
        .map_err(|source| FileError::Read { path: path.to_owned(), source })?;
    if text.len() as u64 > LONGEST {
        return Err(FileError::TooLong { path: path.to_owned() });
    }
    Ok(text)
}

/// Writes or replaces a secret at once and for good, mode 0600.
///
/// # Errors
/// When that fails; an old content is then untouched.
pub fn write_secret(path: &Path, text: &str) -> Result<(), FileError> {
    write(path, text, 0o600)
}

/// Writes or replaces a public file at once and for good, mode 0644.
///
/// # Errors
/// When that fails; an old content is then untouched.
pub fn write_public(path: &Path, text: &str) -> Result<(), FileError> {
    write(path, text, 0o644)
}

/// Refuses to go on where one of these files is there.
///
/// # Errors
/// The first that is there.
pub fn refuse_existing(directory: &Path, names: &[&str]) -> Result<(), FileError> {
    match names.iter().map(|name| directory.join(name)).find(|path| path.symlink_metadata().is_ok()) {
        Some(path) => Err(FileError::Exists { path }),
        None => Ok(()),
    }
}

/// Makes a directory for this user only, unless it is there.
///
/// # Errors
/// When it cannot be made.
pub fn make_directory(path: &Path) -> Result<(), FileError> {
    let wrong = |source| FileError::Write { path: path.to_owned(), source };
    DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(wrong)
}

fn write(path: &Path, text: &str, mode: u32) -> Result<(), FileError> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.new", std::process::id()));
    let beside = path.with_file_name(name);
    write_and_rename(path, &beside, text, mode).map_err(|source| {
        // It may never have been made.
        let _ = std::fs::remove_file(&beside);
        FileError::Write { path: path.to_owned(), source }
    })
}

fn write_and_rename(path: &Path, beside: &Path, text: &str, mode: u32) -> std::io::Result<()> {
    // Left over from a process that was killed; never a link to follow.
    let _ = std::fs::remove_file(beside);
    let mut file = OpenOptions::new().create_new(true).write(true).mode(0o600).open(beside)?;
    file.set_permissions(Permissions::from_mode(mode))?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    std::fs::rename(beside, path)?;
    sync_directory_of(path)
}

/// Makes a rename or removal in the file's directory last.
pub(crate) fn sync_directory_of(path: &Path) -> std::io::Result<()> {
    let directory = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    File::open(directory)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_written_for_its_owner_and_read_back() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("x.key");
        write_secret(&path, "one").unwrap();
        write_secret(&path, "two").unwrap();
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(read_secret(&path).unwrap().as_str(), "two");
        assert_eq!(std::fs::read_dir(root.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_secret_that_others_may_read_is_refused_with_what_to_do() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("x.key");
        write_secret(&path, "one").unwrap();
        for mode in [0o640, 0o604, 0o620, 0o644, 0o666] {
            std::fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
            let said = read_secret(&path).unwrap_err().to_string();
            assert!(said.contains("chmod 0600"), "{said}");
        }
        std::fs::set_permissions(&path, Permissions::from_mode(0o400)).unwrap();
        assert!(read_secret(&path).is_ok());
    }

    #[test]
    fn what_is_there_is_named_and_what_is_endless_is_not_read() {
        let root = tempfile::tempdir().unwrap();
        std::fs::write(root.path().join("b"), "x".repeat(70_000)).unwrap();
        let error = refuse_existing(root.path(), &["a", "b"]).unwrap_err();
        assert!(error.to_string().contains("/b is there already"), "{error}");
        assert!(matches!(read_public(&root.path().join("b")), Err(FileError::TooLong { .. })));
        assert!(read_public(&root.path().join("a")).unwrap_err().is_missing());
    }
}
