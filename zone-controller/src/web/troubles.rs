//! What is wrong, as the start page tells it: alerts of one kind in one rack are one trouble, worst first; each with since
//! when, and what is being done about it.

use std::collections::{BTreeMap, BTreeSet};

use rollcall_model::indicator::by_name;
use serde::Deserialize;

use super::ask::{read, text};
use crate::api::Shared;
use crate::api::errors::Problem;

/// Most open alerts that are looked at for the start page; the rest stands on the page of alerts.
const MOST: usize = 500;
/// Most troubles that are told by rack.
const AT_A_GLANCE: usize = 12;
/// Most nodes of a trouble that are named.
const NAMED: usize = 3;

/// An open alert.
#[derive(Clone, Debug, Default, Deserialize)]
pub(super) struct Alert {
    pub kind: String,
    pub severity: String,
    pub state: String,
    #[serde(deserialize_with = "text")]
    pub group_name: String,
    #[serde(deserialize_with = "text")]
    pub group_id: String,
    #[serde(deserialize_with = "text")]
    pub node: String,
    #[serde(deserialize_with = "text")]
    pub node_id: String,
    pub raised_at: String,
    pub message: String,
    #[serde(deserialize_with = "text")]
    pub acknowledged_by: String,
    #[serde(deserialize_with = "text")]
    pub comment: String,
}

/// An action that is not over.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Action {
    pub node_id: String,
    pub kind: String,
    pub state: String,
    pub ordered_by: String,
}

/// Alerts of one kind in one rack.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Trouble {
    pub kind: String,
    pub is_critical: bool,
    pub rack: String,
    pub rack_id: String,
    /// Ids of further racks it is about.
    pub further: BTreeSet<String>,
    /// Names and ids of the first nodes it is about; none where it is about the whole rack.
    pub nodes: Vec<(String, String)>,
    /// How many more there are.
    pub more: usize,
    /// When the first of them began.
    pub since: String,
    /// What is wrong: in the words of the dictionary, or of the first alert.
    pub message: String,
    /// What is being done; empty where nothing is known of it.
    pub doing: Vec<String>,
    /// What to do.
    pub remedy: &'static str,
}

/// What is wrong now, worst first, and whether that is not all.
///
/// # Errors
/// When the store does not answer.
pub(super) async fn open(shared: &Shared) -> Result<(Vec<Trouble>, bool), Problem> {
    let alerts = "SELECT kind, severity, state, group_name, group_id, node, node_id, raised_at, message, acknowledged_by, comment \
                  FROM v_alerts WHERE open ORDER BY severity, raised_ms LIMIT 500";
    let actions = "SELECT node_id, kind, state, ordered_by FROM v_actions WHERE ended_at IS NULL \
                   AND state IN ('ordered', 'running') ORDER BY ordered_ms DESC LIMIT 500";
    let alerts: Vec<Alert> = read(shared, alerts, &[]).await?;
    let is_cut = alerts.len() == MOST;
    Ok((gather(&alerts, &read(shared, actions, &[]).await?), is_cut))
}

/// Alerts, worst and oldest first, as troubles in that order: by rack, unless that makes more than anybody takes in at once.
pub(super) fn gather(alerts: &[Alert], actions: &[Action]) -> Vec<Trouble> {
    let by_rack = gather_by(alerts, actions, |alert, trouble| trouble.rack_id == alert.group_id);
    if by_rack.len() <= AT_A_GLANCE { by_rack } else { gather_by(alerts, actions, |_, _| true) }
}

fn gather_by(alerts: &[Alert], actions: &[Action], same: impl Fn(&Alert, &Trouble) -> bool) -> Vec<Trouble> {
    let mut under_way: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for Action { node_id, kind, state, ordered_by } in actions {
        under_way.entry(node_id).or_default().push(format!("{kind} {state}, ordered by {ordered_by}"));
    }
    let mut troubles: Vec<Trouble> = Vec::new();
    for alert in alerts {
        let is_critical = alert.severity == "critical";
        let fits = |it: &Trouble| it.kind == alert.kind && it.is_critical == is_critical && same(alert, it);
        let at = troubles.iter().position(fits).unwrap_or_else(|| {
            troubles.push(begun(alert, is_critical));
            troubles.len() - 1
        });
        add(&mut troubles[at], alert, &under_way);
    }
    troubles
}

