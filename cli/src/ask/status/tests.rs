use serde_json::json;

use super::*;

fn look() -> Look {
    Look { width: Some(80), colour: false, now: jiff::Timestamp::UNIX_EPOCH }
}

const ZONE: &str = "5d0c8bfe-5d7a-8a2e-b1f0-3a2b1c0d9e8f";

#[test]
fn a_zone_fits_one_screen() {
    let status: Status = serde_json::from_value(json!({
        "zone": { "id": ZONE, "name": "site-a", "generation": 4 },
        "controllers": [
            { "name": "zc-a", "address": "https://10.1.0.10:7655", "role": "active", "last_seen_at": "2026-11-20T08:00:00.000Z" },
            { "name": "zc-b", "address": "https://10.1.0.11:7655", "role": "standby", "last_seen_at": "2026-11-20T08:00:00.000Z" },
        ],
        "broker": "up",
        "database": "up",
        "policy_version": 4,
        "combinations_waiting": 1,
        "nodes": [{ "state": "down", "nodes": 1 }, { "state": "healthy", "nodes": 3 },
            { "state": "degraded", "nodes": 1 }],
        "groups": [{ "kind": "logical", "groups": 1 }, { "kind": "physical", "groups": 2 }],
        "alerts": [{ "severity": "critical", "alerts": 1 }, { "severity": "warning", "alerts": 2 }],
        "ignored": { "ack.stranger": 3, "hello.same_name": 1 },
        "checkins": { "c1c2c3c4-0000-8000-8000-000000000000": {
            "checkin": "c1c2c3c4-0000-8000-8000-000000000000", "assigned": 5, "refused": { "out_of_range": 2 },
            "last_refusal": "node db-9 at 10.9.0.1: outside 10.1.0.0/16, ask the service of that range" } },
        "summaries": {
            "0a010200-0000-8000-8000-000000000018": { "group": "0a010200-0000-8000-8000-000000000018", "session": 1,
                "states": { "healthy": 3, "down": 1 }, "bits": {}, "statuses": 1204, "refused": { "stale_epoch": 7 } },
            "0a010300-0000-8000-8000-000000000018": { "group": "x", "session": 1, "states": {}, "bits": {},
                "statuses": 0, "refused": {} } },
        "neighbours": { "99990000-0000-8000-8000-000000000000": "site-b at 10.2.0.1" }
    }))
    .unwrap();
    let groups =
        [Group { group_id: "0a010200-0000-8000-8000-000000000018".into(), name: "rack-a".into(), ..Group::default() }];
    let checkins = [Checkin {
        checkin_id: Some("c1c2c3c4-0000-8000-8000-000000000000".into()),
        name: "checkin-a".into(),
        ..Checkin::default()
    }];
    let expected = "\
zone        site-a  5d0c8bfe-5d7a-8a2e-b1f0-3a2b1c0d9e8f  generation 4
controller  zc-a  https://10.1.0.10:7655  active
standby     zc-b  https://10.1.0.11:7655  last seen 2026-11-20T08:00:00.000Z
broker      up
database    up
nodes       5: 3 healthy, 1 degraded, 1 down
groups      2 physical, 1 logical
alerts      1 critical, 2 warning open
policy      version 4
held        1 combination waits for approval: `rollcall combinations`
ignored     ack.stranger 3, hello.same_name 1
neighbours  site-b at 10.2.0.1 [99990000]

GROUP     NODES              STATUS PACKETS  REFUSED
rack-a    3 healthy, 1 down            1204  stale_epoch 7
0a010300  none                            0  none

CHECK-IN   ASSIGNED  REFUSED         LAST REFUSAL
checkin-a         5  out_of_range 2  node db-9 at 10.9.0.1: outside 10.1.0.0/16,
                                     ask the service of that range
";
    assert_eq!(render(&status, &groups, &checkins, &look()), expected);
}

#[test]
fn an_empty_zone_without_its_broker_says_so() {
    let status: Status = serde_json::from_value(json!({
        "zone": { "id": ZONE, "name": "site-a", "generation": 1 }, "broker": "down: connection refused", "database": "read-only: disk full",
        "nodes": [], "groups": [], "alerts": [], "ignored": {}, "checkins": {}, "summaries": {}, "neighbours": {}
    }))
    .unwrap();
    let expected = format!(
        "\
zone        site-a  {ZONE}  generation 1
broker      down: connection refused
database    read-only: disk full
nodes       none
groups      none
alerts      none open
policy      none set
ignored     none
neighbours  none
"
    );
    assert_eq!(render(&status, &[], &[], &look()), expected);
}

#[test]
fn states_have_their_colours_where_there_are_colours() {
    let look = Look { colour: true, ..look() };
    assert_eq!(tally(&[("down", 1), ("healthy", 2)], &look), "\u{1b}[32m2 healthy\u{1b}[0m, \u{1b}[31m1 down\u{1b}[0m");
}
