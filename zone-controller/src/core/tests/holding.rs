//! Joins without a token, where the policy holds them.

use rollcall_model::{JoinId, TokenKind};
use rollcall_store::{JoinState, TrustChange};

use super::asking::{at, set_policy};
use super::enrolment::{
    alarms, applicant, digest, joined, let_in, node, reason, revoke, serial, token, trust, trusted,
};
use super::*;

fn holding() -> Zone {
    let mut zone = zone();
    set_policy(&mut zone, NOW, "[join]\nunknown = \"hold\"\n");
    zone
}

fn held(zone: &mut Zone, of: &str) -> JoinId {
    match joined(zone, NOW, applicant(of, "")).0 {
        Ok(JoinAnswer::Pending { join }) => join,
        other => panic!("{other:?}"),
    }
}

fn decide(zone: &mut Zone, join: JoinId, approve: bool) -> (Result<Value, Rejection>, Vec<Effect>) {
    let by = By::from("ada");
    let command = match approve {
        true => Trust::ApproveJoin { join, by },
        false => Trust::DenyJoin { join, reason: "not ours".into(), by },
    };
    trust(zone, at(10), command)
}

fn collect(zone: &mut Zone, now: Now, join: JoinId, number: u32) -> Result<JoinAnswer, Rejection> {
    let (answer, _) = trust(zone, now, Trust::Collect { join, serial: serial(number) });
    answer.map(|answer| serde_json::from_value(answer).unwrap())
}

#[test]
fn who_waits_is_let_in_by_somebody_and_comes_for_the_certificate() {
    let mut zone = holding();
    let (answer, effects) = joined(&mut zone, NOW, applicant("web-1", ""));
    let Ok(JoinAnswer::Pending { join }) = answer else { panic!("{answer:?}") };
    assert!(matches!(&trusted(&effects)[..], [TrustChange::JoinHeld { csr, origin, .. }]
        if csr == "a request" && origin == "10.0.0.9"));
    let (again, effects) = joined(&mut zone, at(5), applicant("web-1", ""));
    assert_eq!((again, effects.len()), (Ok(JoinAnswer::Pending { join }), 0), "waiting is one row");
    assert_eq!(collect(&mut zone, at(6), join, 2), Ok(JoinAnswer::Pending { join }));

    let (answer, effects) = decide(&mut zone, join, true);
    assert_eq!(answer.unwrap()["state"], "approved");
    assert!(matches!(
        trusted(&effects)[..],
        [TrustChange::Audited { .. }, TrustChange::JoinDecided { approved: true, .. }]
    ));
    assert!(decide(&mut zone, join, true).1.is_empty(), "once");
    // A certificate begins to live when it is collected.
    let Ok(JoinAnswer::Issued(grant)) = collect(&mut zone, at(3_600_000), join, 3) else { panic!("issued") };
    assert_eq!((grant.csr.as_deref(), grant.serial.clone()), (Some("a request"), serial(3)));
    assert_eq!(grant.not_after_ms.0, at(25 * 3_600_000).wall.0);
    // The answer was lost: by its id, and by the same request.
    let again = Grant { repeated: true, ..grant };
    assert_eq!(collect(&mut zone, at(3_700_000), join, 4), Ok(JoinAnswer::Issued(again.clone())));
    assert_eq!(joined(&mut zone, at(3_700_000), applicant("web-1", "")).0, Ok(JoinAnswer::Issued(again)));
    assert_eq!(decide(&mut zone, join, false).0.unwrap_err().kind, RejectionKind::Conflict);
    // Once it is over it must be asked for anew.
    let over = at(30 * 3_600_000);
    assert_eq!(reason(collect(&mut zone, over, join, 5)), "collected");
    assert!(
        matches!(joined(&mut zone, over, applicant("web-1", "")).0, Ok(JoinAnswer::Pending { join: new }) if new != join)
    );
}

