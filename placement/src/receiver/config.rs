//! How a receiver listens.

use rollcall_model::Millis;

use crate::entry::MOST_SLOTS;
use crate::frequency::Rates;

/// How a receiver listens. The same `rates` as its senders'.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Config {
    /// k, l and min.
    pub rates: Rates,
    /// How many nodes it can know at a time; memory is about 700 bytes for each.
    pub nodes: u32,
    /// After how many of its own periods a silent node is no longer believed. Sane: 2 to 4. Below 1.5 jitter would do it,
    /// and at 2 a single loss.
    pub patience: f64,
    /// What is added to that for the way of a message: the broker's hold-ups.
    pub slack: Millis,
    /// How often the driver calls `tick`. Four times as long without is a hold-up.
    pub tick_every: Millis,
    /// How often the count lists are sorted for readers.
    pub rank_every: Millis,
    /// How often the count lists are switched: what they say covers one to two of these.
    pub switch_every: Millis,
    /// Whether every message is counted, or only whom a sample of the ring meets at each tick, as in the patent. Every
    /// message costs an addition and says more.
    pub count_every_message: bool,
}

/// A configuration that cannot work.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
pub enum ConfigError {
    /// Too many or none.
    #[error("nodes is {0}: a receiver knows between 1 and 1048576 nodes")]
    Nodes(u32),
    /// Patience out of range.
    #[error("patience is {0}: it must be at least 1.5 periods, or jitter alone would silence nodes, and at most 20")]
    Patience(f64),
    /// A span of zero, or one longer than the next.
    #[error(
        "tick_every ({tick} ms), rank_every ({rank} ms) and switch_every ({switch} ms) must be above 0 and in this order, \
         each at most the next"
    )]
    Spans {
        /// Milliseconds.
        tick: u64,
        /// Milliseconds.
        rank: u64,
        /// Milliseconds.
        switch: u64,
    },
}

impl Config {
    /// Sane values for a fleet of at most `nodes` nodes: lists over two of the fastest balance periods at least.
    #[must_use]
    pub fn new(rates: Rates, nodes: u32) -> Self {
        let fastest = rates.fastest(crate::Kind::Mixed);
        Self {
            rates,
            nodes,
            patience: 2.25,
            slack: Millis(250),
            tick_every: Millis(100),
            rank_every: Millis(500),
            switch_every: Millis(((4.0 / fastest) * 1000.0).clamp(2000.0, 600_000.0) as u64),
            count_every_message: true,
        }
    }

    pub(crate) fn check(&self) -> Result<(), ConfigError> {
        if self.nodes == 0 || self.nodes > MOST_SLOTS {
            return Err(ConfigError::Nodes(self.nodes));
        }
        if !(1.5..=20.0).contains(&self.patience) {
            return Err(ConfigError::Patience(self.patience));
        }
        let (tick, rank, switch) = (self.tick_every.0, self.rank_every.0, self.switch_every.0);
        if tick == 0 || rank < tick || switch < rank {
            return Err(ConfigError::Spans { tick, rank, switch });
        }
        Ok(())
    }
}
