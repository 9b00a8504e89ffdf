//! What is asked about trust, and the answers. Randomness (tokens, serial numbers) is always the asker's.

use std::net::IpAddr;

use rollcall_model::{GroupId, JoinId, Millis, Name, Principal, Role, Serial, Sha256, TokenKind, UnixMillis};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::super::By;

/// A command about trust. A refusal has a [`Rejection::reason`](super::super::Rejection::reason).
#[derive(Clone, Debug, PartialEq)]
pub enum Trust {
    /// Make a token. Answers `{token, kind, name, place, not_before_ms, expires_ms}`; `token` is its public id.
    CreateToken {
        /// SHA-256 of the token's text (`rct1_…`); the text itself comes nowhere near the core.
        hash: Sha256,
        /// Whom it lets in.
        kind: TokenKind,
        /// Only somebody of this name.
        name: Option<Name>,
        /// Only somebody at this place. At least one of the two must be given.
        place: Option<Name>,
        /// Not before this; from now on where nothing is said.
        not_before: Option<UnixMillis>,
        /// It may be used for so long, ten minutes at most.
        life: Millis,
        /// Who.
        by: By,
    },
    /// Make a token useless. Answers `{token, revoked: true}`; a token that is used already is a conflict.
    RevokeToken {
        /// Its public id.
        token: String,
        /// Who.
        by: By,
    },
    /// Somebody asks to be let in. Answers a [`JoinAnswer`], never `denied`: that is a refusal.
    Join(Applicant),
    /// How a join that waited for approval stands; issues the certificate once it is approved. Answers a [`JoinAnswer`].
    Collect {
        /// The join.
        join: JoinId,
        /// A fresh serial number, for the case that a certificate is issued now.
        serial: Serial,
    },
    /// Let somebody in who waits. Answers `{join, principal, name, state: "approved"}`. One that was denied may still be
    /// approved.
    ApproveJoin {
        /// The join.
        join: JoinId,
        /// Who.
        by: By,
    },
    /// Deny it. Answers `{join, principal, name, state: "denied"}`.
    DenyJoin {
        /// The join.
        join: JoinId,
        /// Why, for the one who is denied.
        reason: String,
        /// Who.
        by: By,
    },
    /// Somebody with a certificate asks for the next one. Answers a [`Grant`].
    Renew {
        /// Who, as the certificate says.
        principal: Principal,
        /// Serial number of the certificate that was presented over mutual TLS.
        presented: Serial,
        /// The key of the next one; may be the same.
        key: Sha256,
        /// A fresh serial number.
        serial: Serial,
        /// Where it comes from.
        origin: String,
    },
    /// A group asks for the certificate of a check-in service it was ordered to run. Answers a [`Grant`].
    CheckinCertificate {
        /// The group, as its certificate says.
        group: GroupId,
        /// Serial number of the certificate that was presented.
        presented: Serial,
        /// Name of the check-in service.
        name: Name,
        /// The service's key.
        key: Sha256,
        /// A fresh serial number.
        serial: Serial,
        /// Where it comes from.
        origin: String,
    },
    /// Throw somebody out, and keep them out until a token is made for them. Answers
    /// `{principal, user, name, certificates, already, also: [users]}`; the asker then deletes `user`, and those of `also`
    /// (its other users, and those of check-in services a group ran), at the broker.
    Revoke {
        /// A principal, or name or id of a node, or name of a group.
        whom: String,
        /// Why.
        reason: String,
        /// Who.
        by: By,
    },
    /// Make a user of the API, or change one. Answers `{name, role, created}`.
    SetUser {
        /// Name.
        name: Name,
        /// What they may.
        role: Role,
        /// SHA-256 of their token (`rcu1_…`); without one they come by certificate only, and one they had is kept.
        token: Option<Sha256>,
        /// A fresh serial number: who takes the name of a removed user is told apart by it.
        serial: Serial,
        /// Who.
        by: By,
    },
    /// Remove a user. Answers `{name, removed: true}`. The last administrator stays.
    RemoveUser {
        /// Name.
        name: Name,
        /// Who.
        by: By,
    },
    /// A line in the audit log about something that was done, or refused, elsewhere. Answers `{}`.
    Audit {
        /// Who.
        by: By,
        /// Short word, e.g. `broker_refused`.
        action: String,
        /// What it is about.
        subject: String,
        /// What was.
        before: Value,
        /// What is.
        after: Value,
    },
}

/// Somebody who asks to be let in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Applicant {
    /// Who they say they are: `node.<id>` or `group.<id>`.
    pub principal: Principal,
    /// Their name.
    pub name: Name,
    /// Their place.
    pub place: Option<Name>,
    /// The address they say they have.
    pub address: Option<IpAddr>,
    /// The address the request came from.
    pub origin: String,
    /// The key of the request.
    pub key: Sha256,
    /// The request itself (PEM), at most 8 KiB; kept while it waits for approval.
    pub csr: String,
    /// SHA-256 of the token they brought.
    pub token: Option<Sha256>,
    /// A fresh serial number, for the case that a certificate is issued now.
    pub serial: Serial,
}

/// What came of a request to join.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum JoinAnswer {
    /// Sign it: `{"state": "issued", "principal": …, …}`.
    Issued(Grant),
    /// It waits for somebody to decide: `{"state": "pending", "join": …}`.
    Pending {
        /// What to ask for it by.
        join: JoinId,
    },
    /// Somebody denied it: `{"state": "denied", "join": …, "why": …}`.
    Denied {
        /// The join.
        join: JoinId,
        /// Why.
        why: String,
    },
}

/// A certificate to be signed. The same question gets the same grant again, so signing again makes an equal certificate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grant {
    /// Whose.
    pub principal: Principal,
    /// Common name of the certificate and user name at the broker.
    pub user: String,
    /// Name of who it is, for people.
    pub name: Name,
    /// Its serial number; the one that was handed in, or an earlier one where the question is repeated.
    pub serial: Serial,
    /// The key it is for.
    pub key: Sha256,
    /// Valid from; back-dated for clocks that are behind.
    pub not_before_ms: UnixMillis,
    /// Valid until.
    pub not_after_ms: UnixMillis,
    /// Users the same principal had before, which are to be deleted at the broker.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub replaces: Vec<String>,
    /// Whether this answers a repeated question.
    pub repeated: bool,
    /// The request (PEM), where the asker does not have it: a join that waited for approval.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub csr: Option<String>,
}

/// How certificates are issued.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TrustSettings {
    /// How long a certificate is valid, from its issue.
    pub certificate_life: Millis,
    /// How far its beginning is dated back.
    pub back_dated: Millis,
    /// Whether a group controller without a certificate is ignored, whatever it announces.
    pub required: bool,
}

impl Default for TrustSettings {
    /// 24 hours, five minutes back, certificates not required.
    fn default() -> Self {
        Self { certificate_life: Millis(24 * 3_600_000), back_dated: Millis(300_000), required: false }
    }
}
