//! Check-in services at places (Z7): ordered by the zone, run by the group controller there.

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use crate::{GroupId, Name};

/// Zone → group controller, to its inbox: run a check-in service at your place, or end it. Sent again until
/// [`CheckinPlaced`] answers it; one that runs already is told again that it runs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CheckinOrder {
    /// The group that is to run it.
    pub group: GroupId,
    /// The membership of the group.
    pub session: u32,
    /// The service's name; with the zone it makes its id.
    pub name: Name,
    /// What it is responsible for.
    pub ranges: Vec<IpNet>,
    /// Run it, or end it.
    pub run: bool,
}

/// Group controller → zone, on the joins queue: how the order ended, and each time it changes by itself.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CheckinPlaced {
    /// The group.
    pub group: GroupId,
    /// The membership of the group.
    pub session: u32,
    /// The service's name.
    pub name: Name,
    /// Whether it runs.
    pub running: bool,
    /// Why not, or how it ended; for people.
    pub message: Option<String>,
}
