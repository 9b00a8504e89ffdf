//! Rows of tokens, joins, certificates, users, and of the audit log.

use rollcall_model::{JoinId, Name, Principal, Role, Serial, Sha256, TokenKind, UnixMillis};
use serde::{Deserialize, Serialize};

use crate::JoinState;

/// Table `join_tokens`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct TokenRow {
    pub token: String,
    pub sha256: Sha256,
    pub kind: TokenKind,
    pub name: Option<Name>,
    pub place: Option<Name>,
    pub created_ms: UnixMillis,
    pub created_by: String,
    pub not_before_ms: UnixMillis,
    pub expires_ms: UnixMillis,
    pub used_ms: Option<UnixMillis>,
    pub used_by: Option<Principal>,
    pub revoked_ms: Option<UnixMillis>,
    pub revoked_by: Option<String>,
}

/// Table `join_requests`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct JoinRow {
    pub join_id: JoinId,
    pub principal: Principal,
    pub name: Name,
    pub place: Option<Name>,
    pub address: Option<std::net::IpAddr>,
    pub origin: String,
    pub key_sha256: Sha256,
    pub csr: String,
    pub requested_ms: UnixMillis,
    pub state: JoinState,
    pub decided_ms: Option<UnixMillis>,
    pub decided_by: Option<String>,
    pub reason: Option<String>,
}

/// Table `certificates`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct CertificateRow {
    pub serial: Serial,
    pub principal: Principal,
    pub user_name: String,
    pub name: Name,
    pub place: Option<Name>,
    pub issued_ms: UnixMillis,
    pub expires_ms: UnixMillis,
    pub key_sha256: Sha256,
    pub issued_by: String,
    pub revoked_ms: Option<UnixMillis>,
    pub revoked_by: Option<String>,
    pub reason: Option<String>,
}

/// Table `revoked_principals`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct RevokedRow {
    pub principal: Principal,
    pub name: Name,
    pub since_ms: UnixMillis,
    pub by: String,
    pub reason: String,
}

/// Table `api_users`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct UserRow {
    pub name: Name,
    pub role: Role,
    pub sha256: Option<Sha256>,
    pub created_ms: UnixMillis,
    pub created_by: String,
    pub changed_ms: Option<UnixMillis>,
    pub changed_by: Option<String>,
    pub removed_ms: Option<UnixMillis>,
    pub removed_by: Option<String>,
    pub entry: Option<String>,
}

/// Table `audit`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct AuditRow {
    pub seq: u64,
    pub at_ms: UnixMillis,
    pub who: String,
    pub origin: String,
    pub action: String,
    pub subject: String,
    /// JSON, as text.
    pub before: String,
    /// JSON, as text.
    pub after: String,
    pub hash: Sha256,
}
