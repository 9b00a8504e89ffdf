//! Writes what the planner decided: one statement per table, however many rows.

use rollcall_model::indicator::{INDICATORS as INDICATORS_KNOWN, Indicator};
use serde_json::json;

use super::Sql;
use super::link::{Link, json, put, run};
use super::shape::{
    ACTIONS, ANALYTICS, ASSIGNMENTS, BITS, CAPABILITIES, CHECKINS, COMBINATIONS, EVENTS, GROUPS, HARDWARE, HEALTH,
    INDICATORS, MEMBERSHIPS, MESSAGES, NODE_POLICIES, NODES, PLACES, POLICIES, ZONE,
};
use crate::plan::Writes;

static ZONE_SQL: Sql = Sql::new(|d| d.upsert(&ZONE));
static GROUPS_SQL: Sql = Sql::new(|d| d.upsert(&GROUPS));
static CHECKINS_SQL: Sql = Sql::new(|d| d.upsert(&CHECKINS));
static NODES_SQL: Sql = Sql::new(|d| d.upsert(&NODES));
static HARDWARE_SQL: Sql = Sql::new(|d| d.insert(&HARDWARE));
static ASSIGNMENTS_SQL: Sql = Sql::new(|d| d.insert(&ASSIGNMENTS));
static BITS_SQL: Sql = Sql::new(|d| d.upsert(&BITS));
static HEALTH_SQL: Sql = Sql::new(|d| d.insert(&HEALTH));
static EVENTS_SQL: Sql = Sql::new(|d| d.insert(&EVENTS));
static POLICIES_SQL: Sql = Sql::new(|d| d.insert(&POLICIES));
static NODE_POLICIES_SQL: Sql = Sql::new(|d| d.upsert(&NODE_POLICIES));
static MEMBERSHIPS_SQL: Sql = Sql::new(|d| d.insert(&MEMBERSHIPS));
static ACTIONS_SQL: Sql = Sql::new(|d| d.upsert(&ACTIONS));
static COMBINATIONS_SQL: Sql = Sql::new(|d| d.upsert(&COMBINATIONS));
static PLACES_SQL: Sql = Sql::new(|d| d.upsert(&PLACES));
static MESSAGES_SQL: Sql = Sql::new(|d| d.insert(&MESSAGES));
static ANALYTICS_SQL: Sql = Sql::new(|d| d.upsert(&ANALYTICS));
static INDICATORS_SQL: Sql = Sql::new(|d| d.upsert(&INDICATORS));
static CAPABILITIES_SQL: Sql = Sql::new(|d| format!("{} ON CONFLICT (capability) DO NOTHING", d.insert(&CAPABILITIES)));

static CHANNELS_GONE: Sql = Sql::new(|d| {
    format!(
        "DELETE FROM channels WHERE group_id IN (SELECT value FROM {}) \
         AND (group_id, purpose) NOT IN (SELECT group_id, purpose FROM {})",
        d.each(1, "g"),
        d.records(2, "c", "group_id text, purpose text")
    )
});

/// A channel that is what it was keeps its `since`.
static CHANNELS_SQL: Sql = Sql::new(|d| {
    let columns = "group_id text, purpose text, address text, port bigint, exchange text, queue text, key text, \
                   since_ms bigint";
    format!(
        "INSERT INTO channels (group_id, purpose, address, port, exchange, queue, routing_key, since_ms) \
         SELECT c.group_id, c.purpose, c.address, c.port, c.exchange, c.queue, c.key, c.since_ms FROM {} WHERE true \
         ON CONFLICT (group_id, purpose) DO UPDATE SET address = excluded.address, port = excluded.port, \
         exchange = excluded.exchange, queue = excluded.queue, routing_key = excluded.routing_key, \
         since_ms = excluded.since_ms \
         WHERE (channels.address, channels.port, channels.exchange, channels.queue, channels.routing_key) \
         IS DISTINCT FROM \
         (excluded.address, excluded.port, excluded.exchange, excluded.queue, excluded.routing_key)",
        d.records(1, "c", columns)
    )
});

/// In a table of its own: a row of `nodes` is large, and every version of it would be written whole. Each node is there
/// once: the planner sees to that.
static SEEN: Sql = Sql::new(|d| {
    format!(
        "INSERT INTO node_seen (node_id, seen_ms) SELECT n.node_id, seen.at_ms FROM {} \
         JOIN nodes n ON n.node_id = seen.node_id WHERE n.epoch <= seen.epoch \
         ON CONFLICT (node_id) DO UPDATE SET seen_ms = excluded.seen_ms WHERE node_seen.seen_ms < excluded.seen_ms",
        d.records(1, "seen", "node_id text, epoch bigint, at_ms bigint")
    )
});

static HARDWARE_ENDS: Sql = Sql::new(|d| {
    format!(
        "UPDATE node_hardware SET until_ms = ended.until_ms FROM {} \
         WHERE node_hardware.node_id = ended.node_id AND node_hardware.until_ms IS NULL",
        d.records(1, "ended", "node_id text, until_ms bigint")
    )
});

static ASSIGNMENT_ENDS: Sql = Sql::new(|d| {
    let columns = "node_id text, kind text, until_ms bigint, change_session bigint, change_number bigint";
    format!(
        "UPDATE assignments SET until_ms = ended.until_ms, change_session = ended.change_session, \
         change_number = ended.change_number FROM {} WHERE assignments.node_id = ended.node_id \
         AND assignments.kind = ended.kind AND assignments.until_ms IS NULL",
        d.records(1, "ended", columns)
    )
});

