//! Words for the zone that wait on disk for a broker that is away: they outlive this process.
//!
//! ```text
//! <CRC-32, 8 hex digits> + <number> <the message as JSON>    kept
//! <CRC-32, 8 hex digits> - <number>                          the broker has it
//! ```
//!
//! Lines, appended and synced. A line that was torn by a power cut, or rotted, is left out, loudly. Bounded in messages and bytes: the
//! oldest gives way. Empty again, the file is cut to nothing.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use crc::{CRC_32_ISO_HDLC, Crc};
use rollcall_model::Name;
use rollcall_startup::{StateError, write_durably};
use serde::{Deserialize, Serialize};

const CHECKSUM: Crc<u32> = Crc::<u32>::new(&CRC_32_ISO_HDLC);
/// Most that is kept.
const MOST: Limits = Limits { messages: 4_096, bytes: 8 << 20 };
/// A file this many times as large as what is kept in it is written anew.
const SPARSE: usize = 4;

/// How much is kept.
#[derive(Clone, Copy, Debug)]
struct Limits {
    messages: usize,
    bytes: usize,
}

/// A message on disk. Where it goes and of what kind it is follow from the packet in its body, which is checked as any other when it
/// arrives.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kept {
    /// Routing key on the zone's exchange.
    pub routing_key: String,
    /// AMQP `message-id`: the same as before, so that what arrived already counts once.
    pub message_id: Option<String>,
    /// The envelope.
    pub body: String,
}

/// The file of one zone.
#[derive(Debug)]
pub struct Spool {
    path: PathBuf,
    limits: Limits,
    /// `None` until something is kept.
    file: Option<File>,
    /// Lines that count, by number.
    kept: BTreeMap<u64, Vec<u8>>,
    bytes: usize,
    /// Length of the file.
    written: usize,
    lost: u64,
    /// The last write failed: a line may be torn, so that the file is written anew before anything is appended.
    torn: bool,
}

impl Spool {
    /// Opens the spool for a zone in a state directory. Gives what a former run left, oldest first.
    ///
    /// # Errors
    /// When the file is there and cannot be read. Lines that make no sense are no error: they are logged, counted and left out.
    pub fn open(directory: &Path, zone: &Name) -> Result<(Self, Vec<(u64, Kept)>), StateError> {
        Self::open_within(directory.join(format!("spool-{zone}")), MOST)
    }

    fn open_within(path: PathBuf, limits: Limits) -> Result<(Self, Vec<(u64, Kept)>), StateError> {
        let content = match std::fs::read(&path) {
            Ok(content) => content,
            Err(error) if error.kind() == ErrorKind::NotFound => Vec::new(),
            Err(source) => return Err(StateError::Read { path, source }),
        };
        let (mut kept, mut left, mut lost) = (BTreeMap::new(), BTreeMap::new(), 0);
        for (index, line) in content.split(|byte| *byte == b'\n').enumerate().filter(|(_, line)| !line.is_empty()) {
            match read(line) {
                Some(Line::Kept(number, message)) => {
                    kept.insert(number, line.to_vec());
                    left.insert(number, message);
                }
                Some(Line::Taken(number)) => {
                    kept.remove(&number);
                    left.remove(&number);
                }
                None => {
                    lost += 1;
                    let (path, line_number, bytes) = (path.display(), index + 1, line.len());
                    tracing::warn!("{path}: line {line_number} ({bytes} bytes) is torn or damaged and is left out");
                }
            }
        }
        let bytes = kept.values().map(Vec::len).sum();
        let written = content.len();
        // What is appended to a torn line would be lost with it.
        let torn = lost > 0 || content.last().is_some_and(|last| *last != b'\n');
        Ok((Self { path, limits, file: None, kept, bytes, written, lost, torn }, left.into_iter().collect()))
    }

