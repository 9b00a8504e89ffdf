//! What whoever stands at the door asks of the store: who brings this token, is this certificate still good, is the
//! audit log whole.

use rollcall_model::{Name, Principal, Serial, Sha256, UnixMillis};
use serde_json::Value;

use crate::topology::Topology;
use crate::{AuditError, AuditMark, AuditStep, Backend, Bind, QueryError, Store, UserRecord};

impl Store {
    /// The user whose token has this digest.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn user_of_token(&self, token: &Sha256) -> Result<Option<UserRecord>, QueryError> {
        let sql = "SELECT name, role, entry, changed_ms FROM api_users WHERE sha256 = $1 AND removed_ms IS NULL";
        self.user(sql, token.as_str()).await
    }

    /// The user of this name.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn user_named(&self, name: &Name) -> Result<Option<UserRecord>, QueryError> {
        let sql = "SELECT name, role, entry, changed_ms FROM api_users WHERE name = $1 AND removed_ms IS NULL";
        self.user(sql, name.as_str()).await
    }

    async fn user(&self, sql: &'static str, bind: &str) -> Result<Option<UserRecord>, QueryError> {
        let found = self.for_zone().select(sql, &[bind.into()]).await?;
        let read = |row: &Vec<Value>| {
            let [name, role, entry, changed] = row.as_slice() else { return None };
            let (name, role) = (name.as_str()?.parse().ok()?, role.as_str()?.parse().ok()?);
            Some(UserRecord {
                name,
                role,
                entry: entry.as_str().map(str::to_owned),
                changed: changed.as_u64().map(UnixMillis),
            })
        };
        Ok(found.rows.first().and_then(read))
    }

    /// Whether whoever presents this certificate is turned away: it was revoked, or its principal is kept out. One the
    /// store knows nothing of was not issued by the zone controller (the zone's own, say), and is not its to revoke.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn is_revoked(&self, principal: &Principal, serial: &Serial) -> Result<bool, QueryError> {
        let sql = "SELECT EXISTS (SELECT 1 FROM revoked_principals WHERE principal = $1) \
                   OR EXISTS (SELECT 1 FROM certificates WHERE serial = $2 AND revoked_ms IS NOT NULL)";
        let binds = [Bind::Text(principal.to_string()), serial.as_str().into()];
        let found = self.for_zone().select(sql, &binds).await?;
        Ok(found.rows.first().and_then(|row| row.first()) == Some(&Value::from(1)))
    }

    /// Looks at the next 5,000 rows of the audit log that follow `from` ([`AuditMark::default`] for its beginning), and
    /// says how far it is whole. Go on with the mark of [`AuditStep::More`].
    ///
    /// A log whose end was cut off is whole as far as it goes: compare with a mark that was kept elsewhere.
    ///
    /// # Errors
    /// When the database does not answer, or a row is not even a row.
    pub async fn verify_audit(&self, from: AuditMark) -> Result<AuditStep, AuditError> {
        match &self.backend {
            Backend::Sqlite(store) => store.verify_audit(from).await,
            Backend::Postgres(store) => store.verify_audit(from).await,
        }
    }
}
