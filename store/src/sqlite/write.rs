//! Writes what the planner decided: one statement per table, however many rows.

use serde::Serialize;
use sqlx::SqliteConnection;

use super::shape::{
    ACTIONS, ANALYTICS, ASSIGNMENTS, BITS, CHECKINS, COMBINATIONS, EVENTS, GROUPS, HARDWARE, HEALTH, MEMBERSHIPS,
    MESSAGES, NODE_POLICIES, NODES, PLACES, POLICIES, Sql, ZONE,
};
use crate::plan::Writes;

static ZONE_SQL: Sql = Sql::new(|| ZONE.upsert());
static GROUPS_SQL: Sql = Sql::new(|| GROUPS.upsert());
static CHECKINS_SQL: Sql = Sql::new(|| CHECKINS.upsert());
static NODES_SQL: Sql = Sql::new(|| NODES.upsert());
static HARDWARE_SQL: Sql = Sql::new(|| HARDWARE.insert());
static ASSIGNMENTS_SQL: Sql = Sql::new(|| ASSIGNMENTS.insert());
static BITS_SQL: Sql = Sql::new(|| BITS.upsert());
static HEALTH_SQL: Sql = Sql::new(|| HEALTH.insert());
static EVENTS_SQL: Sql = Sql::new(|| EVENTS.insert());
static POLICIES_SQL: Sql = Sql::new(|| POLICIES.insert());
static NODE_POLICIES_SQL: Sql = Sql::new(|| NODE_POLICIES.upsert());
static MEMBERSHIPS_SQL: Sql = Sql::new(|| MEMBERSHIPS.insert());
static ACTIONS_SQL: Sql = Sql::new(|| ACTIONS.upsert());
static COMBINATIONS_SQL: Sql = Sql::new(|| COMBINATIONS.upsert());
static PLACES_SQL: Sql = Sql::new(|| PLACES.upsert());
static MESSAGES_SQL: Sql = Sql::new(|| MESSAGES.insert());
static ANALYTICS_SQL: Sql = Sql::new(|| ANALYTICS.upsert());

const CAPABILITIES_SQL: &str = "INSERT INTO capabilities (capability, digest, first_seen_ms) \
     SELECT value ->> 'capability', value ->> 'digest', value ->> 'first_seen_ms' FROM json_each(?1) WHERE true \
     ON CONFLICT (capability) DO NOTHING";

const CHANNELS_GONE: &str = "DELETE FROM channels WHERE group_id IN (SELECT value FROM json_each(?1)) \
     AND (group_id, purpose) NOT IN (SELECT value ->> 'group_id', value ->> 'purpose' FROM json_each(?2))";

/// A channel that is what it was keeps its `since`.
const CHANNELS_SQL: &str = "INSERT INTO channels (group_id, purpose, address, port, exchange, queue, routing_key, since_ms) \
     SELECT value ->> 'group_id', value ->> 'purpose', value ->> 'address', value ->> 'port', value ->> 'exchange', \
     value ->> 'queue', value ->> 'key', value ->> 'since_ms' FROM json_each(?1) WHERE true \
     ON CONFLICT (group_id, purpose) DO UPDATE SET address = excluded.address, port = excluded.port, \
     exchange = excluded.exchange, queue = excluded.queue, routing_key = excluded.routing_key, \
     since_ms = excluded.since_ms \
     WHERE (address, port, exchange, queue, routing_key) IS NOT \
     (excluded.address, excluded.port, excluded.exchange, excluded.queue, excluded.routing_key)";

const HARDWARE_ENDS: &str = "UPDATE node_hardware SET until_ms = ended.value ->> 'until_ms' \
     FROM json_each(?1) AS ended \
     WHERE node_hardware.node_id = ended.value ->> 'node_id' AND node_hardware.until_ms IS NULL";

const ASSIGNMENT_ENDS: &str = "UPDATE assignments SET until_ms = ended.value ->> 'until_ms', \
     change_session = ended.value ->> 'change_session', change_number = ended.value ->> 'change_number' \
     FROM json_each(?1) AS ended WHERE assignments.node_id = ended.value ->> 'node_id' \
     AND assignments.kind = ended.value ->> 'kind' AND assignments.until_ms IS NULL";

const ALERT_ENDS: &str = "UPDATE alerts SET state = 'cleared', cleared_ms = ended.value ->> 'cleared_ms' \
     FROM json_each(?1) AS ended WHERE alerts.alert_id = ended.value ->> 'alert_id'";

const ALERTS_SQL: &str = "INSERT INTO alerts (group_id, node_id, kind, severity, state, raised_ms, cleared_ms, message) \
     SELECT value ->> 'group_id', value ->> 'node_id', value ->> 'kind', value ->> 'severity', \
     CASE WHEN value ->> 'cleared_ms' IS NULL THEN 'raised' ELSE 'cleared' END, value ->> 'raised_ms', \
     value ->> 'cleared_ms', value ->> 'message' FROM json_each(?1) WHERE true ORDER BY key";

