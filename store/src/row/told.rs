//! Rows of what the zone is told and keeps for a while: messages on channels, summaries of groups.

use std::collections::BTreeMap;

use rollcall_model::indicator::Severity;
use rollcall_model::{GroupId, Millis, NodeState, Purpose, UnixMillis};
use serde::{Deserialize, Serialize};

/// Table `channel_messages`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct MessageRow {
    pub channel: Purpose,
    /// Within the channel, from 1, without gaps.
    pub number: u64,
    pub sent_ms: UnixMillis,
    pub sender: String,
    pub what: String,
    pub subject: String,
    pub severity: Severity,
    pub message: String,
    /// JSON, as text.
    pub detail: String,
}

/// How far a channel's messages are numbered.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub(crate) struct ChannelEnd {
    pub channel: Purpose,
    pub number: u64,
}

/// Table `channel_messages`: those of a channel up to a number go.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct ChannelCut {
    pub channel: Purpose,
    pub number: u64,
}

/// Table `analytics`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct AnalyticsRow {
    pub group_id: GroupId,
    pub at_ms: UnixMillis,
    pub session: u32,
    pub period_ms: Millis,
    pub states: BTreeMap<NodeState, u32>,
    pub bits: BTreeMap<String, u32>,
    /// By indicator: count, smallest, median, 90th and 99th percentile, largest.
    pub metrics: BTreeMap<String, (u64, f64, f64, f64, f64, f64)>,
    pub statuses: u64,
    pub refused: BTreeMap<String, u64>,
}
