//! Trust in the small world: changes by number.

use rollcall_model::{JoinId, Name, Principal, Role, Serial, Sha256, TokenKind, UnixMillis};
use rollcall_store::{Change, IssuedBy, TrustChange};
use serde_json::json;

use crate::world::{at, name, node, rack};

/// Seconds of a day.
pub const DAY: u64 = 86_400;

pub fn hash(of: &str) -> Sha256 {
    Sha256::of(of.as_bytes())
}

pub fn token(number: u32) -> String {
    hash(&format!("token {number}")).short().to_owned()
}

pub fn serial(number: u32) -> Serial {
    format!("{number:08x}").parse().unwrap()
}

pub fn principal(number: u32) -> Principal {
    Principal::Node(node(number))
}

pub fn node_name(number: u32) -> Name {
    name(&format!("node-{number}"))
}

/// A token for the node of this number, for ten minutes.
pub fn token_created(number: u32, seconds: u64) -> Change {
    TrustChange::TokenCreated {
        hash: hash(&format!("token {number}")),
        kind: TokenKind::Node,
        name: Some(node_name(number)),
        place: None,
        not_before: at(seconds),
        expires: at(seconds + 600),
        by: "ada".into(),
        at: at(seconds),
    }
    .into()
}

pub fn token_used(number: u32, by: u32, seconds: u64) -> Change {
    TrustChange::TokenUsed { token: token(number), principal: principal(by), at: at(seconds) }.into()
}

pub fn token_revoked(number: u32, seconds: u64) -> Change {
    TrustChange::TokenRevoked { token: token(number), by: "ada".into(), at: at(seconds) }.into()
}

pub fn join(number: u32) -> JoinId {
    JoinId::derived_from(&format!("join {number}"))
}

pub fn join_held(number: u32, seconds: u64) -> Change {
    TrustChange::JoinHeld {
        join: join(number),
        principal: Principal::Group(rack(number)),
        name: name(&format!("rack-{number}")),
        place: Some(name("row-1")),
        address: None,
        origin: "10.0.0.9".into(),
        key: hash(&format!("key {number}")),
        csr: "-----BEGIN CERTIFICATE REQUEST-----".into(),
        at: at(seconds),
    }
    .into()
}

pub fn join_decided(number: u32, approved: bool, seconds: u64) -> Change {
    let reason = if approved { "" } else { "not ours" };
    TrustChange::JoinDecided { join: join(number), approved, by: "ada".into(), reason: reason.into(), at: at(seconds) }
        .into()
}

/// A certificate for a day.
pub fn issued(number: u32, of: u32, issued_by: IssuedBy, at: UnixMillis) -> Change {
    TrustChange::CertificateIssued {
        serial: serial(number),
        principal: principal(of),
        user: format!("{}@zone", principal(of)),
        name: node_name(of),
        place: None,
        key: hash(&format!("key of node {of}")),
        issued_by,
        at,
        expires: UnixMillis(at.0 + DAY * 1_000),
    }
    .into()
}

pub fn revoked(number: u32, seconds: u64) -> Change {
    let (by, reason) = ("ada".into(), "stolen".into());
    TrustChange::PrincipalRevoked { principal: principal(number), name: node_name(number), by, reason, at: at(seconds) }
        .into()
}

pub fn user_set(user: &str, role: Role, token: Option<&str>, seconds: u64) -> Change {
    let (entry, by) = (format!("{seconds:x}"), "ada".into());
    TrustChange::UserSet { name: name(user), role, token: token.map(hash), entry, by, at: at(seconds) }.into()
}

pub fn audited(who: &str, seconds: u64) -> Change {
    TrustChange::Audited {
        at: at(seconds),
        who: who.into(),
        origin: "10.0.0.7".into(),
        action: "policy_set".into(),
        subject: "policy 2".into(),
        before: json!({ "version": 1 }),
        after: json!({ "version": 2 }),
    }
    .into()
}

/// Something of everything but the audit log, which takes nothing twice.
pub fn everything_trusted() -> Vec<Change> {
    vec![
        token_created(1, 2_000),
        token_created(2, 2_001),
        token_created(3, 2_002),
        token_used(1, 1, 2_010),
        issued(1, 1, IssuedBy::Token(token(1)), at(2_010)),
        token_revoked(2, 2_020),
        join_held(1, 2_030),
        join_held(2, 2_031),
        join_held(3, 2_032),
        join_decided(1, true, 2_040),
        join_decided(2, false, 2_041),
        TrustChange::JoinIssued { join: join(1) }.into(),
        issued(2, 1, IssuedBy::Renewal(serial(1)), at(2_050)),
        issued(3, 2, IssuedBy::Approval("ada".into()), at(2_051)),
        revoked(2, 2_060),
        user_set("ada", Role::Administrator, None, 2_070),
        user_set("grafana", Role::Viewer, Some("grafana's"), 2_071),
        user_set("bob", Role::Operator, None, 2_072),
        TrustChange::UserRemoved { name: name("bob"), by: "ada".into(), at: at(2_073) }.into(),
    ]
}

/// A token and a certificate that are good whenever the test runs, and who made them.
pub fn good_for_ever() -> Vec<Change> {
    let year_2100 = UnixMillis(4_102_444_800_000);
    let mut made = vec![token_created(90, 3_000), issued(90, 90, IssuedBy::Token(token(90)), at(3_000))];
    for change in &mut made {
        if let Change::Trust(change) = change
            && let TrustChange::TokenCreated { expires, .. } | TrustChange::CertificateIssued { expires, .. } =
                &mut **change
        {
            *expires = year_2100;
        }
    }
    made.push(audited("ada", 3_000));
    made
}
