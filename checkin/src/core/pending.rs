//! Joins that wait for the zone.

use rollcall_model::packet::{JoinRequest, NodeSubscription};
use rollcall_model::{InstanceId, Tick};

/// A plan the zone has not answered yet.
#[derive(Clone, Debug)]
pub(super) struct Pending {
    pub request: Box<JoinRequest>,
    /// Whether the table has the combination.
    pub known: bool,
    pub since: Tick,
    /// When the zone was asked last, if it was.
    pub asked: Option<Tick>,
    /// The node was told that the zone is away; the zone's answer is passed on when it comes.
    pub told_away: bool,
}

impl Pending {
    pub fn instance(&self) -> InstanceId {
        self.request.subscription.instance
    }

    /// Whether this asks for what waits already.
    pub fn is_of(&self, subscription: &NodeSubscription) -> bool {
        self.instance() == subscription.instance && self.request.subscription.hardware == subscription.hardware
    }
}
