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
use rollcall_zone_controller::leadership::core::Standby;

/// The wall clock when the world began.
pub(super) const WALL: u64 = 1_700_000_000_000;

/// Which daemon a process is; the number is its place among its kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Role {
    Zone(usize),
    Checkin(usize),
    Group(usize),
    Node(usize),
}

/// A place in the list of processes.
pub(super) type Pid = usize;

/// The core of a running process.
#[derive(Debug)]
pub(super) enum Core {
    /// A zone controller that has no lease, or no broker yet.
    Standby(Box<Standby>),
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
    /// Whether the network carries nothing from it.
    pub mute: bool,
    /// Whether the network carries nothing to it.
    pub deaf: bool,
    /// How far its wall clock is off, milliseconds.
    pub skew: i64,
    pub paused_until: u64,
    /// Whether its loop stands still in the middle of an event.
    pub stalled: bool,
    /// When it last stopped being paused or disconnected.
    pub back_at: u64,
    /// When its connection ended with a node of the broker, unless it is back.
    pub parted_at: Option<u64>,
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
            mute: false,
            deaf: false,
            skew: 0,
            paused_until: 0,
            stalled: false,
            back_at: 0,
            parted_at: None,
            armed: None,
            wanted: true,
        }
    }

    /// The present as this process sees it.
    pub fn now(&self, now: u64) -> Now {
        Now {
            tick: Tick(now.saturating_sub(self.started)),
            wall: UnixMillis((WALL + now).saturating_add_signed(self.skew)),
        }
    }

    /// Whether the network does not carry both ways.
    pub fn is_cut(&self) -> bool {
        self.mute || self.deaf
    }

    pub fn is_running(&self) -> bool {
        self.core.is_some()
    }

    /// When the core wants to be called, on the world's clock.
    pub fn deadline(&self) -> Option<u64> {
        let tick = match self.core.as_ref()? {
            Core::Standby(_) => return None,
            Core::Zone(zone) => zone.next_deadline()?,
            Core::Checkin(checkin) => checkin.next_deadline(),
            Core::Group(group) => group.next_deadline(),
            Core::Node(agent, _) => agent.next_deadline()?,
        };
        Some(self.started + tick.0)
    }
}
