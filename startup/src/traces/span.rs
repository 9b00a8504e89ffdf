//! One step of a trace.

use std::fmt::Display;
use std::time::{Duration, Instant, SystemTime};

use rollcall_model::TraceContext;
use rollcall_model::trace::hexadecimal;

use super::Tracer;

/// What a span is, seen from its parent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A step within a daemon.
    Internal,
    /// A request answered.
    Server,
    /// A request made.
    Client,
    /// A message sent.
    Producer,
    /// A message handled.
    Consumer,
}

/// When something began and how long it took.
#[derive(Clone, Copy, Debug)]
pub struct Stretch {
    pub(super) began: SystemTime,
    pub(super) took: Duration,
}

impl Stretch {
    /// Measures what is done.
    pub fn of<T>(work: impl FnOnce() -> T) -> (T, Self) {
        let (began, clock) = (SystemTime::now(), Instant::now());
        let done = work();
        (done, Self { began, took: clock.elapsed() })
    }

    /// Measures what is waited for.
    pub async fn until<T>(work: impl Future<Output = T>) -> (T, Self) {
        let (began, clock) = (SystemTime::now(), Instant::now());
        let done = work.await;
        (done, Self { began, took: clock.elapsed() })
    }
}

/// A step under way; it ends when it is dropped. One that is not recorded costs nothing.
#[derive(Debug, Default)]
pub struct Span(Option<Box<Recording>>);

#[derive(Debug)]
pub(super) struct Recording {
    pub tracer: Tracer,
    pub context: TraceContext,
    pub parent: Option<[u8; 8]>,
    pub name: String,
    pub kind: Kind,
    pub began: SystemTime,
    pub clock: Instant,
    /// Where it is over already.
    pub took: Option<Duration>,
    pub attributes: Vec<(&'static str, String)>,
    pub error: Option<String>,
}

impl Span {
    /// A step that is not recorded.
    #[must_use]
    pub const fn none() -> Self {
        Self(None)
    }

    pub(super) fn recorded(recording: Recording) -> Self {
        Self(Some(Box::new(recording)))
    }

    /// Whether it is recorded.
    #[must_use]
    pub const fn is_recorded(&self) -> bool {
        self.0.is_some()
    }

    /// What travels with whatever this step causes; `None` where it is not recorded.
    #[must_use]
    pub fn context(&self) -> Option<TraceContext> {
        self.0.as_ref().map(|recording| recording.context)
    }

    /// Notes something about it.
    pub fn note(&mut self, name: &'static str, value: &dyn Display) {
        if let Some(recording) = &mut self.0 {
            recording.attributes.push((name, value.to_string()));
        }
    }

    /// It failed.
    pub fn fail(&mut self, why: &dyn Display) {
        if let Some(recording) = &mut self.0 {
            recording.error = Some(why.to_string());
        }
    }

    /// A step of this one.
    #[must_use]
    pub fn child(&self, name: &str, kind: Kind) -> Span {
        match &self.0 {
            Some(recording) => recording.tracer.follow(Some(recording.context), name, kind),
            None => Span::none(),
        }
    }

    /// A step of this one that is over.
    pub fn past(&self, name: &str, kind: Kind, stretch: Stretch) -> Span {
        let mut child = self.child(name, kind);
        if let Some(recording) = &mut child.0 {
            (recording.began, recording.took) = (stretch.began, Some(stretch.took));
        }
        child
    }

    /// It began earlier than it was made.
    pub fn since(&mut self, stretch: Stretch) {
        if let Some(recording) = &mut self.0 {
            let earlier = recording.began.duration_since(stretch.began).unwrap_or_default();
            recording.began = stretch.began;
            recording.clock = recording.clock.checked_sub(earlier).unwrap_or(recording.clock);
        }
    }

    /// It was nothing after all.
    pub fn discard(mut self) {
        self.0 = None;
    }

    /// For the log: lines written within it carry `trace_id` and `span_id`.
    #[must_use]
    pub fn log(&self) -> tracing::Span {
        match self.context() {
            Some(context) => {
                let (trace, span) = (hexadecimal(&context.trace()), hexadecimal(&context.span()));
                tracing::info_span!("trace", trace_id = trace, span_id = span)
            }
            None => tracing::Span::none(),
        }
    }
}

impl Drop for Span {
    fn drop(&mut self) {
        if let Some(mut recording) = self.0.take() {
            recording.took.get_or_insert_with(|| recording.clock.elapsed());
            let tracer = recording.tracer.clone();
            tracer.ended(recording);
        }
    }
}
