//! What the zone answers about tokens, joins, certificates, users and the audit log.

use serde::Deserialize;
use serde_json::Value;

/// `/v1/whoami`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
#[allow(missing_docs, reason = "described in docs/api.md")]
pub struct Whoami {
    pub principal: Option<String>,
    pub name: String,
    pub role: Option<String>,
    pub means: String,
    pub origin: String,
    pub zone: Value,
}

/// A row of `/v1/tokens`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
#[allow(missing_docs, reason = "the view's columns, described in docs/sql.md")]
pub struct Token {
    pub token: String,
    pub kind: String,
    pub name: Option<String>,
    pub place: Option<String>,
    pub state: String,
    pub created_at: Option<String>,
    pub created_by: String,
    pub expires_at: Option<String>,
    pub used_by: Option<String>,
}

/// A row of `/v1/joins`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
#[allow(missing_docs, reason = "the view's columns, described in docs/sql.md")]
pub struct Join {
    pub join_id: String,
    pub principal: String,
    pub name: String,
    pub place: Option<String>,
    pub origin: String,
    pub state: String,
    pub requested_at: Option<String>,
    pub decided_by: Option<String>,
    pub reason: Option<String>,
    pub key_sha256: String,
}

/// A row of `/v1/certificates`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
#[allow(missing_docs, reason = "the view's columns, described in docs/sql.md")]
pub struct Certificate {
    pub serial: String,
    pub principal: String,
    pub name: String,
    pub state: String,
    pub issued_at: Option<String>,
    pub expires_at: Option<String>,
    pub issued_by: String,
    pub revoked_by: Option<String>,
    pub reason: Option<String>,
}

/// A row of `/v1/users`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
#[allow(missing_docs, reason = "the view's columns, described in docs/sql.md")]
pub struct User {
    pub name: String,
    pub role: String,
    pub has_token: Value,
    pub created_at: Option<String>,
    pub created_by: String,
}

/// A row of `/v1/audit`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
#[allow(missing_docs, reason = "the view's columns, described in docs/sql.md")]
pub struct AuditLine {
    pub seq: i64,
    pub at: String,
    pub who: String,
    pub origin: String,
    pub action: String,
    pub subject: String,
    pub before: Value,
    pub after: Value,
}

/// `/v1/audit/verify`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
#[allow(missing_docs, reason = "described in docs/api.md")]
pub struct Verified {
    pub whole: bool,
    pub rows: u64,
    pub hash: String,
    pub broken_at: u64,
    pub problem: String,
}
