//! Tokens, joins, certificates, users and the audit log.

use rollcall_model::{Principal, Role, Sha256, UnixMillis};
use rollcall_store::{
    AskLimits, AuditMark, AuditStep, Change, CommitError, IssuedBy, JoinState, Store, TrustChange, UserRecord,
};
use serde_json::json;

use crate::trusted::{
    DAY, audited, everything_trusted, hash, issued, join, join_decided, join_held, principal, revoked, serial, token,
    token_created, token_revoked, token_used, user_set,
};
use crate::world::{at, column, everything, name, one, rack, rows};

async fn fails(store: &Store, changes: &[Change]) -> CommitError {
    let before = everything(store).await;
    let error = store.commit(changes).await.unwrap_err();
    assert_eq!(everything(store).await, before, "nothing of it is written");
    error
}

pub async fn a_token_lets_in_once_whoever_comes_second(store: &Store) {
    store.commit(&[token_created(1, 1), token_created(2, 1), token_used(1, 1, 5)]).await.unwrap();
    let second = [issued(9, 2, IssuedBy::Token(token(1)), at(6)), token_used(1, 2, 6)];
    let error = fails(store, &second).await;
    assert!(matches!(error, CommitError::TokenSpent { how: "used", .. }), "{error}");
    // In one batch as well, and two batches at once.
    assert!(matches!(fails(store, &[token_used(2, 1, 6), token_used(2, 2, 6)]).await, CommitError::TokenSpent { .. }));
    let (first, second) = ([token_used(2, 1, 7)], [token_used(2, 2, 7)]);
    let (first, second) = tokio::join!(store.commit(&first), store.commit(&second));
    assert_eq!([first.is_ok(), second.is_ok()].iter().filter(|ok| **ok).count(), 1);
    // The same again by the same is a repetition.
    store.commit(&[token_used(1, 1, 8)]).await.unwrap();
    assert_eq!(one(store, "SELECT count(DISTINCT used_by) FROM v_tokens WHERE state = 'used'").await, 1);

    store.commit(&[token_created(3, 1), token_revoked(3, 2), token_revoked(1, 9)]).await.unwrap();
    assert!(matches!(fails(store, &[token_used(3, 1, 3)]).await, CommitError::TokenSpent { how: "revoked", .. }));
    assert!(matches!(fails(store, &[token_used(4, 1, 3)]).await, CommitError::Missing { what: "token", .. }));
    assert_eq!(column(store, "SELECT state FROM v_tokens ORDER BY state").await, ["revoked", "used", "used"]);
}

pub async fn what_lets_in_is_never_shown(store: &Store) {
    store.commit(&everything_trusted()).await.unwrap();
    let secret = [hash("token 1"), hash("grafana's")];
    for view in crate::views::names(store).await {
        let shown = serde_json::to_string(&rows(store, &format!("SELECT * FROM {view}")).await).unwrap();
        assert!(secret.iter().all(|secret| !shown.contains(secret.as_str())), "{view}");
    }
    assert!(store.ask("SELECT * FROM join_tokens", AskLimits::default()).await.is_err());
    assert!(store.ask("SELECT * FROM api_users", AskLimits::default()).await.is_err());
}

pub async fn a_join_waits_until_somebody_decides(store: &Store) {
    store.commit(&[join_held(1, 1), join_held(2, 2), join_held(1, 9)]).await.unwrap();
    assert_eq!(column(store, "SELECT state FROM v_joins").await, ["pending", "pending"]);
    store.commit(&[join_decided(1, false, 3), join_decided(1, true, 4), join_decided(1, true, 5)]).await.unwrap();
    store.commit(&[TrustChange::JoinIssued { join: join(1) }.into(), join_decided(1, false, 6)]).await.unwrap();
    store.commit(&[TrustChange::JoinIssued { join: join(2) }.into()]).await.unwrap();
    let found = rows(store, "SELECT name, state, decided_by, decided_at FROM v_joins ORDER BY name").await;
    assert_eq!(found[0], [json!("rack-1"), json!("issued"), json!("ada"), json!("2026-11-20T08:00:04.000Z")]);
    assert_eq!(found[1][1], "pending", "nobody approved it");
    let kinds = column(store, "SELECT kind FROM v_events ORDER BY event_id").await;
    assert_eq!(kinds, ["join_held", "join_held", "join_denied", "join_approved"]);
    // Rows that were pruned while the zone ran leave nothing to decide or revoke, and are no error that starts it anew.
    store.commit(&[join_decided(7, true, 3), token_revoked(7, 3)]).await.unwrap();
    assert_eq!(column(store, "SELECT kind FROM v_events ORDER BY event_id").await, kinds);
}

