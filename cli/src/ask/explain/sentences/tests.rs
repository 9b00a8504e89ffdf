use serde_json::{Value, json};

use super::super::super::answer::{NodeDetail, Policy};
use super::*;

fn now() -> Timestamp {
    "2026-11-20T08:15:33Z".parse().unwrap()
}

fn read<T: serde::de::DeserializeOwned>(value: Value) -> T {
    serde_json::from_value(value).unwrap()
}

fn facts() -> Facts {
    let detail: NodeDetail = read(json!({
        "node": { "node_id": "0e800de7", "name": "web-3", "state": "degraded", "since": "2026-11-20T08:15:30.000Z",
                  "place": "hall-1/rack-a", "capability": "v1;cpu=x", "epoch": 1, "health_bits": 512,
                  "unmeasurable": 131_072, "policy_version": 3, "policy_problem": "it has no such sensor" },
        "bits": [{ "bit": 9, "indicator": "disk_space", "state": "set", "since": "2026-11-20T08:15:30.000Z" },
                 { "bit": 17, "indicator": "fan", "state": "unmeasurable", "since": null }],
        "memberships": [
            { "group_name": "rack-a", "kind": "physical", "by_rule": 0, "since": "2026-11-20T08:00:00.000Z",
              "reason": "place hall-1/rack-a" },
            { "group_name": "full", "kind": "health", "by_rule": 1, "since": "2026-11-20T08:15:31.000Z",
              "reason": "health.disk_space holds" }
        ],
        "events": [{ "event_id": 7, "at": "2026-11-20T08:15:30.000Z", "kind": "node_state",
                     "message": "node web-3 healthy → degraded: disk_space set" }]
    }));
    let reading = json!({ "name": "disk_space", "value": 96.1, "reason": null, "set": true, "limit": 85.0,
                          "clear": 80.0, "above": true, "dwell_ms": 0 });
    let policy: Policy = read(json!({ "version": 4, "document": "", "set_at": "2026-11-20T08:10:00.000Z", "by": "ada",
                                      "comment": "quieter" }));
    Facts {
        detail,
        known: Known::Now(read(json!({ "age_ms": 100, "policy_version": 3, "indicators": [reading] }))),
        rules: vec![(
            "full".into(),
            read(json!({ "rule": "health.disk_space", "enter_dwell_ms": 5000, "leave_dwell_ms": 30000 })),
        )],
        alerts: vec![read(json!({ "alert_id": 12, "kind": "disk_space", "severity": "critical", "state": "raised",
                                  "raised_at": "2026-11-20T08:15:30.000Z", "message": "a disk is full" }))],
        policy,
        certificates: vec![read(json!({ "serial": "1", "name": "web-3", "state": "valid", "issued_by": "token 3f9a",
                                        "issued_at": "2026-11-20T00:00:00Z", "expires_at": "2026-11-21T00:00:00Z" }))],
        actions: vec![read(json!({ "action_id": "x", "kind": "drain", "state": "running", "ordered_by": "ada",
                                   "ordered_at": "2026-11-20T08:15:32.000Z" }))],
        remedies: vec![(
            read(json!({ "name": "full-disk", "when": "health.disk_space", "action": { "kind": "drain" } })),
            Some(true),
        )],
    }
}

#[test]
fn a_node_is_explained_in_sentences() {
    let look = Look { width: None, colour: false, now: now() };
    let text = render(&told(&facts(), now()), &look);
    for expected in [
        "state        web-3 is degraded since 2026-11-20 08:15:30 UTC (3 s ago): it is heard, and at least one bit is set.",
        "disk_space is set since 2026-11-20 08:15:30 UTC (3 s ago): it measures 96.1 % used, and the limit is above 85 (critical).",
        "1 of 24 indicators cannot be measured on it: fan.",
        "Alert 12 (critical, disk_space) is open since 2026-11-20 08:15:30 UTC (3 s ago): a disk is full; nobody has said",
        "It stands in rack-a since 2026-11-20 08:00:00 UTC (15 min ago), at hall-1/rack-a: place hall-1/rack-a.",
        "by the rule `health.disk_space`, which must hold 5 s to let it in and not hold 30 s to let it go",
        "It obeys policy 3, but 4 is in force, set by ada on 2026-11-20 08:10:00 UTC (5 min ago), saying “quieter”.",
        "It cannot obey a later one: it has no such sensor.",
        "it gets the next one by itself from 2026-11-20 14:24:00 UTC (in 6 h) on.",
        "last change  2026-11-20 08:15:30 UTC (3 s ago): node web-3 healthy → degraded: disk_space set.",
        "next         drain is being done, ordered by ada on 2026-11-20 08:15:32 UTC (1 s ago).",
        "`health.disk_space` holds for it: the policy's remedy full-disk was to drain it once when that began.",
    ] {
        assert!(text.contains(expected), "{expected}\n{text}");
    }
}

#[test]
fn a_silent_node_is_explained_by_what_was_saved() {
    let mut facts = facts();
    facts.known = Known::Saved("node web-3 is not connected".into());
    facts.detail.node.state = "down".into();
    (facts.actions, facts.remedies, facts.alerts) = (vec![], vec![], vec![]);
    facts.certificates[0].expires_at = Some("2026-11-20T08:00:00Z".into());
    let text = render(&told(&facts, now()), &Look { width: Some(80), colour: false, now: now() });
    assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
    let one_line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    for expected in [
        "It does not answer (node web-3 is not connected); what follows was saved",
        "Its certificate ended 2026-11-20 08:00:00 UTC (15 min ago)",
        "alerts None is open.",
        "When it is heard again its alert clears by itself.",
    ] {
        assert!(one_line.contains(expected), "{expected}\n{text}");
    }
}
