//! Policies: refused as a whole or in force, told until taken, and known by who obeys.

use rollcall_model::packet::{PolicyRefusal, PolicyReport, PolicyUpdate};
use rollcall_model::policy::UnknownCombinations;
use rollcall_store::PolicyRecord;
use serde_json::json;

use super::asking::{ask, at, fleet, id_of, policy, rack_a, report, saved, set_policy};
use super::*;

const DISK: &str = "[settings.indicators.disk_space]\nlimit = 80.0\n";

fn updates(effects: &[Effect]) -> Vec<PolicyUpdate> {
    packets(effects)
        .into_iter()
        .filter_map(|(_, packet)| if let Packet::PolicyUpdate(update) = packet { Some(update) } else { None })
        .collect()
}

fn reported(zone: &mut Zone, now: Now, report: PolicyReport) -> Vec<Effect> {
    zone.step(now, delivered(Packet::PolicyReport(report)))
}

#[test]
fn what_cannot_be_obeyed_is_refused_with_the_place_and_nothing_changes() {
    let table = [
        (
            "[settings]\nsample_perod_ms = 500\n",
            "line 2, column 1: `sample_perod_ms` is not known here; did you mean `sample_period_ms`?",
        ),
        ("[settings\n", "line 1"),
        ("[settings]\nkeep_alive_ms = \"1s\"\n", "line 2, column 17: invalid type"),
        ("[settings]\nkeep_alive_ms = 5\n", "settings.keep_alive_ms: 5 is out of bounds"),
        ("[settings.indicators.disk_spaces]\nlimit = 1.0\n", "did you mean disk_space?"),
        ("[settings.indicators.disk_space]\nlimit = 80.0\nclear = 85.0\n", "settings.indicators.disk_space.clear"),
        (
            "[settings.availability]\nkinds = \"bth\"\n",
            "line 2, column 9: `bth` is not known here; did you mean `both`?",
        ),
        ("[settings.availability]\nmin = 0.9\n", "settings.availability.min: 0.9 is out of bounds"),
        (
            "[settings.availability]\nkinds = \"both\"\nmessages_per_second = 0.2\n",
            "settings.availability.messages_per_second: 0.2 messages per second are too few for a group of 64 nodes",
        ),
        (
            "[settings.availability]\nkinds = \"mixed\"\nschedule = [{ at = \"09:00\", alpha = 1 }, { at = \"08:00\", alpha = 0 }]\n",
            "settings.availability.schedule: 08:00:00 comes after 09:00:00",
        ),
        (
            "[settings.availability]\nkinds = \"power\"\ntime_zone = \"Europe/Berlm\"\n",
            "settings.availability.time_zone: there is no time zone",
        ),
        (
            "[[overrides]]\nnode = \"n1\"\n[overrides.settings.availability]\nkinds = \"off\"\n",
            "overrides[0].settings.availability: it holds for the whole zone",
        ),
        ("[[overrides]]\ngroup = \"rack-z\"\n[overrides.settings]\n", "no group is named \"rack-z\"; there are rack-a"),
        ("[[overrides]]\nnode = \"db-*\"\n[overrides.settings]\n", "no node is named \"db-*\"; there are n1"),
        (
            "[actions]\nallowed = [\"drain\"]\n[[actions.remedies]]\nname = \"r\"\nwhen = \"cpu.coers > 4\"\naction = { kind = \"drain\" }\n",
            "actions.remedies[0].when: the rule, column 1",
        ),
        (
            "[actions]\nallowed = [\"identify\"]\n[[actions.remedies]]\nname = \"r\"\nwhen = \"health.fan\"\n\
             action = { kind = \"identify\", seconds = 0 }\n",
            "actions.remedies[0].action: seconds is 0",
        ),
    ];
    for (document, part) in table {
        let mut zone = fleet(&["n1"]);
        let (answer, effects) = ask(&mut zone, NOW, policy(document, false));
        let rejection = answer.unwrap_err();
        assert_eq!(rejection.kind, RejectionKind::Invalid);
        assert!(rejection.details.iter().any(|detail| detail.contains(part)), "{part:?} in {:?}", rejection.details);
        assert!(effects.is_empty(), "{effects:?}");
        assert_eq!(zone.policies.version(), 0);
        assert_eq!(zone.policies.next_deadline(), None, "nobody waits for it");
    }
}

#[test]
fn every_problem_is_told_at_once() {
    let mut zone = fleet(&["n1"]);
    let document = "[settings]\nkeep_alive_ms = 5\n[[overrides]]\ngroup = \"x\"\n[overrides.settings]\n[analytics]\nperiod_ms = 1\n";
    let rejection = ask(&mut zone, NOW, policy(document, false)).0.unwrap_err();
    assert_eq!(rejection.details.len(), 3, "{:?}", rejection.details);
    assert!(rejection.message.contains("3 reasons"), "{rejection}");
}

