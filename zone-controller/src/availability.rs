//! How free each node is, as the zone hears it (A3 to A8), and targets for whoever has something to place.
//!
//! A task of its own beside the zone's loop receives RA messages straight from the nodes, so that neither the core nor the
//! database sees one of them. [`Availability`] is its readers' end: cheap to clone, and who holds [`Targets`] never waits for
//! the task. Who may be a target is decided by what is committed: a node's state and health, orders to drain it, whether it
//! was thrown out, what was said of it on the security channel.
//!
//! ```text
//!  zone's loop ──what was committed──▶ facts ─▶ fleet ─▶ who may be a target ─┐
//!  nodes ──RA messages, capacities──▶ zone.availability ──────────────▶ receiver ─▶ rings ─▶ API, web page
//!  programs ──targets.<user>──▶ zone.targets ─▶ answers ◀──────────────────────────────┘
//! ```

mod answers;
mod core;
mod driver;
mod facts;
mod fleet;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use rollcall_model::{GroupId, Millis, NodeId, Tick};
pub use rollcall_placement::plan::Plan;
use rollcall_placement::receiver::Tally;
use rollcall_placement::{Barriers, Kind, Targets};
use rollcall_startup::Clock;
use tokio::sync::watch;

pub use self::driver::{Committed, Ear, open};

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
struct View {
    plan: Option<Arc<Plan>>,
    everybody: Option<Targets>,
    groups: Arc<HashMap<GroupId, Targets>>,
    nodes: Arc<Vec<NodeAvailability>>,
    tally: Tally,
    dropped: Arc<BTreeMap<&'static str, u64>>,
    answered: Arc<BTreeMap<&'static str, u64>>,
    flooding: u64,
}

/// What was heard, for metrics: none of it grows with the number of nodes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AvailabilityFigures {
    /// Whether a policy has nodes speak.
    pub on: bool,
    /// RA messages by what became of them.
    pub messages: BTreeMap<&'static str, u64>,
    /// How often the receiver was held up, so that it measured nothing across.
    pub pauses: u64,
    /// Nodes that are capped now because they flood.
    pub flooding: u64,
    /// Nodes that nothing bars and that were heard within their time.
    pub eligible: u64,
    /// Questions of programs over AMQP by what became of them.
    pub asked: BTreeMap<&'static str, u64>,
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

    /// Targets among all nodes, or those of a group of any kind. `None` where nobody speaks, and for a group that there is
    /// not or that nobody is in. They are of the policy in force: ask for them anew rather than keep them for long.
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

    /// Every node and kind as heard, by node; at most about a second old.
    #[must_use]
    pub fn nodes(&self) -> Arc<Vec<NodeAvailability>> {
        Arc::clone(&self.view.borrow().nodes)
    }

    /// How many messages became what since the start.
    #[must_use]
    pub fn tally(&self) -> Tally {
        let view = self.view.borrow();
        let strangers = view.dropped.get("unknown_node").copied().unwrap_or_default();
        Tally { unknown: view.tally.unknown + strangers, ..view.tally }
    }

    /// What was heard, for metrics.
    #[must_use]
    pub fn figures(&self) -> AvailabilityFigures {
        let view = self.view.borrow().clone();
        let mut messages = BTreeMap::from([
            ("taken", view.tally.taken),
            ("unknown_node", view.tally.unknown),
            ("too_fast", view.tally.too_fast),
            ("flooding", view.tally.flooding),
            ("old_epoch", 0),
            ("not_asked_for", 0),
        ]);
        for (reason, count) in view.dropped.iter() {
            *messages.entry(*reason).or_default() += count;
        }
        let is_target = |row: &&NodeAvailability| row.barriers.is_empty() && row.frequency.is_some();
        let mut eligible: Vec<NodeId> = view.nodes.iter().filter(is_target).map(|row| row.node).collect();
        eligible.dedup();
        AvailabilityFigures {
            on: view.everybody.is_some(),
            messages,
            pauses: view.tally.pauses,
            flooding: view.flooding,
            eligible: eligible.len() as u64,
            asked: view.answered.as_ref().clone(),
        }
    }
}
