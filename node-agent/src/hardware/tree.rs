//! Bounded reading of the kernel's text files below a root, `/` in production and a made-up tree in tests.
//!
//! Nothing here fails loudly: what is missing, unreadable or not what was expected is `None`.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::str::FromStr;

/// Most bytes taken from one file, unless said otherwise.
const FILE_LIMIT: u64 = 64 * 1024;
/// Most entries taken from one directory.
const ENTRY_LIMIT: usize = 16 * 1024;
/// Most characters of one text that a device or its firmware says about itself.
const TEXT_LIMIT: usize = 128;

/// A root with the paths below it.
#[derive(Clone, Debug)]
pub(crate) struct Tree {
    root: PathBuf,
}

impl Tree {
    pub(crate) fn new(root: &Path) -> Self {
        Self { root: root.to_owned() }
    }

    /// The real path of one below the root; a leading `/` is taken as the root.
    pub(crate) fn path(&self, below: impl AsRef<Path>) -> PathBuf {
        let below = below.as_ref();
        self.root.join(below.strip_prefix("/").unwrap_or(below))
    }

    /// The first `limit` bytes of a file.
    pub(crate) fn bytes(&self, below: &str, limit: u64) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        File::open(self.path(below))?.take(limit).read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    /// A file's text, without white space and zero bytes around it.
    pub(crate) fn try_text(&self, below: &str) -> io::Result<String> {
        let bytes = self.bytes(below, FILE_LIMIT)?;
        Ok(String::from_utf8_lossy(&bytes).trim_matches(|c: char| c.is_whitespace() || c == '\0').to_owned())
    }

    /// A file's text, trimmed; `None` when it cannot be read or is empty.
    pub(crate) fn text(&self, below: &str) -> Option<String> {
        self.try_text(below).ok().filter(|text| !text.is_empty())
    }

    /// A file's text as one short printable line.
    pub(crate) fn line(&self, below: &str) -> Option<String> {
        self.text(below).and_then(|text| printable(&text))
    }

    /// A file that holds one number.
    pub(crate) fn number<T: FromStr>(&self, below: &str) -> Option<T> {
        self.text(below)?.parse().ok()
    }

    /// A file that holds one hexadecimal number, with or without `0x`.
    pub(crate) fn hexadecimal(&self, below: &str) -> Option<u32> {
        hexadecimal(&self.text(below)?)
    }

    /// Names in a directory, sorted; empty when there is none.
    pub(crate) fn names(&self, below: &str) -> Vec<String> {
        let Ok(entries) = fs::read_dir(self.path(below)) else { return Vec::new() };
        let mut names: Vec<String> =
            entries.take(ENTRY_LIMIT).filter_map(|entry| entry.ok()?.file_name().into_string().ok()).collect();
        names.sort_unstable();
        names
    }

    /// Paths of the directory's entries called `<prefix><number>`, in the order of their numbers.
    pub(crate) fn numbered(&self, below: &str, prefix: &str) -> Vec<(u32, String)> {
        let mut found: Vec<(u32, String)> = self
            .names(below)
            .iter()
            .filter_map(|name| Some((name.strip_prefix(prefix)?.parse().ok()?, format!("{below}/{name}"))))
            .collect();
        found.sort_unstable();
        found
    }

    /// Whether something is there.
    pub(crate) fn exists(&self, below: &str) -> bool {
        self.path(below).exists()
    }

    /// The last part of a symbolic link's target.
    pub(crate) fn link_name(&self, below: &str) -> Option<String> {
        let target = fs::read_link(self.path(below)).ok()?;
        printable(target.file_name()?.to_str()?)
    }

    /// A path with every link followed, below the root again; `None` when it leads nowhere or out of the root.
    pub(crate) fn resolved(&self, below: &str) -> Option<String> {
        let root = fs::canonicalize(&self.root).ok()?;
        let real = fs::canonicalize(self.path(below)).ok()?;
        Some(real.strip_prefix(root).ok()?.to_str()?.to_owned())
    }
}

/// Control characters removed, white space trimmed, cut to a sane length; `None` when nothing is left.
pub(crate) fn printable(text: &str) -> Option<String> {
    let kept: String = text.trim().chars().filter(|c| !c.is_control()).take(TEXT_LIMIT).collect();
    let kept = kept.trim();
    (!kept.is_empty()).then(|| kept.to_owned())
}

/// A hexadecimal number, with or without `0x`.
pub(crate) fn hexadecimal(text: &str) -> Option<u32> {
    let text = text.trim();
    u32::from_str_radix(text.strip_prefix("0x").unwrap_or(text), 16).ok()
}

/// How many numbers a kernel list such as `0-3,8` names.
pub(crate) fn list_length(list: &str) -> Option<u32> {
    list.trim().split(',').try_fold(0_u32, |sum, part| {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let (first, last): (u32, u32) = (first.trim().parse().ok()?, last.trim().parse().ok()?);
        sum.checked_add(last.checked_sub(first)?.checked_add(1)?)
    })
}

/// The first number of a kernel list such as `0-3,8`.
pub(crate) fn list_first(list: &str) -> Option<u32> {
    list.trim().split([',', '-']).next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kernel_lists_are_counted() {
        for (list, length) in [("0", Some(1)), ("0-3,8\n", Some(5)), ("", None), ("3-1", None), ("0-4294967295", None)]
        {
            assert_eq!(list_length(list), length, "{list:?}");
        }
        assert_eq!(list_first("4-7,12"), Some(4));
    }

    #[test]
    fn texts_of_devices_become_short_and_printable() {
        assert_eq!(printable("  SAMSUNG\u{1b}[31m MZ\n").as_deref(), Some("SAMSUNG[31m MZ"));
        assert_eq!(printable("\u{0}\n"), None);
        assert_eq!(printable(&"x".repeat(9_000)).map(|text| text.len()), Some(TEXT_LIMIT));
    }
}
