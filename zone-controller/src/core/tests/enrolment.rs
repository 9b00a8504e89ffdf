//! Tokens: who gets in with one, and with which reason everybody else does not.

use rollcall_model::{JoinId, Principal, Role, Serial, Sha256, TokenKind};
use rollcall_store::TrustChange;
use serde_json::json;

use super::asking::{ask, at};
use super::*;

pub(super) fn trust(zone: &mut Zone, now: Now, command: Trust) -> (Result<Value, Rejection>, Vec<Effect>) {
    ask(zone, now, Command::Trust(Box::new(command)))
}

pub(super) fn digest(of: &str) -> Sha256 {
    Sha256::of(of.as_bytes())
}

pub(super) fn serial(number: u32) -> Serial {
    format!("{number:08x}").parse().unwrap()
}

pub(super) fn node(of: &str) -> Principal {
    Principal::Node(NodeId::derived_from(of))
}

pub(super) fn group(of: &str) -> Principal {
    Principal::Group(GroupId::derived_from(of))
}

/// Makes a token for ten minutes; says its public id.
pub(super) fn token(
    zone: &mut Zone,
    now: Now,
    text: &str,
    kind: TokenKind,
    name: Option<&str>,
    place: Option<&str>,
) -> String {
    let (name, place) = (name.map(super::name), place.map(super::name));
    let (hash, not_before, life) = (digest(text), None, Millis(600_000));
    let command = Trust::CreateToken { hash, kind, name, place, not_before, life, by: "ada".into() };
    trust(zone, now, command).0.unwrap()["token"].as_str().unwrap().to_owned()
}

/// A node of this name, with a key of its own, and a token if there is a text of one.
pub(super) fn applicant(of: &str, token: &str) -> Applicant {
    Applicant {
        principal: node(of),
        name: name(of),
        place: Some(name("row-1")),
        address: None,
        origin: "10.0.0.9".into(),
        key: digest(&format!("key of {of}")),
        csr: "a request".into(),
        token: (!token.is_empty()).then(|| digest(token)),
        serial: serial(1),
    }
}

/// Somebody comes in.
pub(super) fn let_in(zone: &mut Zone, now: Now, applicant: Applicant) -> Grant {
    match joined(zone, now, applicant).0 {
        Ok(JoinAnswer::Issued(grant)) => grant,
        other => panic!("{other:?}"),
    }
}

pub(super) fn joined(zone: &mut Zone, now: Now, applicant: Applicant) -> (Result<JoinAnswer, Rejection>, Vec<Effect>) {
    let (answer, effects) = trust(zone, now, Trust::Join(applicant));
    (answer.map(|answer| serde_json::from_value(answer).unwrap()), effects)
}

pub(super) fn reason(answer: Result<JoinAnswer, Rejection>) -> String {
    let rejection = answer.unwrap_err();
    assert_eq!(rejection.kind, RejectionKind::Forbidden, "{rejection}");
    rejection.reason.unwrap()
}

pub(super) fn trusted(effects: &[Effect]) -> Vec<&TrustChange> {
    let mut found = Vec::new();
    for change in saves(effects) {
        if let Change::Trust(change) = change {
            found.push(&**change);
        }
    }
    found
}

/// What is said on the security channel.
pub(super) fn alarms(effects: &[Effect]) -> Vec<String> {
    let said = all_packets(effects).into_iter().filter_map(|(_, packet)| match packet {
        Packet::ChannelMessage(message) => Some(message.what),
        _ => None,
    });
    said.collect()
}

pub(super) fn revoke(zone: &mut Zone, now: Now, whom: &str) -> Vec<Effect> {
    let (answer, effects) =
        trust(zone, now, Trust::Revoke { whom: whom.into(), reason: "stolen".into(), by: "ada".into() });
    answer.unwrap();
    effects
}

