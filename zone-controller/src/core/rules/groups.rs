//! Groups by rule, as people make, change, rehearse and dissolve them.

use std::collections::BTreeSet;

use rollcall_grouping::Rule;
use rollcall_model::{GroupId, Millis, Name, NodeId, Now};
use rollcall_store::{Change, GroupKind, GroupRecord, GroupRule};
use serde_json::{Value, json};

use super::super::{Effect, Rejection, RejectionKind, Zone};
use super::save_moves;

/// The groups every zone has, one of an earlier version too, and their rules. They may be changed and dissolved like any
/// other, and stay dissolved.
const DEFAULTS: [(&str, &str); 2] = [
    ("hot", "health.cpu_temperature || health.inlet_temperature || health.cpu_throttled"),
    (
        "quarantine",
        "health.memory_uncorrectable || health.device_health || health.filesystem_readonly || health.kernel_faults",
    ),
];
/// A default group is entered at once: each indicator has dwelt already.
const DEFAULT_ENTER: Millis = Millis(0);
/// And left after this.
const DEFAULT_LEAVE: Millis = Millis(10_000);
/// Most groups by rule: each rule is asked with every change of a node.
const MOST_GROUPS: usize = 200;
/// Longest dwell.
const LONGEST_DWELL: Millis = Millis(24 * 3_600_000);
/// Nodes a rehearsal gives a reason for, of those it cannot decide.
const TOLD: usize = 5;

impl Zone {
    /// Makes a group by rule, or changes the rule of the one that has this name. Setting what is set already changes
    /// nothing.
    pub(in crate::core) fn set_rule_group(
        &mut self,
        now: Now,
        name: Name,
        kind: GroupKind,
        rule: GroupRule,
        by: String,
        effects: &mut Vec<Effect>,
    ) -> Result<Value, Rejection> {
        let compiled = check(kind, &rule)?;
        let known = self.groups.values().find(|group| group.rule.is_some() && group.name == name);
        let group = match known {
            Some(known) if known.kind == kind && known.rule.as_ref() == Some(&rule) => {
                return Ok(self.describe(known.group));
            }
            Some(known) => known.group,
            None => self.room_for(now, &name)?,
        };
        self.put_rule(now, record(group, kind, name, rule), compiled, by, effects);
        Ok(self.describe(group))
    }

    /// The id of a new group of this name, if there may be one.
    fn room_for(&self, now: Now, name: &Name) -> Result<GroupId, Rejection> {
        if let Some(other) = self.groups.values().find(|group| group.name == *name) {
            return Err(Rejection::conflict(format!(
                "the name {name} belongs to a {} group that is not made by a rule ({}); take another name",
                other.kind.as_str(),
                other.group
            )));
        }
        if self.groups.values().filter(|group| group.rule.is_some()).count() >= MOST_GROUPS {
            return Err(Rejection::conflict(format!(
                "there are {MOST_GROUPS} groups by rule already, the most a zone keeps; dissolve one first"
            )));
        }
        let id = |at: u64| GroupId::derived_from(&format!("rule:{}:{name}:{at}", self.settings.zone));
        // One that was dissolved in this very millisecond keeps its id to itself.
        let taken = |id: &GroupId| self.groups.contains_key(id) || self.rules.dissolved.contains(id);
        let first_free = (now.wall.0..).map(id).find(|id| !taken(id));
        Ok(first_free.unwrap_or_else(|| id(now.wall.0)))
    }

    fn put_rule(&mut self, now: Now, record: GroupRecord, compiled: Rule, origin: String, effects: &mut Vec<Effect>) {
        let Some(rule) = record.rule.clone() else { return };
        let (group, kind, name) = (record.group, record.kind, record.name.clone());
        tracing::info!(target: "rollcall::step", step = "rule_group_set", group = %name, rule = %rule.rule,
            "group {name} is made of the nodes with {}", rule.rule);
        let (enter, leave) = (rule.enter_dwell, rule.leave_dwell);
        effects.push(Effect::Save(Change::RuleGroupSet { group, kind, name, rule, origin, at: now.wall }));
        self.groups.insert(group, record);
        let moves = self.rules.engine.set_rule(now.tick, group, compiled, enter, leave);
        save_moves(now.wall, moves, effects);
    }

    fn describe(&self, group: GroupId) -> Value {
        let engine = &self.rules.engine;
        json!({ "group_id": group, "members": engine.members(group).count(), "undecided": engine.undecided(group) })
    }

