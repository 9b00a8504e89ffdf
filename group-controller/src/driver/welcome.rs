//! The trace of this group's way into its zone, from the hello it heard to the zone's word on who stands here; and its part
//! in the traces of others.

use rollcall_bus::{Delivery, Outgoing};
use rollcall_startup::traces::{Handling, Kind, Span, Tracer};

use crate::core::Effect;

/// The traces of one zone's loop.
#[derive(Debug, Default)]
pub(super) struct Welcome {
    tracer: Tracer,
    /// Until the zone has said everything.
    root: Span,
    /// Until the zone has answered.
    ack: Span,
}

impl Welcome {
    /// Goes on with the trace that began with the hello.
    pub fn new(tracer: Tracer, root: Span) -> Self {
        Self { tracer, root, ack: Span::none() }
    }

    /// An ACK goes out as a step of its own, however often it is said.
    pub fn send(&mut self, message: &mut Outgoing) {
        if message.kind == "ack" && self.root.is_recorded() {
            if !self.ack.is_recorded() {
                self.ack = self.root.child("ACK", Kind::Producer);
            }
            message.trace = self.ack.context();
        }
    }

    /// A message came in that may be of a trace.
    pub fn hear(&mut self, delivery: &Delivery, queue: &str) -> Option<Handling> {
        if delivery.kind == "zone_subscriber" {
            self.ack = Span::none();
        }
        Handling::of(&self.tracer, delivery.trace(), &delivery.kind, queue)
    }

    /// The zone has said everything.
    pub fn settled(&mut self) {
        if self.root.is_recorded() {
            self.root = Span::none();
        }
    }

    /// Sends what has ended.
    pub async fn flush(&self) {
        self.tracer.flush().await;
    }
}

/// Lets what a message led to carry its trace on. One that led to nothing is not told: of a fanout, most copies do.
pub(super) fn carry_on(handling: Handling, effects: &mut [Effect]) {
    let mut is_telling = handling.kind() != "presence";
    for effect in effects {
        if let Effect::Publish(_, message) = effect {
            let trace = handling.carried_by(message.kind);
            is_telling |= trace.is_some();
            message.trace = trace.or(message.trace);
        }
    }
    if !is_telling {
        handling.discard();
    }
}
