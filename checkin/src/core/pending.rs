//! Joins that wait for the zone.

use rollcall_model::packet::{JoinRequest, NodeSubscription};
use rollcall_model::{InstanceId, Millis, SessionEpoch, Tick, Turnaround};

/// A node that asks again is not asked for again sooner.
const ASK_AGAIN: Millis = Millis(2_000);
/// A plan that the zone has not answered so long after it was asked last is forgotten; the node asks again. Sooner would cost most when the
/// zone's queue is longest: its answer would find nobody who waits.
const PLAN_LIFE: Millis = Millis(600_000);

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

    /// Whether this asks for what waits already. `latest` is the greatest epoch that is known of the node: should it have grown
    /// meanwhile, the zone is to hear of that.
    pub fn is_of(&self, subscription: &NodeSubscription, latest: SessionEpoch) -> bool {
        let waits = &self.request.subscription;
        waits.instance == subscription.instance && waits.hardware == subscription.hardware && waits.epoch >= latest
    }

    /// Whether the zone was asked and may have it in its queue still.
    pub fn is_on_its_way(&self, turnaround: Turnaround, now: Tick) -> bool {
        self.asked.is_some_and(|asked| turnaround.may_wait(asked, ASK_AGAIN, now))
    }

    /// Whether it need not be kept any longer.
    pub fn is_over(&self, now: Tick) -> bool {
        now.since(self.asked.unwrap_or(self.since)) >= PLAN_LIFE
    }
}