static ALERT_ENDS: Sql = Sql::new(|d| {
    format!(
        "UPDATE alerts SET state = 'cleared', cleared_ms = ended.cleared_ms FROM {} \
         WHERE alerts.alert_id = ended.alert_id",
        d.records(1, "ended", "alert_id bigint, cleared_ms bigint")
    )
});

static ALERTS_SQL: Sql = Sql::new(|d| {
    let columns = "group_id text, node_id text, kind text, severity text, raised_ms bigint, cleared_ms bigint, \
                   message text";
    format!(
        "INSERT INTO alerts (group_id, node_id, kind, severity, state, raised_ms, cleared_ms, message) \
         SELECT a.group_id, a.node_id, a.kind, a.severity, \
         CASE WHEN a.cleared_ms IS NULL THEN 'raised' ELSE 'cleared' END, a.raised_ms, a.cleared_ms, a.message FROM {}",
        d.records(1, "a", columns)
    )
});

static ACKNOWLEDGED: Sql = Sql::new(|d| {
    format!(
        "UPDATE alerts SET acknowledged_ms = seen.acknowledged_ms, acknowledged_by = seen.acknowledged_by, \
         comment = seen.comment FROM {} WHERE alerts.alert_id = seen.alert_id \
         AND alerts.cleared_ms IS NULL AND alerts.acknowledged_ms IS NULL",
        d.records(1, "seen", "alert_id bigint, acknowledged_ms bigint, acknowledged_by text, comment text")
    )
});

static MEMBERSHIP_ENDS: Sql = Sql::new(|d| {
    format!(
        "UPDATE memberships SET until_ms = ended.until_ms, left_reason = ended.left_reason FROM {} \
         WHERE memberships.node_id = ended.node_id AND memberships.group_id = ended.group_id \
         AND memberships.until_ms IS NULL",
        d.records(1, "ended", "node_id text, group_id text, until_ms bigint, left_reason text")
    )
});

/// A range of the primary key: nothing is counted or looked through.
static MESSAGES_GONE: Sql =
    Sql::new(|_| "DELETE FROM channel_messages WHERE channel = $1 AND number <= CAST($2 AS BIGINT)".into());

/// Writes everything, in an order that satisfies every reference.
pub(crate) async fn all(link: &mut impl Link, writes: &Writes) -> Result<(), sqlx::Error> {
    put(link, &ZONE_SQL, writes.zone.as_slice()).await?;
    put(link, &CAPABILITIES_SQL, &writes.capabilities).await?;
    put(link, &GROUPS_SQL, &writes.groups).await?;
    if !writes.channels_of.is_empty() {
        run(link, &CHANNELS_GONE, vec![json(&writes.channels_of)?, json(&writes.channels)?]).await?;
    }
    put(link, &CHANNELS_SQL, &writes.channels).await?;
    put(link, &CHECKINS_SQL, &writes.checkins).await?;
    put(link, &NODES_SQL, &writes.nodes).await?;
    put(link, &SEEN, &writes.seen).await?;
    put(link, &HARDWARE_ENDS, &writes.hardware_ends).await?;
    put(link, &HARDWARE_SQL, &writes.hardware).await?;
    put(link, &ASSIGNMENT_ENDS, &writes.assignment_ends).await?;
    put(link, &ASSIGNMENTS_SQL, &writes.assignments).await?;
    put(link, &BITS_SQL, &writes.bits).await?;
    put(link, &HEALTH_SQL, &writes.health).await?;
    put(link, &ALERT_ENDS, &writes.alert_ends).await?;
    put(link, &ALERTS_SQL, &writes.alerts).await?;
    put(link, &ACKNOWLEDGED, &writes.acknowledgements).await?;
    wanted(link, writes).await?;
    told(link, writes).await?;
    super::trust::write(link, writes).await?;
    put(link, &EVENTS_SQL, &writes.events).await
}

/// Policies, groups by rule, orders, and what was decided on combinations and places.
async fn wanted(link: &mut impl Link, writes: &Writes) -> Result<(), sqlx::Error> {
    put(link, &POLICIES_SQL, &writes.policies).await?;
    put(link, &NODE_POLICIES_SQL, &writes.node_policies).await?;
    put(link, &MEMBERSHIP_ENDS, &writes.membership_ends).await?;
    put(link, &MEMBERSHIPS_SQL, &writes.memberships).await?;
    put(link, &ACTIONS_SQL, &writes.actions).await?;
    put(link, &COMBINATIONS_SQL, &writes.combinations).await?;
    put(link, &PLACES_SQL, &writes.places).await
}

/// What is kept for a while, and the end of what is too much of it.
async fn told(link: &mut impl Link, writes: &Writes) -> Result<(), sqlx::Error> {
    put(link, &MESSAGES_SQL, &writes.messages).await?;
    for cut in &writes.channel_cuts {
        run(link, &MESSAGES_GONE, vec![cut.channel.to_string(), cut.number.to_string()]).await?;
    }
    put(link, &ANALYTICS_SQL, &writes.analytics).await
}

/// The program's dictionary of indicators is the source of the database's.
pub(crate) async fn tell_indicators(link: &mut impl Link) -> Result<(), sqlx::Error> {
    let row = |it: &Indicator| {
        json!({
            "bit": it.bit, "name": it.name, "unit": it.unit, "severity": it.severity.as_str(),
            "meaning": it.meaning, "remedy": it.remedy,
        })
    };
    put(link, &INDICATORS_SQL, &INDICATORS_KNOWN.iter().map(row).collect::<Vec<_>>()).await
}