const ACKNOWLEDGED: &str = "UPDATE alerts SET acknowledged_ms = seen.value ->> 'acknowledged_ms', \
     acknowledged_by = seen.value ->> 'acknowledged_by', comment = seen.value ->> 'comment' \
     FROM json_each(?1) AS seen WHERE alerts.alert_id = seen.value ->> 'alert_id' \
     AND alerts.cleared_ms IS NULL AND alerts.acknowledged_ms IS NULL";

const MEMBERSHIP_ENDS: &str = "UPDATE memberships SET until_ms = ended.value ->> 'until_ms', \
     left_reason = ended.value ->> 'left_reason' \
     FROM json_each(?1) AS ended WHERE memberships.node_id = ended.value ->> 'node_id' \
     AND memberships.group_id = ended.value ->> 'group_id' AND memberships.until_ms IS NULL";

/// A range of the primary key: nothing is counted or looked through.
const MESSAGES_GONE: &str =
    "DELETE FROM channel_messages WHERE channel = ?1 ->> 'channel' AND number <= ?1 ->> 'number'";

/// The old end of an index: nothing is looked through.
const ANALYTICS_GONE: &str = "DELETE FROM analytics WHERE at_ms < ?1 ->> '$'";

/// Writes everything, in an order that satisfies every reference.
pub(super) async fn all(connection: &mut SqliteConnection, writes: &Writes) -> Result<(), sqlx::Error> {
    put(connection, &ZONE_SQL, writes.zone.as_slice()).await?;
    put(connection, CAPABILITIES_SQL, &writes.capabilities).await?;
    put(connection, &GROUPS_SQL, &writes.groups).await?;
    if !writes.channels_of.is_empty() {
        let gone = sqlx::query(CHANNELS_GONE).bind(json(&writes.channels_of)?).bind(json(&writes.channels)?);
        gone.execute(&mut *connection).await?;
    }
    put(connection, CHANNELS_SQL, &writes.channels).await?;
    put(connection, &CHECKINS_SQL, &writes.checkins).await?;
    put(connection, &NODES_SQL, &writes.nodes).await?;
    put(connection, HARDWARE_ENDS, &writes.hardware_ends).await?;
    put(connection, &HARDWARE_SQL, &writes.hardware).await?;
    put(connection, ASSIGNMENT_ENDS, &writes.assignment_ends).await?;
    put(connection, &ASSIGNMENTS_SQL, &writes.assignments).await?;
    put(connection, &BITS_SQL, &writes.bits).await?;
    put(connection, &HEALTH_SQL, &writes.health).await?;
    put(connection, ALERT_ENDS, &writes.alert_ends).await?;
    put(connection, ALERTS_SQL, &writes.alerts).await?;
    put(connection, ACKNOWLEDGED, &writes.acknowledgements).await?;
    wanted(connection, writes).await?;
    told(connection, writes).await?;
    super::trust::write(connection, writes).await?;
    put(connection, &EVENTS_SQL, &writes.events).await
}

/// Policies, groups by rule, orders, and what was decided on combinations and places.
async fn wanted(connection: &mut SqliteConnection, writes: &Writes) -> Result<(), sqlx::Error> {
    put(connection, &POLICIES_SQL, &writes.policies).await?;
    put(connection, &NODE_POLICIES_SQL, &writes.node_policies).await?;
    put(connection, MEMBERSHIP_ENDS, &writes.membership_ends).await?;
    put(connection, &MEMBERSHIPS_SQL, &writes.memberships).await?;
    put(connection, &ACTIONS_SQL, &writes.actions).await?;
    put(connection, &COMBINATIONS_SQL, &writes.combinations).await?;
    put(connection, &PLACES_SQL, &writes.places).await
}

/// What is kept for a while, and the end of what was kept long enough.
async fn told(connection: &mut SqliteConnection, writes: &Writes) -> Result<(), sqlx::Error> {
    put(connection, &MESSAGES_SQL, &writes.messages).await?;
    for cut in &writes.channel_cuts {
        sqlx::query(MESSAGES_GONE).bind(json(cut)?).execute(&mut *connection).await?;
    }
    put(connection, &ANALYTICS_SQL, &writes.analytics).await?;
    if let Some(before) = &writes.analytics_before {
        sqlx::query(ANALYTICS_GONE).bind(json(before)?).execute(&mut *connection).await?;
    }
    Ok(())
}

pub(super) async fn put<T: Serialize>(
    connection: &mut SqliteConnection,
    sql: &'static str,
    rows: &[T],
) -> Result<(), sqlx::Error> {
    if !rows.is_empty() {
        sqlx::query(sql).bind(json(rows)?).execute(connection).await?;
    }
    Ok(())
}

pub(super) fn json<T: Serialize + ?Sized>(rows: &T) -> Result<String, sqlx::Error> {
    serde_json::to_string(rows).map_err(|error| sqlx::Error::Encode(error.into()))
}
