use rollcall_model::NodeId;

use super::*;

const HOUR: u64 = 3_600_000;

fn node() -> Principal {
    Principal::Node(NodeId::derived_from("n"))
}

fn facts() -> Facts {
    Facts {
        common_name: format!("{}@0a0a0a0a", node()),
        organisation: String::new(),
        unit: String::new(),
        serial: None,
        not_before: UnixMillis(100 * HOUR),
        not_after: UnixMillis(124 * HOUR),
    }
}

#[test]
fn a_certificate_is_renewed_between_60_and_65_percent_of_its_life() {
    let begins = |chance| match due(&facts(), &node(), UnixMillis(100 * HOUR), chance) {
        Due::Nothing { until } => until.0,
        other => panic!("{other:?}"),
    };
    assert_eq!(begins(0), 100 * HOUR + 24 * HOUR * 60 / 100);
    assert!(begins(500) > begins(0) && begins(999) > begins(500));
    assert!(begins(u16::MAX) <= 100 * HOUR + 24 * HOUR * 65 / 100);
    assert!(124 * HOUR - begins(999) > 8 * HOUR, "eight hours without the zone are survived");
}

#[test]
fn what_is_due_follows_from_the_certificate() {
    for (hour, expected) in [
        (99, Some(Due::Early { from: UnixMillis(100 * HOUR) })),
        (110, None),
        (115, Some(Due::Renew)),
        (124, Some(Due::Renew)),
        (125, Some(Due::Join)),
    ] {
        let due = due(&facts(), &node(), UnixMillis(hour * HOUR), 0);
        match expected {
            Some(expected) => assert_eq!(due, expected, "{hour}"),
            None => assert!(matches!(due, Due::Nothing { .. }), "{hour}"),
        }
    }
    let other = Principal::Node(NodeId::derived_from("m"));
    assert_eq!(due(&facts(), &other, UnixMillis(101 * HOUR), 0), Due::Join);
    let nobody = Facts { common_name: String::new(), ..facts() };
    assert_eq!(due(&nobody, &node(), UnixMillis(101 * HOUR), 0), Due::Join);
}

#[test]
fn waits_double_to_their_longest_and_are_spread() {
    let waits: Vec<u64> = (0..12).map(|tries| wait(tries, LONGEST_WAIT, 0).as_millis() as u64).collect();
    assert_eq!(waits[..4], [500, 1000, 2000, 4000]);
    assert_eq!(waits[11], 150_000);
    assert!(wait(u32::MAX, LONGEST_WAIT, u16::MAX) <= LONGEST_WAIT);
    assert!(wait(3, LONGEST_WAIT, 999) > wait(3, LONGEST_WAIT, 1));
}

#[test]
fn trouble_is_said_once_a_minute() {
    assert!(is_to_be_said(None, UnixMillis(0)));
    assert!(!is_to_be_said(Some(UnixMillis(1_000_000)), UnixMillis(1_059_999)));
    assert!(is_to_be_said(Some(UnixMillis(1_000_000)), UnixMillis(1_060_000)));
    assert!(is_to_be_said(Some(UnixMillis(1_000_000)), UnixMillis(0)), "the clock was put back");
}

#[test]
fn answers_mean_what_they_say() {
    let join: JoinId = JoinId::derived_from("j");
    let pending = format!(r#"{{"join": "{join}", "state": "pending"}}"#);
    let approved = format!(r#"{{"join": "{join}", "state": "approved"}}"#);
    let granted = r#"{"state": "issued", "certificate": "C", "bundle": "B", "user": "U", "zone": "z", "expires": 1}"#;
    let grant = Grant { certificate: "C".into(), bundle: "B".into(), user: "U".into() };
    assert_eq!(read(202, None, pending.as_bytes()), Answer::Pending { join });
    assert_eq!(read(200, None, pending.as_bytes()), Answer::Pending { join });
    assert_eq!(read(200, None, approved.as_bytes()), Answer::Pending { join });
    assert_eq!(read(201, None, granted.as_bytes()), Answer::Granted(grant.clone()));
    assert_eq!(read(200, None, granted.as_bytes()), Answer::Granted(grant));
    assert_eq!(read(404, None, b"{}"), Answer::Unknown);
    let refused = |status, body: &str| match read(status, None, body.as_bytes()) {
        Answer::Refused { reason, detail } => (reason, detail),
        other => panic!("{other:?}"),
    };
    let problem = r#"{"title": "Forbidden", "detail": "the token was used", "reason": "token_used"}"#;
    assert_eq!(refused(403, problem), ("token_used".into(), "the token was used".into()));
    assert_eq!(refused(403, "<html>"), ("http_403".into(), "status 403".into()));
    assert_eq!(refused(200, r#"{"state": "denied", "why": "no room"}"#).1, "it was denied: no room");
    assert!(!refused(403, r#"{"detail": "\u001b[31mred"}"#).1.contains('\u{1b}'));
}

#[test]
fn what_cannot_be_understood_is_asked_again() {
    for (status, body) in
        [(201, "{}"), (200, ""), (202, "{}"), (429, "{}"), (500, ""), (503, "x"), (302, ""), (100, "")]
    {
        assert!(matches!(read(status, None, body.as_bytes()), Answer::Again { .. }), "{status} {body}");
    }
}

#[test]
fn a_zone_that_asks_to_wait_is_given_the_time_it_asks_for() {
    let told = |header, body: &str| match read(503, header, body.as_bytes()) {
        Answer::Again { after, .. } => after,
        other => panic!("{other:?}"),
    };
    let after = |header| told(header, r#"{"reason": "busy"}"#);
    let to_the_millisecond = |ms: u32| told(Some("1"), &format!(r#"{{"reason": "busy", "retry_after_ms": {ms}}}"#));
    assert_eq!(to_the_millisecond(250), Some(Duration::from_millis(250)));
    assert_eq!(to_the_millisecond(0), Some(Duration::from_millis(50)));
    assert_eq!(told(Some("1"), r#"{"reason": "too_often", "retry_after_ms": 20}"#), None, "no turn of ours");
    assert_eq!(after(Some("7")), Some(Duration::from_secs(7)));
    assert_eq!(after(Some("99999999")), Some(LONGEST_WAIT), "nobody is made to wait for ever");
    for said_nothing in [None, Some("Fri, 27 Nov 2026 08:00:00 GMT"), Some("-1"), Some("")] {
        assert_eq!(after(said_nothing), None, "{said_nothing:?}");
    }
    let seven = Duration::from_secs(7);
    assert_eq!(wait_as_told(seven, 0), seven);
    assert!(wait_as_told(seven, u16::MAX) <= seven * 5 / 4 && wait_as_told(seven, 999) > wait_as_told(seven, 1));
}

#[test]
fn refusals_tell_what_to_do() {
    for reason in ["no_token", "token_used", "token_expired", "wrong_name", "wrong_place", "wrong_kind", "revoked"] {
        let hint = hint(reason, &node(), "web-3", Some("rack-a")).unwrap();
        assert!(hint.contains("rollcall token create --for node --name web-3"), "{reason}: {hint}");
    }
    assert_eq!(hint("csr_malformed", &node(), "web-3", None), None);
}
