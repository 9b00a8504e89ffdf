//! A message that is handled as a step of its trace, and what it leads to.

use rollcall_model::TraceContext;
use rollcall_model::trace::leads_to;

use super::{Kind, Span, Stretch, Tracer};

/// A message of some trace that is being handled; the step ends when this is dropped.
#[derive(Debug)]
pub struct Handling {
    span: Span,
    kind: String,
}

impl Handling {
    /// The step, where the message is of a recorded trace; nothing otherwise, which is how it is as a rule.
    #[must_use]
    pub fn of(tracer: &Tracer, trace: Option<TraceContext>, kind: &str, queue: &str) -> Option<Self> {
        // As a rule there is none, and then nothing is to be done.
        let trace = trace?;
        let mut span = tracer.follow(Some(trace), &format!("process {kind}"), Kind::Consumer);
        if !span.is_recorded() {
            return None;
        }
        span.note("messaging.system", &"rabbitmq");
        span.note("messaging.operation.type", &"process");
        span.note("messaging.destination.name", &queue);
        Some(Self { span, kind: kind.to_owned() })
    }

    /// Of which kind the message is.
    #[must_use]
    pub fn kind(&self) -> &str {
        &self.kind
    }

    /// What a message of this kind, said while this one is handled, carries on.
    #[must_use]
    pub fn carried_by(&self, next: &str) -> Option<TraceContext> {
        self.span.context().filter(|_| leads_to(&self.kind, next))
    }

    /// Does something within the step, so that the log says so.
    pub fn within<T>(handling: Option<&Self>, work: impl FnOnce() -> T) -> T {
        match handling {
            Some(handling) => handling.span.log().in_scope(work),
            None => work(),
        }
    }

    /// A part of the step that is over.
    pub fn part(&self, name: &str, kind: Kind, stretch: Stretch) {
        drop(self.span.past(name, kind, stretch));
    }

    /// It led to nothing and is not worth telling: of a fanout, most copies do.
    pub fn discard(self) {
        self.span.discard();
    }
}