#[test]
fn who_brings_a_good_token_gets_a_certificate_that_is_saved_first() {
    let mut zone = zone();
    let id = token(&mut zone, NOW, "t", TokenKind::Node, Some("web-1"), Some("row-1"));
    let (answer, effects) = joined(&mut zone, at(1_000), applicant("web-1", "t"));
    let Ok(JoinAnswer::Issued(grant)) = answer else { panic!("{answer:?}") };
    assert_eq!(grant.user, node("web-1").user_in(ZoneId::derived_from("z")));
    assert_eq!((grant.serial.clone(), grant.key.clone()), (serial(1), digest("key of web-1")));
    assert_eq!(grant.not_before_ms.0, at(1_000).wall.0 - 300_000);
    assert_eq!(grant.not_after_ms.0, at(1_000).wall.0 + 24 * 3_600_000);
    assert!(!grant.repeated);
    let [used, issued, audited] = trusted(&effects)[..] else { panic!("{effects:?}") };
    assert!(matches!(used, TrustChange::TokenUsed { token, .. } if *token == id));
    assert!(matches!(issued, TrustChange::CertificateIssued { expires, .. } if *expires == grant.not_after_ms));
    assert!(matches!(audited, TrustChange::Audited { who, origin, action, after, .. }
        if *who == node("web-1").to_string() && origin == "10.0.0.9" && action == "certificate_issued"
            && after["issued_by"] == format!("token {id}")));
    assert!(alarms(&effects).is_empty());
}