#[test]
fn who_comes_again_after_the_approval_is_let_in_as_well() {
    let mut zone = holding();
    let join = held(&mut zone, "web-1");
    decide(&mut zone, join, true).0.unwrap();
    // Whatever the policy has become since.
    set_policy(&mut zone, at(20), "");
    let (answer, effects) = joined(&mut zone, at(30), applicant("web-1", ""));
    assert!(matches!(answer, Ok(JoinAnswer::Issued(_))));
    let [issued, state, audited] = trusted(&effects)[..] else { panic!("{effects:?}") };
    assert!(matches!(issued, TrustChange::CertificateIssued { .. }));
    assert!(matches!(state, TrustChange::JoinIssued { .. }));
    assert!(matches!(audited, TrustChange::Audited { after, .. } if after["issued_by"] == "approval by ada"));
}

#[test]
fn who_is_denied_hears_why_and_may_be_approved_later_or_bring_a_token() {
    let mut zone = holding();
    let join = held(&mut zone, "web-1");
    assert_eq!(decide(&mut zone, join, false).0.unwrap()["state"], "denied");
    assert_eq!(collect(&mut zone, at(20), join, 2), Ok(JoinAnswer::Denied { join, why: "not ours".into() }));
    assert_eq!(reason(joined(&mut zone, at(20), applicant("web-1", "")).0), "denied");
    decide(&mut zone, join, true).0.unwrap();
    assert!(matches!(collect(&mut zone, at(30), join, 2), Ok(JoinAnswer::Issued(_))));
    let other = held(&mut zone, "web-2");
    decide(&mut zone, other, false).0.unwrap();
    token(&mut zone, at(30), "t", TokenKind::Node, Some("web-2"), None);
    let_in(&mut zone, at(31), applicant("web-2", "t"));
}

#[test]
fn strangers_fill_no_table_and_a_key_waits_for_one_only() {
    let mut zone = holding();
    for number in 0..1_000 {
        held(&mut zone, &format!("n{number}"));
    }
    assert_eq!(reason(joined(&mut zone, NOW, applicant("one-more", "")).0), "too_many_waiting");
    assert!(matches!(joined(&mut zone, NOW, applicant("n7", "")).0, Ok(JoinAnswer::Pending { .. })));
    let thief = Applicant { key: digest("key of n7"), ..applicant("thief", "") };
    assert_eq!(reason(joined(&mut zone, NOW, thief).0), "key_in_use");
    // After thirty days nobody decides any more.
    assert!(matches!(
        joined(&mut zone, at(31 * 86_400_000), applicant("one-more", "")).0,
        Ok(JoinAnswer::Pending { .. })
    ));
    assert_eq!(zone.enrolment.joins.len(), 1);
}

#[test]
fn who_is_revoked_is_not_even_held() {
    let mut zone = holding();
    let join = held(&mut zone, "web-1");
    decide(&mut zone, join, true).0.unwrap();
    let effects = revoke(&mut zone, at(20), &node("web-1").to_string());
    assert!(trusted(&effects).iter().any(|change| matches!(change, TrustChange::JoinDecided { approved: false, .. })));
    assert_eq!(zone.enrolment.joins[&join].state, JoinState::Denied);
    let (answer, effects) = joined(&mut zone, at(30), applicant("web-1", ""));
    assert_eq!((reason(answer).as_str(), alarms(&effects)), ("revoked", vec!["revoked".to_owned()]));
    assert_eq!(decide(&mut zone, join, true).0.unwrap_err().kind, RejectionKind::Conflict, "approval does not lift it");
}

#[test]
fn a_request_that_is_too_long_is_not_kept() {
    let long = Applicant { csr: "x".repeat(8_193), ..applicant("web-1", "") };
    let (answer, effects) = joined(&mut holding(), NOW, long);
    assert_eq!((answer.unwrap_err().kind, effects.len()), (RejectionKind::Invalid, 0));
}
