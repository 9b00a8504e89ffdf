//! A file of the kernel that is kept open and read again from its start: no path is walked at every sample.

use std::borrow::Cow;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;

use super::Reason;
use crate::hardware::Tree;

/// Room for most files at once; larger ones take another turn.
const FIRST_READ: usize = 4 * 1024;

/// One such file.
#[derive(Debug)]
pub(crate) struct Kept {
    below: String,
    path: PathBuf,
    limit: usize,
    file: Option<File>,
    buffer: Vec<u8>,
}

impl Kept {
    /// The file `below` the root, of which at most 64 KiB are read.
    pub(crate) fn new(tree: &Tree, below: &str) -> Self {
        Self::with_limit(tree, below, 64 * 1024)
    }

    /// The same with another bound.
    pub(crate) fn with_limit(tree: &Tree, below: &str, limit: usize) -> Self {
        Self { below: below.to_owned(), path: tree.path(below), limit, file: None, buffer: Vec::new() }
    }

    /// The file's present text, or why it cannot be had. After a failure the file is opened anew next time.
    pub(crate) fn read(&mut self) -> Result<Cow<'_, str>, Reason> {
        match self.fill() {
            Ok(length) => Ok(String::from_utf8_lossy(&self.buffer[..length])),
            Err(error) => {
                self.file = None;
                Err(match error.kind() {
                    io::ErrorKind::NotFound => format!("this kernel has no /{}", self.below).into(),
                    _ => format!("/{} cannot be read: {error}", self.below).into(),
                })
            }
        }
    }

    fn fill(&mut self) -> io::Result<usize> {
        let file = match &mut self.file {
            Some(file) => file,
            none => none.insert(File::open(&self.path)?),
        };
        let mut length = 0;
        loop {
            if self.buffer.len() < length + FIRST_READ {
                self.buffer.resize(length + FIRST_READ, 0);
            }
            let end = self.buffer.len().min(self.limit);
            match file.read_at(&mut self.buffer[length.min(end)..end], length as u64) {
                Ok(0) => return Ok(length),
                Ok(more) => length += more,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }
}

/// A reason for a text that has not the form it should have.
pub(super) fn unclear(below: &str) -> Reason {
    format!("/{below} has not the expected form").into()
}
