//! Actions on nodes (N7, G6): ordered by people or by a remedy, carried out once, their outcome recorded.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{ActionId, GroupId, NodeId, UnixMillis};

/// What can be done to a node. Each kind is off until the node's owner switches it on and the zone's policy allows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Action {
    /// Let people find the machine: blink its identify LED.
    Identify {
        /// For so long; 1 to 3600.
        seconds: u32,
    },
    /// Take no new work: runs the owner's drain command.
    Drain,
    /// Restart a service of the owner's allow-list.
    RestartService {
        /// Its unit name, e.g. `nginx.service`.
        service: String,
    },
    /// Restart the machine.
    Reboot,
}

/// The kind of an action.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ActionKind {
    /// [`Action::Identify`].
    Identify,
    /// [`Action::Drain`].
    Drain,
    /// [`Action::RestartService`].
    RestartService,
    /// [`Action::Reboot`].
    Reboot,
}

impl ActionKind {
    /// Every kind.
    pub const ALL: [Self; 4] = [Self::Identify, Self::Drain, Self::RestartService, Self::Reboot];

    /// The word used everywhere.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Identify => "identify",
            Self::Drain => "drain",
            Self::RestartService => "restart_service",
            Self::Reboot => "reboot",
        }
    }
}

impl fmt::Display for ActionKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl Action {
    /// Its kind.
    #[must_use]
    pub const fn kind(&self) -> ActionKind {
        match self {
            Self::Identify { .. } => ActionKind::Identify,
            Self::Drain => ActionKind::Drain,
            Self::RestartService { .. } => ActionKind::RestartService,
            Self::Reboot => ActionKind::Reboot,
        }
    }
}

/// Zone → group controller → node, from inbox to inbox: do this, once. The zone sends it again until an
/// [`ActionOutcome`] comes or the deadline passes; whoever has seen the id does not act again.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ActionOrder {
    /// Which order; a repetition has the same.
    pub action_id: ActionId,
    /// The physical group the node stands in.
    pub group: GroupId,
    /// The node.
    pub node: NodeId,
    /// What to do.
    pub action: Action,
    /// Ordered by a remedy, not by a person: not carried out while the group is dark.
    pub automatic: bool,
    /// Not begun after this, by the clock of who sends it: what is left is counted from the envelope's `sent`.
    pub deadline: UnixMillis,
    /// How long it may take once begun, milliseconds.
    pub time_limit_ms: u64,
}

/// How an order stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ActionState {
    /// Saved, not yet heard of by the node.
    Ordered,
    /// The node has begun.
    Running,
    /// Done.
    Done,
    /// Tried, and failed.
    Failed,
    /// Not tried: not allowed, not possible here, or the group is dark. Its group controller may say so when the node has begun
    /// already; that it is done is told then once it is heard.
    Refused,
    /// Not begun before its deadline, or not heard of in time: that it is done is told once it is heard.
    Expired,
}

impl ActionState {
    /// The word used everywhere.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ordered => "ordered",
            Self::Running => "running",
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Refused => "refused",
            Self::Expired => "expired",
        }
    }

    /// Whether nobody waits for more. Of what expired or was refused a node may tell later that it is done, or failed.
    #[must_use]
    pub const fn is_final(self) -> bool {
        !matches!(self, Self::Ordered | Self::Running)
    }
}

impl fmt::Display for ActionState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// Node → group controller on the group's `actions` queue, and on from there to the zone's joins queue.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ActionOutcome {
    /// Which order.
    pub action_id: ActionId,
    /// The node.
    pub node: NodeId,
    /// How it stands.
    pub state: ActionState,
    /// What was done, or why not; for people.
    pub message: String,
    /// When, by the node's clock.
    pub at: UnixMillis,
}
