//! Policies (G8, Z9): what a zone wants of its nodes, written by people, versioned, obeyed without a restart.
//!
//! A [`PolicyDocument`] is written for the whole zone. The zone checks it before anybody hears of it, gives it a
//! version, and tells each group its part ([`GroupPolicy`]); the group tells each node its [`Settings`]; the node
//! resolves them against the dictionary ([`Settings::resolve`]) and says which version it runs.
//!
//! Everything that is not set keeps the value of the wider scope: node before group before zone before dictionary.

mod availability;
mod check;
mod resolve;
mod written;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

pub use self::availability::{
    AvailabilitySettings, FullNodes, ParseTimeError, SchedulePoint, SentKinds, TimeOfDay, UsageThresholds,
};
pub use self::check::{Known, Problem};
pub use self::resolve::{Resolved, UnworkableSettings};
use crate::Name;
use crate::packet::{Action, ActionKind};

/// One policy, as people write it (TOML) and as the store keeps it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PolicyDocument {
    /// For every node of the zone.
    #[serde(deserialize_with = "written::settings")]
    pub settings: Settings,
    /// For some of them; later ones win over earlier ones, those for nodes over those for groups.
    pub overrides: Vec<Override>,
    /// What may be done to nodes.
    pub actions: ActionPolicy,
    /// How nodes check in.
    pub checkin: CheckinPolicy,
    /// Who may join.
    pub join: JoinPolicy,
    /// What groups tell of all their nodes together.
    pub analytics: AnalyticsPolicy,
}

/// What groups tell of all their nodes together (G7).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AnalyticsPolicy {
    /// How often a group sends its summary, milliseconds; 1000 to 3600000.
    pub period_ms: u64,
}

impl Default for AnalyticsPolicy {
    fn default() -> Self {
        Self { period_ms: 10_000 }
    }
}

/// Settings of a node. What is `None` or absent keeps the value of the wider scope.
///
/// In a packet, keys of a later version are ignored; in a document, a key that is not known is a mistake.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Settings {
    /// How often indicators are sampled, milliseconds; 200 to 60000.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sample_period_ms: Option<u64>,
    /// Pace of keep-alives, milliseconds; 200 to 60000.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub keep_alive_ms: Option<u64>,
    /// How often readings go to the metrics queue, milliseconds; 1000 to 3600000.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metrics_period_ms: Option<u64>,
    /// How nodes say how free they are; for the whole zone only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub availability: Option<AvailabilitySettings>,
    /// Indicators by name.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub indicators: BTreeMap<String, IndicatorSetting>,
}

/// What is set of one indicator.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct IndicatorSetting {
    /// The bit is set beyond this.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<f64>,
    /// The bit is cleared on the good side of this.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub clear: Option<f64>,
    /// How long a reading must last, milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dwell_ms: Option<u64>,
    /// `false` switches the indicator off: it is then masked, with that reason.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub enabled: Option<bool>,
}

/// Settings for some nodes. Exactly one of `group` and `node` is given.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Override {
    /// Name of a physical group; a trailing `*` stands for any rest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    /// Name of a node; a trailing `*` stands for any rest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node: Option<String>,
    /// What they are given.
    #[serde(deserialize_with = "written::settings")]
    pub settings: Settings,
}

/// What may be done to nodes, and what is done of the zone's own accord.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ActionPolicy {
    /// Kinds the zone signs off; a node's owner must allow them as well.
    pub allowed: Vec<ActionKind>,
    /// Most automatic actions under way in one rack at a time; 1 to 100.
    pub budget_per_rack: u32,
    /// What is done without being asked; nothing unless listed.
    pub remedies: Vec<Remedy>,
}

impl Default for ActionPolicy {
    fn default() -> Self {
        Self { allowed: Vec::new(), budget_per_rack: 1, remedies: Vec::new() }
    }
}

/// An automatic remedy.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Remedy {
    /// Its name, told as who ordered the action.
    pub name: Name,
    /// A rule (CEL, see `docs/rules.md`); the action is ordered once each time a node comes to fulfil it.
    pub when: String,
    /// What is done.
    pub action: Action,
}

/// How nodes check in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CheckinPolicy {
    /// What becomes of a combination of hardware nobody foresaw; `None` leaves it to the zone's configuration.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unknown_combinations: Option<UnknownCombinations>,
}

/// What becomes of a combination of hardware nobody foresaw (C5).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UnknownCombinations {
    /// A new logical group is made.
    #[default]
    Create,
    /// The node waits until somebody approves the combination.
    Hold,
    /// The node is refused.
    Refuse,
}

/// Who may join the zone at all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct JoinPolicy {
    /// What becomes of whoever brings no token.
    pub unknown: UnknownJoiners,
}

/// What becomes of a node or group that brings no token.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UnknownJoiners {
    /// They are refused.
    #[default]
    Refuse,
    /// They wait until somebody approves them.
    Hold,
}

/// One group's part of a policy.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct GroupPolicy {
    /// For every node of the group: the zone's with the group's over them.
    pub settings: Settings,
    /// Patterns of node names, and what these nodes are given on top; later ones win.
    pub nodes: Vec<(String, Settings)>,
}

impl PolicyDocument {
    /// The part of a physical group of this name.
    #[must_use]
    pub fn for_group(&self, group: &Name) -> GroupPolicy {
        let mut part = GroupPolicy { settings: self.settings.clone(), nodes: Vec::new() };
        for over in &self.overrides {
            if let Some(pattern) = &over.node {
                part.nodes.push((pattern.clone(), over.settings.clone()));
            } else if over.group.as_deref().is_some_and(|pattern| matches_name(pattern, group.as_str())) {
                part.settings = part.settings.overlaid_by(&over.settings);
            }
        }
        part
    }
}

impl GroupPolicy {
    /// The settings of a node of this name.
    #[must_use]
    pub fn for_node(&self, node: &Name) -> Settings {
        self.nodes
            .iter()
            .filter(|(pattern, _)| matches_name(pattern, node.as_str()))
            .fold(self.settings.clone(), |settings, (_, over)| settings.overlaid_by(over))
    }
}

impl Settings {
    /// These settings with `over` on top, key by key; but how nodes say how free they are is set by the widest alone.
    #[must_use]
    pub fn overlaid_by(&self, over: &Self) -> Self {
        let mut indicators = self.indicators.clone();
        for (name, setting) in &over.indicators {
            let under = indicators.entry(name.clone()).or_default();
            *under = IndicatorSetting {
                limit: setting.limit.or(under.limit),
                clear: setting.clear.or(under.clear),
                dwell_ms: setting.dwell_ms.or(under.dwell_ms),
                enabled: setting.enabled.or(under.enabled),
            };
        }
        Self {
            sample_period_ms: over.sample_period_ms.or(self.sample_period_ms),
            keep_alive_ms: over.keep_alive_ms.or(self.keep_alive_ms),
            metrics_period_ms: over.metrics_period_ms.or(self.metrics_period_ms),
            availability: self.availability.clone(),
            indicators,
        }
    }
}

/// Whether a name is meant by a pattern: the name itself, or its beginning and `*`.
#[must_use]
pub fn matches_name(pattern: &str, name: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(beginning) => name.starts_with(beginning),
        None => pattern == name,
    }
}

#[cfg(test)]
mod tests;
