//! Threads for the probes, so that nothing they wait for holds up the agent.
//!
//! One thread collects, another measures. The collector hands the probes that are due to the worker one by one
//! and waits for each until the deadline. A probe that does not come back is left with the worker that waits for
//! it; a new worker carries on with the others, and the old one brings the probe back and ends when, some day,
//! the wait is over. There are never more threads than probes that hang, and two.

use std::collections::BTreeMap;
use std::io;
use std::sync::mpsc::{self, Receiver, SyncSender, TrySendError};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use rollcall_model::{Millis, Tick};
use tokio::sync::mpsc as answers;
use tracing::{info, warn};

use super::{Findings, Probe, ProbeSet, Sample};
use crate::simulated::Machine;

/// Samples kept for a reader that is slow; newer ones are dropped beyond that, and asked for again anyway.
const KEPT: usize = 4;

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

/// The same of each, by name; written by the thread that collects, read by whoever wants to know.
type Ledger = Arc<Mutex<BTreeMap<String, ProbeFigures>>>;

/// Takes samples when asked, and never blocks who asks.
#[derive(Debug)]
pub struct Sampler {
    source: Source,
    samples: answers::Receiver<Sample>,
    ledger: Ledger,
}

#[derive(Debug)]
enum Source {
    Probes(SyncSender<Request>),
    Simulated { machine: Box<Machine>, samples: answers::Sender<Sample> },
}

#[derive(Debug, Clone, Copy)]
struct Request {
    now: Tick,
    expected: Tick,
}

impl Sampler {
    /// Starts the threads that measure with these probes. They end when the sampler is dropped; one that hangs
    /// ends with its wait.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn start(set: ProbeSet) -> io::Result<Self> {
        let (requests, wanted) = mpsc::sync_channel(1);
        let (taken, samples) = answers::channel(KEPT);
        let (worker, ledger) = (Worker::start()?, Ledger::default());
        let kept = Arc::clone(&ledger);
        thread::Builder::new()
            .name("probe-sampler".into())
            .spawn(move || Collector { set, worker, samples: taken, ledger: kept }.run(&wanted))?;
        Ok(Self { source: Source::Probes(requests), samples, ledger })
    }

    /// Samples of a machine that does not exist; needs no thread.
    #[must_use]
    pub fn simulated(machine: Machine) -> Self {
        let (taken, samples) = answers::channel(KEPT);
        Self {
            source: Source::Simulated { machine: Box::new(machine), samples: taken },
            samples,
            ledger: Ledger::default(),
        }
    }

    /// Asks for a sample and returns at once. `expected` is when it should have been asked for. While the one
    /// before is still being taken nothing more is asked.
    pub fn request(&self, now: Tick, expected: Tick) {
        match &self.source {
            Source::Probes(requests) => match requests.try_send(Request { now, expected }) {
                Ok(()) | Err(TrySendError::Full(_)) => {}
                Err(TrySendError::Disconnected(_)) => {
                    warn!("the probes' thread has ended: health is no longer measured");
                }
            },
            Source::Simulated { machine, samples } => {
                // Full when nobody reads: then nobody misses it.
                let _ = samples.try_send(machine.sample(now, expected));
            }
        }
    }

    /// What each probe has cost so far, by name; nothing for a machine that does not exist.
    #[must_use]
    pub fn figures(&self) -> BTreeMap<String, ProbeFigures> {
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The next sample that was asked for; `None` when there will be no more. Safe to cancel: no sample is lost.
    pub async fn next(&mut self) -> Option<Sample> {
        self.samples.recv().await
    }
}

/// A probe on its way to a worker, with the number of its place in the set.
struct Job {
    index: usize,
    now: Tick,
    probe: Box<dyn Probe>,
    findings: Findings,
}

/// A thread that measures, and the way of probes to it and back. All workers bring back the same way.
struct Worker {
    /// `None` while the system gives no thread.
    jobs: Option<mpsc::Sender<Job>>,
    done: Receiver<Job>,
    bring_back: mpsc::Sender<Job>,
}

impl Worker {
    fn start() -> io::Result<Self> {
        let (bring_back, done) = mpsc::channel();
        let jobs = Some(spawn(bring_back.clone())?);
        Ok(Self { jobs, done, bring_back })
    }

    /// Leaves the thread, if any, alone with what it waits for, and goes on with another.
    fn replace(&mut self) {
        self.jobs = spawn(self.bring_back.clone())
            .inspect_err(|error| warn!(%error, "the system gives no thread for the probes: health is not measured"))
            .ok();
    }
}

fn spawn(bring_back: mpsc::Sender<Job>) -> io::Result<mpsc::Sender<Job>> {
    let (jobs, queue) = mpsc::channel::<Job>();
    thread::Builder::new().name("probe-worker".into()).spawn(move || {
        for mut job in queue {
            job.probe.measure(job.now, &mut job.findings);
            if bring_back.send(job).is_err() {
                return;
            }
        }
    })?;
    Ok(jobs)
}

struct Collector {
    set: ProbeSet,
    worker: Worker,
    samples: answers::Sender<Sample>,
    ledger: Ledger,
}

impl Collector {
    fn run(mut self, wanted: &Receiver<Request>) {
        for Request { now, expected } in wanted {
            let began = Instant::now();
            while let Ok(job) = self.worker.done.try_recv() {
                self.take_back(job);
            }
            for index in self.set.due(now) {
                self.ask(index, now);
            }
            let took = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
            let sample = self.set.compose(now, Millis(now.since(expected).0.max(took)));
            if let Err(answers::error::TrySendError::Closed(_)) = self.samples.try_send(sample) {
                return;
            }
        }
    }

    /// Asks one probe and waits for it until the deadline.
    fn ask(&mut self, index: usize, now: Tick) {
        if self.worker.jobs.is_none() {
            self.worker.replace();
        }
        let Some(jobs) = &self.worker.jobs else {
            self.set.hangs(index, now);
            return;
        };
        let Some((probe, findings)) = self.set.lend(index, now) else { return };
        let (name, began) = (probe.name().to_owned(), Instant::now());
        if let Err(mpsc::SendError(job)) = jobs.send(Job { index, now, probe, findings }) {
            self.take_back(job);
            self.set.hangs(index, now);
            self.worker.jobs = None;
        } else if self.answered(index) {
            self.note(name, Some(began.elapsed()));
        } else {
            self.note(name, None);
            if let Some(probe) = self.set.hangs(index, now) {
                warn!(probe, "a probe hangs; what it measures is unknown until it answers");
            }
            self.worker.replace();
        }
    }

    /// Writes down how long a probe took; nothing stands for one that did not come back.
    fn note(&self, probe: String, took: Option<Duration>) {
        let mut ledger = self.ledger.lock().unwrap_or_else(PoisonError::into_inner);
        let figures = ledger.entry(probe).or_default();
        match took {
            Some(took) => (figures.runs, figures.took) = (figures.runs + 1, figures.took + took),
            None => figures.hangs += 1,
        }
    }

    /// Takes probes back until this one comes or its deadline is over.
    fn answered(&mut self, index: usize) -> bool {
        let until = Instant::now() + self.set.deadline().duration();
        while let Ok(job) = self.worker.done.recv_timeout(until.saturating_duration_since(Instant::now())) {
            let came = job.index;
            self.take_back(job);
            if came == index {
                return true;
            }
        }
        false
    }

    fn take_back(&mut self, job: Job) {
        if let Some(probe) = self.set.give_back(job.index, job.probe, job.findings) {
            info!(probe, "a probe that hung answers again");
        }
    }
}
