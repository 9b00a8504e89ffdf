//! How free each node is, as the zone hears it (A3 to A8), and targets for whoever has something to place.
//!
//! A task of its own beside the zone's loop receives RA messages straight from the nodes, so that neither the core nor the
//! database sees one of them. [`Availability`] is its readers' end: cheap to clone, and nobody who takes a target waits for
//! the task. Who may be a target is decided by what is committed: a node's state and health, orders to drain it, its
//! certificate, what was said of it on the security channel.

mod plan;

use std::collections::HashMap;
use std::sync::Arc;

pub use plan::Plan;
use rollcall_model::{GroupId, Millis, NodeId, Tick};
use rollcall_placement::receiver::Tally;
use rollcall_placement::{Barriers, Kind, Targets};
use rollcall_startup::Clock;
use tokio::sync::watch;

/// One node and one kind of message, as heard.
#[derive(Clone, Debug, PartialEq)]
pub struct NodeAvailability {
    /// The node.
    pub node: NodeId,
    /// The physical group it stands in.
    pub group: Option<GroupId>,
    /// Which kind of message.
    pub kind: Kind,
    /// How often it speaks, messages per second; none while it is silent, and after a single message.
    pub frequency: Option<f64>,
    /// f_RA recovered from that, in [min, 1]; none where there is no frequency, for a frequency nobody can have, and for
    /// the mixed kind.
    pub availability: Option<f64>,
    /// The relative error of the frequency; 1 where there is none.
    pub error: f64,
    /// How long ago it spoke last.
    pub age: Option<Millis>,
    /// Why it is no target now; empty where nothing bars it.
    pub barriers: Barriers,
    /// Its capacity beside the largest node's, in (0, 1].
    pub share: f64,
}

/// What the task shows.
#[derive(Clone, Debug, Default)]
pub(crate) struct View {
    pub plan: Option<Arc<Plan>>,
    pub everybody: Option<Targets>,
    pub groups: Arc<HashMap<GroupId, Targets>>,
    pub nodes: Arc<Vec<NodeAvailability>>,
    pub tally: Tally,
}

/// The readers' end of the zone's receiver.
#[derive(Clone, Debug)]
pub struct Availability {
    view: watch::Receiver<View>,
    clock: Clock,
}

impl Availability {
    /// Nothing is received.
    #[must_use]
    pub fn off() -> Self {
        Self { view: watch::Sender::new(View::default()).subscribe(), clock: Clock::start() }
    }

    /// What nodes are told to send; `None` where no policy says that they speak.
    #[must_use]
    pub fn plan(&self) -> Option<Arc<Plan>> {
        self.view.borrow().plan.clone()
    }

    /// Targets among all nodes, or those of a group of any kind. `None` where nobody speaks, or there is no such group.
    #[must_use]
    pub fn targets(&self, group: Option<GroupId>) -> Option<Targets> {
        let view = self.view.borrow();
        match group {
            Some(group) => view.groups.get(&group).cloned(),
            None => view.everybody.clone(),
        }
    }

    /// The clock that the receiver is told, for [`Targets`].
    #[must_use]
    pub fn now(&self) -> Tick {
        self.clock.now().tick
    }

    /// Every node and kind as heard, at most a second old.
    #[must_use]
    pub fn nodes(&self) -> Arc<Vec<NodeAvailability>> {
        Arc::clone(&self.view.borrow().nodes)
    }

    /// How many messages became what since the start.
    #[must_use]
    pub fn tally(&self) -> Tally {
        self.view.borrow().tally
    }
}