#[test]
fn a_good_policy_is_saved_with_the_next_version_before_every_member_is_told_its_part() {
    let mut zone = fleet(&["n1"]);
    zone.step(NOW, Event::AckHeard(ack("rack-b", "r1")));
    let document = format!(
        "{DISK}[[overrides]]\ngroup = \"rack-b\"\nsettings = {{ keep_alive_ms = 2000 }}\n\
         [[overrides]]\nnode = \"n*\"\nsettings = {{ sample_period_ms = 500 }}\n[analytics]\nperiod_ms = 5000\n"
    );
    let effects = set_policy(&mut zone, NOW, &document);
    assert!(matches!(&effects[0], Effect::Save(Change::PolicySet { version: 1, by, comment, document: saved, .. })
        if by == "ada" && comment == "why" && *saved == document));
    let told = updates(&effects);
    assert_eq!(told.len(), 2);
    for update in told {
        let expected = if update.group == rack_a() { None } else { Some(2_000) };
        assert_eq!(update.settings.keep_alive_ms, expected);
        assert_eq!(update.settings.indicators["disk_space"].limit, Some(80.0));
        assert_eq!((update.version, update.session, update.summary_period_ms), (1, 1, 5_000));
        assert_eq!(update.nodes[0].settings.sample_period_ms, Some(500));
    }
    assert!(matches!(saves(&set_policy(&mut zone, NOW, "")).first(), Some(Change::PolicySet { version: 2, .. })));
}

#[test]
fn a_rehearsal_tells_the_differences_by_scope_and_changes_nothing() {
    let mut zone = fleet(&["n1"]);
    set_policy(&mut zone, NOW, DISK);
    let document = "[settings.indicators.disk_space]\nlimit = 70.0\n[[overrides]]\nnode = \"n1\"\n\
                    settings = { keep_alive_ms = 2000 }\n[actions]\nbudget_per_rack = 3\n";
    let (answer, effects) = ask(&mut zone, NOW, policy(document, true));
    assert!(effects.is_empty());
    assert_eq!(zone.policies.version(), 1);
    assert_eq!(
        answer.unwrap(),
        json!({ "version": 2, "dry_run": true, "changes": [
            { "scope": "node n1", "key": "keep_alive_ms", "old": null, "new": 2000 },
            { "scope": "policy", "key": "actions.budget_per_rack", "old": 1, "new": 3 },
            { "scope": "zone", "key": "indicators.disk_space.limit", "old": 80.0, "new": 70.0 },
        ] })
    );
}

#[test]
fn another_order_of_overrides_is_a_difference() {
    let mut zone = fleet(&["n1"]);
    let over = |node: &str| format!("[[overrides]]\nnode = \"{node}\"\nsettings = {{ keep_alive_ms = 2000 }}\n");
    set_policy(&mut zone, NOW, &format!("{}{}", over("n*"), over("n1")));
    let answer = ask(&mut zone, NOW, policy(&format!("{}{}", over("n1"), over("n*")), true)).0.unwrap();
    assert_eq!(answer["changes"][0]["key"], "overrides");
    assert_eq!(answer["changes"][0]["new"], json!(["node n1", "node n*"]));
}

#[test]
fn a_group_is_told_again_until_it_has_taken_the_version() {
    let mut zone = fleet(&["n1"]);
    set_policy(&mut zone, NOW, DISK);
    assert_eq!(zone.policies.next_deadline(), Some(Tick(2_000)));
    assert!(updates(&zone.step(at(1_999), Event::Tick)).is_empty());
    assert_eq!(updates(&zone.step(at(2_000), Event::Tick)).len(), 1);
    assert_eq!(zone.policies.next_deadline(), Some(Tick(4_000)));
    reported(&mut zone, at(2_100), report(1, &[]));
    assert_eq!(zone.policies.next_deadline(), None);
    assert!(updates(&zone.step(at(9_000), Event::Tick)).is_empty());
}

#[test]
fn a_group_that_is_gone_for_long_is_told_seldom() {
    let mut zone = fleet(&[]);
    set_policy(&mut zone, NOW, DISK);
    let mut told = 0;
    for ms in (0..600_000).step_by(500) {
        told += updates(&zone.step(at(ms), Event::Tick)).len();
    }
    assert!((40..60).contains(&told), "{told} times in ten minutes");
}

#[test]
fn a_group_that_joins_is_told_the_policy_in_force_after_its_membership() {
    let mut zone = fleet(&["n1"]);
    assert!(updates(&zone.step(NOW, Event::AckHeard(ack("rack-b", "r1")))).is_empty(), "no policy was ever set");
    set_policy(&mut zone, NOW, DISK);
    reported(&mut zone, NOW, report(1, &[]));
    let effects = zone.step(NOW, Event::AckHeard(ack("rack-a", "a later run")));
    let told = packets(&effects);
    assert!(matches!(&told[0].1, Packet::ZoneSubscriber(_)));
    assert!(matches!(&told.last().unwrap().1, Packet::PolicyUpdate(update) if update.session == 2));
    assert_eq!(zone.policies.next_deadline(), Some(Tick(2_000)));
}

