use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::*;

fn look(width: Option<u16>) -> Look {
    Look { width, colour: false, now: "2026-11-20T08:15:33Z".parse().unwrap() }
}

fn read<T: DeserializeOwned>(value: Value) -> Vec<T> {
    serde_json::from_value(value).unwrap()
}

#[test]
fn groups_tell_how_their_members_are() {
    let list = read(json!([
        { "group_id": "0a010200-0000-8000-8000-000000000018", "name": "rack-a", "kind": "physical", "place": "row-1",
          "members": 3, "healthy": 2, "down": 1, "session": 2, "addresses": "[\"10.1.0.1\"]", "origin": "ack",
          "joined_at": "2026-11-20T08:15:00.000Z" },
        { "group_id": "08690dae-de45-89a9-adb1-493e52742e15", "name": "amd-25-17.igb-1g.0a1b2c3d", "kind": "logical",
          "place": null, "members": 0, "addresses": "[]", "capability": "v1;cpu=amd-25-17;mem=ddr5;nic=igb-1g",
          "joined_at": null }
    ]));
    let expected = "\
GROUP     NAME                       KIND      MEMBERS               JOINED
0a010200  rack-a                     physical  3: 2 healthy, 1 down  33 s ago
08690dae  amd-25-17.igb-1g.0a1b2c3d  logical   none                  -
";
    assert_eq!(groups(&list, &look(Some(80))), expected);
}

#[test]
fn channels_tell_where_they_are() {
    let list = read(json!([
        { "group_id": "x", "group_name": "rack-a", "purpose": "alerts", "address": "10.0.0.1", "port": 5672,
          "exchange": "rollcall.zone", "queue": "zone.alerts", "routing_key": "alerts.x" },
        { "group_id": "x", "group_name": "rack-a", "purpose": "policies", "address": "fd00::1", "port": 5672,
          "exchange": "rollcall.zone", "queue": "zone.policies", "routing_key": "policies.x" }
    ]));
    let expected = "\
GROUP   PURPOSE   BROKER          QUEUE          EXCHANGE       ROUTING KEY
rack-a  alerts    10.0.0.1:5672   zone.alerts    rollcall.zone  alerts.x
rack-a  policies  [fd00::1]:5672  zone.policies  rollcall.zone  policies.x
";
    assert_eq!(channels(&list, &look(None)), expected);
}

#[test]
fn checkins_tell_their_ranges() {
    let list = read(json!([
        { "checkin_id": "c1c2c3c4-0000-8000-8000-000000000000", "name": "checkin-a", "address": "10.1.0.2",
          "ranges": "[\"10.1.0.0/16\",\"10.2.0.0/16\"]", "nodes": 12, "last_seen_at": "2026-11-20T08:10:00.000Z" },
        { "checkin_id": "c2c2c3c4-x", "name": "checkin-b", "address": "10.2.0.2", "ranges": "[\"10.3.0.0/16\"]",
          "nodes": 3, "last_seen_at": "2026-11-20T08:15:30.000Z", "running_group": "rack-b", "running": 1,
          "message": "" },
        { "checkin_id": null, "name": "checkin-c", "address": null, "ranges": "[]", "nodes": 0, "last_seen_at": null,
          "running_group": null, "running": 0, "message": "", "configured_place": "row-9" }
    ]));
    let expected = "\
SERVICE   NAME       ADDRESS   RANGES                    NODES  RUN BY               LAST SEEN
c1c2c3c4  checkin-a  10.1.0.2  10.1.0.0/16, 10.2.0.0/16     12  -                    5 min ago
c2c2c3c4  checkin-b  10.2.0.2  10.3.0.0/16                   3  rack-b               3 s ago
-         checkin-c  -         -                             0  nobody at row-9 yet  -
";
    assert_eq!(checkins(&list, &look(Some(100))), expected);
}

#[test]
fn alerts_tell_since_when_and_who_has_seen_them_and_when_they_ended_only_where_some_did() {
    let open = json!({ "alert_id": 12, "kind": "disk_space", "severity": "critical", "state": "raised",
        "group_name": "rack-a", "node": "web-3", "raised_at": "2026-11-20T08:15:30.000Z", "cleared_at": null,
        "message": "node web-3: A watched file system is almost full. Free space or enlarge the file system." });
    let seen = json!({ "alert_id": 9, "kind": "fan", "severity": "warning", "state": "acknowledged",
        "group_name": "rack-a", "node": "web-1", "raised_at": "2026-11-20T08:00:00.000Z", "cleared_at": null,
        "message": "node web-1: a fan stands still", "acknowledged_at": "2026-11-20T08:10:00.000Z",
        "acknowledged_by": "ada", "comment": "a fan is ordered" });
    let over = json!({ "alert_id": 1, "kind": "mass_darkness", "severity": "critical", "state": "cleared",
        "group_name": "rack-b", "node": null, "raised_at": "2026-11-20T06:15:30.000Z",
        "cleared_at": "2026-11-20T06:20:00.000Z", "message": "12 of 14 nodes fell silent at once" });
    let expected = "\
ID  SEVERITY  KIND        GROUP   NODE   SINCE    MESSAGE
12  critical  disk_space  rack-a  web-3  3 s ago  node web-3: A watched file
                                                  system is almost full. Free
                                                  space or enlarge the file
                                                  system.
";
    assert_eq!(alerts(&read(json!([open])), &look(Some(80))), expected);
    let expected = "\
ID  SEVERITY  KIND           GROUP   NODE   SINCE       CLEARED      SEEN BY                           MESSAGE
 9  warning   fan            rack-a  web-1  15 min ago  open         ada, 5 min ago: a fan is ordered  node web-1: a fan stands still
 1  critical  mass_darkness  rack-b  -      2 h ago     115 min ago  -                                 12 of 14 nodes fell silent at once
";
    assert_eq!(alerts(&read(json!([seen, over])), &look(None)), expected);
}

#[test]
fn empty_lists_say_so() {
    let look = look(Some(80));
    assert_eq!(groups(&[], &look), "no groups\n");
    assert_eq!(channels(&[], &look), "no channels: they are made when a group joins\n");
    assert_eq!(checkins(&[], &look), "no check-in services\n");
    assert_eq!(alerts(&[], &look), "no alerts\n");
}
