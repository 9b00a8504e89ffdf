//! Commands that depend on how things are: whoever gave them looked before, and something may have come in between.

use rollcall_model::{JoinId, Millis, Role, TokenKind};
use rollcall_store::{GroupKind, GroupRule, JoinState};
use serde_json::json;

use super::asking::{ask, policy};
use super::enrolment::{applicant, digest, joined, serial, token, trust};
use super::*;
use crate::core::{Expected, RejectionKind, Trust};

fn on(expected: Expected, command: Command) -> Command {
    Command::If(expected, Box::new(command))
}

/// Refused as stale, with nothing to carry out but the answer.
fn is_stale(zone: &mut Zone, command: Command) -> bool {
    let (answer, effects) = ask(zone, NOW, command);
    let is_stale = answer.is_err_and(|why| (why.kind, why.reason.as_deref()) == (RejectionKind::Stale, Some("stale")));
    is_stale && effects.is_empty()
}

#[test]
fn a_policy_that_came_in_between_is_not_overwritten() {
    let mut zone = zone();
    let set = |document: &str| policy(document, false);
    assert!(is_stale(&mut zone, on(Expected::Policy(1), set(""))), "there is none");
    // Two who saw the same; the first hung up before it was saved.
    assert!(ask(&mut zone, NOW, on(Expected::Policy(0), set(""))).0.is_ok());
    assert!(is_stale(&mut zone, on(Expected::Policy(0), set("[settings]\nsample_period_ms = 1000\n"))));
    assert_eq!(ask(&mut zone, NOW, on(Expected::Policy(1), set(""))).0.unwrap()["version"], 2);
}

#[test]
fn a_group_by_rule_is_changed_as_it_was_seen() {
    let mut zone = zone();
    let rule = |rule: &str| GroupRule { rule: rule.into(), enter_dwell: Millis(0), leave_dwell: Millis(0) };
    let set = |of: &str| Command::SetRuleGroup {
        name: name("big"),
        kind: GroupKind::Logical,
        rule: of.into(),
        enter_dwell: Millis(0),
        leave_dwell: Millis(0),
        by: "ada".into(),
    };
    let expected = |seen| Expected::Rule { group: "big".into(), seen };
    let made = ask(&mut zone, NOW, on(expected(None), set("cpu.threads > 1"))).0.unwrap();
    assert!(is_stale(&mut zone, on(expected(None), set("cpu.threads > 2"))), "it is there meanwhile");
    let group = made["group_id"].as_str().unwrap().parse().unwrap();
    let seen = |of: &str| expected(Some((group, GroupKind::Logical, rule(of))));
    assert!(ask(&mut zone, NOW, on(seen("cpu.threads > 1"), set("cpu.threads > 2"))).0.is_ok());
    let dissolve = || Command::DissolveGroup { group: "big".into(), by: "bob".into() };
    assert!(is_stale(&mut zone, on(seen("cpu.threads > 1"), dissolve())));
    assert!(ask(&mut zone, NOW, on(seen("cpu.threads > 2"), dissolve())).0.is_ok());
}

#[test]
fn joins_tokens_and_users_are_decided_on_as_they_were_seen() {
    let mut zone = zone();
    let by_trust = |expected, command| on(expected, Command::Trust(Box::new(command)));
    ask(&mut zone, NOW, policy("[join]\nunknown = \"hold\"\n", false)).0.unwrap();
    let Ok(JoinAnswer::Pending { join }) = joined(&mut zone, NOW, applicant("web-1", "")).0 else { panic!("held") };
    let deny = || Trust::DenyJoin { join, reason: String::new(), by: "bob".into() };
    trust(&mut zone, NOW, Trust::ApproveJoin { join, by: "ada".into() }).0.unwrap();
    assert!(is_stale(&mut zone, by_trust(Expected::Join(join, JoinState::Pending), deny())));
    assert!(ask(&mut zone, NOW, by_trust(Expected::Join(join, JoinState::Approved), deny())).0.is_ok());
    let nobody = JoinId::derived_from("nobody");
    assert!(is_stale(&mut zone, by_trust(Expected::Join(nobody, JoinState::Pending), deny())));

    let token = token(&mut zone, NOW, "t", TokenKind::Node, Some("web-2"), None);
    let open = Expected::Token { token: token.clone(), used: false, revoked: false };
    let revoke = || Trust::RevokeToken { token: token.clone(), by: "bob".into() };
    assert!(ask(&mut zone, NOW, by_trust(open.clone(), revoke())).0.is_ok());
    assert!(is_stale(&mut zone, by_trust(open, revoke())));

    let set = |role, token: Option<&str>| {
        let token = token.map(digest);
        Trust::SetUser { name: name("ada"), role, token, serial: serial(1), by: "root".into() }
    };
    let remove = || Trust::RemoveUser { name: name("ada"), by: "root".into() };
    trust(&mut zone, NOW, set(Role::Viewer, None)).0.unwrap();
    let seen = |changed| Expected::User { name: name("ada"), role: Role::Viewer, changed };
    trust(&mut zone, NOW, set(Role::Viewer, Some("another token"))).0.unwrap();
    assert!(is_stale(&mut zone, by_trust(seen(None), remove())), "they were given another token");
    let (answer, effects) = ask(&mut zone, NOW, by_trust(seen(Some(NOW.wall)), remove()));
    assert_eq!(answer, Ok(json!({ "name": "ada", "removed": true })));
    assert_eq!(effects.len(), 2, "saved, and in the audit log");
}
