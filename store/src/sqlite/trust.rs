//! Reads and writes what trust is made of.

use serde::Deserialize;
use sqlx::SqliteConnection;

use super::fetch::{RowsError, list, rows};
use super::shape::{AUDIT, CERTIFICATES, JOINS, REVOKED, Sql, TOKENS, USERS};
use super::write::{json, put};
use crate::audit::AuditMark;
use crate::plan::{Stored, Subjects, Writes};
use crate::row::{AuditRow, CertificateRow, JoinRow, RevokedRow, TokenRow, UserRow};
use crate::{CertificateRecord, JoinRecord, RevokedRecord, TokenRecord, TrustRecord, UserRecord};

static TOKENS_SQL: Sql = Sql::new(|| TOKENS.upsert());
static JOINS_SQL: Sql = Sql::new(|| JOINS.upsert());
static CERTIFICATES_SQL: Sql = Sql::new(|| CERTIFICATES.upsert());
static REVOKED_SQL: Sql = Sql::new(|| REVOKED.upsert());
static USERS_SQL: Sql = Sql::new(|| USERS.upsert());
static AUDIT_SQL: Sql = Sql::new(|| AUDIT.insert());

const LIFTED: &str = "DELETE FROM revoked_principals WHERE principal IN (SELECT value FROM json_each(?1))";

/// The old ends of indexes: nothing is looked through.
const TOKENS_GONE: &str = "DELETE FROM join_tokens WHERE expires_ms < ?1 ->> '$'";
const JOINS_GONE: &str = "DELETE FROM join_requests WHERE requested_ms < ?1 ->> '$'";
const CERTIFICATES_GONE: &str = "DELETE FROM certificates WHERE expires_ms < ?1 ->> '$'";

static THESE_TOKENS: Sql = Sql::new(|| {
    format!("SELECT json_object({}) FROM json_each(?1) i JOIN join_tokens t ON t.token = i.value", TOKENS.object())
});
static THESE_JOINS: Sql = Sql::new(|| {
    format!("SELECT json_object({}) FROM json_each(?1) i JOIN join_requests t ON t.join_id = i.value", JOINS.object())
});
static THESE_CERTIFICATES: Sql = Sql::new(|| {
    format!(
        "SELECT json_object({}) FROM json_each(?1) i JOIN certificates t ON t.serial = i.value",
        CERTIFICATES.object()
    )
});
static CERTIFICATES_OF: Sql = Sql::new(|| {
    format!(
        "SELECT json_object({}) FROM json_each(?1) i JOIN certificates t ON t.principal = i.value \
         AND t.revoked_ms IS NULL",
        CERTIFICATES.object()
    )
});
static REVOKED_OF: Sql = Sql::new(|| {
    format!(
        "SELECT json_object({}) FROM json_each(?1) i JOIN revoked_principals t ON t.principal = i.value",
        REVOKED.object()
    )
});
static THESE_USERS: Sql = Sql::new(|| {
    format!("SELECT json_object({}) FROM json_each(?1) i JOIN api_users t ON t.name = i.value", USERS.object())
});
const AUDIT_END: &str = "SELECT json_object('seq', t.seq, 'hash', t.hash) FROM audit t ORDER BY t.seq DESC LIMIT 1";

/// What became useless a day before the latest was made is not brought any more.
static LATE_TOKENS: Sql = Sql::new(|| {
    format!(
        "SELECT json_object({}) FROM join_tokens t \
         WHERE t.expires_ms > (SELECT max(created_ms) FROM join_tokens) - 86400000 ORDER BY t.created_ms, t.token",
        TOKENS.object()
    )
});
static ALL_JOINS: Sql = Sql::new(|| {
    format!("SELECT json_object({}) FROM join_requests t ORDER BY t.requested_ms, t.join_id", JOINS.object())
});
/// What was over when the latest was issued is over.
static LIVE_CERTIFICATES: Sql = Sql::new(|| {
    format!(
        "SELECT json_object({}) FROM certificates t \
         WHERE t.expires_ms > (SELECT max(issued_ms) FROM certificates) ORDER BY t.issued_ms, t.rowid",
        CERTIFICATES.object()
    )
});
static ALL_REVOKED: Sql =
    Sql::new(|| format!("SELECT json_object({}) FROM revoked_principals t ORDER BY t.principal", REVOKED.object()));
const LIVE_USERS: &str = "SELECT json_object('name', t.name, 'role', t.role) FROM api_users t \
     WHERE t.removed_ms IS NULL ORDER BY t.name";

/// So many rows of the audit log are looked at in one step.
pub(super) const AUDIT_STEP: usize = 5_000;
static AUDIT_AFTER: Sql = Sql::new(|| {
    format!(
        "SELECT json_object({}) FROM audit t WHERE t.seq > CAST(?1 AS INTEGER) ORDER BY t.seq LIMIT {AUDIT_STEP}",
        AUDIT.object()
    )
});

