//! Readings: to the group's metrics queue now and then (N6), and to the zone when somebody asks.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{AvailabilityKind, Millis, NodeId, SessionEpoch};

/// Node → group controller, on the group's `metrics` queue; the newest wins.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Metrics {
    /// The node.
    pub node: NodeId,
    /// Its epoch.
    pub epoch: SessionEpoch,
    /// Readings by the indicator's name, in the dictionary's units; only those that could be measured.
    pub readings: BTreeMap<String, f64>,
}

/// How one metric was distributed over a group's nodes in a period.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Quantiles {
    /// Readings taken.
    pub count: u64,
    /// Smallest.
    pub min: f64,
    /// Median, estimated.
    pub p50: f64,
    /// 90th percentile, estimated.
    pub p90: f64,
    /// 99th percentile, estimated.
    pub p99: f64,
    /// Largest.
    pub max: f64,
}

/// Zone → node, to its inbox: what do you measure right now?
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ReadingsRequest {
    /// Told back in the answer.
    pub request: u64,
}

/// Node → zone, under its [`crate::route::readings_key`]: the latest sample with what it is judged by.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Readings {
    /// From the request.
    pub request: u64,
    /// The node.
    pub node: NodeId,
    /// How old the sample is.
    pub age_ms: Millis,
    /// Version of the policy the node obeys; 0 for none.
    pub policy: u64,
    /// The 24 indicators, by bit.
    pub indicators: Vec<Reading>,
    /// How free the node says it is; absent while it says nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub availability: Option<AvailabilitySent>,
}

/// How free a node says it is (A1): what its frequency comes from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AvailabilitySent {
    /// S: the fuller of memory and disk, a fraction.
    pub storage: f64,
    /// P: processor time in use, a fraction.
    pub processing: f64,
    /// C: the busier direction of the network, a fraction of the link's speed; `None` when it cannot be measured.
    pub communications: Option<f64>,
    /// Its capacity as a fraction of the largest node's (A7).
    pub share: f64,
    /// What it sends.
    pub kinds: Vec<KindSent>,
}

/// One kind of RA message as a node sends it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct KindSent {
    /// The kind.
    pub kind: AvailabilityKind,
    /// f_RA, from the policy's `min` to 1.
    pub availability: f64,
    /// V, messages per second.
    pub messages_per_second: f64,
}

/// One indicator as a node sees it now.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Reading {
    /// Its name.
    pub name: String,
    /// The reading in the dictionary's unit; `None` when it cannot be measured.
    pub value: Option<f64>,
    /// Why not, for people; `None` exactly where there is a reading.
    pub reason: Option<String>,
    /// Whether the bit is set.
    pub set: bool,
    /// The bit is set beyond this.
    pub limit: f64,
    /// The bit is cleared on the good side of this.
    pub clear: f64,
    /// Whether beyond means above; below otherwise.
    pub above: bool,
    /// How long a reading must last.
    pub dwell_ms: Millis,
}
