//! The audit log: one line for everything people and programs change, saved with the change itself.

use rollcall_model::Now;
use rollcall_store::{GroupRecord, TrustChange};
use serde_json::{Value, json};

use super::{By, Command, Effect, Zone};

/// What the log calls that somebody was given a certificate.
pub const CERTIFICATE_ISSUED: &str = "certificate_issued";
/// Longest text of a line, characters.
const LONGEST: usize = 200;
/// Largest before and after, bytes of JSON.
const LARGEST: usize = 16 * 1024;

/// A line of the audit log.
pub(super) fn line(now: Now, by: &By, action: &str, subject: &str, before: Value, after: Value) -> Effect {
    let cut = |text: &str| text.chars().take(LONGEST).collect::<String>();
    let change = TrustChange::Audited {
        at: now.wall,
        who: cut(&by.who),
        origin: cut(&by.origin),
        action: cut(action),
        subject: cut(subject),
        before: sized(before),
        after: sized(after),
    };
    Effect::Save(change.into())
}

fn sized(value: Value) -> Value {
    let size = value.to_string().len();
    if size <= LARGEST { value } else { json!({ "dropped": format!("{size} bytes are more than {LARGEST}") }) }
}

/// What is known of a command before it is carried out.
pub(super) struct Draft {
    by: By,
    action: &'static str,
    subject: String,
    before: Value,
    after: Value,
}

impl Draft {
    /// The line, once the command was answered: what the answer has given (a version, an id) is part of it.
    pub(super) fn line(self, now: Now, answer: &Value) -> Effect {
        let Self { by, action, subject, before, mut after } = self;
        if let Some(after) = after.as_object_mut() {
            for key in ["version", "changes", "group_id", "action_id"] {
                if let Some(given) = answer.get(key) {
                    after.insert(key.to_owned(), given.clone());
                }
            }
        }
        line(now, &by, action, &subject, before, after)
    }
}

impl Zone {
    /// What the audit log is to say of a command; `None` for one that asks only, and for those about trust, which say
    /// it themselves.
    pub(super) fn draft(&self, command: &Command) -> Option<Draft> {
        let draft = |by: &By, action, subject: String, before, after| {
            Some(Draft { by: by.clone(), action, subject, before, after })
        };
        match command {
            Command::SetPolicy { dry_run: true, .. }
            | Command::TestRule { .. }
            | Command::JudgeCandidates { .. }
            | Command::Readings { .. }
            | Command::Trust(_)
            | Command::If(..) => None,
            Command::SetPolicy { comment, by, .. } => {
                draft(by, "policy_set", "policy".into(), self.policy_version(), json!({ "comment": comment }))
            }
            Command::RollbackPolicy { version, by, .. } => {
                draft(by, "policy_rolled_back", "policy".into(), self.policy_version(), json!({ "text_of": version }))
            }
            Command::SetRuleGroup { name, kind, rule, enter_dwell, leave_dwell, by } => {
                let after = json!({
                    "kind": kind, "rule": rule, "enter_dwell_ms": enter_dwell, "leave_dwell_ms": leave_dwell,
                });
                draft(by, "group_set", name.to_string(), self.rule_named(name.as_str()), after)
            }
            Command::DissolveGroup { group, by } => {
                draft(by, "group_dissolved", group.clone(), self.rule_named(group), Value::Null)
            }
            Command::AcknowledgeAlert { alert, comment, by } => {
                let after = json!({ "comment": comment });
                draft(by, "alert_acknowledged", format!("alert {alert}"), Value::Null, after)
            }
            Command::OrderAction { node, action, deadline, by } => {
                let after = json!({ "action": action, "deadline_ms": deadline });
                draft(by, "action_ordered", node.clone(), Value::Null, after)
            }
            Command::Send { channel, what, subject, message, by } => {
                let after = json!({ "what": what, "subject": subject, "message": message });
                draft(by, "channel_sent", channel.as_str().to_owned(), Value::Null, after)
            }
            Command::DecideCombination { capability, approve, name, by } => {
                let after = json!({ "approved": approve, "name": name });
                draft(by, "combination_decided", capability.to_string(), Value::Null, after)
            }
        }
    }

    fn policy_version(&self) -> Value {
        json!({ "version": self.policies.version() })
    }

    /// A group by rule, named by its name or id.
    pub(super) fn rule_group(&self, group: &str) -> Option<&GroupRecord> {
        self.groups
            .values()
            .find(|known| known.rule.is_some() && (known.name.as_str() == group || known.group.to_string() == group))
    }

    /// The rule of a group, named by its name or id.
    fn rule_named(&self, group: &str) -> Value {
        let Some(known) = self.rule_group(group) else { return Value::Null };
        let rule = known.rule.as_ref();
        json!({
            "kind": known.kind, "rule": rule.map(|rule| &rule.rule),
            "enter_dwell_ms": rule.map(|rule| rule.enter_dwell), "leave_dwell_ms": rule.map(|rule| rule.leave_dwell),
        })
    }
}
