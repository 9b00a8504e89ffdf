//! Slow questions, asked on a thread of their own that ends with the answer.
//!
//! A probe that must ask a program or a drive would miss its deadline. It starts the question here when it is due, and
//! says what was answered last. No thread waits in between, nothing wakes up for it.

use std::sync::mpsc::{self, Receiver, TryRecvError};
use std::thread;

use rollcall_model::{Millis, Tick};
use tracing::warn;

/// A question that is asked now and then.
pub(super) struct Aside<T> {
    name: &'static str,
    period: Millis,
    asked: Option<Tick>,
    answer: Option<Receiver<T>>,
}

impl<T: Send + 'static> Aside<T> {
    pub(super) fn new(name: &'static str, period: Millis) -> Self {
        Self { name, period, asked: None, answer: None }
    }

    /// Whether it is time to ask: nothing is being asked, and the last time is a period ago.
    pub(super) fn is_due(&self, now: Tick) -> bool {
        self.answer.is_none() && self.asked.is_none_or(|then| now.since(then) >= self.period)
    }

    /// Whether the question is being asked.
    pub(super) fn is_open(&self) -> bool {
        self.answer.is_some()
    }

    /// Asks. Without a thread from the system the question waits for its next turn.
    pub(super) fn ask(&mut self, now: Tick, question: impl FnOnce() -> T + Send + 'static) {
        let (tell, answer) = mpsc::sync_channel(1);
        self.asked = Some(now);
        let started = thread::Builder::new().name("probe-aside".into()).spawn(move || {
            // Nobody listens any more when the agent ends.
            let _ = tell.send(question());
        });
        match started {
            Ok(_) => self.answer = Some(answer),
            Err(error) => warn!(%error, question = self.name, "the system gives no thread to ask with"),
        }
    }

    /// The answer, once.
    pub(super) fn take(&mut self) -> Option<T> {
        let told = self.answer.as_ref()?.try_recv();
        if !matches!(told, Err(TryRecvError::Empty)) {
            self.answer = None;
        }
        told.ok()
    }
}
