//! Certificates: renewed, taken over, revoked, and those of check-in services.

use rollcall_model::packet::CheckinPlaced;
use rollcall_model::{Principal, TokenKind};
use rollcall_store::TrustChange;
use serde_json::json;

use super::asking::at;
use super::enrolment::{
    alarms, applicant, digest, group, joined, let_in, node, reason, revoke, serial, token, trust, trusted,
};
use super::*;

const HOUR: u64 = 3_600_000;

/// A zone with this node in it; its certificate has serial number 1.
fn zone_with(of: &str) -> Zone {
    let mut zone = zone();
    token(&mut zone, NOW, "first", TokenKind::Node, Some(of), None);
    let_in(&mut zone, NOW, applicant(of, "first"));
    zone
}

fn renew(
    zone: &mut Zone,
    now: Now,
    principal: Principal,
    presented: u32,
    key: &str,
    number: u32,
) -> (Result<Grant, Rejection>, Vec<Effect>) {
    let (presented, key, serial, origin) = (serial(presented), digest(key), serial(number), "10.0.0.9".into());
    let (answer, effects) = trust(zone, now, Trust::Renew { principal, presented, key, serial, origin });
    (answer.map(|answer| serde_json::from_value(answer).unwrap()), effects)
}

fn why(answer: Result<Grant, Rejection>) -> String {
    answer.unwrap_err().reason.unwrap()
}

#[test]
fn a_certificate_is_renewed_again_and_again() {
    let mut zone = zone_with("web-1");
    for number in 1..20 {
        let now = at(u64::from(number) * 14 * HOUR);
        let (answer, effects) = renew(&mut zone, now, node("web-1"), number, &format!("key {number}"), number + 1);
        let grant = answer.unwrap();
        assert_eq!((grant.serial, grant.name, grant.repeated), (serial(number + 1), name("web-1"), false));
        assert_eq!(grant.not_after_ms.0, now.wall.0 + 24 * HOUR);
        assert!(matches!(trusted(&effects)[..], [TrustChange::CertificateIssued { .. }]), "{effects:?}");
    }
    assert_eq!(zone.enrolment.live[&node("web-1")].len(), 2, "what is over is forgotten");
}

#[test]
fn a_renewal_whose_answer_was_lost_is_answered_the_same() {
    let mut zone = zone_with("web-1");
    let now = at(14 * HOUR);
    let grant = renew(&mut zone, now, node("web-1"), 1, "new key", 2).0.unwrap();
    let (again, effects) = renew(&mut zone, at(14 * HOUR + 1), node("web-1"), 1, "new key", 3);
    assert_eq!((again, effects.len()), (Ok(Grant { repeated: true, ..grant }), 0));
    // With the key it has, too: the next one of it is another.
    let same = renew(&mut zone, at(20 * HOUR), node("web-1"), 2, "new key", 4).0.unwrap();
    assert_eq!((same.serial, same.repeated), (serial(4), false));
}

#[test]
fn one_certificate_renewed_with_two_keys_is_told() {
    let mut zone = zone_with("web-1");
    renew(&mut zone, at(14 * HOUR), node("web-1"), 1, "one key", 2).0.unwrap();
    let (answer, effects) = renew(&mut zone, at(15 * HOUR), node("web-1"), 1, "another key", 3);
    assert!(answer.is_ok(), "the answer may have been lost");
    assert_eq!(alarms(&effects), ["renewed_twice"]);
}

