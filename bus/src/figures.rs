//! What a process counts of its way to the broker. Counted where both kinds of bus pass, so that they count alike; a
//! delivery costs one relaxed addition for its whole batch.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use rollcall_model::{Durations, LinkFigures};
use tokio::time::Instant;

use crate::{Link, PublishError};

/// What may become of a message, as [`word`] puts it.
const ENDS: [&str; 7] = ["taken", "unroutable", "refused", "no_exchange", "too_long", "unconfirmed", "disconnected"];

/// The counters of one bus.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    received: AtomicU64,
    parked: AtomicU64,
    requeued: AtomicU64,
    connections: AtomicU64,
    published: [AtomicU64; ENDS.len()],
    echoes: Mutex<Durations>,
}

impl Tally {
    pub fn received(&self, count: usize) {
        self.received.fetch_add(count as u64, Ordering::Relaxed);
    }

    pub fn parked(&self) {
        self.parked.fetch_add(1, Ordering::Relaxed);
    }

    pub fn requeued(&self) {
        self.requeued.fetch_add(1, Ordering::Relaxed);
    }

    pub fn connected(&self) {
        self.connections.fetch_add(1, Ordering::Relaxed);
    }

    pub fn published(&self, end: &Result<(), PublishError>) {
        let word = word(end);
        if let Some(place) = ENDS.iter().position(|known| *known == word) {
            self.published[place].fetch_add(1, Ordering::Relaxed);
        }
    }

    pub fn echoed(&self, took: Duration) {
        self.echoes.lock().unwrap_or_else(PoisonError::into_inner).take(took);
    }

    pub fn figures(&self, link: &Link, proven: Option<Instant>) -> LinkFigures {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        LinkFigures {
            is_up: link.is_up(),
            connections: read(&self.connections),
            proof_age: proven.map(|proven| proven.elapsed()),
            echoes: *self.echoes.lock().unwrap_or_else(PoisonError::into_inner),
            received: read(&self.received),
            published: ENDS.into_iter().zip(self.published.iter().map(read)).collect(),
            parked: read(&self.parked),
            requeued: read(&self.requeued),
        }
    }
}

const fn word(end: &Result<(), PublishError>) -> &'static str {
    match end {
        Ok(()) => "taken",
        Err(PublishError::Unroutable { .. }) => "unroutable",
        Err(PublishError::Refused { .. }) => "refused",
        Err(PublishError::NoExchange { .. }) => "no_exchange",
        Err(PublishError::TooLong { .. }) => "too_long",
        Err(PublishError::Unconfirmed(_)) => "unconfirmed",
        Err(PublishError::Disconnected) => "disconnected",
    }
}
