//! What one policy changes over another, key by key and scope by scope, for people who look before they leap.

use std::collections::BTreeMap;

use rollcall_model::policy::{Override, PolicyDocument};
use serde::Serialize;
use serde_json::{Value, json};

/// One key that differs.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct Difference {
    /// `zone`, `group rack-a`, `node web-*`; `policy` for what is of no node.
    pub(super) scope: String,
    /// The key within it, e.g. `indicators.disk_space.limit`.
    pub(super) key: String,
    /// What was set; null for nothing.
    pub(super) old: Value,
    /// What is set from now on; null for nothing.
    pub(super) new: Value,
}

type Flat = BTreeMap<(String, String), Value>;

/// What differs, by scope and key.
pub(super) fn between(old: &PolicyDocument, new: &PolicyDocument) -> Vec<Difference> {
    let (before, after) = (flat(old), flat(new));
    let mut keys: Vec<&(String, String)> = before.keys().chain(after.keys()).collect();
    keys.sort_unstable();
    keys.dedup();
    let value = |of: &Flat, key| of.get(key).cloned().unwrap_or(Value::Null);
    keys.into_iter()
        .map(|key| (key, value(&before, key), value(&after, key)))
        .filter(|(_, old, new)| old != new)
        .map(|((scope, key), old, new)| Difference { scope: scope.clone(), key: key.clone(), old, new })
        .collect()
}

fn flat(policy: &PolicyDocument) -> Flat {
    let mut flat = Flat::new();
    put(&mut flat, "zone", "", &json!(policy.settings));
    let scopes = scopes(&policy.overrides);
    for (scope, over) in scopes.iter().zip(&policy.overrides) {
        put(&mut flat, scope, "", &json!(over.settings));
    }
    if scopes.len() > 1 {
        // Later ones win over earlier ones: another order may be another policy.
        flat.insert(("policy".into(), "overrides".into()), json!(scopes));
    }
    put(&mut flat, "policy", "actions.budget_per_rack", &json!(policy.actions.budget_per_rack));
    put(&mut flat, "policy", "actions.allowed", &json!(policy.actions.allowed));
    for remedy in &policy.actions.remedies {
        put(&mut flat, "policy", &format!("actions.remedies.{}.when", remedy.name), &json!(remedy.when));
        put(&mut flat, "policy", &format!("actions.remedies.{}.action", remedy.name), &json!(remedy.action));
    }
    put(&mut flat, "policy", "checkin", &json!(policy.checkin));
    put(&mut flat, "policy", "join", &json!(policy.join));
    put(&mut flat, "policy", "analytics", &json!(policy.analytics));
    flat
}

/// What each override is for; the second for the same is told apart by its number.
fn scopes(overrides: &[Override]) -> Vec<String> {
    let mut seen: BTreeMap<String, u32> = BTreeMap::new();
    let scope = |over: &Override| match (&over.group, &over.node) {
        (Some(group), _) => format!("group {group}"),
        (None, Some(node)) => format!("node {node}"),
        (None, None) => "nobody".to_owned(),
    };
    overrides
        .iter()
        .map(|over| {
            let scope = scope(over);
            let count = seen.entry(scope.clone()).or_default();
            *count += 1;
            if *count == 1 { scope } else { format!("{scope} ({count})") }
        })
        .collect()
}

/// Tables are taken apart, everything else is one value.
fn put(flat: &mut Flat, scope: &str, key: &str, value: &Value) {
    match value {
        Value::Object(table) => {
            for (inner, value) in table {
                let key = if key.is_empty() { inner.clone() } else { format!("{key}.{inner}") };
                put(flat, scope, &key, value);
            }
        }
        value => {
            flat.insert((scope.into(), key.into()), value.clone());
        }
    }
}