    /// Keeps messages until they are [`taken`](Self::taken). When this returns well they outlive a crash and a power cut.
    ///
    /// # Errors
    /// When they cannot be written and synced: a full disk above all. They are then as safe as this process.
    pub fn keep(&mut self, messages: impl IntoIterator<Item = (u64, Kept)>) -> io::Result<()> {
        let mut lines = Vec::new();
        for (number, message) in messages {
            let line = line(&format!("+ {number} {}", serde_json::to_string(&message).map_err(io::Error::other)?));
            self.bytes += line.len();
            lines.extend_from_slice(&line);
            lines.push(b'\n');
            if let Some(former) = self.kept.insert(number, line) {
                self.bytes -= former.len();
            }
        }
        let full = self.kept.len() > self.limits.messages || self.bytes > self.limits.bytes;
        while self.kept.len() > self.limits.messages || self.bytes > self.limits.bytes {
            let Some((_, oldest)) = self.kept.pop_first() else { break };
            self.bytes -= oldest.len();
            self.lost += 1;
        }
        if full || self.torn || self.written > SPARSE * (self.bytes + lines.len()) + (64 << 10) {
            return self.write_anew();
        }
        self.append(&lines)
    }

    /// The broker has it, or nobody wants it.
    ///
    /// # Errors
    /// When that cannot be written: after a restart it is sent again, and counts once by its id.
    pub fn taken(&mut self, number: u64) -> io::Result<()> {
        let Some(line_of_it) = self.kept.remove(&number) else { return Ok(()) };
        self.bytes -= line_of_it.len();
        if self.kept.is_empty() {
            return self.write_anew();
        }
        let mut taken = line(&format!("- {number}"));
        taken.push(b'\n');
        self.append(&taken)
    }

    /// How many are kept.
    #[must_use]
    pub fn len(&self) -> usize {
        self.kept.len()
    }

    /// Whether nothing is kept.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.kept.is_empty()
    }

    /// How many gave way because there was no room, or could not be read any more.
    #[must_use]
    pub const fn lost(&self) -> u64 {
        self.lost
    }

    fn append(&mut self, lines: &[u8]) -> io::Result<()> {
        let file = match &mut self.file {
            Some(file) => file,
            none => none.insert(OpenOptions::new().create(true).append(true).mode(0o600).open(&self.path)?),
        };
        self.torn = true;
        file.write_all(lines)?;
        file.sync_data()?;
        self.torn = false;
        self.written += lines.len();
        Ok(())
    }

    fn write_anew(&mut self) -> io::Result<()> {
        let lines: Vec<u8> = self.kept.values().flat_map(|line| line.iter().copied().chain([b'\n'])).collect();
        self.torn = true;
        self.file = None;
        write_durably(&self.path, &lines).map_err(io::Error::other)?;
        (self.torn, self.written) = (false, lines.len());
        Ok(())
    }
}

enum Line {
    Kept(u64, Kept),
    Taken(u64),
}

fn line(text: &str) -> Vec<u8> {
    format!("{:08x} {text}", CHECKSUM.checksum(text.as_bytes())).into_bytes()
}

