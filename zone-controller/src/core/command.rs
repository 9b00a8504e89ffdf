//! What people ask a zone to do, through the API. Each is decided by the core, saved, and only then answered.

use rollcall_model::packet::Action;
use rollcall_model::{Capability, Millis, Name, Purpose};
use rollcall_store::GroupKind;
use serde::{Deserialize, Serialize};

/// A command. `by` is who gives it, as far as that is known.
#[derive(Clone, Debug, PartialEq)]
pub enum Command {
    /// Check a policy, and obey it from now on unless `dry_run`. Answers `{version, changes, dry_run}`.
    SetPolicy {
        /// The policy, in TOML.
        document: String,
        /// Why.
        comment: String,
        /// Who.
        by: String,
        /// Only check and compare.
        dry_run: bool,
    },
    /// Obey a former version again, as a new version.
    RollbackPolicy {
        /// The former version.
        version: u64,
        /// Its text, from the store.
        document: String,
        /// Who.
        by: String,
    },
    /// Make a group by rule, or change the rule of one. Answers `{group_id, members}`.
    SetRuleGroup {
        /// Its name.
        name: Name,
        /// Logical or health.
        kind: GroupKind,
        /// The rule (CEL).
        rule: String,
        /// It must hold for so long before a node enters.
        enter_dwell: Millis,
        /// It must not hold for so long before a node leaves.
        leave_dwell: Millis,
        /// Who.
        by: String,
    },
    /// Dissolve a group by rule.
    DissolveGroup {
        /// Its name or id.
        group: String,
        /// Who.
        by: String,
    },
    /// Who would be in a group of this rule; changes nothing. Answers `{matching: [names], nodes, unknown}`.
    TestRule {
        /// The rule (CEL).
        rule: String,
    },
    /// Somebody has seen an alert.
    AcknowledgeAlert {
        /// Its number.
        alert: i64,
        /// What they say to it.
        comment: String,
        /// Who.
        by: String,
    },
    /// Order an action on a node. Answers `{action_id}`.
    OrderAction {
        /// Name, id, or beginning of the id of the node.
        node: String,
        /// What to do.
        action: Action,
        /// Not begun after so long.
        deadline: Millis,
        /// Who.
        by: String,
    },
    /// Say something on a channel beyond alerts, policies and analytics.
    Send {
        /// The channel.
        channel: Purpose,
        /// Short word for what it is.
        what: String,
        /// What it is about.
        subject: String,
        /// For people.
        message: String,
        /// Who.
        by: String,
    },
    /// Decide on a combination of hardware that waits for approval.
    DecideCombination {
        /// The combination.
        capability: Capability,
        /// Let its nodes join, in a group of this name if given.
        approve: bool,
        /// Name of its group.
        name: Option<Name>,
        /// Who.
        by: String,
    },
    /// What a node measures right now; answered when it answers.
    Readings {
        /// Name, id, or beginning of the id of the node.
        node: String,
    },
}

/// Why a command was not carried out. Nothing was changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{message}")]
pub struct Rejection {
    /// What kind of refusal.
    pub kind: RejectionKind,
    /// What was wrong and what to do, for people.
    pub message: String,
    /// More of it, one per line: each problem of a policy, say.
    pub details: Vec<String>,
}

/// What kind of refusal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RejectionKind {
    /// The command itself is wrong (HTTP 422).
    Invalid,
    /// What it speaks of is not there (404).
    Missing,
    /// It does not fit how things stand (409).
    Conflict,
    /// The node did not answer in time (504).
    Silent,
}

impl Rejection {
    /// The command itself is wrong.
    #[must_use]
    pub fn invalid(message: impl Into<String>) -> Self {
        Self { kind: RejectionKind::Invalid, message: message.into(), details: Vec::new() }
    }

    /// What it speaks of is not there.
    #[must_use]
    pub fn missing(message: impl Into<String>) -> Self {
        Self { kind: RejectionKind::Missing, message: message.into(), details: Vec::new() }
    }

    /// It does not fit how things stand.
    #[must_use]
    pub fn conflict(message: impl Into<String>) -> Self {
        Self { kind: RejectionKind::Conflict, message: message.into(), details: Vec::new() }
    }
}