pub async fn a_serial_number_is_one_certificates(store: &Store) {
    let by = || IssuedBy::Token(token(1));
    store.commit(&[issued(1, 1, by(), at(1)), issued(1, 1, by(), at(2))]).await.unwrap();
    let error = fails(store, &[issued(2, 2, by(), at(3)), issued(1, 2, by(), at(3))]).await;
    assert!(matches!(error, CommitError::SerialTaken { .. }), "{error}");
}

pub async fn who_is_revoked_is_out_with_every_certificate_until_lifted(store: &Store) {
    let by = || IssuedBy::Renewal(serial(9));
    let long_ago = UnixMillis(at(0).0 - 2 * DAY * 1_000);
    store
        .commit(&[
            issued(1, 1, by(), long_ago),
            issued(2, 1, by(), at(1)),
            issued(3, 1, by(), at(2)),
            issued(4, 2, by(), at(2)),
        ])
        .await
        .unwrap();
    assert!(!store.is_revoked(&principal(1), &serial(2)).await.unwrap());
    store.commit(&[revoked(1, 10), revoked(1, 11)]).await.unwrap();
    let found = column(store, "SELECT serial FROM v_certificates WHERE state = 'revoked' ORDER BY serial").await;
    assert_eq!(found, [serial(2).as_str(), serial(3).as_str()], "what was over is not revoked any more");
    assert!(store.is_revoked(&principal(1), &serial(77)).await.unwrap(), "with any certificate");
    assert!(!store.is_revoked(&principal(2), &serial(4)).await.unwrap());
    assert_eq!(one(store, "SELECT since FROM v_revoked").await, "2026-11-20T08:00:10.000Z");

    let lifted = TrustChange::PrincipalLifted { principal: principal(1), by: "ada".into(), at: at(20) };
    store.commit(&[lifted.clone().into(), issued(5, 1, by(), at(20)), lifted.into()]).await.unwrap();
    assert!(store.is_revoked(&principal(1), &serial(2)).await.unwrap(), "the old certificates stay revoked");
    assert!(!store.is_revoked(&principal(1), &serial(5)).await.unwrap());
    assert_eq!(rows(store, "SELECT * FROM v_revoked").await.len(), 0);

    let (by, reason, at) = ("token".into(), "replaced".into(), at(30));
    let except = Some(serial(6));
    let replaced = TrustChange::CertificatesEnded { principal: principal(1), except, by, reason, at };
    store.commit(&[issued(6, 1, IssuedBy::Token(token(1)), at), replaced.into()]).await.unwrap();
    assert!(store.is_revoked(&principal(1), &serial(5)).await.unwrap());
    assert!(!store.is_revoked(&principal(1), &serial(6)).await.unwrap());
}

pub async fn renewals_make_no_events(store: &Store) {
    store.commit(&[issued(1, 1, IssuedBy::Token(token(1)), at(1))]).await.unwrap();
    store.commit(&[issued(2, 1, IssuedBy::Renewal(serial(1)), at(2))]).await.unwrap();
    let found = rows(store, "SELECT kind, subject_type, message FROM v_events").await;
    let message = format!("node node-1 has a certificate: it brought token {}", token(1));
    assert_eq!(found, [[json!("certificate_issued"), json!("node"), json!(message)]]);
    let found = column(store, "SELECT issued_by FROM v_certificates ORDER BY serial").await;
    assert_eq!(found, [format!("token {}", token(1)), format!("renewal of {}", serial(1))]);
}

pub async fn a_starting_zone_gets_what_lets_in_and_keeps_out(store: &Store) {
    store.commit(&everything_trusted()).await.unwrap();
    let trust = store.load().await.unwrap().trust;
    let tokens: Vec<(&str, bool, bool)> =
        trust.tokens.iter().map(|token| (token.hash.short(), token.used_by.is_some(), token.revoked)).collect();
    assert_eq!(tokens, [(&*token(1), true, false), (&*token(2), false, true), (&*token(3), false, false)]);
    let joins: Vec<JoinState> = trust.joins.iter().map(|join| join.state).collect();
    assert_eq!(joins, [JoinState::Issued, JoinState::Denied, JoinState::Pending]);
    assert_eq!(trust.joins[0].principal, Principal::Group(rack(1)));
    let serials: Vec<_> = trust.certificates.iter().map(|certificate| certificate.serial.clone()).collect();
    assert_eq!(serials, [serial(1), serial(2)], "oldest first, without the revoked one");
    assert_eq!((trust.ended.len(), &trust.ended[0].principal), (1, &principal(2)));
    assert_eq!((trust.revoked.len(), trust.revoked[0].name.as_str()), (1, "node-2"));
    let users: Vec<&str> = trust.users.iter().map(|user| user.name.as_str()).collect();
    assert_eq!(users, ["ada", "grafana"]);
    // A day later the tokens are forgotten, two days later the certificates.
    store.commit(&[token_created(50, 2 * DAY), issued(50, 50, IssuedBy::Token(token(50)), at(2 * DAY))]).await.unwrap();
    let trust = store.load().await.unwrap().trust;
    assert_eq!((trust.tokens.len(), trust.certificates.len(), trust.ended.len()), (1, 1, 0));
}

