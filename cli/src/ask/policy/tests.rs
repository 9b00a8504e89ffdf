use serde::de::DeserializeOwned;
use serde_json::json;

use super::*;

fn look() -> Look {
    Look { width: Some(80), colour: false, now: "2026-11-20T08:15:33Z".parse().unwrap() }
}

fn read<T: DeserializeOwned>(value: Value) -> T {
    serde_json::from_value(value).unwrap()
}

#[test]
fn a_policy_can_be_edited_and_set_again_as_it_is_told() {
    let policy: Policy = read(json!({
        "version": 4, "document": "[settings]\nsample_period_ms = 500\n", "set_at": "2026-11-20T08:15:30.000Z",
        "by": "ada", "comment": "quicker",
        "groups": [
            { "group": "rack-a", "group_id": "x", "version": 4, "applied": 11, "refused": 1, "members": 12 },
            { "group": "rack-b", "group_id": "y", "version": 3, "applied": 0, "refused": 0, "members": 9 }]
    }));
    let expected = "\
# policy 4, set 2026-11-20 08:15:30 UTC (3 s ago) by ada: quicker
# rack-a: 11 of 12 nodes obey, 1 cannot
# rack-b: not taken yet
[settings]
sample_period_ms = 500
";
    let told = document(&policy, &look());
    assert_eq!(told, expected);
    let again = Policy { document: told, ..policy };
    assert_eq!(document(&again, &look()), expected, "what was told is not told twice");
    let none: Policy = read(json!({ "version": 0, "document": "", "set_at": null, "by": null, "comment": null }));
    assert!(document(&none, &look()).starts_with("# no policy was ever set"));
}

#[test]
fn differences_are_told_key_by_key() {
    let changes: Vec<Difference> = read(json!([
        { "scope": "group rack-a", "key": "indicators.disk_space.limit", "old": null, "new": 85.0 },
        { "scope": "policy", "key": "actions.allowed", "old": ["identify"], "new": ["identify", "drain"] },
        { "scope": "policy", "key": "actions.remedies.r.when", "old": "health.fan", "new": null }
    ]));
    let expected = "\
FOR           KEY                          WAS         BECOMES
group rack-a  indicators.disk_space.limit  not set     85.0
policy        actions.allowed              [identify]  [identify, drain]
policy        actions.remedies.r.when      health.fan  not set
";
    assert_eq!(differences(&changes, &look()), expected);
    assert_eq!(differences(&[], &look()), "nothing differs from the policy in force\n");
}

#[test]
fn the_history_marks_what_is_in_force() {
    let versions: Vec<PolicyVersion> = read(json!([
        { "version": 2, "current": 1, "set_at": "2026-11-20T08:15:30.000Z", "by": "ada", "comment": "rollback to version 1",
          "nodes": 12, "refused": 0 },
        { "version": 1, "current": 0, "set_at": "2026-11-20T06:15:30.000Z", "by": "api", "comment": "", "nodes": 0,
          "refused": 2 }
    ]));
    let expected = "\
VERSION  SET      BY   NODES             WHY
    * 2  3 s ago  ada  12 obey           rollback to version 1
      1  2 h ago  api  0 obey, 2 cannot  -

* in force
";
    assert_eq!(history(&versions, &look()), expected);
}

#[test]
fn obedience_tells_how_many_how_long_and_who_does_not() {
    let all = Obedience { live: 50, obeying: 50, ..Obedience::default() };
    assert!(all.is_final());
    assert_eq!(all.told(4, Duration::from_millis(843)), "50 of 50 live nodes obey policy 4, 0.84 s after it was set\n");
    let some = Obedience {
        live: 3,
        obeying: 1,
        refusing: vec![("web-1".into(), "fan cannot be limited".into())],
        waiting: vec!["web-2".into()],
    };
    assert!(!some.is_final());
    let expected = "\
1 of 3 live nodes obey policy 4, 60.00 s after it was set
  web-1 cannot: fan cannot be limited
  not yet: web-2
";
    assert_eq!(some.told(4, Duration::from_secs(60)), expected);
    assert!(Obedience::default().is_final(), "nobody is there to obey");
}
