//! The lease of a zone: one row, and those who would like to have it.

use rollcall_model::ZoneId;
use serde_json::json;
use sqlx::SqlSafeStr;

use super::fetch::THE_ZONE;
use super::link::{Link, json, row_of, rows, run};
use super::{Dialect, Sql};
use crate::row::ZoneRow;
use crate::{Lease, LoadError, Replica};

/// The time by the database's own clock, milliseconds since 1970.
const fn now(dialect: Dialect) -> &'static str {
    match dialect {
        Dialect::Sqlite => "CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER)",
        Dialect::Postgres => "(extract(epoch FROM clock_timestamp()) * 1000)::bigint",
    }
}

static THE_LEASE: Sql = Sql::new(|d| {
    let pairs = "'generation', t.generation, 'beats', t.beats, 'instance', t.instance, 'name', t.name, \
                 'address', t.address, 'is_released', ";
    format!("SELECT {} FROM zone_lease t", d.object(&format!("{pairs}{}", d.flag("t.is_released"))))
});

/// `$1` is the replica, `$2` and `$3` generation and beats as they were seen, -1 for no row.
static TAKEN: Sql = Sql::new(|d| {
    let (no, now) = (if d == Dialect::Sqlite { "0" } else { "false" }, now(d));
    let generation = "1 + (SELECT coalesce(max(g.generation), 0) FROM (SELECT generation FROM zone UNION ALL \
                      SELECT generation FROM zone_lease) g)";
    format!(
        "INSERT INTO zone_lease (one, generation, beats, instance, name, address, is_released, taken_ms, renewed_ms) \
         SELECT 1, {generation}, 1, r.instance, r.name, r.address, {no}, {now}, {now} FROM {} \
         WHERE CAST($2 AS BIGINT) >= 0 OR NOT EXISTS (SELECT 1 FROM zone_lease) \
         ON CONFLICT (one) DO UPDATE SET generation = excluded.generation, beats = zone_lease.beats + 1, \
         instance = excluded.instance, name = excluded.name, address = excluded.address, \
         is_released = excluded.is_released, taken_ms = excluded.taken_ms, renewed_ms = excluded.renewed_ms \
         WHERE zone_lease.generation = CAST($2 AS BIGINT) AND zone_lease.beats = CAST($3 AS BIGINT) \
         RETURNING CAST(generation AS TEXT)",
        d.records(1, "r", "instance text, name text, address text")
    )
});

static NO_STANDBY: Sql =
    Sql::new(|d| format!("DELETE FROM zone_standbys WHERE instance = $1 OR seen_ms < {} - 3600000", now(d)));

static STANDS_BY: Sql = Sql::new(|d| {
    format!(
        "INSERT INTO zone_standbys (instance, name, address, since_ms, seen_ms) \
         SELECT r.instance, r.name, r.address, {now}, {now} FROM {} WHERE true \
         ON CONFLICT (instance) DO UPDATE SET seen_ms = excluded.seen_ms",
        d.records(1, "r", "instance text, name text, address text"),
        now = now(d)
    )
});

static RENEWED: Sql = Sql::new(|d| {
    format!("UPDATE zone_lease SET beats = beats + 1, renewed_ms = {} WHERE generation = CAST($1 AS BIGINT)", now(d))
});

static RELEASED: Sql = Sql::new(|d| {
    let yes = if d == Dialect::Sqlite { "1" } else { "true" };
    format!("UPDATE zone_lease SET is_released = {yes}, beats = beats + 1 WHERE generation = CAST($1 AS BIGINT)")
});

/// The lease as it stands.
pub(crate) async fn lease(link: &mut impl Link) -> Result<Option<Lease>, sqlx::Error> {
    let sql = THE_LEASE.text(link.dialect());
    let texts = link.texts(sql, vec![]).await?;
    texts.first().map(|text| row_of(text)).transpose()
}

/// The generation that may write; `None` before there is one.
pub(crate) async fn fence(link: &mut impl Link) -> Result<Option<u64>, sqlx::Error> {
    let texts = link.texts("SELECT CAST(generation AS TEXT) FROM zone_lease".into_sql_str(), vec![]).await?;
    Ok(texts.first().and_then(|text| text.parse().ok()))
}

/// Takes the lease where it stands as seen; the new generation.
pub(crate) async fn take(link: &mut impl Link, me: &Replica, seen: Option<&Lease>) -> Result<Option<u64>, sqlx::Error> {
    let as_seen = seen.map_or(("-1".into(), "-1".into()), |it| (it.generation.to_string(), it.beats.to_string()));
    let texts = link.texts(TAKEN.text(link.dialect()), vec![replica(me)?, as_seen.0, as_seen.1]).await?;
    let Some(generation) = texts.first().and_then(|text| text.parse().ok()) else { return Ok(None) };
    run(link, &NO_STANDBY, vec![me.instance.to_string()]).await?;
    Ok(Some(generation))
}

/// Leaves word that somebody stands by.
pub(crate) async fn stand_by(link: &mut impl Link, me: &Replica) -> Result<(), sqlx::Error> {
    run(link, &STANDS_BY, vec![replica(me)?]).await
}

/// Renews the lease of a generation; the generation that has it otherwise.
pub(crate) async fn renew(link: &mut impl Link, generation: u64) -> Result<Option<u64>, sqlx::Error> {
    match link.run(RENEWED.text(link.dialect()), vec![generation.to_string()]).await? {
        0 => Ok(Some(fence(link).await?.unwrap_or_default())),
        _ => Ok(None),
    }
}

/// Gives the lease of a generation back.
pub(crate) async fn release(link: &mut impl Link, generation: u64) -> Result<(), sqlx::Error> {
    run(link, &RELEASED, vec![generation.to_string()]).await
}

/// Whose the database is.
pub(crate) async fn owner(link: &mut impl Link) -> Result<Option<ZoneId>, LoadError> {
    Ok(rows::<ZoneRow>(link, "zone", &THE_ZONE, vec![]).await?.pop().map(|row| row.zone_id))
}

fn replica(me: &Replica) -> Result<String, sqlx::Error> {
    json(&[json!({ "instance": me.instance, "name": me.name, "address": me.address })])
}
