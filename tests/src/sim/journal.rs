//! The event log: a digest of everything, and the last lines of it for people.

use std::collections::VecDeque;
use std::fmt::Display;
use std::hash::{DefaultHasher, Hash, Hasher};

/// How much of the log is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keep {
    /// The last lines.
    Last(usize),
    /// Every line.
    All,
}

/// The log of one world.
#[derive(Debug)]
pub(super) struct Journal {
    keep: Keep,
    lines: VecDeque<String>,
    digest: DefaultHasher,
}

impl Journal {
    pub fn new(keep: Keep) -> Self {
        Self { keep, lines: VecDeque::new(), digest: DefaultHasher::new() }
    }

    /// A line for people; it counts for the digest.
    pub fn note(&mut self, now: u64, who: &str, what: impl Display) {
        let line = format!("{:>9.3} {who:<10} {what}", now as f64 / 1_000.0);
        line.hash(&mut self.digest);
        if let Keep::Last(most) = self.keep
            && self.lines.len() >= most
        {
            self.lines.pop_front();
        }
        self.lines.push_back(line);
    }

    /// Something too common to be a line; it counts for the digest all the same.
    pub fn count(&mut self, what: impl Hash) {
        what.hash(&mut self.digest);
    }

    pub fn digest(&self) -> u64 {
        self.digest.finish()
    }

    pub fn into_lines(self) -> Vec<String> {
        self.lines.into()
    }
}