/// What is wrong, and what changes the good case into it.
type Wrong = (&'static str, fn(&mut Zone, &mut Applicant) -> Now);

#[test]
fn everybody_else_is_refused_with_a_reason_and_the_operator_hears_of_it() {
    let table: &[Wrong] = &[
        ("no_token", |_, it| {
            it.token = None;
            NOW
        }),
        ("token_unknown", |_, it| {
            it.token = Some(digest("guessed"));
            NOW
        }),
        ("token_expired", |_, _| at(600_000)),
        ("token_revoked", |zone, _| {
            let token = digest("t").short().to_owned();
            trust(zone, NOW, Trust::RevokeToken { token, by: "ada".into() }).0.unwrap();
            NOW
        }),
        ("token_not_yet_valid", |zone, it| {
            let (name, not_before) = (Some(name("web-1")), Some(at(60_000).wall));
            let (hash, kind, place) = (digest("later"), TokenKind::Node, None);
            let life = Millis(1_000);
            let by = "ada".into();
            trust(zone, NOW, Trust::CreateToken { hash, kind, name, place, not_before, life, by }).0.unwrap();
            it.token = Some(digest("later"));
            at(59_999)
        }),
        ("wrong_kind", |_, it| {
            it.principal = group("rack-web");
            it.name = name("rack-web");
            NOW
        }),
        ("wrong_kind", |_, it| {
            it.principal = Principal::User(name("root"));
            NOW
        }),
        ("wrong_name", |_, it| {
            it.name = name("web-2");
            NOW
        }),
        ("wrong_place", |_, it| {
            it.place = Some(name("row-2"));
            NOW
        }),
        ("wrong_place", |_, it| {
            it.place = None;
            NOW
        }),
        ("token_used", |zone, it| {
            let_in(zone, NOW, it.clone());
            it.principal = node("web-1 elsewhere");
            it.key = digest("another key");
            NOW
        }),
        ("token_used", |zone, it| {
            let_in(zone, NOW, it.clone());
            it.key = digest("another key");
            NOW
        }),
        ("token_used", |zone, it| {
            let_in(zone, NOW, it.clone());
            at(600_000)
        }),
        ("key_in_use", |zone, it| {
            token(zone, NOW, "u", TokenKind::Node, Some("web-2"), None);
            let_in(zone, NOW, Applicant { key: it.key.clone(), ..applicant("web-2", "u") });
            NOW
        }),
        ("principal_in_use", |zone, it| {
            token(zone, NOW, "u", TokenKind::Node, Some("web-0"), None);
            let first = Applicant { name: name("web-0"), key: digest("first key"), ..applicant("web-1", "u") };
            let_in(zone, NOW, first);
            it.token = Some(digest("t"));
            NOW
        }),
        ("revoked", |zone, it| {
            token(zone, NOW, "u", TokenKind::Node, Some("web-1"), None);
            let_in(zone, NOW, Applicant { serial: serial(9), ..applicant("web-1", "u") });
            revoke(zone, NOW, "web-1");
            token(zone, NOW, "p", TokenKind::Node, None, Some("row-1"));
            it.token = Some(digest("p"));
            NOW
        }),
        ("not_admitted", |_, it| {
            it.principal = group("printer");
            it.name = name("printer");
            NOW
        }),
    ];
    for (expected, change) in table {
        let mut zone = zone();
        token(&mut zone, NOW, "t", TokenKind::Node, Some("web-1"), Some("row-1"));
        let mut it = Applicant { serial: serial(77), ..applicant("web-1", "t") };
        let now = change(&mut zone, &mut it);
        let (answer, effects) = joined(&mut zone, now, it.clone());
        assert_eq!(reason(answer), *expected);
        assert_eq!(trusted(&effects).len(), 0, "{expected}: nothing is changed");
        assert!(
            matches!(saves(&effects)[..], [Change::Noted { kind: "trust_refused", .. }]),
            "{expected}: {effects:?}"
        );
        let serious = ["token_used", "key_in_use", "principal_in_use", "revoked"].contains(expected);
        assert_eq!(alarms(&effects), [if serious { *expected } else { "join_refused" }]);
        assert_eq!(zone.overview().ignored[&format!("trust.{expected}")], 1);
        // Again: refused again, and not told again.
        let (answer, effects) = joined(&mut zone, now, it);
        assert_eq!((reason(answer).as_str(), effects.len()), (*expected, 0));
    }
}

#[test]
fn a_join_whose_answer_was_lost_is_answered_the_same() {
    let mut zone = zone();
    token(&mut zone, NOW, "t", TokenKind::Node, Some("web-1"), None);
    let first = let_in(&mut zone, NOW, applicant("web-1", "t"));
    let (again, effects) = joined(&mut zone, at(599_999), Applicant { serial: serial(2), ..applicant("web-1", "t") });
    assert_eq!(again.unwrap(), JoinAnswer::Issued(Grant { repeated: true, ..first }));
    assert!(effects.is_empty(), "{effects:?}");
    // Not once it was thrown out.
    revoke(&mut zone, at(10), "web-1");
    assert_eq!(reason(joined(&mut zone, at(20), applicant("web-1", "t")).0), "token_used");
}

#[test]
fn tokens_are_bound_short_lived_and_told_without_their_secret() {
    let of = |name: Option<&str>, life: u64, not_before: u64| Trust::CreateToken {
        hash: digest("x"),
        kind: TokenKind::Group,
        name: name.map(super::name),
        place: None,
        not_before: Some(UnixMillis(not_before)),
        life: Millis(life),
        by: By { who: "ada".into(), origin: "10.0.0.7".into() },
    };
    let week = at(7 * 86_400_000).wall.0;
    for (command, says) in [
        (of(None, 1_000, 0), "a name or a place"),
        (of(Some("a"), 0, 0), "at most"),
        (of(Some("a"), 600_001, 0), "10 minutes at most"),
        (of(Some("a"), 1_000, week + 1), "seven days"),
    ] {
        let (answer, effects) = trust(&mut zone(), NOW, command);
        assert!(answer.unwrap_err().message.contains(says), "{says}");
        assert!(effects.is_empty());
    }
    let mut zone = zone();
    let (answer, effects) = trust(&mut zone, NOW, of(Some("rack-a"), 600_000, week));
    let expected = json!({
        "token": digest("x").short(), "kind": "group", "name": "rack-a", "place": null, "not_before_ms": week,
        "expires_ms": week + 600_000,
    });
    assert_eq!(answer, Ok(expected.clone()));
    assert!(
        matches!(&trusted(&effects)[..], [TrustChange::TokenCreated { .. }, TrustChange::Audited { who, origin, after, .. }]
        if who == "ada" && origin == "10.0.0.7" && *after == expected)
    );
    assert_eq!(trust(&mut zone, NOW, of(Some("rack-b"), 1_000, 0)).0.unwrap_err().kind, RejectionKind::Conflict);
}

#[test]
fn a_used_token_is_not_revoked_and_a_revoked_one_once() {
    let mut zone = zone();
    let id = token(&mut zone, NOW, "t", TokenKind::Node, Some("web-1"), None);
    let revoke = |token: &str| Trust::RevokeToken { token: token.into(), by: "ada".into() };
    assert_eq!(trusted(&trust(&mut zone, NOW, revoke(&id)).1).len(), 2);
    let (answer, effects) = trust(&mut zone, NOW, revoke(&id));
    assert_eq!((answer, effects.len()), (Ok(json!({ "token": id, "revoked": true })), 0));
    let used = token(&mut zone, NOW, "u", TokenKind::Node, Some("web-1"), None);
    let_in(&mut zone, NOW, applicant("web-1", "u"));
    assert_eq!(trust(&mut zone, NOW, revoke(&used)).0.unwrap_err().kind, RejectionKind::Conflict);
    assert_eq!(trust(&mut zone, NOW, revoke("nothing")).0.unwrap_err().kind, RejectionKind::Missing);
}

#[test]
fn groups_join_under_a_name_of_their_own() {
    let mut zone = zone();
    let as_group =
        |of: &str, id: &str, token: &str| Applicant { principal: group(id), name: name(of), ..applicant(id, token) };
    for (text, name) in [("a", "rack-a"), ("b", "rack-a"), ("c", "rack-c")] {
        token(&mut zone, NOW, text, TokenKind::Group, Some(name), None);
    }
    let_in(&mut zone, NOW, as_group("rack-a", "rack-a", "a"));
    assert_eq!(reason(joined(&mut zone, NOW, as_group("rack-a", "another", "b")).0), "name_taken");
    zone.step(NOW, Event::AckHeard(ack("rack-b", "r1")));
    assert_eq!(reason(joined(&mut zone, NOW, as_group("rack-c", "rack-b", "c")).0), "group_id_taken");
}

#[test]
fn users_have_one_role_and_the_last_administrator_stays() {
    let mut zone = zone();
    let set = |user: &str, role, token: Option<&str>| Trust::SetUser {
        name: name(user),
        role,
        token: token.map(digest),
        serial: serial(1),
        by: "root".into(),
    };
    let remove = |user: &str| Trust::RemoveUser { name: name(user), by: "root".into() };
    let (answer, effects) = trust(&mut zone, NOW, set("ada", Role::Administrator, None));
    assert_eq!(answer, Ok(json!({ "name": "ada", "role": "administrator", "created": true })));
    assert!(matches!(trusted(&effects)[..], [TrustChange::Audited { .. }, TrustChange::UserSet { .. }]));
    assert!(trust(&mut zone, NOW, set("ada", Role::Administrator, None)).1.is_empty(), "that is so already");
    assert_eq!(trusted(&trust(&mut zone, NOW, set("ada", Role::Administrator, Some("t"))).1).len(), 2);
    for command in [set("ada", Role::Viewer, None), remove("ada")] {
        assert_eq!(trust(&mut zone, NOW, command).0.unwrap_err().reason.as_deref(), Some("last_administrator"));
    }
    trust(&mut zone, NOW, set("bob", Role::Administrator, None)).0.unwrap();
    let (answer, effects) = trust(&mut zone, NOW, remove("ada"));
    assert_eq!(answer, Ok(json!({ "name": "ada", "removed": true })));
    assert_eq!(trusted(&effects).len(), 2);
    assert_eq!(trust(&mut zone, NOW, remove("ada")).0.unwrap_err().kind, RejectionKind::Missing);
    assert!(trust(&mut zone, NOW, remove("bob")).0.is_err());
    assert_eq!(
        trust(&mut zone, NOW, Trust::ApproveJoin { join: JoinId::derived_from("x"), by: "a".into() })
            .0
            .unwrap_err()
            .kind,
        RejectionKind::Missing
    );
}