/// What is wrong where the dictionary has no word for it.
fn beyond_dictionary(alert: &Alert) -> String {
    match alert.kind.as_str() {
        "liveness" => "Down: silent for too long, or its connection is closed.".into(),
        _ => alert.message.clone(),
    }
}

fn begun(alert: &Alert, is_critical: bool) -> Trouble {
    let known = by_name(&alert.kind);
    Trouble {
        kind: alert.kind.clone(),
        is_critical,
        rack: alert.group_name.clone(),
        rack_id: alert.group_id.clone(),
        since: alert.raised_at.clone(),
        message: known.map_or_else(|| beyond_dictionary(alert), |indicator| indicator.meaning.to_owned()),
        remedy: known.map_or("", |indicator| indicator.remedy),
        ..Trouble::default()
    }
}

fn add(trouble: &mut Trouble, alert: &Alert, under_way: &BTreeMap<&str, Vec<String>>) {
    let mut doing = under_way.get(alert.node_id.as_str()).cloned().unwrap_or_default();
    if alert.state == "acknowledged" {
        let who = alert.acknowledged_by.trim_start_matches("user.");
        doing.push(if alert.comment.is_empty() {
            format!("seen by {who}")
        } else {
            format!("{who}: {}", alert.comment)
        });
    }
    for word in doing {
        if !trouble.doing.contains(&word) && trouble.doing.len() < NAMED {
            trouble.doing.push(word);
        }
    }
    if trouble.rack_id != alert.group_id && !trouble.further.contains(&alert.group_id) {
        trouble.further.insert(alert.group_id.clone());
    }
    match (alert.node.is_empty(), trouble.nodes.len() < NAMED) {
        (true, _) => {}
        (_, true) => trouble.nodes.push((alert.node.clone(), alert.node_id.clone())),
        _ => trouble.more += 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn alert(severity: &str, kind: &str, node: &str, raised_at: &str) -> Alert {
        Alert {
            kind: kind.into(),
            severity: severity.into(),
            state: "raised".into(),
            group_name: "rack-a".into(),
            node: node.into(),
            node_id: node.into(),
            raised_at: raised_at.into(),
            message: format!("{kind} on {node}"),
            ..Alert::default()
        }
    }

    #[test]
    fn alerts_of_one_kind_in_one_rack_are_one_trouble_with_what_is_being_done() {
        let seen = Alert {
            state: "acknowledged".into(),
            acknowledged_by: "user.ada".into(),
            comment: "replacing the fan".into(),
            ..alert("critical", "fan", "n5", "5")
        };
        let fans = (1..=4).map(|number| alert("critical", "fan", &format!("n{number}"), &number.to_string()));
        let alerts = fans.chain([seen, alert("warning", "run_queue", "n9", "0")]);
        let alerts: Vec<Alert> = alerts.collect();
        let actions = [Action {
            node_id: "n2".into(),
            kind: "drain".into(),
            state: "running".into(),
            ordered_by: "remedy".into(),
        }];
        let troubles = gather(&alerts, &actions);
        assert_eq!(troubles.len(), 2);
        assert_eq!((troubles[0].nodes.len(), troubles[0].more, troubles[0].since.as_str()), (3, 2, "1"));
        assert_eq!(troubles[0].doing, ["drain running, ordered by remedy", "ada: replacing the fan"]);
        assert_eq!(troubles[0].message, "A fan stands still or raises its alarm.");
        assert_eq!(troubles[1].message, "More tasks want to run than processors can serve.");
        assert!(troubles[1].doing.is_empty() && !troubles[1].is_critical);
    }

    #[test]
    fn what_befalls_many_racks_at_once_is_one_trouble() {
        let of = |rack: usize| {
            let rack = format!("rack-{rack}");
            Alert { group_id: rack.clone(), group_name: rack, ..alert("critical", "liveness", "n", "1") }
        };
        let alerts: Vec<Alert> = (0..12).map(of).collect();
        assert_eq!(gather(&alerts, &[]).len(), 12);
        let alerts: Vec<Alert> = (0..40).map(of).collect();
        let troubles = gather(&alerts, &[]);
        assert_eq!((troubles.len(), troubles[0].further.len(), troubles[0].more), (1, 39, 37));
    }
}
