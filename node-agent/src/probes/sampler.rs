//! A thread for the probes, so that nothing they wait for holds up the agent.
//!
//! Whoever waits for a sample minds the probes' deadlines. One that does not come back in time is left with the thread
//! that waits for it; a new thread carries on with the others, and the old one brings the probe back and ends when,
//! some day, the wait is over. There are never more threads than probes that hang, and one.

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rollcall_model::{Millis, Tick};
use tracing::{info, warn};

use super::worker::{Job, Returned, Worker};
use super::{ProbeSet, Sample};
use crate::simulated::Machine;

/// What a probe has cost since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ProbeFigures {
    /// How often it measured and came back in time.
    pub runs: u64,
    /// How long that took in all.
    pub took: Duration,
    /// How often it did not come back in time.
    pub hangs: u64,
}

/// Takes samples when asked, and never blocks who asks.
#[derive(Debug)]
pub struct Sampler(Source);

#[derive(Debug)]
enum Source {
    Probes(Box<Collector>),
    Simulated {
        machine: Box<Machine>,
        /// Taken and not yet fetched.
        sample: Option<Box<Sample>>,
    },
}

impl Sampler {
    /// Starts the thread that measures with these probes. It ends when the sampler is dropped; one that hangs ends
    /// with its wait.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn start(set: ProbeSet) -> io::Result<Self> {
        Ok(Self(Source::Probes(Box::new(Collector::start(set)?))))
    }

    /// Samples of a machine that does not exist; needs no thread.
    #[must_use]
    pub fn simulated(machine: Machine) -> Self {
        Self(Source::Simulated { machine: Box::new(machine), sample: None })
    }

    /// Asks for a sample and returns at once. `expected` is when it should have been asked for. While the one
    /// before is still being taken nothing more is asked.
    pub fn request(&mut self, now: Tick, expected: Tick) {
        match &mut self.0 {
            Source::Probes(collector) => collector.request(now, expected),
            Source::Simulated { machine, sample } => *sample = Some(Box::new(machine.sample(now, expected))),
        }
    }

    /// What each probe has cost so far, by name; nothing for a machine that does not exist.
    #[must_use]
    pub fn figures(&self) -> BTreeMap<String, ProbeFigures> {
        match &self.0 {
            Source::Probes(collector) => collector.ledger.clone(),
            Source::Simulated { .. } => BTreeMap::new(),
        }
    }

    /// The next sample that was asked for; pending while none is. Safe to cancel: no sample is lost. Probes that hang
    /// are noticed only while somebody waits here.
    pub async fn next(&mut self) -> Sample {
        match &mut self.0 {
            Source::Probes(collector) => collector.next().await,
            Source::Simulated { sample, .. } => match sample.take() {
                Some(sample) => *sample,
                None => std::future::pending().await,
            },
        }
    }
}

/// A sample that is being taken.
#[derive(Clone, Copy, Debug)]
struct Round {
    now: Tick,
    expected: Tick,
    began: Instant,
}

struct Collector {
    set: ProbeSet,
    /// `None` while the system gives no thread.
    worker: Option<Worker>,
    returned: Arc<Returned>,
    round: Option<Round>,
    ledger: BTreeMap<String, ProbeFigures>,
}

impl std::fmt::Debug for Collector {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Collector").field("set", &self.set).field("round", &self.round).finish_non_exhaustive()
    }
}

impl Collector {
    fn start(set: ProbeSet) -> io::Result<Self> {
        let returned = Arc::<Returned>::default();
        let worker = Some(Worker::start(&returned)?);
        Ok(Self { set, worker, returned, round: None, ledger: BTreeMap::new() })
    }

    fn request(&mut self, now: Tick, expected: Tick) {
        if self.round.is_some() {
            return;
        }
        self.take_back();
        self.round = Some(Round { now, expected, began: Instant::now() });
        let due = self.set.due(now);
        let lend = |index| {
            let (probe, findings) = self.set.lend(index, now)?;
            Some(Job { index, now, probe, findings })
        };
        let jobs = due.into_iter().filter_map(lend).collect();
        self.measure(jobs);
    }

    /// Hands probes to the thread. Where the system gives none they are here again, and what they measure is unknown.
    fn measure(&mut self, jobs: VecDeque<Job>) {
        if jobs.is_empty() {
            return;
        }
        if self.worker.is_none() {
            self.worker = Worker::start(&self.returned)
                .inspect_err(|error| warn!(%error, "the system gives no thread for the probes: health is not measured"))
                .ok();
        }
        match &self.worker {
            Some(worker) => worker.hand_over(jobs),
            None => jobs.into_iter().for_each(|job| {
                let (index, now) = (job.index, job.now);
                self.set.give_back(index, job.probe, job.findings);
                self.set.hangs(index, now);
            }),
        }
    }

    async fn next(&mut self) -> Sample {
        loop {
            self.take_back();
            let Some(round) = self.round else { return std::future::pending().await };
            let Some((index, since)) = self.worker.as_ref().and_then(Worker::at) else {
                self.take_back();
                self.round = None;
                return self.compose(round);
            };
            let until = since + self.set.deadline().duration();
            if Instant::now() >= until {
                self.leave_behind(index, round.now);
                continue;
            }
            tokio::select! {
                () = self.returned.idle() => {}
                () = tokio::time::sleep_until(until.into()) => {}
            }
        }
    }

    fn compose(&self, Round { now, expected, began }: Round) -> Sample {
        let took = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.set.compose(now, Millis(now.since(expected).0.max(took)))
    }

    /// Leaves a probe that hangs with its thread, and goes on with another.
    fn leave_behind(&mut self, index: usize, now: Tick) {
        let mut jobs = self.worker.take().map(Worker::give_up).unwrap_or_default();
        if let Some(unbegun) = jobs.pop_front_if(|job| job.index == index) {
            // The thread has not come to it at all.
            self.set.give_back(index, unbegun.probe, unbegun.findings);
        }
        if let Some(probe) = self.set.hangs(index, now) {
            warn!(probe, "a probe hangs; what it measures is unknown until it answers");
            self.ledger.entry(probe.to_owned()).or_default().hangs += 1;
        }
        self.measure(jobs);
    }

    /// Takes back all probes that were asked, and writes down what those took that were in time.
    fn take_back(&mut self) {
        for (job, took) in self.returned.take() {
            let name = job.probe.name().to_owned();
            if self.set.give_back(job.index, job.probe, job.findings).is_some() {
                info!(probe = name, "a probe that hung answers again");
            } else {
                let figures = self.ledger.entry(name).or_default();
                (figures.runs, figures.took) = (figures.runs + 1, figures.took + took);
            }
        }
    }
}
