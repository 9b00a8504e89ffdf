//! What people ask a zone to do, through the API. Each is decided by the core, saved, and only then answered.

mod dispatch;
mod expected;
mod rejection;

use rollcall_model::packet::Action;
use rollcall_model::{Capability, Millis, Name, NodeId, Purpose};
use rollcall_store::GroupKind;

pub use self::expected::Expected;
pub use self::rejection::{Rejection, RejectionKind};
use super::candidates::Demands;
use super::enrolment::Trust;

/// Who gives a command, and from where; both go to the audit log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct By {
    /// A name of a user, a principal, or what the program that asks calls itself.
    pub who: String,
    /// The address it came from, or `broker`; empty where it is not known.
    pub origin: String,
}

impl From<&str> for By {
    fn from(who: &str) -> Self {
        Self { who: who.to_owned(), origin: String::new() }
    }
}

impl From<String> for By {
    fn from(who: String) -> Self {
        Self { who, origin: String::new() }
    }
}

/// A command. What changes something is answered once the change and its line in the audit log are saved.
#[derive(Clone, Debug, PartialEq)]
pub enum Command {
    /// Check a policy, and obey it from now on unless `dry_run`. Answers `{version, changes, dry_run}`.
    SetPolicy {
        /// The policy, in TOML.
        document: String,
        /// Why.
        comment: String,
        /// Who.
        by: By,
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
        by: By,
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
        by: By,
    },
    /// Dissolve a group by rule.
    DissolveGroup {
        /// Its name or id.
        group: String,
        /// Who.
        by: By,
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
        by: By,
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
        by: By,
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
        by: By,
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
        by: By,
    },
    /// What a node measures right now; answered when it answers.
    Readings {
        /// Name, id, or beginning of the id of the node.
        node: String,
    },
    /// Which of these nodes fulfil what is asked of a target; changes nothing. Answers why not, or null, by node id.
    JudgeCandidates {
        /// The nodes.
        nodes: Vec<NodeId>,
        /// What is asked of them.
        demands: Demands,
    },
    /// Tokens, joins, certificates, users, the audit log.
    Trust(Box<Trust>),
    /// Another command, if things are still as whoever gives it saw them. Answers what that answers.
    If(Expected, Box<Command>),
}