    /// Dissolves a group by rule, named by its name or id. Its members leave it with it.
    pub(in crate::core) fn dissolve_group(
        &mut self,
        now: Now,
        wanted: &str,
        by: String,
        effects: &mut Vec<Effect>,
    ) -> Result<Value, Rejection> {
        let named = |record: &&GroupRecord| record.name.as_str() == wanted;
        let found = wanted
            .parse()
            .ok()
            .and_then(|id: GroupId| self.groups.get(&id))
            .or_else(|| self.groups.values().find(|record| record.rule.is_some() && named(record)))
            .or_else(|| self.groups.values().find(named));
        let Some(record) = found else {
            return Err(Rejection::missing(format!("there is no group {wanted:?} in this zone")));
        };
        if record.rule.is_none() {
            return Err(Rejection::conflict(format!(
                "group {} is {}, not made by a rule: it cannot be dissolved",
                record.name,
                if record.kind == GroupKind::Physical { "a place" } else { "a combination of hardware" }
            )));
        }
        let (group, name) = (record.group, record.name.clone());
        effects.push(Effect::Save(Change::GroupDissolved { group, by, at: now.wall }));
        self.groups.remove(&group);
        self.rules.dissolved.insert(group);
        let left = self.rules.engine.remove(group).len();
        tracing::info!(target: "rollcall::step", step = "rule_group_dissolved", group = %name, "group {name} is no more");
        Ok(json!({ "group_id": group, "members": left }))
    }

    /// Who would be in a group of this rule. Changes nothing.
    pub(in crate::core) fn test_rule(&self, rule: &str) -> Result<Value, Rejection> {
        let rule = super::compile(rule).map_err(|error| wrong(&error))?;
        let found = self.rules.matching(&rule);
        let name =
            |node: &NodeId| self.nodes.get(node).map_or_else(|| node.to_string(), |record| record.name.to_string());
        let matching: BTreeSet<String> = found.nodes.iter().map(name).collect();
        let why: Vec<Value> = found
            .unknown
            .iter()
            .take(TOLD)
            .map(|(node, reason)| json!({ "node": name(node), "reason": reason }))
            .collect();
        Ok(json!({
            "matching": matching,
            "nodes": self.nodes.len(),
            "unknown": found.unknown.len(),
            "why_unknown": why,
        }))
    }

    pub(super) fn make_default_groups(&mut self, now: Now, dissolved: &[Name], effects: &mut Vec<Effect>) {
        for (name, text) in DEFAULTS {
            let (Ok(name), Ok(compiled)) = (Name::new(name), Rule::compile(text)) else { continue };
            if dissolved.contains(&name) {
                continue;
            }
            // It is there already, or another group has the name.
            let Ok(group) = self.room_for(now, &name) else { continue };
            let rule = GroupRule { rule: text.into(), enter_dwell: DEFAULT_ENTER, leave_dwell: DEFAULT_LEAVE };
            let record = record(group, GroupKind::Health, name, rule);
            self.put_rule(now, record, compiled, "default".into(), effects);
        }
    }
}

/// Whether a group can be made of this.
fn check(kind: GroupKind, rule: &GroupRule) -> Result<Rule, Rejection> {
    if kind == GroupKind::Physical {
        return Err(Rejection::invalid(
            "a physical group is made by the group controller of its place, not by a rule; use logical or health",
        )
        .at("kind"));
    }
    for (what, dwell) in [("enter_dwell_ms", rule.enter_dwell), ("leave_dwell_ms", rule.leave_dwell)] {
        if dwell > LONGEST_DWELL {
            return Err(Rejection::invalid(format!(
                "{what} is {}; at most a day ({}) is kept",
                dwell.0, LONGEST_DWELL.0
            ))
            .at(what));
        }
    }
    super::compile(&rule.rule).map_err(|error| wrong(&error))
}

fn wrong(error: &rollcall_grouping::RuleError) -> Rejection {
    let message = format!("nothing was changed: {error}");
    Rejection {
        kind: RejectionKind::Invalid,
        message,
        details: vec![error.to_string()],
        reason: None,
        field: Some("rule".into()),
        retry_after: None,
    }
}

fn record(group: GroupId, kind: GroupKind, name: Name, rule: GroupRule) -> GroupRecord {
    GroupRecord {
        group,
        kind,
        name,
        place: None,
        capability: None,
        session: 0,
        instance: None,
        rule: Some(rule),
        addresses: Vec::new(),
    }
}
