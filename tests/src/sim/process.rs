//! A process: a core, its connection, and what stands between it and the world.

use std::collections::BTreeMap;

use rollcall_bus::Receipt;
use rollcall_bus::local::{ConsumerId, SessionId};
use rollcall_checkin::core::Checkin;
use rollcall_group_controller::core::Group;
use rollcall_model::{Now, Tick, UnixMillis};
use rollcall_node_agent::checkins::Checkins;
use rollcall_node_agent::core::Agent;
use rollcall_zone_controller::core::Zone;

/// The wall clock when the world began.
pub(super) const WALL: u64 = 1_700_000_000_000;

/// Which daemon a process is; the number is its place among its kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Role {
    Zone,
    Checkin(usize),
    Group(usize),
    Node(usize),
}

/// A place in the list of processes.
pub(super) type Pid = usize;

/// The core of a running process.
#[derive(Debug)]
pub(super) enum Core {
    Zone(Box<Zone>),
    Checkin(Box<Checkin>),
    Group(Box<Group>),
    Node(Box<Agent>, Checkins),
}

/// Which of its queues a process consumes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Lane {
    Inbox,
    Joins,
    Alerts,
    Analytics,
    Policies,
    Subscriptions,
    Presence,
    Health,
    BrokerEvents,
    Metrics,
    HealthAlerts,
    HealthActions,
    Availability,
}

/// A process, running or not.
#[derive(Debug)]
pub(super) struct Process {
    pub role: Role,
    pub name: String,
    /// Grows with every start and every end, so that what was meant for a former run finds nobody.
    pub life: u32,
    pub started: u64,
    pub core: Option<Core>,
    pub session: Option<SessionId>,
    pub consumers: Vec<(Lane, ConsumerId)>,
    /// Deliveries that are acknowledged later, by the number the core gave them.
    pub kept: BTreeMap<u64, Receipt>,
    /// Whether the network carries nothing to and from it.
    pub cut: bool,
    pub paused_until: u64,
    /// When it last stopped being paused or disconnected.
    pub back_at: u64,
    /// The deadline it waits for.
    pub armed: Option<u64>,
    /// Whether it is to run at all: `false` once it was ended for good.
    pub wanted: bool,
}

impl Process {
    pub fn new(role: Role, name: String) -> Self {
        Self {
            role,
            name,
            life: 0,
            started: 0,
            core: None,
            session: None,
            consumers: Vec::new(),
            kept: BTreeMap::new(),
            cut: false,
            paused_until: 0,
            back_at: 0,
            armed: None,
            wanted: true,
        }
    }

    /// The present as this process sees it.
    pub fn now(&self, now: u64) -> Now {
        Now { tick: Tick(now.saturating_sub(self.started)), wall: UnixMillis(WALL + now) }
    }

    pub fn is_running(&self) -> bool {
        self.core.is_some()
    }

    /// When the core wants to be called, on the world's clock.
    pub fn deadline(&self) -> Option<u64> {
        let tick = match self.core.as_ref()? {
            Core::Zone(zone) => zone.next_deadline()?,
            Core::Checkin(checkin) => checkin.next_deadline(),
            Core::Group(group) => group.next_deadline(),
            Core::Node(agent, _) => agent.next_deadline()?,
        };
        Some(self.started + tick.0)
    }
}
