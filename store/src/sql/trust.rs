//! Reads and writes what trust is made of.

use serde::Deserialize;

use super::Sql;
use super::fetch::list;
use super::link::{Link, RowsError, json, put, rows, rows_as, run};
use super::shape::{AUDIT, CERTIFICATES, JOINS, REVOKED, TOKENS, USERS};
use super::snapshot::Alike;
use crate::audit::AuditMark;
use crate::plan::{Stored, Subjects, Writes};
use crate::row::{AuditRow, CertificateRow, JoinRow, RevokedRow, TokenRow, UserRow};
use crate::{CertificateRecord, JoinRecord, RevokedRecord, TokenRecord, TrustRecord, UserRecord};

static TOKENS_SQL: Sql = Sql::new(|d| d.upsert(&TOKENS));
static JOINS_SQL: Sql = Sql::new(|d| d.upsert(&JOINS));
static CERTIFICATES_SQL: Sql = Sql::new(|d| d.upsert(&CERTIFICATES));
static REVOKED_SQL: Sql = Sql::new(|d| d.upsert(&REVOKED));
static USERS_SQL: Sql = Sql::new(|d| d.upsert(&USERS));
static AUDIT_SQL: Sql = Sql::new(|d| d.insert(&AUDIT));

static LIFTED: Sql =
    Sql::new(|d| format!("DELETE FROM revoked_principals WHERE principal IN (SELECT value FROM {})", d.each(1, "i")));

static THESE_TOKENS: Sql =
    Sql::new(|d| format!("SELECT {} FROM {} JOIN join_tokens t ON t.token = i.value", d.row(&TOKENS), d.each(1, "i")));
static THESE_JOINS: Sql = Sql::new(|d| {
    format!("SELECT {} FROM {} JOIN join_requests t ON t.join_id = i.value", d.row(&JOINS), d.each(1, "i"))
});
static THESE_CERTIFICATES: Sql = Sql::new(|d| {
    format!("SELECT {} FROM {} JOIN certificates t ON t.serial = i.value", d.row(&CERTIFICATES), d.each(1, "i"))
});
static CERTIFICATES_OF: Sql = Sql::new(|d| {
    let (row, principals) = (d.row(&CERTIFICATES), d.each(1, "i"));
    format!("SELECT {row} FROM {principals} JOIN certificates t ON t.principal = i.value AND t.revoked_ms IS NULL")
});
static REVOKED_OF: Sql = Sql::new(|d| {
    let (row, principals) = (d.row(&REVOKED), d.each(1, "i"));
    format!("SELECT {row} FROM {principals} JOIN revoked_principals t ON t.principal = i.value")
});
static THESE_USERS: Sql =
    Sql::new(|d| format!("SELECT {} FROM {} JOIN api_users t ON t.name = i.value", d.row(&USERS), d.each(1, "i")));
static AUDIT_END: Sql = Sql::new(|d| {
    format!("SELECT {} FROM audit t ORDER BY t.seq DESC LIMIT 1", d.object("'seq', t.seq, 'hash', t.hash"))
});

/// What became useless a day before the latest was made is not brought any more.
static LATE_TOKENS: Sql = Sql::new(|d| {
    format!(
        "SELECT {} FROM join_tokens t \
         WHERE t.expires_ms > (SELECT max(created_ms) FROM join_tokens) - 86400000 ORDER BY t.created_ms, t.token",
        d.row(&TOKENS)
    )
});
static ALL_JOINS: Sql =
    Sql::new(|d| format!("SELECT {} FROM join_requests t ORDER BY t.requested_ms, t.join_id", d.row(&JOINS)));
/// What was over when the latest was issued is over.
static LIVE_CERTIFICATES: Sql = Sql::new(|d| {
    format!(
        "SELECT {} FROM certificates t \
         WHERE t.expires_ms > (SELECT max(issued_ms) FROM certificates) ORDER BY t.issued_ms, {}",
        d.row(&CERTIFICATES),
        d.certificate_order()
    )
});
static ALL_REVOKED: Sql =
    Sql::new(|d| format!("SELECT {} FROM revoked_principals t ORDER BY t.principal", d.row(&REVOKED)));
static LIVE_USERS: Sql = Sql::new(|d| {
    let user = d.object("'name', t.name, 'role', t.role, 'entry', t.entry, 'changed_ms', t.changed_ms");
    format!("SELECT {user} FROM api_users t WHERE t.removed_ms IS NULL ORDER BY t.name")
});

/// So many rows of the audit log are looked at in one step.
pub(crate) const AUDIT_STEP: usize = 5_000;
static AUDIT_AFTER: Sql = Sql::new(|d| {
    format!("SELECT {} FROM audit t WHERE t.seq > CAST($1 AS BIGINT) ORDER BY t.seq LIMIT {AUDIT_STEP}", d.row(&AUDIT))
});

