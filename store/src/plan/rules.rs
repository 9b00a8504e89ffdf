//! Groups by rule: made, changed, dissolved, entered and left.

use rollcall_model::{GroupId, Millis, Name, NodeId, UnixMillis};
use serde_json::json;

use super::{Plan, counted, written};
use crate::row::{GroupRow, KnownNode, MembershipRow};
use crate::{Change, CommitError, GroupKind, GroupRule};

impl Plan {
    /// A rule that is in force already changes nothing, and a group that was dissolved stays so.
    pub(super) fn rule_group_set(&mut self, change: &Change) -> Result<(), CommitError> {
        let Change::RuleGroupSet { group, kind, name, rule, origin, at } = change else { return Ok(()) };
        if *kind == GroupKind::Physical {
            return Err(CommitError::WrongKind { group: *group, is: *kind, wanted: GroupKind::Logical });
        }
        let (at, rule) = (written(*at), sized(rule));
        let had = self.stored.groups.get(group);
        let is_new = had.is_none();
        if let Some(had) = had {
            let had_rule = had.by_rule().ok_or(CommitError::NotByRule { group: *group })?;
            let is_same = (&had_rule, had.kind, &had.name) == (&rule, *kind, name);
            if is_same || had.dissolved_ms.is_some() {
                return Ok(());
            }
        }
        let row = GroupRow {
            group_id: *group,
            kind: *kind,
            name: name.clone(),
            place: None,
            capability: None,
            origin: had.map_or_else(|| origin.clone(), |had| had.origin.clone()),
            addresses: Vec::new(),
            session: 0,
            instance: None,
            created_ms: had.map_or(at, |had| had.created_ms),
            joined_ms: None,
            rule: Some(rule.rule.clone()),
            enter_dwell_ms: Some(rule.enter_dwell),
            leave_dwell_ms: Some(rule.leave_dwell),
            dissolved_ms: None,
            dissolved_by: None,
        };
        self.stored.groups.insert(*group, row);
        self.writes.touched.groups.insert(*group);
        let word = kind.as_str();
        let (event, message) = if is_new {
            ("group_created", format!("{word} group {name} created by {origin}: {}", rule.rule))
        } else {
            ("group_rule_changed", format!("{word} group {name} has a new rule by {origin}: {}", rule.rule))
        };
        let detail = json!({
            "kind": kind, "rule": rule.rule, "enter_dwell_ms": rule.enter_dwell, "leave_dwell_ms": rule.leave_dwell,
            "origin": origin,
        });
        self.event(at, event, ("group", group.to_string()), message, &detail);
        Ok(())
    }

    /// Its members leave it. Dissolving it again changes nothing.
    pub(super) fn group_dissolved(&mut self, group: GroupId, by: &str, at: UnixMillis) -> Result<(), CommitError> {
        let row = self.group_by_rule(group, "a dissolution")?;
        if row.dissolved_ms.is_some() {
            return Ok(());
        }
        let mut row = row.clone();
        let name = row.name.clone();
        row.dissolved_ms = Some(at);
        row.dissolved_by = Some(by.to_owned());
        self.stored.groups.insert(group, row);
        self.writes.touched.groups.insert(group);
        let members = self.history.leave_all(group, at, &format!("group dissolved by {by}"));
        let message = format!("group {name} dissolved by {by}; {members} nodes left it");
        let detail = json!({ "by": by, "members": members });
        self.event(at, "group_dissolved", ("group", group.to_string()), message, &detail);
        Ok(())
    }

    /// A node that is in the group already stays, and nobody enters a group that was dissolved.
    pub(super) fn node_entered(
        &mut self,
        node: NodeId,
        group: GroupId,
        reason: &str,
        at: UnixMillis,
    ) -> Result<(), CommitError> {
        let row = self.group_by_rule(group, "an entry")?;
        if row.dissolved_ms.is_some() {
            return Ok(());
        }
        let group_name = row.name.clone();
        let name = self.known(node, "an entry")?.name.clone();
        let row = MembershipRow {
            node_id: node,
            group_id: group,
            from_ms: at,
            reason: reason.to_owned(),
            until_ms: None,
            left_reason: None,
        };
        if self.history.enter(row) {
            let message = moved(&name, "entered", &group_name, reason);
            let detail = json!({ "group": group, "reason": reason });
            self.event(at, "node_entered", ("node", node.to_string()), message, &detail);
        }
        Ok(())
    }

    /// Leaving where one is not changes nothing.
    pub(super) fn node_left(
        &mut self,
        node: NodeId,
        group: GroupId,
        reason: &str,
        at: UnixMillis,
    ) -> Result<(), CommitError> {
        if !self.history.leave((node, group), at, reason) {
            return Ok(());
        }
        let group_name = self.group_by_rule(group, "a departure")?.name.clone();
        let name = self.known(node, "a departure")?.name.clone();
        let message = moved(&name, "left", &group_name, reason);
        let detail = json!({ "group": group, "reason": reason });
        self.event(at, "node_left", ("node", node.to_string()), message, &detail);
        Ok(())
    }

    /// The group, which must be stored and made by a rule.
    fn group_by_rule(&self, group: GroupId, wanted_by: &'static str) -> Result<&GroupRow, CommitError> {
        let row = self.group(group, wanted_by)?;
        if row.rule.is_some() { Ok(row) } else { Err(CommitError::NotByRule { group }) }
    }

    /// What little is known of a node, which must be stored.
    pub(super) fn known(&mut self, node: NodeId, wanted_by: &'static str) -> Result<&mut KnownNode, CommitError> {
        self.known_if_stored(node).ok_or_else(|| CommitError::Missing { what: "node", id: node.to_string(), wanted_by })
    }

    /// The same, where the node is stored, or was made earlier in this batch.
    pub(super) fn known_if_stored(&mut self, node: NodeId) -> Option<&mut KnownNode> {
        if let Some(placed) = self.stored.nodes.get(&node) {
            let name = placed.node.name.clone();
            self.stored.known.entry(node).or_insert_with(|| KnownNode {
                node_id: node,
                name,
                version: 0,
                applied_ms: None,
                refused_version: None,
                refused_ms: None,
                problem: None,
            });
        }
        self.stored.known.get_mut(&node)
    }
}

/// Dwell times as SQL can hold them.
fn sized(rule: &GroupRule) -> GroupRule {
    let cut = |dwell: Millis| Millis(counted(dwell.0));
    GroupRule { rule: rule.rule.clone(), enter_dwell: cut(rule.enter_dwell), leave_dwell: cut(rule.leave_dwell) }
}

/// `node web-3 entered hot: cpu_temperature is set`.
fn moved(name: &Name, how: &str, group: &Name, reason: &str) -> String {
    let reason = if reason.is_empty() { String::new() } else { format!(": {reason}") };
    format!("node {name} {how} {group}{reason}")
}