#[test]
fn who_may_not_renew_is_told_why() {
    type Case = (&'static str, fn(&mut Zone) -> Result<Grant, Rejection>);
    let table: &[Case] = &[
        ("too_soon", |zone| renew(zone, at(59_999), node("web-1"), 1, "k", 2).0),
        ("expired", |zone| renew(zone, at(24 * HOUR), node("web-1"), 1, "k", 2).0),
        ("wrong_kind", |zone| renew(zone, at(HOUR), Principal::User(name("ada")), 1, "k", 2).0),
        ("revoked", |zone| {
            revoke(zone, at(HOUR), "web-1");
            renew(zone, at(HOUR), node("web-1"), 1, "k", 2).0
        }),
        ("key_in_use", |zone| {
            token(zone, NOW, "second", TokenKind::Node, Some("web-2"), None);
            let_in(zone, NOW, Applicant { serial: serial(7), ..applicant("web-2", "second") });
            renew(zone, at(HOUR), node("web-1"), 1, "key of web-2", 2).0
        }),
        ("replaced", |zone| {
            token(zone, at(HOUR), "again", TokenKind::Node, Some("web-1"), None);
            let anew = Applicant { key: digest("new disk"), serial: serial(7), ..applicant("web-1", "again") };
            let_in(zone, at(HOUR), anew);
            renew(zone, at(2 * HOUR), node("web-1"), 1, "k", 2).0
        }),
    ];
    for (expected, case) in table {
        assert_eq!(why(case(&mut zone_with("web-1"))), *expected);
    }
}

#[test]
fn a_certificate_of_a_database_that_was_lost_is_renewed_with_a_word() {
    let mut zone = zone();
    let (answer, effects) = renew(&mut zone, NOW, node("web-1"), 5, "k", 6);
    assert_eq!((answer.unwrap().serial, alarms(&effects)), (serial(6), vec!["join_refused".to_owned()]));
    assert_eq!(zone.overview().ignored["trust.certificate_unknown"], 1);
}

#[test]
fn whoever_begins_anew_with_a_token_for_its_name_takes_the_place_of_what_was() {
    let mut zone = zone_with("web-1");
    token(&mut zone, at(HOUR), "again", TokenKind::Node, Some("web-1"), None);
    let anew = Applicant { key: digest("new disk"), serial: serial(7), ..applicant("web-1", "again") };
    let (answer, effects) = joined(&mut zone, at(HOUR), anew);
    assert!(answer.is_ok());
    let ended = trusted(&effects).iter().position(|it| matches!(it, TrustChange::CertificatesEnded { .. }));
    let issued = trusted(&effects).iter().position(|it| matches!(it, TrustChange::CertificateIssued { .. }));
    assert!(ended.is_some() && ended < issued, "{effects:?}");
}

#[test]
fn who_is_revoked_stays_out_until_a_token_is_made_for_its_name() {
    let mut zone = zone_with("web-1");
    // One that lay ready is useless with it.
    token(&mut zone, NOW, "ready", TokenKind::Node, Some("web-1"), None);
    let command = Trust::Revoke { whom: "web-1".into(), reason: "stolen".into(), by: "ada".into() };
    let (answer, effects) = trust(&mut zone, at(10), command.clone());
    let user = node("web-1").user_in(ZoneId::derived_from("z"));
    let told = |certificates: u32, already: bool| {
        json!({
            "principal": node("web-1"), "user": user, "name": "web-1", "certificates": certificates, "already": already,
            "also": [],
        })
    };
    assert_eq!(answer, Ok(told(1, false)));
    assert!(matches!(&trusted(&effects)[..],
        [TrustChange::PrincipalRevoked { .. }, TrustChange::TokenRevoked { .. }, TrustChange::Audited { action, .. }]
        if action == "principal_revoked"));
    let (answer, effects) = trust(&mut zone, at(11), command);
    assert_eq!((answer, effects.len()), (Ok(told(0, true)), 0));
    assert_eq!(reason(joined(&mut zone, at(20), applicant("web-1", "ready")).0), "token_revoked");
    assert_eq!(reason(joined(&mut zone, at(20), applicant("web-1", "")).0), "revoked");

    token(&mut zone, at(30), "lifts", TokenKind::Node, Some("web-1"), None);
    let (answer, effects) = joined(&mut zone, at(31), Applicant { serial: serial(2), ..applicant("web-1", "lifts") });
    assert!(answer.is_ok());
    assert!(trusted(&effects).iter().any(|it| matches!(it, TrustChange::PrincipalLifted { by, .. } if by == "ada")));
    assert!(renew(&mut zone, at(15 * HOUR), node("web-1"), 2, "k", 3).0.is_ok());
    assert_eq!(why(renew(&mut zone, at(15 * HOUR), node("web-1"), 1, "k", 4).0), "replaced", "the old one stays dead");
}

#[test]
fn only_nodes_and_groups_that_are_known_are_revoked() {
    let mut zone = zone();
    zone.step(NOW, join("n1", "run1"));
    zone.step(NOW, Event::AckHeard(ack("rack-a", "r1")));
    for (whom, expected) in [
        ("n1", Ok(Principal::Node(subscription("n1", "run1").identifier.node).to_string())),
        ("rack-a", Ok(group("rack-a").to_string())),
        ("nobody", Err(RejectionKind::Missing)),
        (&node("nobody").to_string(), Err(RejectionKind::Missing)),
        ("user.ada", Err(RejectionKind::Invalid)),
        (&Principal::Checkin(CheckinId::derived_from("c")).to_string(), Err(RejectionKind::Missing)),
    ] {
        let command = Trust::Revoke { whom: whom.into(), reason: String::new(), by: "ada".into() };
        let answer = trust(&mut zone, NOW, command).0;
        assert_eq!(
            answer.map(|it| it["principal"].as_str().unwrap().to_owned()).map_err(|it| it.kind),
            expected,
            "{whom}"
        );
    }
    // Whatever still comes from them is not taken.
    zone.step(NOW, Event::AckHeard(ack("rack-a", "r2")));
    zone.step(NOW, join("n1", "run2"));
    assert_eq!((zone.overview().ignored["ack.revoked"], zone.overview().ignored["join.revoked"]), (1, 1));
}

#[test]
fn where_certificates_are_required_a_group_without_one_is_ignored() {
    let trust = TrustSettings { required: true, ..TrustSettings::default() };
    let mut zone = Zone::start(NOW, Settings { trust, ..settings(true) }, Snapshot::default()).0;
    zone.step(NOW, Event::AckHeard(ack("rack-a", "r1")));
    assert_eq!(zone.overview().ignored["ack.not_enrolled"], 1);
    token(&mut zone, NOW, "t", TokenKind::Group, Some("rack-a"), None);
    let_in(&mut zone, NOW, Applicant { principal: group("rack-a"), ..applicant("rack-a", "t") });
    // Anybody can announce an ACK: heard over DNS-SD it makes no member, over the broker it does.
    let effects = zone.step(NOW, Event::AckHeard(ack("rack-a", "r1")));
    assert!(saves(&effects).is_empty());
    let effects = zone.step(NOW, delivered(Packet::Ack(ack("rack-a", "r1"))));
    assert!(matches!(saves(&effects)[..], [Change::GroupJoined { .. }]));
}

/// A zone whose rack-a runs the check-in service of its place.
fn placing() -> Zone {
    let place = CheckinPlace { place: name("rack-a"), name: name("desk"), ranges: vec![] };
    let mut zone = Zone::start(NOW, Settings { places: vec![place], ..settings(true) }, Snapshot::default()).0;
    for (rack, number) in [("rack-a", 1), ("rack-b", 2)] {
        token(&mut zone, NOW, rack, TokenKind::Group, Some(rack), None);
        let joiner = Applicant { principal: group(rack), serial: serial(number), ..applicant(rack, rack) };
        let_in(&mut zone, NOW, joiner);
        zone.step(NOW, Event::AckHeard(ack(rack, "r1")));
    }
    let running = CheckinPlaced {
        group: GroupId::derived_from("rack-a"),
        session: 1,
        name: name("desk"),
        running: true,
        message: None,
    };
    zone.step(NOW, delivered(Packet::CheckinPlaced(running)));
    zone
}

fn desk(
    zone: &mut Zone,
    now: Now,
    rack: &str,
    presented: u32,
    key: &str,
    number: u32,
) -> (Result<Grant, Rejection>, Vec<Effect>) {
    let (answer, effects) = trust(
        zone,
        now,
        Trust::CheckinCertificate {
            group: GroupId::derived_from(rack),
            presented: serial(presented),
            name: name("desk"),
            key: digest(key),
            serial: serial(number),
            origin: "10.0.0.1".into(),
        },
    );
    (answer.map(|answer| serde_json::from_value(answer).unwrap()), effects)
}

#[test]
fn a_group_gets_the_certificate_of_the_check_in_service_it_was_ordered_to_run() {
    let mut zone = placing();
    assert_eq!(why(desk(&mut zone, NOW, "rack-b", 2, "desk's", 3).0), "not_placed");
    let (answer, effects) = desk(&mut zone, NOW, "rack-a", 1, "desk's", 3);
    let grant = answer.unwrap();
    assert_eq!(grant.principal, Principal::Checkin(CheckinId::of_service(&name("desk"))));
    assert!(matches!(trusted(&effects)[..], [TrustChange::CertificateIssued { .. }, TrustChange::Audited { .. }]));
    let (again, effects) = desk(&mut zone, at(1_000), "rack-a", 1, "desk's", 4);
    assert_eq!((again, effects.len()), (Ok(Grant { repeated: true, ..grant.clone() }), 0));
    assert!(renew(&mut zone, at(14 * HOUR), grant.principal.clone(), 3, "desk's", 5).0.is_ok(), "it renews by itself");
    // Its group's key is not the service's.
    assert_eq!(why(desk(&mut zone, at(14 * HOUR), "rack-a", 1, "key of rack-a", 6).0), "key_in_use");

    let command = Trust::Revoke { whom: "rack-a".into(), reason: String::new(), by: "ada".into() };
    let answer = trust(&mut zone, at(15 * HOUR), command).0.unwrap();
    assert_eq!(answer["also"], json!([grant.user]), "it goes with its group");
    assert_eq!(why(renew(&mut zone, at(15 * HOUR), grant.principal, 5, "desk's", 7).0), "replaced");
    assert_eq!(why(desk(&mut zone, at(15 * HOUR), "rack-a", 1, "other", 8).0), "revoked");
}

#[test]
fn both_live_sessions_of_a_cloned_disk_are_named() {
    let mut zone = zone();
    zone.step(NOW, join("n1", "run1"));
    let clone = subscription("n1", "run2");
    let clash = rollcall_model::packet::IdentityClash {
        identifier: clone.identifier,
        instance: clone.instance,
        name: name("n1-copy"),
        address: [10, 0, 0, 2].into(),
    };
    let effects = zone.step(NOW, delivered(Packet::IdentityClash(clash)));
    let said: Vec<String> = all_packets(&effects)
        .into_iter()
        .filter_map(|(_, packet)| if let Packet::ChannelMessage(said) = packet { Some(said.message) } else { None })
        .collect();
    let [Change::Noted { message, .. }] = saves(&effects)[..] else { panic!("{effects:?}") };
    for text in [message, &said[0]] {
        for part in [
            format!("n1-copy at 10.0.0.2 (run {})", InstanceId::derived_from("run2")),
            format!("n1 at 10.0.0.1 (run {})", InstanceId::derived_from("run1")),
        ] {
            assert!(text.contains(&part), "{part} in {text}");
        }
    }
}

#[test]
fn who_is_let_in_anew_is_another_user_while_a_former_certificate_could_be_shown() {
    let mut zone = zone_with("web-1");
    let first = node("web-1").user_in(zone.settings.zone);
    revoke(&mut zone, at(HOUR), "web-1");
    token(&mut zone, at(HOUR), "again", TokenKind::Node, Some("web-1"), None);
    let anew = Applicant { key: digest("new disk"), serial: serial(7), ..applicant("web-1", "again") };
    let grant = let_in(&mut zone, at(HOUR), anew);
    assert_eq!(grant.replaces, std::slice::from_ref(&first));
    assert!(grant.user != first && node("web-1").is_user_in(&grant.user, zone.settings.zone), "{}", grant.user);
    // It stays that user when it renews.
    let renewed = renew(&mut zone, at(16 * HOUR), node("web-1"), 7, "new disk", 8).0.unwrap();
    assert_eq!((&renewed.user, renewed.replaces.len()), (&grant.user, 1));
    // A copy of its disk that comes with a token replaces it and cuts nobody off.
    token(&mut zone, at(16 * HOUR), "copy", TokenKind::Node, Some("web-1"), None);
    let copy = Applicant { key: digest("copied disk"), serial: serial(9), ..applicant("web-1", "copy") };
    let copied = let_in(&mut zone, at(16 * HOUR), copy);
    assert_eq!((&copied.user, copied.replaces.as_slice()), (&grant.user, std::slice::from_ref(&first)));
    // A revocation ends both, also when it is said again.
    for _ in 0..2 {
        let (told, _) = trust(
            &mut zone,
            at(17 * HOUR),
            Trust::Revoke { whom: "web-1".into(), reason: String::new(), by: By::from("ada") },
        );
        let told = told.unwrap();
        assert_eq!((&told["user"], &told["also"]), (&json!(first), &json!([grant.user])));
    }
    // Once the days of all of them are over it is the first again.
    token(&mut zone, at(80 * HOUR), "late", TokenKind::Node, Some("web-1"), None);
    let late = Applicant { key: digest("third disk"), serial: serial(10), ..applicant("web-1", "late") };
    assert_eq!(let_in(&mut zone, at(80 * HOUR), late).user, first);
}
