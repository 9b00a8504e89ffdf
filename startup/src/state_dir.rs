//! The directory in which a daemon keeps what must survive its restart, and small files written so that a
//! power cut leaves the old content or the new, never a mixture.

use std::fmt::Display;
use std::fs::{DirBuilder, File, OpenOptions, Permissions, TryLockError};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::str::FromStr;

/// Why the state directory, or a file in it, cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    /// The directory cannot be made or is not one.
    #[error("cannot use {} as state directory: {source}", .path.display())]
    Directory {
        /// The directory.
        path: PathBuf,
        /// The system's word.
        source: std::io::Error,
    },
    /// Another process works in it.
    #[error("the state directory {} is in use by another process; give each daemon its own", .path.display())]
    InUse {
        /// The directory.
        path: PathBuf,
    },
    /// A file cannot be read.
    #[error("cannot read {}: {source}", .path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The system's word.
        source: std::io::Error,
    },
    /// A file cannot be written; its old content, if any, is untouched.
    #[error("cannot write {}: {source}", .path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// The system's word.
        source: std::io::Error,
    },
    /// A file holds something else than it should; it is left as it is.
    #[error("{} does not hold an id: {message}; restore it, or delete it to be given a new id", .path.display())]
    Garbage {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        message: String,
    },
}

/// Makes the directory, readable by this user only, unless it is there. Gives it back as an absolute path.
///
/// # Errors
/// When it cannot be made, or something else stands at its place.
pub fn state_dir(path: &Path) -> Result<PathBuf, StateError> {
    let wrong = |source| StateError::Directory { path: path.to_owned(), source };
    DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(wrong)?;
    let mode = path.metadata().map_err(wrong)?.permissions().mode();
    if mode & 0o077 != 0 {
        tracing::warn!(path = %path.display(), "other users may look into the state directory; chmod 0700 it");
    }
    std::path::absolute(path).map_err(wrong)
}

/// Shows that this process works in a state directory, as long as it lives.
#[derive(Debug)]
pub struct StateLock(#[allow(dead_code, reason = "held for its lock")] File);

/// Takes the state directory for this value's life, so that two daemons never share one.
///
/// # Errors
/// When another holder has it, or its lock file cannot be made.
pub fn lock_state_dir(directory: &Path) -> Result<StateLock, StateError> {
    let path = directory.join("lock");
    let wrong = |source| StateError::Write { path: path.clone(), source };
    let file = OpenOptions::new().create(true).truncate(false).write(true).mode(0o600).open(&path).map_err(wrong)?;
    match file.try_lock() {
        Ok(()) => Ok(StateLock(file)),
        Err(TryLockError::WouldBlock) => Err(StateError::InUse { path: directory.to_owned() }),
        Err(TryLockError::Error(source)) => Err(wrong(source)),
    }
}

/// Reads the id in a file. Where there is no file, generates one and writes it durably first.
///
/// # Errors
/// When the file cannot be read or written, or holds no id: it is never overwritten.
pub fn read_or_create_id<T>(path: &Path, generate: impl FnOnce() -> T) -> Result<T, StateError>
where
    T: FromStr<Err: Display> + Display,
{
    let bytes = match std::fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == ErrorKind::NotFound => {
            let id = generate();
            write_durably(path, format!("{id}\n").as_bytes())?;
            return Ok(id);
        }
        Err(source) => return Err(StateError::Read { path: path.to_owned(), source }),
    };
    let garbage = |message: String| StateError::Garbage { path: path.to_owned(), message };
    let text = std::str::from_utf8(&bytes).map_err(|_| garbage("it is not text".into()))?.trim();
    if text.is_empty() {
        return Err(garbage("it is empty".into()));
    }
    text.parse().map_err(|error: T::Err| garbage(error.to_string()))
}

/// Replaces a file's content at once and for good: beside it, synced, renamed, directory synced. Mode 0600.
///
/// # Errors
/// When any of that fails; the old content is then untouched.
pub fn write_durably(path: &Path, content: &[u8]) -> Result<(), StateError> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.new", std::process::id()));
    let beside = path.with_file_name(name);
    write_and_rename(path, &beside, content).map_err(|source| {
        // It may never have been made.
        let _ = std::fs::remove_file(&beside);
        StateError::Write { path: path.to_owned(), source }
    })
}

fn write_and_rename(path: &Path, beside: &Path, content: &[u8]) -> std::io::Result<()> {
    let mut file = OpenOptions::new().create(true).truncate(true).write(true).mode(0o600).open(beside)?;
    file.set_permissions(Permissions::from_mode(0o600))?;
    file.write_all(content)?;
    file.sync_all()?;
    std::fs::rename(beside, path)?;
    let directory = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    File::open(directory)?.sync_all()
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    #[test]
    fn a_state_directory_is_made_for_this_user_only() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("a/b");
        assert_eq!(state_dir(&path).unwrap(), path);
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o700);
        assert!(state_dir(&path).is_ok(), "a second start finds it");
    }

    #[test]
    fn a_file_in_the_place_of_the_directory_is_named() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("state");
        std::fs::write(&path, "").unwrap();
        let said = state_dir(&path).unwrap_err().to_string();
        assert!(said.contains("state as state directory: "), "{said}");
    }

    #[test]
    fn a_directory_has_one_holder_at_a_time() {
        let root = tempfile::tempdir().unwrap();
        let first = lock_state_dir(root.path()).unwrap();
        assert!(matches!(lock_state_dir(root.path()), Err(StateError::InUse { .. })));
        drop(first);
        assert!(lock_state_dir(root.path()).is_ok());
    }

    #[test]
    fn an_id_is_generated_once_and_leaves_nothing_else_behind() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("id");
        let first = read_or_create_id(&path, || Ipv4Addr::new(1, 2, 3, 4)).unwrap();
        let again = read_or_create_id(&path, || -> Ipv4Addr { panic!("it is there") }).unwrap();
        assert_eq!(first, again);
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(std::fs::read_dir(root.path()).unwrap().count(), 1);
    }

    #[test]
    fn garbage_is_reported_and_kept() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("id");
        for garbage in [&b""[..], b"\n", b"\xff\xfe", b"rack-7"] {
            std::fs::write(&path, garbage).unwrap();
            let error = read_or_create_id(&path, || Ipv4Addr::LOCALHOST).unwrap_err();
            assert!(matches!(error, StateError::Garbage { .. }), "{error}");
            assert_eq!(std::fs::read(&path).unwrap(), garbage);
        }
    }

    #[test]
    fn a_failed_write_is_named_and_leaves_nothing_behind() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("taken");
        std::fs::create_dir(&path).unwrap();
        let error = write_durably(&path, b"x").unwrap_err();
        assert!(error.to_string().starts_with(&format!("cannot write {}: ", path.display())), "{error}");
        assert_eq!(std::fs::read_dir(root.path()).unwrap().count(), 1);
    }
}
