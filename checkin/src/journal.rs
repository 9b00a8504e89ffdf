//! The files of a check-in service, in its state directory:
//!
//! - `group-table.json`: the zone's group table and where its broker was; replaced as a whole;
//! - `epochs.jsonl`: one [`Record`] per line, appended and synced before anybody hears of it; rewritten when most of
//!   it is history. A last line without an end was never acted upon and is dropped.
//!
//! A file that cannot be read is set aside under another name, with a message; the service starts without it.

use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use rollcall_model::packet::GroupTable;
use rollcall_model::wire::txt::BrokerEndpoint;
use rollcall_startup::{StateError, StateLock, lock_state_dir, state_dir, write_durably};
use serde::{Deserialize, Serialize};

use crate::memory::{Memory, Record};

/// Version of both files.
const FORMAT: u32 = 1;
/// Lines of history that are kept before the journal is rewritten.
const SLACK: usize = 10_000;

#[derive(Serialize, Deserialize)]
struct TableFile {
    format: u32,
    broker: BrokerEndpoint,
    table: Option<GroupTable>,
}

#[derive(Serialize, Deserialize)]
struct Head {
    format: u32,
}

/// The files, open.
#[derive(Debug)]
pub struct Journal {
    directory: PathBuf,
    _lock: StateLock,
    epochs: File,
    lines: usize,
    memory: Memory,
    broker: Option<BrokerEndpoint>,
}

impl Journal {
    /// Opens the files, making them and their directory where there are none.
    ///
    /// # Errors
    /// When the directory cannot be used, or another process works in it.
    pub fn open(directory: &Path) -> Result<Self, StateError> {
        let directory = state_dir(directory)?;
        let lock = lock_state_dir(&directory)?;
        let mut memory = Memory::default();
        let table: Option<TableFile> = read(&directory.join("group-table.json"), parse_table)?;
        let records: Vec<Record> = read(&directory.join("epochs.jsonl"), parse_records)?.unwrap_or_default();
        records.into_iter().for_each(|record| memory.take(record));
        let (broker, table) = table.map_or((None, None), |file| (Some(file.broker), file.table));
        if let Some(table) = table {
            memory.take(Record::Table(Box::new(table)));
        }
        let (epochs, lines) = rewrite(&directory, &memory)?;
        Ok(Self { directory, _lock: lock, epochs, lines, memory, broker })
    }

    /// What was remembered when the files were opened, and since.
    #[must_use]
    pub const fn memory(&self) -> &Memory {
        &self.memory
    }

    /// Where the zone's broker was.
    #[must_use]
    pub const fn broker(&self) -> Option<&BrokerEndpoint> {
        self.broker.as_ref()
    }

    /// Remembers where the zone's broker is.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn found_broker(&mut self, broker: &BrokerEndpoint) -> Result<(), StateError> {
        if self.broker.as_ref() == Some(broker) {
            return Ok(());
        }
        self.broker = Some(broker.clone());
        self.write_table()
    }

    /// Writes records for good: when this returns, a power cut does not undo them.
    ///
    /// # Errors
    /// When a file cannot be written; the records may then be there or not, and the caller must not act on them.
    pub fn save(&mut self, records: Vec<Record>) -> Result<(), StateError> {
        let mut text = Vec::new();
        let (mut lines, mut has_table) = (0, false);
        for record in records {
            if matches!(record, Record::Table(_)) {
                has_table = true;
            } else {
                line(&mut text, &record);
                lines += 1;
            }
            self.memory.take(record);
        }
        if has_table {
            self.write_table()?;
        }
        if lines == 0 {
            return Ok(());
        }
        let path = self.directory.join("epochs.jsonl");
        let wrong = |source| StateError::Write { path, source };
        self.epochs.write_all(&text).and_then(|()| self.epochs.sync_data()).map_err(wrong)?;
        self.lines += lines;
        if self.lines > 2 * self.memory.len() + SLACK {
            (self.epochs, self.lines) = rewrite(&self.directory, &self.memory)?;
        }
        Ok(())
    }

    fn write_table(&self) -> Result<(), StateError> {
        let Some(broker) = self.broker.clone() else { return Ok(()) };
        let file = TableFile { format: FORMAT, broker, table: self.memory.table().cloned() };
        let mut text = Vec::new();
        line(&mut text, &file);
        write_durably(&self.directory.join("group-table.json"), &text)
    }
}

/// Plain data whose map keys are strings and ids can always be written as JSON.
fn line(text: &mut Vec<u8>, value: &impl Serialize) {
    text.extend(serde_json::to_vec(value).unwrap_or_default());
    text.push(b'\n');
}

fn rewrite(directory: &Path, memory: &Memory) -> Result<(File, usize), StateError> {
    let path = directory.join("epochs.jsonl");
    let mut text = Vec::new();
    line(&mut text, &Head { format: FORMAT });
    let mut lines = 0;
    for record in memory.records() {
        line(&mut text, &record);
        lines += 1;
    }
    write_durably(&path, &text)?;
    match OpenOptions::new().append(true).open(&path) {
        Ok(file) => Ok((file, lines)),
        Err(source) => Err(StateError::Write { path, source }),
    }
}

/// The content of a file; `None` where there is none, or none that can be understood: that one is set aside.
fn read<T>(path: &Path, parse: impl FnOnce(&[u8]) -> Result<T, String>) -> Result<Option<T>, StateError> {
    let bytes = match std::fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(StateError::Read { path: path.to_owned(), source }),
    };
    let why = match parse(&bytes) {
        Ok(content) => return Ok(Some(content)),
        Err(why) => why,
    };
    let aside = unused(path);
    std::fs::rename(path, &aside).map_err(|source| StateError::Write { path: aside.clone(), source })?;
    tracing::error!(
        "{} cannot be used ({why}): it was set aside as {}, and the service starts without it; the zone tells again \
         what was in it",
        path.display(),
        aside.display()
    );
    Ok(None)
}

/// `epochs.jsonl.corrupt`, `epochs.jsonl.corrupt-2`, … : what was set aside before is not overwritten.
fn unused(path: &Path) -> PathBuf {
    let named = |suffix: &str| {
        let mut name = path.file_name().unwrap_or_default().to_owned();
        name.push(suffix);
        path.with_file_name(name)
    };
    let first = std::iter::once(named(".corrupt"));
    let more = (2..100).map(|number| named(&format!(".corrupt-{number}")));
    first.chain(more).find(|path| !path.exists()).unwrap_or_else(|| named(".corrupt"))
}

fn parse_table(bytes: &[u8]) -> Result<TableFile, String> {
    check_format(bytes)?;
    serde_json::from_slice(bytes).map_err(|error| error.to_string())
}

fn parse_records(bytes: &[u8]) -> Result<Vec<Record>, String> {
    // What stands after the last line's end was being written when the power went.
    let whole = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
    let mut lines = bytes[..whole].split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).enumerate();
    let (_, head) = lines.next().ok_or("it is empty")?;
    check_format(head)?;
    lines.map(|(at, line)| serde_json::from_slice(line).map_err(|error| format!("line {}: {error}", at + 1))).collect()
}

fn check_format(bytes: &[u8]) -> Result<(), String> {
    let Head { format } = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
    if format == FORMAT { Ok(()) } else { Err(format!("it has format {format}; this program reads {FORMAT}")) }
}

#[cfg(test)]
mod tests;