pub async fn users_are_found_by_name_and_token_until_removed(store: &Store) {
    let of = async |token: &str| store.user_of_token(&hash(token)).await.unwrap();
    store.commit(&[user_set("bob", Role::Viewer, Some("first"), 1)]).await.unwrap();
    assert_eq!(
        of("first").await,
        Some(UserRecord { name: name("bob"), role: Role::Viewer, entry: None, changed: None })
    );
    assert_eq!(of("other").await, None);
    // Another role keeps the token, another token replaces it.
    store.commit(&[user_set("bob", Role::Operator, None, 2), user_set("bob", Role::Operator, None, 3)]).await.unwrap();
    assert_eq!(of("first").await.unwrap().role, Role::Operator);
    store.commit(&[user_set("bob", Role::Operator, Some("second"), 4)]).await.unwrap();
    assert_eq!((of("first").await, of("second").await.unwrap().role), (None, Role::Operator));
    assert_eq!(of("second").await.unwrap().changed, Some(at(4)));
    let removed = TrustChange::UserRemoved { name: name("bob"), by: "ada".into(), at: at(5) };
    store.commit(&[removed.clone().into(), removed.into()]).await.unwrap();
    assert_eq!((of("second").await, store.user_named(&name("bob")).await.unwrap()), (None, None));
    store.commit(&[user_set("bob", Role::Viewer, None, 6)]).await.unwrap();
    let bob = store.user_named(&name("bob")).await.unwrap().unwrap();
    assert_eq!((bob.role, bob.entry.as_deref()), (Role::Viewer, Some("6")), "told apart from the one who was removed");
    store.commit(&[user_set("bob", Role::Operator, None, 7)]).await.unwrap();
    assert_eq!(store.user_named(&name("bob")).await.unwrap().unwrap().entry.as_deref(), Some("6"), "still the same");
    let zone = rollcall_model::ZoneId::derived_from("z");
    assert_eq!(bob.user_in(zone), format!("user.bob@{}.6", zone.short()));
    assert_eq!(one(store, "SELECT has_token FROM v_users").await, 0);
    assert_eq!(one(store, "SELECT count(*) FROM v_events").await, 6);
}

async fn verified(store: &Store) -> AuditMark {
    match store.verify_audit(AuditMark::default()).await.unwrap() {
        AuditStep::Whole(mark) => mark,
        other => panic!("{other:?}"),
    }
}

pub async fn the_audit_log_is_a_chain_that_grows_with_what_it_tells_of(store: &Store) {
    assert_eq!(verified(store).await, AuditMark::default());
    store.commit(&[user_set("bob", Role::Viewer, None, 1), audited("ada", 1)]).await.unwrap();
    let first = verified(store).await;
    store.commit(&[audited("ada", 2), audited("b\u{0}o\u{1b}b", 2)]).await.unwrap();
    let last = verified(store).await;
    assert_eq!((first.seq, last.seq), (1, 3));
    assert_eq!(store.verify_audit(first.clone()).await.unwrap(), AuditStep::Whole(last.clone()));
    let found = rows(store, "SELECT seq, who, origin, subject, before, after, hash FROM v_audit ORDER BY seq").await;
    assert_eq!(found[0][..4], [json!(1), json!("ada"), json!("10.0.0.7"), json!("policy 2")]);
    assert_eq!(found[0][4..], [json!(r#"{"version":1}"#), json!(r#"{"version":2}"#), json!(first.hash.as_str())]);
    assert_eq!((found[2][1].as_str(), found[2][6].as_str()), (Some("bob"), Some(last.hash.as_str())));
    // Another past is another chain.
    let other = AuditMark { seq: 1, hash: Sha256::of(b"another") };
    assert!(matches!(store.verify_audit(other).await.unwrap(), AuditStep::Broken { seq: 2, .. }));
}

pub async fn a_long_audit_log_is_walked_in_steps(store: &Store) {
    let lines: Vec<Change> = (0..6_000).map(|number| audited("ada", number)).collect();
    store.commit(&lines).await.unwrap();
    let AuditStep::More(mark) = store.verify_audit(AuditMark::default()).await.unwrap() else { panic!("a first step") };
    assert_eq!(mark.seq, 5_000);
    assert!(matches!(store.verify_audit(mark).await.unwrap(), AuditStep::Whole(mark) if mark.seq == 6_000));
}

pub async fn nothing_of_a_batch_that_fails_is_in_the_log(store: &Store) {
    store.commit(&[audited("ada", 1)]).await.unwrap();
    fails(store, &[audited("ada", 2), token_used(1, 1, 2)]).await;
    store.commit(&[audited("ada", 3)]).await.unwrap();
    assert_eq!(verified(store).await.seq, 2);
}
