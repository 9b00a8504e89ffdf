//! How much of this machine is in use, read while a policy has it say how free it is (A1).
//!
//! Indicators of health are sampled at their own, slower pace, with a judgement of each; here a few numbers are read about once
//! a second, on a thread of their own. A file system whose server is gone holds that thread up and nothing else: the node
//! then says nothing, which makes it no target.

mod network;
mod readings;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, SyncSender, TrySendError};
use std::thread;

use rollcall_model::{Millis, Tick};
use rollcall_placement::usage::Readings;
use tokio::sync::mpsc as answers;
use tracing::warn;

use self::readings::Reader;
use crate::hardware::Tree;
use crate::probes::ProbeConfig;
use crate::simulated::Machine;

/// How often it is worth reading.
pub const PERIOD: Millis = Millis(1_000);

/// What was read, and when it was asked for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Measured {
    /// When it was asked for.
    pub taken: Tick,
    /// What was read.
    pub readings: Readings,
}

/// Reads when asked, and never blocks who asks.
#[derive(Debug)]
pub struct Meter {
    source: Source,
    tell: answers::Sender<Measured>,
    told: answers::Receiver<Measured>,
}

#[derive(Debug)]
enum Source {
    /// This machine, before anybody asked; a machine that is never asked needs no thread.
    Unasked {
        tree: Tree,
        config: ProbeConfig,
    },
    Asked(SyncSender<Tick>),
    Simulated(Box<Machine>),
    /// The system gave no thread.
    Nothing,
}

impl Meter {
    /// For the machine below `root` (`/` in production): the file systems and interfaces that are watched for its health.
    #[must_use]
    pub fn of_this_machine(root: &Path, config: &ProbeConfig) -> Self {
        Self::of(Source::Unasked { tree: Tree::new(root), config: config.clone() })
    }

    /// For a machine that does not exist.
    #[must_use]
    pub fn simulated(machine: Machine) -> Self {
        Self::of(Source::Simulated(Box::new(machine)))
    }

    fn of(source: Source) -> Self {
        // One that is not taken is replaced by none: the next one says more.
        let (tell, told) = answers::channel(1);
        Self { source, tell, told }
    }

    /// Asks, and returns at once. While the one before is still being read nothing more is asked.
    pub fn request(&mut self, now: Tick) {
        if let Source::Unasked { tree, config } = &self.source {
            self.source = start(Reader::new(tree, &config.mounts, &config.interfaces), self.tell.clone());
        }
        match &self.source {
            Source::Asked(requests) => match requests.try_send(now) {
                Ok(()) | Err(TrySendError::Full(_)) => {}
                Err(TrySendError::Disconnected(_)) => self.source = Source::Nothing,
            },
            Source::Simulated(machine) => {
                let _ = self.tell.try_send(Measured { taken: now, readings: machine.usage(now) });
            }
            Source::Unasked { .. } | Source::Nothing => {}
        }
    }

    /// What was read next. Safe to cancel: nothing is lost.
    pub async fn next(&mut self) -> Measured {
        match self.told.recv().await {
            Some(measured) => measured,
            // It holds a sender itself.
            None => std::future::pending().await,
        }
    }
}

fn start(mut reader: Reader, tell: answers::Sender<Measured>) -> Source {
    let (requests, wanted) = mpsc::sync_channel(1);
    let started = thread::Builder::new().name("usage".into()).spawn(move || {
        for taken in wanted {
            let measured = Measured { taken, readings: reader.read(taken) };
            if let Err(answers::error::TrySendError::Closed(_)) = tell.try_send(measured) {
                return;
            }
        }
    });
    match started {
        Ok(_) => Source::Asked(requests),
        Err(error) => {
            warn!(%error, "the system gives no thread to read how much of this machine is in use: it does not say how free it is");
            Source::Nothing
        }
    }
}

/// Asks a meter when it is time, while somebody wants to know.
#[derive(Debug)]
pub struct Measuring {
    meter: Meter,
    next: Tick,
}

impl Measuring {
    /// Asks this meter.
    #[must_use]
    pub fn new(meter: Meter) -> Self {
        Self { meter, next: Tick::default() }
    }

    /// Asks when it is time, and says when that is next; `None` while nobody wants to know.
    pub fn ask(&mut self, now: Tick, is_wanted: bool) -> Option<Tick> {
        if !is_wanted {
            return None;
        }
        if now >= self.next {
            self.meter.request(now);
            self.next = now + PERIOD;
        }
        Some(self.next)
    }

    /// What was read next. Safe to cancel.
    pub async fn next(&mut self) -> Measured {
        self.meter.next().await
    }
}

/// The file systems that are watched, below a root.
fn below(tree: &Tree, mounts: &[PathBuf]) -> Vec<PathBuf> {
    mounts.iter().map(|mount| tree.path(mount)).collect()
}
