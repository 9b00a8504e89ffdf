//! How free nodes are, and targets.

use serde::Deserialize;

/// A row of `/v1/availability`: a node and a kind, as it was heard.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
#[allow(missing_docs, reason = "described in docs/api.md")]
pub struct HeardNode {
    pub node_id: String,
    pub node: Option<String>,
    pub rack: Option<String>,
    pub state: Option<String>,
    pub kind: String,
    pub availability: Option<f64>,
    pub error: Option<f64>,
    pub messages_per_second: Option<f64>,
    pub age_ms: Option<u64>,
    pub share: f64,
    pub barred: Vec<String>,
}

/// `/v1/nodes/{node}/availability`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
#[allow(missing_docs, reason = "described in docs/api.md")]
pub struct NodeHeard {
    pub node_id: String,
    pub node: String,
    pub heard: Vec<HeardNode>,
    pub sent: Option<Sent>,
    pub problem: Option<String>,
}

/// How free a node says it is.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
#[allow(missing_docs, reason = "described in docs/api.md")]
pub struct Sent {
    pub storage: f64,
    pub processing: f64,
    pub communications: Option<f64>,
    pub share: f64,
    pub kinds: Vec<SentKind>,
}

/// One kind of message, as a node sends it.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
#[allow(missing_docs, reason = "described in docs/api.md")]
pub struct SentKind {
    pub kind: String,
    pub availability: f64,
    pub messages_per_second: f64,
}

/// `/v1/targets`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
#[allow(missing_docs, reason = "described in docs/api.md")]
pub struct Targets {
    #[serde(rename = "for")]
    pub kind: String,
    pub placed: bool,
    pub targets: Vec<TargetNode>,
    pub missing: Option<String>,
    pub considered: Vec<Look>,
}

/// A node to place something on.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
#[allow(missing_docs, reason = "described in docs/api.md")]
pub struct TargetNode {
    pub node_id: String,
    pub node: String,
    pub rack: Option<String>,
    pub address: Option<String>,
    pub state: Option<String>,
    pub availability: Option<f64>,
    pub error: Option<f64>,
    pub age_ms: u64,
}

/// A node that was looked at.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
#[allow(missing_docs, reason = "described in docs/api.md")]
pub struct Look {
    pub node: String,
    pub rack: Option<String>,
    pub source: String,
    pub outcome: String,
    pub score: Option<f64>,
    pub why: String,
}
