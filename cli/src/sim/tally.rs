//! What the nodes did, counted as they do it.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use rollcall_model::wire::status;
use rollcall_simulator::script::Ending;

/// A life of a node, as it was led.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Led {
    /// The node's number.
    pub node: u32,
    /// Whether it is its first.
    pub is_first: bool,
    /// When it arrived, milliseconds since 1970.
    pub arrived: u64,
    /// How long it took until it stood in both its groups, milliseconds.
    pub took: Option<u64>,
    /// When and how it ended.
    pub end: Option<(u64, Ending)>,
}

/// Counters of all nodes of this process.
#[derive(Debug, Default)]
pub struct Tally {
    statuses: AtomicU64,
    others: AtomicU64,
    dropped: AtomicU64,
    lives: Mutex<Vec<Led>>,
}

/// What was counted so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Status packets.
    pub statuses: u64,
    /// Other messages.
    pub others: u64,
    /// Messages no connection took.
    pub dropped: u64,
    /// Nodes that live.
    pub alive: u32,
    /// Of those, nodes in both their groups.
    pub standing: u32,
    /// Lives that came to stand.
    pub stood: u64,
}

impl Tally {
    /// A message of this kind was handed to a connection, or was not.
    pub fn sent(&self, kind: &str, taken: bool) {
        let counter = match (taken, kind) {
            (false, _) => &self.dropped,
            (true, status::KIND) => &self.statuses,
            (true, _) => &self.others,
        };
        counter.fetch_add(1, Ordering::Relaxed);
    }

    /// A node arrived; gives the number of its life.
    pub fn arrived(&self, node: u32, is_first: bool, at: u64) -> usize {
        let mut lives = self.lives.lock().unwrap_or_else(PoisonError::into_inner);
        lives.push(Led { node, is_first, arrived: at, took: None, end: None });
        lives.len() - 1
    }

    /// It stands in both its groups, for the first time in this life.
    pub fn stands(&self, life: usize, at: u64) {
        self.change(life, |life| life.took = Some(at.saturating_sub(life.arrived)));
    }

    /// The life has ended.
    pub fn ended(&self, life: usize, at: u64, how: Ending) {
        self.change(life, |life| life.end = Some((at, how)));
    }

    fn change(&self, life: usize, change: impl FnOnce(&mut Led)) {
        let mut lives = self.lives.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(life) = lives.get_mut(life) {
            change(life);
        }
    }

    /// All lives so far.
    #[must_use]
    pub fn lives(&self) -> Vec<Led> {
        self.lives.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What was counted so far.
    #[must_use]
    pub fn counts(&self) -> Counts {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let lives = self.lives.lock().unwrap_or_else(PoisonError::into_inner);
        let mut counts = Counts {
            statuses: read(&self.statuses),
            others: read(&self.others),
            dropped: read(&self.dropped),
            ..Counts::default()
        };
        for life in lives.iter() {
            counts.stood += u64::from(life.took.is_some());
            counts.alive += u32::from(life.end.is_none());
            counts.standing += u32::from(life.end.is_none() && life.took.is_some());
        }
        counts
    }
}
