//! The trace of this node's way in: from its start, or from its asking for another session, to its first status packet.

use rollcall_bus::{Delivery, Outgoing};
use rollcall_model::wire::status;
use rollcall_model::{Name, NodeId};
use rollcall_startup::traces::{Handling, Kind, Span, Stretch, Tracer};

const SUBSCRIPTION: &str = "node_subscription";
const PRESENCE: &str = "presence";

/// Follows this node's joining through what it sends and hears.
#[derive(Debug)]
pub struct Journey {
    tracer: Tracer,
    node: NodeId,
    zone: Name,
    way: Option<Way>,
}

/// A joining under way. Its steps are none while nothing is asked.
#[derive(Debug)]
struct Way {
    root: Span,
    subscription: Span,
    presence: Span,
}

impl Journey {
    /// Begins with the start of the agent; `read` is how long looking at the hardware took.
    #[must_use]
    pub fn begin(tracer: Tracer, node: NodeId, zone: Name, read: Option<Stretch>) -> Self {
        let mut journey = Self { tracer, node, zone, way: None };
        let mut way = journey.way("join");
        if let Some(read) = read {
            way.root.since(read);
            drop(way.root.past("read hardware", Kind::Internal, read));
        }
        journey.way = Some(way);
        journey
    }

    fn way(&self, name: &str) -> Way {
        let mut root = self.tracer.begin(name);
        if root.is_recorded() {
            root.note("rollcall.node", &self.node);
            root.note("rollcall.zone", &self.zone);
        }
        Way { root, subscription: Span::none(), presence: Span::none() }
    }

    /// A step of the way that is neither message sent nor message heard.
    #[must_use]
    pub fn step(&self, name: &str, kind: Kind) -> Span {
        self.way.as_ref().map_or_else(Span::none, |way| way.root.child(name, kind))
    }

    /// A message goes out: what belongs to the way carries it along.
    pub fn send(&mut self, message: &mut Outgoing) {
        match message.kind {
            SUBSCRIPTION => {
                if self.way.is_none() {
                    self.way = Some(self.way("join again"));
                }
                message.trace =
                    self.way.as_mut().and_then(|way| asked(&way.root, &mut way.subscription, "subscription"));
            }
            PRESENCE => {
                message.trace = self.way.as_mut().and_then(|way| asked(&way.root, &mut way.presence, "presence"));
            }
            status::KIND => {
                let is_in = |way: &mut Way| !way.subscription.is_recorded() && !way.presence.is_recorded();
                if let Some(way) = self.way.take_if(is_in) {
                    message.trace = way.root.child("first status", Kind::Producer).context();
                }
            }
            _ => {}
        }
    }

    /// A message came in; it is a step of its trace, and ends what was asked.
    pub fn hear(&mut self, delivery: &Delivery, inbox: &str) -> Option<Handling> {
        let handling = Handling::of(&self.tracer, delivery.trace(), &delivery.kind, inbox);
        if let Some(way) = &mut self.way {
            match delivery.kind.as_str() {
                "assignment" => way.subscription = Span::none(),
                "membership" => way.presence = Span::none(),
                _ => {}
            }
        }
        handling
    }
}

/// The step that a question is, however often it is asked.
fn asked(root: &Span, step: &mut Span, name: &str) -> Option<rollcall_model::TraceContext> {
    if !step.is_recorded() {
        *step = root.child(name, Kind::Producer);
    }
    step.context()
}