#[test]
fn who_obeys_is_saved_once_and_shows_in_the_progress() {
    let mut zone = fleet(&["n1", "n2"]);
    set_policy(&mut zone, NOW, DISK);
    let effects = reported(&mut zone, NOW, report(1, &["n1"]));
    assert!(
        matches!(saves(&effects)[..], [Change::PolicyApplied { nodes, version: 1, .. }] if *nodes == [id_of("n1")])
    );
    assert_eq!(zone.nodes[&id_of("n1")].policy, 1);
    let again = reported(&mut zone, NOW, report(1, &["n1", "stranger"]));
    assert!(saves(&again).is_empty(), "{again:?}");
    let progress = zone.policy_progress();
    assert_eq!((progress[0].version, progress[0].applied, progress[0].members), (1, 1, 2));
    set_policy(&mut zone, NOW, "");
    assert_eq!((zone.policy_progress()[0].version, zone.policy_progress()[0].applied), (1, 0));
}

#[test]
fn who_cannot_obey_is_saved_once_with_the_reason() {
    let mut zone = fleet(&["n1"]);
    set_policy(&mut zone, NOW, DISK);
    let refusal = PolicyReport {
        refused: vec![PolicyRefusal { node: id_of("n1"), message: "no such indicator".into() }],
        ..report(1, &[])
    };
    let effects = reported(&mut zone, NOW, refusal.clone());
    assert!(matches!(saves(&effects)[..], [Change::PolicyRefused { version: 1, .. }]));
    assert!(saves(&reported(&mut zone, NOW, refusal)).is_empty());
    assert_eq!(zone.policy_progress()[0].refused, 1);
}

#[test]
fn a_report_of_a_former_membership_is_answered_with_the_present_one() {
    let mut zone = fleet(&["n1"]);
    set_policy(&mut zone, NOW, DISK);
    let effects = reported(&mut zone, NOW, PolicyReport { session: 0, ..report(1, &["n1"]) });
    assert!(saves(&effects).is_empty());
    assert!(matches!(&packets(&effects)[0].1, Packet::ZoneSubscriber(_)));
    assert_eq!(zone.overview().ignored["policies.stale_session"], 1);
}

#[test]
fn a_restarted_zone_obeys_the_saved_policy_and_goes_on_counting() {
    let mut zone = fleet(&["n1"]);
    set_policy(&mut zone, NOW, DISK);
    let policy = Some(PolicyRecord { version: 5, document: DISK.into() });
    let (mut zone, _) = Zone::start(NOW, settings(true), Snapshot { policy, ..saved(&zone) });
    assert_eq!(zone.policies.document().settings.indicators["disk_space"].limit, Some(80.0));
    let effects = zone.step(NOW, Event::AckHeard(Ack { generation: 2, ..ack("rack-a", "r1") }));
    assert_eq!(updates(&effects)[0].version, 5);
    assert!(matches!(saves(&set_policy(&mut zone, NOW, ""))[0], Change::PolicySet { version: 6, .. }));
}

#[test]
fn a_saved_policy_this_program_cannot_read_is_told_to_nobody_and_can_be_replaced() {
    let policy = Some(PolicyRecord { version: 5, document: "later = 1".into() });
    let (mut zone, _) = Zone::start(NOW, settings(true), Snapshot { policy, ..saved(&fleet(&["n1"])) });
    assert!(updates(&zone.step(NOW, Event::AckHeard(Ack { generation: 2, ..ack("rack-a", "r1") }))).is_empty());
    assert_eq!(updates(&set_policy(&mut zone, NOW, DISK))[0].version, 6);
}

#[test]
fn a_group_ahead_of_a_zone_that_lost_its_database_is_caught_up_with() {
    let mut zone = fleet(&["n1"]);
    reported(&mut zone, NOW, report(7, &["n1"]));
    assert!(matches!(saves(&set_policy(&mut zone, NOW, DISK))[0], Change::PolicySet { version: 8, .. }));
    let effects = reported(&mut zone, NOW, report(20, &["n1"]));
    assert!(matches!(&saves(&effects)[0], Change::PolicySet { version: 21, document, .. } if document == DISK));
    assert_eq!(updates(&effects)[0].version, 21);
    assert!(saves(&reported(&mut zone, NOW, report(u64::MAX, &[]))).is_empty(), "that is not believed");
}

#[test]
fn what_becomes_of_unknown_combinations_is_the_policys_to_say() {
    let mut zone = fleet(&[]);
    assert_eq!(zone.policies.unknown_combinations(), None);
    let before = zone.table_version;
    set_policy(&mut zone, NOW, "[checkin]\nunknown_combinations = \"hold\"\n");
    assert_eq!(zone.policies.unknown_combinations(), Some(UnknownCombinations::Hold));
    assert_eq!(zone.table_version, before + 1, "check-in services learn it");
}