fn read(line: &[u8]) -> Option<Line> {
    let (sum, text) = std::str::from_utf8(line).ok()?.split_once(' ')?;
    if u32::from_str_radix(sum, 16).ok()? != CHECKSUM.checksum(text.as_bytes()) {
        return None;
    }
    let (sign, rest) = text.split_once(' ')?;
    match sign {
        "+" => {
            let (number, message) = rest.split_once(' ')?;
            Some(Line::Kept(number.parse().ok()?, serde_json::from_str(message).ok()?))
        }
        "-" => Some(Line::Taken(rest.parse().ok()?)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(text: &str) -> Kept {
        Kept { routing_key: "security.a".into(), message_id: Some(text.into()), body: format!("{{\"{text}\":1}}\n") }
    }

    fn within(directory: &Path, messages: usize, bytes: usize) -> (Spool, Vec<(u64, Kept)>) {
        Spool::open_within(directory.join("spool-z"), Limits { messages, bytes }).expect("a spool")
    }

    fn ids(left: &[(u64, Kept)]) -> Vec<String> {
        left.iter().filter_map(|(_, kept)| kept.message_id.clone()).collect()
    }

    #[test]
    fn what_was_kept_and_not_taken_is_there_after_a_restart_in_order_and_an_empty_spool_is_an_empty_file() {
        let directory = tempfile::tempdir().unwrap();
        let (mut spool, left) = within(directory.path(), 10, 10_000);
        assert!(left.is_empty() && spool.is_empty());
        spool.keep([(3, message("a")), (4, message("b"))]).unwrap();
        spool.keep([(5, message("c"))]).unwrap();
        spool.taken(4).unwrap();
        spool.taken(77).unwrap();
        let (mut spool, left) = within(directory.path(), 10, 10_000);
        assert_eq!(left, [(3, message("a")), (5, message("c"))]);
        spool.taken(5).unwrap();
        spool.taken(3).unwrap();
        assert_eq!(std::fs::metadata(directory.path().join("spool-z")).unwrap().len(), 0);
        assert!(within(directory.path(), 10, 10_000).1.is_empty());
    }

    #[test]
    fn a_full_spool_loses_the_oldest_and_counts_it() {
        let directory = tempfile::tempdir().unwrap();
        let (mut spool, _) = within(directory.path(), 2, 10_000);
        for (number, text) in ["a", "b", "c", "d"].into_iter().enumerate() {
            spool.keep([(number as u64, message(text))]).unwrap();
        }
        assert_eq!((spool.len(), spool.lost()), (2, 2));
        assert_eq!(ids(&within(directory.path(), 2, 10_000).1), ["c", "d"]);
        let (mut small, _) = within(directory.path(), 10, 200);
        small.keep([(9, message("e"))]).unwrap();
        assert!(small.bytes <= 200 && ids(&within(directory.path(), 10, 200).1).last().unwrap() == "e");
    }

    #[test]
    fn torn_and_rotten_lines_are_left_out_and_nothing_is_appended_to_them() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("spool-z");
        let (mut spool, _) = within(directory.path(), 10, 10_000);
        spool.keep([(1, message("a")), (2, message("b")), (3, message("c"))]).unwrap();
        let whole = std::fs::read(&path).unwrap();
        for cut in 0..whole.len() {
            std::fs::write(&path, &whole[..cut]).unwrap();
            let (mut spool, left) = within(directory.path(), 10, 10_000);
            assert!(ids(&left).len() <= 3 && ids(&left).iter().zip(["a", "b", "c"]).all(|(id, text)| id == text));
            spool.keep([(9, message("z"))]).unwrap();
            assert_eq!(ids(&within(directory.path(), 10, 10_000).1).last().unwrap(), "z", "cut at {cut}");
        }
        for at in 0..whole.len() {
            let mut rotten = whole.clone();
            rotten[at] ^= 0x20;
            std::fs::write(&path, &rotten).unwrap();
            let (spool, left) = within(directory.path(), 10, 10_000);
            assert!(
                left.iter().all(|(number, kept)| (1..=3).contains(number)
                    && [message("a"), message("b"), message("c")].contains(kept))
            );
            assert!(left.len() == 3 || spool.lost() > 0, "byte {at}");
        }
    }

    #[test]
    fn a_disk_that_takes_nothing_is_told_and_written_anew_when_it_does() {
        let directory = tempfile::tempdir().unwrap();
        let (mut spool, _) = within(directory.path(), 10, 10_000);
        spool.file = Some(File::open("/dev/null").unwrap());
        assert!(spool.keep([(1, message("a"))]).is_err(), "open for reading only");
        spool.keep([(2, message("b"))]).unwrap();
        assert_eq!(ids(&within(directory.path(), 10, 10_000).1), ["a", "b"]);
    }
}
