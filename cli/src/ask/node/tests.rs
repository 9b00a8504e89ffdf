use serde_json::json;

use super::*;

fn look() -> Look {
    Look { width: Some(80), colour: false, now: "2026-11-20T08:15:33Z".parse().unwrap() }
}

fn silent() -> Known {
    Known::Saved("node web-3 is not connected".into())
}

#[test]
fn a_node_that_answers_tells_what_it_measures_what_it_is_judged_by_and_what_it_cannot_measure() {
    let mut indicators: Vec<serde_json::Value> = INDICATORS
        .iter()
        .map(|it| json!({ "name": it.name, "value": 1.5, "reason": null, "set": false, "limit": it.threshold.limit,
                          "clear": it.threshold.clear, "above": it.threshold.side == rollcall_model::indicator::Side::Above,
                          "dwell_ms": it.threshold.dwell }))
        .collect();
    indicators[9]["value"] = json!(96.123_456);
    indicators[9]["set"] = json!(true);
    indicators[9]["limit"] = json!(85.0);
    indicators[17] = json!({ "name": "fan", "value": null, "reason": "no fan sensor in /sys/class/hwmon", "set": false,
                             "limit": 0.0, "clear": 0.0, "above": true, "dwell_ms": 0 });
    let readings =
        json!({ "node_id": "x", "name": "web-3", "age_ms": 1200, "policy_version": 4, "indicators": indicators });
    let detail: NodeDetail = serde_json::from_value(json!({
        "node": { "node_id": "0e800de7", "name": "web-3", "state": "degraded", "epoch": 1, "health_bits": 512,
                  "unmeasurable": 131072 },
        "bits": [{ "bit": 9, "indicator": "disk_space", "state": "set", "since": "2026-11-20T08:15:30.000Z" }]
    }))
    .unwrap();
    let wide = Look { width: None, ..look() };
    let text = render(&detail, &Known::Now(serde_json::from_value(readings).unwrap()), &wide);
    let health = text.split("HEALTH\n").nth(1).and_then(|rest| rest.split("\nASSIGNMENTS").next()).unwrap();
    let lines: Vec<String> = health.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
    for expected in [
        "measured 1.2 s ago, judged by policy 4",
        "........ .1...... .?...... bit 0 first; . clear, 1 set, ? not measurable",
        "0 cpu_temperature 1.5 > 90 °C for 3 s clear",
        "4 memory_available 1.5 < 5 % of memory for 2 s clear",
        "9 disk_space 96.123 > 85 % used set (critical), 3 s ago",
        "17 fan - > 0 failed fans not measurable: no fan sensor in /sys/class/hwmon",
    ] {
        assert!(lines.iter().any(|line| line == expected), "{expected}: {health}");
    }
    assert!(lines.iter().any(|line| line.starts_with("disk_space A watched file system")), "what to do: {health}");
    assert_eq!(health.lines().filter(|line| line.contains(" > ") || line.contains(" < ")).count(), 24, "{health}");
}