/// What is stored about the subjects of a batch.
pub(super) async fn stored(link: &mut impl Link, subjects: &Subjects, stored: &mut Stored) -> Result<(), RowsError> {
    if !subjects.tokens.is_empty() {
        let found = rows::<TokenRow>(link, "join_tokens", &THESE_TOKENS, vec![list(&subjects.tokens)]).await?;
        stored.tokens = found.into_iter().map(|row| (row.token.clone(), row)).collect();
    }
    if !subjects.joins.is_empty() {
        let found = rows::<JoinRow>(link, "join_requests", &THESE_JOINS, vec![list(&subjects.joins)]).await?;
        stored.joins = found.into_iter().map(|row| (row.join_id, row)).collect();
    }
    if !subjects.serials.is_empty() {
        let serials = vec![list(&subjects.serials)];
        let found = rows::<CertificateRow>(link, "certificates", &THESE_CERTIFICATES, serials.clone()).await?;
        stored.certificates.extend(found.into_iter().map(|row| (row.serial.clone(), row)));
    }
    if !subjects.principals.is_empty() {
        let principals = vec![list(&subjects.principals)];
        let found = rows::<CertificateRow>(link, "certificates", &CERTIFICATES_OF, principals.clone()).await?;
        stored.certificates.extend(found.into_iter().map(|row| (row.serial.clone(), row)));
        let found = rows::<RevokedRow>(link, "revoked_principals", &REVOKED_OF, principals.clone()).await?;
        stored.revoked = found.into_iter().map(|row| (row.principal.clone(), row)).collect();
    }
    if !subjects.users.is_empty() {
        let found = rows::<UserRow>(link, "api_users", &THESE_USERS, vec![list(&subjects.users)]).await?;
        stored.users = found.into_iter().map(|row| (row.name.clone(), row)).collect();
    }
    if subjects.audit {
        stored.audit_end = rows::<AuditMark>(link, "audit", &AUDIT_END, vec![]).await?.pop();
    }
    Ok(())
}

/// Writes what the planner decided.
pub(super) async fn write(link: &mut impl Link, writes: &Writes) -> Result<(), sqlx::Error> {
    put(link, &TOKENS_SQL, &writes.tokens).await?;
    put(link, &JOINS_SQL, &writes.joins).await?;
    put(link, &CERTIFICATES_SQL, &writes.certificates).await?;
    if !writes.lifted.is_empty() {
        run(link, &LIFTED, vec![json(&writes.lifted)?]).await?;
    }
    put(link, &REVOKED_SQL, &writes.revoked).await?;
    put(link, &USERS_SQL, &writes.users).await?;
    put(link, &AUDIT_SQL, &writes.audit).await
}

#[derive(Deserialize)]
struct LiveUser {
    name: rollcall_model::Name,
    role: rollcall_model::Role,
    entry: Option<String>,
    changed_ms: Option<rollcall_model::UnixMillis>,
}

/// What a starting zone controller needs.
pub(super) async fn snapshot(link: &mut impl Link, alike: &mut Alike) -> Result<TrustRecord, RowsError> {
    let tokens = rows::<TokenRow>(link, "join_tokens", &LATE_TOKENS, vec![]).await?;
    let joins = rows::<JoinRow>(link, "join_requests", &ALL_JOINS, vec![]).await?;
    let read = |row: CertificateRow| (row.revoked_ms.is_some(), certificate_record(row, alike));
    let certificates = rows_as(link, "certificates", &LIVE_CERTIFICATES, vec![], read).await?;
    let revoked = rows::<RevokedRow>(link, "revoked_principals", &ALL_REVOKED, vec![]).await?;
    let users = rows::<LiveUser>(link, "api_users", &LIVE_USERS, vec![]).await?;
    let (mut ended, mut live) = (Vec::new(), Vec::new());
    for (is_revoked, certificate) in certificates {
        if is_revoked { &mut ended } else { &mut live }.push(certificate);
    }
    let revoked =
        revoked.into_iter().map(|row| RevokedRecord { principal: row.principal, name: row.name, reason: row.reason });
    Ok(TrustRecord {
        tokens: tokens.into_iter().map(token_record).collect(),
        joins: joins.into_iter().map(join_record).collect(),
        certificates: live,
        ended,
        revoked: revoked.collect(),
        users: users.into_iter().map(user_record).collect(),
    })
}

/// Rows of the audit log that follow a number.
pub(crate) async fn audit_after(link: &mut impl Link, seq: u64) -> Result<Vec<AuditRow>, RowsError> {
    rows::<AuditRow>(link, "audit", &AUDIT_AFTER, vec![seq.to_string()]).await
}

fn user_record(LiveUser { name, role, entry, changed_ms }: LiveUser) -> UserRecord {
    UserRecord { name, role, entry, changed: changed_ms }
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

fn certificate_record(row: CertificateRow, alike: &mut Alike) -> CertificateRecord {
    CertificateRecord {
        serial: row.serial,
        principal: row.principal,
        user: row.user_name,
        name: alike.name(row.name),
        place: row.place.map(|place| alike.name(place)),
        key: row.key_sha256,
        issued: row.issued_ms,
        expires: row.expires_ms,
        issued_by: row.issued_by,
    }
}
