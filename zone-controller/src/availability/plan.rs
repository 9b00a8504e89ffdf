//! Stands for `placement`'s plan of the same name until that is there.

use rollcall_model::Millis;
use rollcall_placement::SendingPolicy;
use rollcall_placement::capacity::Capacity;
use rollcall_placement::schedule::Schedule;

/// What a policy has nodes send, worked out.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// k, l, kinds and so on.
    pub sending: SendingPolicy,
    /// α over the day.
    pub schedule: Schedule,
    /// IANA name of its time zone.
    pub time_zone: String,
    /// How often nodes repeat their capacity.
    pub capacity_period: Millis,
    /// Capacity of the zone's largest node.
    pub largest: Option<Capacity>,
}
