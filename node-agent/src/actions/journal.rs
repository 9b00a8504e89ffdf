//! The journal of orders (N7): on disk, synced, before anything is done.
//!
//! Lines of JSON, appended: `begun` before an order is carried out, `ended` with its outcome. A line that was torn by a
//! power cut was never relied upon: nothing is done before the sync returns. What a former run began and did not end
//! is ended when the journal is opened: failed, for nobody knows how far it came, except that a machine which was to
//! restart and now runs under another boot id has restarted.

use std::collections::{BTreeMap, VecDeque};
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use rollcall_model::packet::{ActionKind, ActionOrder, ActionOutcome, ActionState};
use rollcall_model::{ActionId, NodeId, UnixMillis};
use rollcall_startup::{StateError, write_durably};
use serde::{Deserialize, Serialize};

use crate::core::actions::REMEMBERED;

/// The file in the state directory.
const FILE: &str = "actions.journal";
/// A longer journal is written anew with what is remembered.
const LONGEST: usize = 4 * REMEMBERED;

/// One line.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Line {
    Begun(Begun),
    Ended(ActionOutcome),
}

/// What is known of an order that was begun.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Begun {
    action_id: ActionId,
    node: NodeId,
    kind: ActionKind,
    at: UnixMillis,
    /// The boot it was begun in.
    boot: String,
}

/// The journal, open for appending.
#[derive(Debug)]
pub struct Journal {
    path: PathBuf,
    file: File,
    boot: String,
    lines: usize,
    /// A line may be torn: nothing is appended to it.
    torn: bool,
    ended: VecDeque<ActionOutcome>,
    /// Begun and not ended, in this run.
    open: BTreeMap<ActionId, Begun>,
}

/// What former runs left behind.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Past {
    /// How orders ended, oldest first, at most [`REMEMBERED`].
    pub remembered: Vec<ActionOutcome>,
    /// Those that were ended only now: nobody was told.
    pub untold: Vec<ActionId>,
}

impl Journal {
    /// Opens the journal in a state directory, ends what was left unended, and writes it anew without what is too old.
    /// `boot` tells this boot of the machine from others.
    ///
    /// # Errors
    /// When it cannot be read or written. Content that makes no sense is no error: it is logged and left out.
    pub fn open(directory: &Path, boot: &str, now: UnixMillis) -> Result<(Self, Past), StateError> {
        let path = directory.join(FILE);
        let bytes = match std::fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            Err(source) => return Err(StateError::Read { path, source }),
        };
        let (mut ended, mut open) = (VecDeque::new(), BTreeMap::new());
        for line in sensible(&path, &bytes) {
            match line {
                Line::Begun(begun) => {
                    open.insert(begun.action_id, begun);
                }
                Line::Ended(outcome) => {
                    open.remove(&outcome.action_id);
                    remember(&mut ended, outcome);
                }
            }
        }
        let untold: Vec<ActionId> = open.keys().copied().collect();
        for begun in std::mem::take(&mut open).into_values() {
            remember(&mut ended, begun.interrupted(boot, now));
        }
        write_durably(&path, &written(&ended, &open))?;
        let file = append_to(&path).map_err(|source| StateError::Write { path: path.clone(), source })?;
        let past = Past { remembered: ended.iter().cloned().collect(), untold };
        Ok((Self { path, file, boot: boot.to_owned(), lines: ended.len(), torn: false, ended, open }, past))
    }

    /// Writes down that an order is about to be carried out. Only when this returns well may it be.
    ///
    /// # Errors
    /// When the line cannot be written and synced; the order must not be carried out then.
    pub fn begin(&mut self, order: &ActionOrder, at: UnixMillis) -> io::Result<()> {
        let (action_id, node, kind) = (order.action_id, order.node, order.action.kind());
        let begun = Begun { action_id, node, kind, at, boot: self.boot.clone() };
        self.append(&Line::Begun(begun.clone()))?;
        self.open.insert(action_id, begun);
        Ok(())
    }

    /// Writes down how an order ended.
    ///
    /// # Errors
    /// When the line cannot be written and synced.
    pub fn end(&mut self, outcome: &ActionOutcome) -> io::Result<()> {
        self.append(&Line::Ended(outcome.clone()))?;
        self.open.remove(&outcome.action_id);
        remember(&mut self.ended, outcome.clone());
        if self.lines > LONGEST {
            self.compact()?;
        }
        Ok(())
    }

    fn append(&mut self, line: &Line) -> io::Result<()> {
        if self.torn {
            self.compact()?;
        }
        self.torn = true;
        self.file.write_all(&encoded(line))?;
        self.file.sync_data()?;
        self.torn = false;
        self.lines += 1;
        Ok(())
    }

    /// Appends to another file from now on.
    #[cfg(test)]
    pub(super) fn write_to(&mut self, file: File) {
        self.file = file;
    }

    /// Writes the journal anew with what is remembered.
    fn compact(&mut self) -> io::Result<()> {
        write_durably(&self.path, &written(&self.ended, &self.open)).map_err(io::Error::other)?;
        self.file = append_to(&self.path)?;
        (self.lines, self.torn) = (self.ended.len() + self.open.len(), false);
        Ok(())
    }
}

impl Begun {
    /// How an order ended that a former run began.
    fn interrupted(self, boot: &str, now: UnixMillis) -> ActionOutcome {
        let restarted = self.kind == ActionKind::Reboot && self.boot != boot;
        let (state, message) = if restarted {
            (ActionState::Done, "the machine restarted".to_owned())
        } else {
            (ActionState::Failed, "interrupted by a restart of the agent: nobody knows how far it came".to_owned())
        };
        ActionOutcome { action_id: self.action_id, node: self.node, state, message, at: now }
    }
}

fn append_to(path: &Path) -> io::Result<File> {
    OpenOptions::new().append(true).mode(0o600).open(path)
}

fn remember(ended: &mut VecDeque<ActionOutcome>, outcome: ActionOutcome) {
    ended.retain(|known| known.action_id != outcome.action_id);
    ended.push_back(outcome);
    if ended.len() > REMEMBERED {
        ended.pop_front();
    }
}

fn encoded(line: &Line) -> Vec<u8> {
    // Plain data of strings and numbers: it can always be written as JSON.
    let mut bytes = serde_json::to_vec(line).unwrap_or_default();
    bytes.push(b'\n');
    bytes
}

fn written(ended: &VecDeque<ActionOutcome>, open: &BTreeMap<ActionId, Begun>) -> Vec<u8> {
    let ended = ended.iter().map(|outcome| encoded(&Line::Ended(outcome.clone())));
    let open = open.values().map(|begun| encoded(&Line::Begun(begun.clone())));
    ended.chain(open).flatten().collect()
}

/// The lines that make sense; the others are logged.
fn sensible(path: &Path, bytes: &[u8]) -> Vec<Line> {
    let mut lines = Vec::new();
    for (number, text) in bytes.split(|byte| *byte == b'\n').enumerate().filter(|(_, text)| !text.is_empty()) {
        match serde_json::from_slice(text) {
            Ok(line) => lines.push(line),
            Err(error) => {
                let (path, number, bytes) = (path.display(), number + 1, text.len());
                tracing::warn!("{path}: line {number} ({bytes} bytes) is torn or damaged and is left out: {error}");
            }
        }
    }
    lines
}

#[cfg(test)]
mod tests;
