//! A schema as it is, for its upkeep: nothing is made, nothing is migrated.

use sqlx::{ConnectOptions, PgConnection};

use super::open::{HOLDER, check_server, lock, refuse_what_is_not_ours, refused, says};
use super::place::Place;
use super::{PATIENCE, within};
use crate::OpenError;

/// A schema, to look at. A zone controller may go on with it meanwhile.
pub(crate) async fn look(place: &Place) -> Result<PgConnection, OpenError> {
    connect(place, true).await
}

/// A schema, and the lock that a zone's one writer holds, for as long as the connection lives.
pub(crate) async fn hold(place: &Place) -> Result<PgConnection, OpenError> {
    let mut connection = connect(place, false).await?;
    match lock(&mut connection).await.map_err(says(place, "taking the writer's lock"))? {
        None => Ok(connection),
        Some(holder) => Err(OpenError::Held { place: place.shown().into(), holder }),
    }
}

async fn connect(place: &Place, reads_only: bool) -> Result<PgConnection, OpenError> {
    let options = if reads_only { place.reading(None) } else { place.writing() }.application_name("rollcall db");
    let connected = within(PATIENCE, options.connect());
    let mut connection = connected.await.map_err(|source| refused(place, source))?;
    if !reads_only {
        check_server(&mut connection, place).await?;
    }
    refuse_what_is_not_ours(&mut connection, place).await?;
    // Upkeep goes through whole tables.
    let unlimited = sqlx::query("SET statement_timeout = 0").execute(&mut connection);
    unlimited.await.map_err(says(place, "setting its limits"))?;
    let unlimited = sqlx::query("SET idle_in_transaction_session_timeout = 0").execute(&mut connection);
    unlimited.await.map_err(says(place, "setting its limits"))?;
    Ok(connection)
}

/// Who has the schema open as its writer.
pub(crate) async fn held_by(connection: &mut PgConnection) -> Result<Option<String>, sqlx::Error> {
    sqlx::query_scalar::<_, String>(HOLDER).fetch_optional(connection).await
}

/// The schema's name, and how many tables and views stand in it.
pub(crate) async fn schema(connection: &mut PgConnection) -> Result<(String, i64), sqlx::Error> {
    let sql = "SELECT current_schema()::text, (SELECT count(*) FROM pg_class \
               WHERE relnamespace = current_schema()::regnamespace AND relkind IN ('r', 'v'))";
    sqlx::query_as(sql).fetch_one(connection).await
}

/// Size of all tables with their indexes, bytes, and how many rows of them are dead: their room is used again.
pub(crate) async fn sizes(connection: &mut PgConnection) -> Result<(u64, u64), sqlx::Error> {
    let sql = "SELECT (SELECT coalesce(sum(pg_total_relation_size(oid)), 0)::bigint FROM pg_class \
               WHERE relnamespace = current_schema()::regnamespace AND relkind = 'r'), \
               (SELECT coalesce(sum(n_dead_tup), 0)::bigint FROM pg_stat_user_tables WHERE schemaname = current_schema())";
    let (bytes, dead) = sqlx::query_as::<_, (i64, i64)>(sql).fetch_one(connection).await?;
    Ok((u64::try_from(bytes).unwrap_or(0), u64::try_from(dead).unwrap_or(0)))
}

/// Size of each table with its indexes, bytes.
pub(crate) const TABLE_SIZES: &str = "SELECT json_build_array(relname, pg_total_relation_size(oid))::text FROM pg_class \
     WHERE relnamespace = current_schema()::regnamespace AND relkind = 'r'";
