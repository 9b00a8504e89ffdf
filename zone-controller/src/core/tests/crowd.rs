//! A fleet that comes in at once is let in as fast as it gets through.

use rollcall_model::{Principal, TokenKind};

use super::asking::{at, id_of};
use super::enrolment::{applicant, digest, joined, let_in, reason, token, trusted};
use super::*;

/// With a token of its own.
fn newcomer(zone: &mut Zone, number: usize) -> (String, Applicant) {
    let name = format!("n{number}");
    token(zone, NOW, &format!("token {name}"), TokenKind::Node, Some(&name), None);
    let applicant =
        Applicant { principal: Principal::Node(id_of(&name)), ..applicant(&name, &format!("token {name}")) };
    (name, applicant)
}

#[test]
fn who_comes_when_many_are_on_the_way_in_asks_again_with_the_same_token() {
    let mut zone = zone();
    let newcomers: Vec<_> = (0..65).map(|number| newcomer(&mut zone, number)).collect();
    let (last, before) = newcomers.split_last().unwrap();
    for (_, applicant) in before {
        let_in(&mut zone, NOW, applicant.clone());
    }
    let (answer, effects) = joined(&mut zone, at(1), last.1.clone());
    let busy = answer.unwrap_err();
    assert_eq!((busy.kind, busy.reason.as_deref()), (RejectionKind::Busy, Some("busy")));
    assert!(busy.retry_after.is_some_and(|after| after.0 <= 15_000), "{busy:?}");
    assert!(trusted(&effects).is_empty(), "nothing happened to the token");
    assert_eq!(zone.overview().ignored.get("trust.busy"), Some(&1));
    let_in(&mut zone, at(2), before[3].1.clone());
    zone.step(at(3), join(&before[3].0, "run1"));
    let_in(&mut zone, at(4), last.1.clone());
}

#[test]
fn a_token_that_ends_while_its_holder_waits_for_their_turn_still_lets_them_in() {
    let mut zone = zone();
    let newcomers: Vec<_> = (0..66).map(|number| newcomer(&mut zone, number)).collect();
    let end = 600_000;
    for (_, applicant) in &newcomers[..64] {
        let_in(&mut zone, at(end - 2), applicant.clone());
    }
    assert_eq!(joined(&mut zone, at(end - 1), newcomers[64].1.clone()).0.unwrap_err().kind, RejectionKind::Busy);
    zone.step(at(end + 5_000), join(&newcomers[0].0, "run1"));
    let late = joined(&mut zone, at(end + 5_000), newcomers[65].1.clone()).0;
    assert_eq!(late.unwrap_err().reason.as_deref(), Some("token_expired"), "who never came in time");
    let thief = Applicant { key: digest("another key"), ..newcomers[64].1.clone() };
    assert_eq!(reason(joined(&mut zone, at(end + 5_000), thief).0), "token_expired", "who never came in time with it");
    let_in(&mut zone, at(end + 5_000), newcomers[64].1.clone());
}

#[test]
fn a_rack_is_not_kept_waiting_by_nodes() {
    let mut zone = zone();
    for number in 0..64 {
        let (_, applicant) = newcomer(&mut zone, number);
        let_in(&mut zone, NOW, applicant);
    }
    token(&mut zone, NOW, "token of the rack", TokenKind::Group, Some("rack-a"), None);
    let principal = Principal::Group(GroupId::derived_from("rack-a"));
    let_in(&mut zone, NOW, Applicant { principal, ..applicant("rack-a", "token of the rack") });
}
