//! One direction of an emulated cable: frames go in, and come out later, fewer, more or damaged, as its impairment says. Pure: the
//! time is handed in, and chance comes from a seed, so that the same frames at the same times have the same fate.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Duration;

use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};

use super::impairment::Impairment;

/// Frames under way at most; more are lost as in a full queue.
pub const MOST: usize = 4_096;
/// A frame that is to be overtaken is held back at least so long.
const HELD_BACK: Duration = Duration::from_millis(20);
/// Addresses and type of a frame: a damaged frame is still delivered to whom it was meant for.
const HEADER: usize = 14;

/// What became of the frames. `offered + duplicated = carried + lost + cut + overflowed + under way`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Frames that went in.
    pub offered: u64,
    /// Second copies that were made.
    pub duplicated: u64,
    /// Frames that came out.
    pub carried: u64,
    /// Lost by chance.
    pub lost: u64,
    /// Lost because the cable was cut, before or while they were under way.
    pub cut: u64,
    /// Lost because too much waited.
    pub overflowed: u64,
    /// Held back, to be overtaken.
    pub held_back: u64,
    /// Damaged.
    pub corrupted: u64,
}

/// A frame under way: when it arrives, its number, what it is.
type UnderWay = Reverse<(Duration, u64, Vec<u8>)>;

/// One direction of a cable.
#[derive(Debug)]
pub struct Pipe {
    impairment: Impairment,
    chance: SmallRng,
    under_way: BinaryHeap<UnderWay>,
    counts: Counts,
    number: u64,
    /// When the last frame in order arrives: no later one arrives before it.
    last: Duration,
    /// Until when the bottleneck is busy with what waits.
    busy: Duration,
}

impl Pipe {
    /// A good cable, whose faults to come are drawn from this seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self {
            impairment: Impairment::default(),
            chance: SmallRng::seed_from_u64(seed),
            under_way: BinaryHeap::new(),
            counts: Counts::default(),
            number: 0,
            last: Duration::ZERO,
            busy: Duration::ZERO,
        }
    }

    /// From now on it does this. A cut loses what is under way, too.
    pub fn set(&mut self, impairment: Impairment) {
        if impairment.cut {
            self.counts.cut += self.under_way.len() as u64;
            self.under_way.clear();
        }
        if impairment.rate != self.impairment.rate {
            self.busy = Duration::ZERO;
        }
        self.impairment = impairment;
    }

    /// What it does now.
    #[must_use]
    pub const fn impairment(&self) -> &Impairment {
        &self.impairment
    }

    /// What became of the frames so far.
    #[must_use]
    pub const fn counts(&self) -> Counts {
        self.counts
    }

    /// How many frames are under way.
    #[must_use]
    pub fn under_way(&self) -> usize {
        self.under_way.len()
    }

    /// A frame goes in.
    pub fn offer(&mut self, now: Duration, frame: &[u8]) {
        self.counts.offered += 1;
        if self.impairment.cut {
            self.counts.cut += 1;
            return;
        }
        if self.happens(self.impairment.loss) {
            self.counts.lost += 1;
            return;
        }
        self.enter(now, frame.to_vec());
        if self.happens(self.impairment.duplicate) {
            self.counts.duplicated += 1;
            self.enter(now, frame.to_vec());
        }
    }

    /// The next frame that has arrived by now.
    pub fn take(&mut self, now: Duration) -> Option<Vec<u8>> {
        if self.next()? > now {
            return None;
        }
        self.counts.carried += 1;
        self.under_way.pop().map(|Reverse((_, _, frame))| frame)
    }

    /// When the next frame arrives.
    #[must_use]
    pub fn next(&self) -> Option<Duration> {
        self.under_way.peek().map(|Reverse((at, _, _))| *at)
    }

    fn enter(&mut self, now: Duration, mut frame: Vec<u8>) {
        let Some(departs) = self.departs(now, frame.len()) else {
            self.counts.overflowed += 1;
            return;
        };
        if frame.len() > HEADER && self.happens(self.impairment.corrupt) {
            let at = self.chance.random_range(HEADER..frame.len());
            frame[at] ^= 1 << self.chance.random_range(0..8_u8);
            self.counts.corrupted += 1;
        }
        let jitter = self.impairment.jitter.mul_f64(self.chance.random_range(0.0..=1.0));
        let mut arrives = departs + self.impairment.delay + jitter;
        if self.happens(self.impairment.reorder) {
            arrives += HELD_BACK.max(self.impairment.jitter);
            self.counts.held_back += 1;
        } else {
            self.last = self.last.max(arrives);
            arrives = self.last;
        }
        self.under_way.push(Reverse((arrives, self.number, frame)));
        self.number += 1;
    }

    /// When a frame of so many bytes has passed the bottleneck; `None` when there is no room for it.
    fn departs(&mut self, now: Duration, bytes: usize) -> Option<Duration> {
        if self.under_way.len() >= MOST {
            return None;
        }
        let Some(rate) = self.impairment.rate else { return Some(now) };
        let per_byte = Duration::from_secs(1) / rate.bytes_per_s.max(1);
        let waiting = self.busy.saturating_sub(now);
        let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
        if waiting > per_byte.saturating_mul(rate.queue) {
            return None;
        }
        self.busy = now + waiting + per_byte.saturating_mul(bytes);
        Some(self.busy)
    }

    fn happens(&mut self, percent: u8) -> bool {
        percent > 0 && self.chance.random_range(0..100_u8) < percent
    }
}

#[cfg(test)]
mod tests;
