//! What a database must do to hold a zone's topology.

use std::future::Future;

use rollcall_model::UnixMillis;
use sqlx::SqlStr;

use crate::prune::{Pruned, Step};
use crate::{
    AskError, AskLimits, Asker, AuditError, AuditMark, AuditStep, Bind, Change, CommitError, LoadError, QueryError,
    Snapshot, Table,
};

/// A backend of [`Store`](crate::Store), whose methods say what each of these promises.
pub(crate) trait Topology: Sized + Send + Sync {
    /// See [`Store::close`](crate::Store::close).
    fn close(self) -> impl Future<Output = ()> + Send;

    /// See [`Store::commit`](crate::Store::commit).
    fn commit(&self, changes: &[Change]) -> impl Future<Output = Result<(), CommitError>> + Send;

    /// See [`Store::try_to_write`](crate::Store::try_to_write).
    fn touch(&self) -> impl Future<Output = Result<(), CommitError>> + Send;

    /// See [`Store::prune`](crate::Store::prune).
    fn prune(&self, step: Step<'_>, now: UnixMillis) -> impl Future<Output = Result<Pruned, CommitError>> + Send;

    /// See [`Store::load`](crate::Store::load).
    fn load(&self) -> impl Future<Output = Result<Snapshot, LoadError>> + Send;

    /// See [`Store::verify_audit`](crate::Store::verify_audit).
    fn verify_audit(&self, from: AuditMark) -> impl Future<Output = Result<AuditStep, AuditError>> + Send;

    /// See [`Store::select`](crate::Store::select).
    fn select(
        &self,
        asker: Asker,
        sql: SqlStr,
        binds: &[Bind],
    ) -> impl Future<Output = Result<Table, QueryError>> + Send;

    /// See [`Store::ask`](crate::Store::ask); `sql` has passed the check of statements already.
    fn ask(&self, sql: &str, limits: AskLimits) -> impl Future<Output = Result<Table, AskError>> + Send;
}
