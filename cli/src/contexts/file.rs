//! The file: found, read with the line of what is wrong, and changed without losing what else a person wrote in it.

use std::env;
use std::fs;
use std::io::{ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use rollcall_startup::Failure;
use toml_edit::DocumentMut;

use super::Contexts;

/// A configuration is small; what is longer is something else.
const LONGEST: u64 = 1024 * 1024;

/// What stands in the file.
#[derive(Clone, Debug, Default)]
pub(super) struct Found {
    /// What it says.
    pub contexts: Contexts,
    /// As it is written, to be changed.
    pub document: DocumentMut,
}

/// Where the file is; nowhere for who has no home.
pub(super) fn path() -> Option<PathBuf> {
    // A relative XDG_CONFIG_HOME is to be ignored, says the specification.
    let set = |name: &str| env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let home = set("XDG_CONFIG_HOME").or_else(|| set("HOME").map(|home| home.join(".config")))?;
    Some(home.join("rollcall").join("config.toml"))
}

/// Reads it; nothing stands in a file that is not there.
///
/// # Errors
/// Exit code 2, with the line, where it cannot be used.
pub(super) fn read(path: &Path) -> Result<Found, Failure> {
    let unreadable = |error: std::io::Error| Failure::usage(format!("cannot read {}: {error}", path.display()));
    match fs::metadata(path) {
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            return Ok(Found::default());
        }
        Err(error) => return Err(unreadable(error)),
        Ok(it) if it.len() > LONGEST => {
            return Err(Failure::usage(format!("{} has {} bytes: it is no configuration", path.display(), it.len())));
        }
        Ok(_) => {}
    }
    let text = fs::read_to_string(path).map_err(unreadable)?;
    let found = parse(&text).map_err(|problem| {
        Failure::usage(format!("{} cannot be used: {}", path.display(), problem.trim_end()))
            .hint("`rollcall context add --help` shows how it is written")
    })?;
    if found.contexts.contexts.values().any(|context| context.token_file.is_some()) {
        refuse_readable(path, "it says where a token is")?;
    }
    Ok(found)
}

/// What a text says, or what is wrong with it, with line and column.
pub(super) fn parse(text: &str) -> Result<Found, String> {
    let document: DocumentMut = text.parse().map_err(|error: toml_edit::TomlError| error.to_string())?;
    let contexts: Contexts = toml_edit::de::from_str(text).map_err(|error| error.to_string())?;
    match contexts.problem() {
        Some(problem) => {
            let line = line_of(text, &problem).map(|line| format!("line {line}: ")).unwrap_or_default();
            Err(format!("{line}{problem}"))
        }
        None => Ok(Found { contexts, document }),
    }
}

/// The line of the table, or of the key, that a problem begins with.
fn line_of(text: &str, problem: &str) -> Option<usize> {
    let begins = problem.split([':', ',']).next()?.split(" = ").next()?;
    text.lines().position(|line| line.trim_start().starts_with(begins)).map(|at| at + 1)
}

/// Refuses what others than its owner can read.
pub(super) fn refuse_readable(path: &Path, why: &str) -> Result<(), Failure> {
    let mode = match fs::metadata(path) {
        Ok(it) => it.permissions().mode(),
        Err(error) => return Err(Failure::usage(format!("cannot read {}: {error}", path.display()))),
    };
    match mode & 0o077 {
        0 => Ok(()),
        _ => Err(Failure::usage(format!("others can read {} (mode {:o}), and {why}", path.display(), mode & 0o777))
            .hint(format!("chmod 600 {}", path.display()))),
    }
}

/// Writes it whole, for its owner alone: a call that is cut off leaves the old one.
///
/// # Errors
/// Exit code 1 where it cannot be written.
pub(super) fn write(path: &Path, document: &DocumentMut) -> Result<(), Failure> {
    let failed = |error: std::io::Error| Failure::other(format!("cannot write {}: {error}", path.display()));
    let directory = path.parent().unwrap_or(Path::new("/"));
    fs::DirBuilder::new().recursive(true).mode(0o700).create(directory).map_err(failed)?;
    let beside = directory.join(format!(".config.toml.{}", std::process::id()));
    let written = fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&beside)
        .and_then(|mut file| file.write_all(document.to_string().as_bytes()).and_then(|()| file.sync_all()))
        .and_then(|()| fs::rename(&beside, path));
    if written.is_err() {
        // What cannot be written cannot always be removed; the first problem is the one to tell.
        drop(fs::remove_file(&beside));
    }
    written.map_err(failed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_is_told_with_its_line() {
        let good = "current = \"a\"\n\n[contexts.a]\napi = \"https://x:1\"\n";
        assert_eq!(parse(good).unwrap().contexts.current.as_deref(), Some("a"));
        for (text, line, word) in [
            ("current = \n", "line 1", ""),
            ("current = \"b\"\n[contexts.a]\napi = \"x\"\n", "line 1", "no [contexts.b]"),
            ("\n[contexts.a]\napi = 3\n", "line 3", "invalid type"),
            ("[contexts.a]\napi = \"x\"\nidentty = \"d\"\n", "line 3", "unknown field `identty`"),
            ("[contexts.a]\napi = \"x\"\ntoken_file = \"t\"\n", "line 1", "takes site"),
            ("[contexts.a]\napi = \"x\"\noutput = \"xml\"\n", "line 3", "unknown variant"),
        ] {
            let told = parse(text).unwrap_err();
            assert!(told.contains(line) && told.contains(word), "{text}: {told}");
        }
    }

    #[test]
    fn a_file_that_leads_to_a_token_must_be_its_owners_alone() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("rollcall/config.toml");
        assert!(read(&path).unwrap().contexts.contexts.is_empty());
        let text = "[contexts.a]\napi = \"https://x:1\"\ntoken_file = \"t\"\nsite = \"s\"\n";
        write(&path, &text.parse().unwrap()).unwrap();
        assert!(read(&path).is_ok(), "it was written for its owner alone");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        let told = read(&path).unwrap_err();
        assert!(told.to_string().contains("mode 644") && told.to_string().contains("hint: chmod 600"), "{told}");
    }
}