/// What is stored about the subjects of a batch.
pub(super) async fn stored(
    connection: &mut SqliteConnection,
    subjects: &Subjects,
    stored: &mut Stored,
) -> Result<(), RowsError> {
    if !subjects.tokens.is_empty() {
        let found = rows::<TokenRow>(connection, "join_tokens", &THESE_TOKENS, &[list(&subjects.tokens)]).await?;
        stored.tokens = found.into_iter().map(|row| (row.token.clone(), row)).collect();
    }
    if !subjects.joins.is_empty() {
        let found = rows::<JoinRow>(connection, "join_requests", &THESE_JOINS, &[list(&subjects.joins)]).await?;
        stored.joins = found.into_iter().map(|row| (row.join_id, row)).collect();
    }
    if !subjects.serials.is_empty() {
        let serials = [list(&subjects.serials)];
        let found = rows::<CertificateRow>(connection, "certificates", &THESE_CERTIFICATES, &serials).await?;
        stored.certificates.extend(found.into_iter().map(|row| (row.serial.clone(), row)));
    }
    if !subjects.principals.is_empty() {
        let principals = [list(&subjects.principals)];
        let found = rows::<CertificateRow>(connection, "certificates", &CERTIFICATES_OF, &principals).await?;
        stored.certificates.extend(found.into_iter().map(|row| (row.serial.clone(), row)));
        let found = rows::<RevokedRow>(connection, "revoked_principals", &REVOKED_OF, &principals).await?;
        stored.revoked = found.into_iter().map(|row| (row.principal.clone(), row)).collect();
    }
    if !subjects.users.is_empty() {
        let found = rows::<UserRow>(connection, "api_users", &THESE_USERS, &[list(&subjects.users)]).await?;
        stored.users = found.into_iter().map(|row| (row.name.clone(), row)).collect();
    }
    if subjects.audit {
        stored.audit_end = rows::<AuditMark>(connection, "audit", AUDIT_END, &[]).await?.pop();
    }
    Ok(())
}

/// Writes what the planner decided, and removes what was kept long enough.
pub(super) async fn write(connection: &mut SqliteConnection, writes: &Writes) -> Result<(), sqlx::Error> {
    put(connection, &TOKENS_SQL, &writes.tokens).await?;
    put(connection, &JOINS_SQL, &writes.joins).await?;
    put(connection, &CERTIFICATES_SQL, &writes.certificates).await?;
    if !writes.lifted.is_empty() {
        sqlx::query(LIFTED).bind(json(&writes.lifted)?).execute(&mut *connection).await?;
    }
    put(connection, &REVOKED_SQL, &writes.revoked).await?;
    put(connection, &USERS_SQL, &writes.users).await?;
    put(connection, &AUDIT_SQL, &writes.audit).await?;
    let gone = [
        (TOKENS_GONE, writes.tokens_before),
        (JOINS_GONE, writes.joins_before),
        (CERTIFICATES_GONE, writes.certificates_before),
    ];
    for (sql, before) in gone {
        if let Some(before) = before {
            sqlx::query(sql).bind(json(&before)?).execute(&mut *connection).await?;
        }
    }
    Ok(())
}

#[derive(Deserialize)]
struct LiveUser {
    name: rollcall_model::Name,
    role: rollcall_model::Role,
}

/// What a starting zone controller needs.
pub(super) async fn snapshot(connection: &mut SqliteConnection) -> Result<TrustRecord, RowsError> {
    let tokens = rows::<TokenRow>(connection, "join_tokens", &LATE_TOKENS, &[]).await?;
    let joins = rows::<JoinRow>(connection, "join_requests", &ALL_JOINS, &[]).await?;
    let certificates = rows::<CertificateRow>(connection, "certificates", &LIVE_CERTIFICATES, &[]).await?;
    let revoked = rows::<RevokedRow>(connection, "revoked_principals", &ALL_REVOKED, &[]).await?;
    let users = rows::<LiveUser>(connection, "api_users", LIVE_USERS, &[]).await?;
    let (ended, live): (Vec<_>, Vec<_>) = certificates.into_iter().partition(|row| row.revoked_ms.is_some());
    let revoked =
        revoked.into_iter().map(|row| RevokedRecord { principal: row.principal, name: row.name, reason: row.reason });
    Ok(TrustRecord {
        tokens: tokens.into_iter().map(token_record).collect(),
        joins: joins.into_iter().map(join_record).collect(),
        certificates: live.into_iter().map(certificate_record).collect(),
        ended: ended.into_iter().map(certificate_record).collect(),
        revoked: revoked.collect(),
        users: users.into_iter().map(|row| UserRecord { name: row.name, role: row.role }).collect(),
    })
}

/// Rows of the audit log that follow a number.
pub(super) async fn audit_after(connection: &mut SqliteConnection, seq: u64) -> Result<Vec<AuditRow>, RowsError> {
    rows::<AuditRow>(connection, "audit", &AUDIT_AFTER, &[seq.to_string()]).await
}

fn token_record(row: TokenRow) -> TokenRecord {
    TokenRecord {
        hash: row.sha256,
        kind: row.kind,
        name: row.name,
        place: row.place,
        created_by: row.created_by,
        not_before: row.not_before_ms,
        expires: row.expires_ms,
        used_by: row.used_by,
        revoked: row.revoked_ms.is_some(),
    }
}

fn join_record(row: JoinRow) -> JoinRecord {
    JoinRecord {
        join: row.join_id,
        principal: row.principal,
        name: row.name,
        place: row.place,
        key: row.key_sha256,
        csr: row.csr,
        requested: row.requested_ms,
        state: row.state,
        decided_by: row.decided_by,
        reason: row.reason,
    }
}

fn certificate_record(row: CertificateRow) -> CertificateRecord {
    CertificateRecord {
        serial: row.serial,
        principal: row.principal,
        user: row.user_name,
        name: row.name,
        place: row.place,
        key: row.key_sha256,
        issued: row.issued_ms,
        expires: row.expires_ms,
        issued_by: row.issued_by,
    }
}
