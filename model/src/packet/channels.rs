//! What travels on the channels beyond alerts, policies and analytics: security, power, custom ones (Z6, Z9).

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::indicator::Severity;
use crate::{Purpose, UnixMillis};

/// A group controller or the zone itself → the zone, on `<channel>.<sender>`; the zone keeps it, and others may listen with queues of their own.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ChannelMessage {
    /// The channel.
    pub channel: Purpose,
    /// Short word for what happened, e.g. `join_refused`, `power_supply`, `note`.
    pub what: String,
    /// Name or id of what it is about.
    pub subject: String,
    /// How serious.
    pub severity: Severity,
    /// For people.
    pub message: String,
    /// For programs; any JSON value.
    #[serde(default)]
    pub detail: Value,
    /// When.
    pub at: UnixMillis,
}