#[test]
fn a_node_is_told_from_facts_to_events() {
    let mut bits: Vec<serde_json::Value> = INDICATORS
        .iter()
        .map(|it| json!({ "bit": it.bit, "indicator": it.name, "state": "clear", "since": "2026-11-20T08:00:00.000Z" }))
        .collect();
    bits[9]["state"] = json!("set");
    bits[17]["state"] = json!("unmeasurable");
    let detail: NodeDetail = serde_json::from_value(json!({
        "node": { "node_id": "0e800de7-074c-8d19-a0eb-d5ec4cce9a3e", "name": "web-3", "address": "10.1.0.7",
            "place": "rack-a", "state": "degraded", "since": "2026-11-20T08:15:30.250Z", "epoch": 4,
            "physical_group": "rack-a", "physical_group_id": "0a010200-0000-8000-8000-000000000018",
            "logical_group": "amd-25-17.igb-1g.0a1b2c3d", "logical_group_id": "08690dae-de45-89a9-adb1-493e52742e15",
            "capability": "v1;cpu=amd-25-17;mem=ddr5;nic=igb-1g", "health_bits": 512, "unmeasurable": 131072,
            "joined_at": "2026-11-20T07:15:30.000Z", "last_change_at": "2026-11-20T08:15:30.250Z",
            "first_seen_at": "2026-10-01T07:15:30.000Z", "policy_version": 4 },
        "bits": bits,
        "memberships": [
            { "group_name": "rack-a", "kind": "physical", "by_rule": 0 },
            { "group_name": "full", "kind": "health", "by_rule": 1 }],
        "assignments": [
            { "kind": "logical", "group_name": "amd-25-17.igb-1g.0a1b2c3d", "epoch": 4,
              "reason": "same combination as its members",
              "since": "2026-11-20T07:15:30.000Z", "until": null, "current": 1 },
            { "kind": "physical", "group_name": "rack-b", "epoch": 1, "reason": "", "since": "2026-10-01T07:15:30.000Z",
              "until": "2026-11-19T07:15:30.000Z", "current": 0 }],
        "events": [{ "event_id": 77, "at": "2026-11-20T08:15:30.250Z", "kind": "node_changed",
            "message": "node web-3 healthy → degraded: disk_space set (was clear)" }],
        "hardware": null
    }))
    .unwrap();
    let expected = "\
node            web-3  0e800de7-074c-8d19-a0eb-d5ec4cce9a3e
state           degraded since 2026-11-20 08:15:30 UTC (3 s ago)
address         10.1.0.7
place           rack-a
physical group  rack-a  0a010200-0000-8000-8000-000000000018
logical group   amd-25-17.igb-1g.0a1b2c3d  08690dae-de45-89a9-adb1-493e52742e15
groups by rule  full
capability      v1;cpu=amd-25-17;mem=ddr5;nic=igb-1g
epoch           4, since 2026-11-20 07:15:30 UTC (60 min ago)
policy          obeys version 4
first seen      2026-10-01 07:15:30 UTC (50 days ago)
last change     2026-11-20 08:15:30 UTC (3 s ago)

HARDWARE
not known: it is told at the check-in

HEALTH
node web-3 is not connected: these are the bits that were last saved
........ .1...... .?......  bit 0 first; . clear, 1 set, ? not measurable
BIT  INDICATOR             STATE           SINCE
  0  cpu_temperature       clear           2026-11-20 08:00:00 UTC (15 min ago)
  1  cpu_throttled         clear           2026-11-20 08:00:00 UTC (15 min ago)
  2  cpu_pressure          clear           2026-11-20 08:00:00 UTC (15 min ago)
  3  run_queue             clear           2026-11-20 08:00:00 UTC (15 min ago)
  4  memory_available      clear           2026-11-20 08:00:00 UTC (15 min ago)
  5  memory_pressure       clear           2026-11-20 08:00:00 UTC (15 min ago)
  6  memory_correctable    clear           2026-11-20 08:00:00 UTC (15 min ago)
  7  memory_uncorrectable  clear           2026-11-20 08:00:00 UTC (15 min ago)
  8  oom_kills             clear           2026-11-20 08:00:00 UTC (15 min ago)
  9  disk_space            set (critical)  2026-11-20 08:00:00 UTC (15 min ago)
 10  disk_inodes           clear           2026-11-20 08:00:00 UTC (15 min ago)
 11  io_pressure           clear           2026-11-20 08:00:00 UTC (15 min ago)
 12  device_health         clear           2026-11-20 08:00:00 UTC (15 min ago)
 13  filesystem_readonly   clear           2026-11-20 08:00:00 UTC (15 min ago)
 14  link                  clear           2026-11-20 08:00:00 UTC (15 min ago)
 15  nic_errors            clear           2026-11-20 08:00:00 UTC (15 min ago)
 16  nic_saturation        clear           2026-11-20 08:00:00 UTC (15 min ago)
 17  fan                   not measurable  2026-11-20 08:00:00 UTC (15 min ago)
 18  power_supply          clear           2026-11-20 08:00:00 UTC (15 min ago)
 19  power_cap             clear           2026-11-20 08:00:00 UTC (15 min ago)
 20  inlet_temperature     clear           2026-11-20 08:00:00 UTC (15 min ago)
 21  clock_unsynchronised  clear           2026-11-20 08:00:00 UTC (15 min ago)
 22  kernel_faults         clear           2026-11-20 08:00:00 UTC (15 min ago)
 23  agent_quality         clear           2026-11-20 08:00:00 UTC (15 min ago)

BIT SET     MEANING                          WHAT TO DO
disk_space  A watched file system is almost  Free space or enlarge the file
            full.                            system.

ASSIGNMENTS
KIND      EPOCH  SINCE        UNTIL     GROUP, AND WHY
logical       4  60 min ago   now       amd-25-17.igb-1g.0a1b2c3d
                                        same combination as its members
physical      1  50 days ago  25 h ago  rack-b

LAST EVENTS
AT                       WHAT
2026-11-20 08:15:30 UTC  node web-3 healthy → degraded: disk_space set (was
                         clear)
";
    assert_eq!(render(&detail, &silent(), &look()), expected);
}

#[test]
fn a_node_that_only_said_here_i_am_is_told_as_such() {
    let detail: NodeDetail = serde_json::from_value(json!({
        "node": { "node_id": "0e800de7-074c-8d19-a0eb-d5ec4cce9a3e", "name": "web-3", "state": "joining", "epoch": 0,
                  "health_bits": 0, "unmeasurable": 16777215 },
        "bits": [], "assignments": [], "events": [], "hardware": null
    }))
    .unwrap();
    let expected = "\
node            web-3  0e800de7-074c-8d19-a0eb-d5ec4cce9a3e
state           joining
address         -
place           -
physical group  -
logical group   -
groups by rule  none
capability      -
epoch           none: has not checked in yet
policy          none; the dictionary's defaults hold
first seen      -
last change     -

HARDWARE
not known: it is told at the check-in

HEALTH
node web-3 is not connected: these are the bits that were last saved
no report yet

ASSIGNMENTS
none yet

LAST EVENTS
none
";
    assert_eq!(render(&detail, &silent(), &look()), expected);
}

#[test]
fn an_unmeasurable_bit_is_never_shown_as_clear() {
    let bit: crate::ask::answer::Bit =
        serde_json::from_value(json!({ "bit": 17, "indicator": "fan", "state": "unmeasurable" })).unwrap();
    assert_eq!(crate::ask::readings::bit_state(&bit), Text::toned("not measurable", Tone::Faint));
}
