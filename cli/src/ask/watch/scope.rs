//! Which changes somebody wants to see.

use std::collections::BTreeSet;

use serde_json::Value;

/// What a change is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Subject {
    /// A node's state, health, place or groups.
    Node,
    /// A group itself.
    Group,
    /// An alert that came, went or was seen.
    Alert,
}

impl Subject {
    /// Of an event; none where it is about the zone, its users and what else there is.
    pub fn of(row: &Value) -> Option<Self> {
        let kind = row["kind"].as_str().unwrap_or_default();
        match row["subject_type"].as_str().unwrap_or_default() {
            _ if matches!(kind, "group_alarm_raised" | "group_alarm_cleared" | "alert_acknowledged") => {
                Some(Self::Alert)
            }
            "node" => Some(Self::Node),
            "group" => Some(Self::Group),
            _ => None,
        }
    }

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Node => "node",
            Self::Group => "group",
            Self::Alert => "alert",
        }
    }

    fn plural(self) -> &'static str {
        match self {
            Self::Node => "nodes",
            Self::Group => "groups",
            Self::Alert => "alerts",
        }
    }
}

/// What is wanted.
#[derive(Clone, Debug, Default)]
pub(super) struct Scope {
    only: Vec<String>,
    nodes: BTreeSet<String>,
    groups: BTreeSet<String>,
    members: BTreeSet<String>,
}

impl Scope {
    /// Changes of these, of all where nothing is named.
    pub fn new(only: &[String]) -> Self {
        Self { only: only.to_vec(), ..Self::default() }
    }

    /// A node.
    pub fn node(&mut self, id: &str) {
        self.nodes.insert(id.to_owned());
    }

    /// A group with its members.
    pub fn group<'a>(&mut self, id: &str, members: impl Iterator<Item = &'a str>) {
        self.groups.insert(id.to_owned());
        self.members.extend(members.map(str::to_owned));
    }

    /// Whether an event is wanted. Who enters a group or leaves it is one of its members from then on, or no longer.
    pub fn takes(&mut self, row: &Value) -> bool {
        let Some(subject) = Subject::of(row) else { return false };
        let detail = detail(row);
        let id = row["subject_id"].as_str().unwrap_or_default();
        let group = detail["group"].as_str().unwrap_or_default();
        let in_group = self.groups.contains(group) || self.groups.contains(id);
        let everywhere = self.nodes.is_empty() && self.groups.is_empty();
        let here = everywhere || in_group || self.nodes.contains(id) || self.members.contains(id);
        match row["kind"].as_str() {
            Some("node_entered" | "node_placed") if in_group => drop(self.members.insert(id.to_owned())),
            Some("node_left") if in_group => drop(self.members.remove(id)),
            _ => {}
        }
        here && self.is_wanted(subject, row, &detail)
    }

    fn is_wanted(&self, subject: Subject, row: &Value, detail: &Value) -> bool {
        let wants = |subject: Subject| self.only.is_empty() || self.only.iter().any(|it| it == subject.plural());
        wants(subject) || (wants(Subject::Alert) && raises_or_clears(row, detail))
    }
}

/// An indicator's alert lasts as long as its bit is set, a node's as long as it is down.
fn raises_or_clears(row: &Value, detail: &Value) -> bool {
    match row["kind"].as_str() {
        Some("node_was_down") => true,
        Some("node_state" | "node_health") => {
            has_any(&detail["set"]) || has_any(&detail["clear"]) || detail["to"] == "down" || detail["from"] == "down"
        }
        _ => false,
    }
}

pub(super) fn has_any(list: &Value) -> bool {
    match list {
        Value::Array(list) => !list.is_empty(),
        Value::String(text) => !text.is_empty(),
        _ => false,
    }
}

/// An event's detail; it stands as text in the views.
pub(crate) fn detail(row: &Value) -> Value {
    match &row["detail"] {
        Value::String(text) => serde_json::from_str(text).unwrap_or_default(),
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn event(kind: &str, subject: (&str, &str), detail: &Value) -> Value {
        json!({ "kind": kind, "subject_type": subject.0, "subject_id": subject.1, "detail": detail.to_string() })
    }

    #[test]
    fn without_a_choice_everything_about_nodes_and_groups_is_taken() {
        let mut scope = Scope::new(&[]);
        assert!(scope.takes(&event("node_state", ("node", "n"), &json!({}))));
        assert!(scope.takes(&event("group_joined", ("group", "g"), &json!({}))));
        assert!(!scope.takes(&event("user_set", ("other", "user.ada"), &json!({}))));
    }

    #[test]
    fn a_group_brings_its_members_those_who_come_too() {
        let mut scope = Scope::new(&[]);
        scope.group("g", ["a"].into_iter());
        let health = |node: &str| event("node_health", ("node", node), &json!({ "group": "other" }));
        assert!(scope.takes(&health("a")) && !scope.takes(&health("b")));
        assert!(scope.takes(&event("node_entered", ("node", "b"), &json!({ "group": "g" }))));
        assert!(scope.takes(&health("b")));
        assert!(scope.takes(&event("node_left", ("node", "b"), &json!({ "group": "g" }))), "its leaving is told");
        assert!(!scope.takes(&health("b")));
    }

    #[test]
    fn alerts_are_what_raises_and_clears_them() {
        let mut scope = Scope::new(&["alerts".into()]);
        assert!(scope.takes(&event("node_health", ("node", "n"), &json!({ "set": ["fan"], "clear": [] }))));
        assert!(!scope.takes(&event("node_health", ("node", "n"), &json!({ "set": [], "clear": [] }))));
        assert!(scope.takes(&event("node_state", ("node", "n"), &json!({ "from": "down", "to": "healthy" }))));
        assert!(scope.takes(&event("alert_acknowledged", ("node", "n"), &json!({}))));
        assert!(!scope.takes(&event("node_entered", ("node", "n"), &json!({ "group": "g" }))));
    }
}
