//! What is told and kept for a while: messages on channels, summaries of groups.

use std::time::Instant;

use rollcall_model::indicator::Severity;
use rollcall_model::packet::ChannelMessage;
use rollcall_model::{Purpose, UnixMillis};
use rollcall_store::{Change, Store};
use serde_json::{Value, json};

use crate::wanted::{analytics, said};
use crate::world::{START, at, beginning, column, everything, one, rows};
use crate::{Database, database};

pub async fn messages_are_numbered_by_channel_and_a_repetition_is_none(store: &Store) {
    store.commit(&[said("security", "a", 1), said("power", "b", 2), said("security", "c", 3)]).await.unwrap();
    let before = everything(store).await;
    store.commit(&[said("security", "a", 1), said("power", "b", 2), said("power", "b", 2)]).await.unwrap();
    assert_eq!(everything(store).await, before);
    store.commit(&[said("security", "d", 3), said("security", "d", 3), said("security", "d", 4)]).await.unwrap();
    let found = rows(store, "SELECT channel, number, message FROM v_channel_messages ORDER BY channel, number").await;
    let row = |channel: &str, number: u32, text: &str| vec![json!(channel), json!(number), json!(text)];
    assert_eq!(
        found,
        [
            row("power", 1, "b"),
            row("security", 1, "a"),
            row("security", 2, "c"),
            row("security", 3, "d"),
            row("security", 4, "d"),
        ]
    );
    let sql = "SELECT at, sender, what, subject, severity, detail ->> '$.address' FROM v_channel_messages WHERE message = 'a'";
    let expected = ["2026-11-20T08:00:00.001Z", "zone.inbox", "join_refused", "node-9", "warning", "10.0.0.9"];
    assert_eq!(rows(store, sql).await, [expected]);
    assert_eq!(one(store, "SELECT count(*) FROM v_events").await, 0, "the channel's own table holds it");
}

pub async fn a_message_may_carry_any_json(store: &Store) {
    let details = [json!(null), json!("text"), json!(7), json!([1, "two"]), json!({ "a": { "b": null } })];
    let changes: Vec<Change> = (0..)
        .zip(&details)
        .map(|(ms, detail)| {
            let message = ChannelMessage {
                channel: Purpose::new("custom").unwrap(),
                what: "note".into(),
                subject: String::new(),
                severity: Severity::Critical,
                message: "it's \"quoted\"\n".into(),
                detail: detail.clone(),
                at: UnixMillis(START + ms),
            };
            Change::ChannelMessage { message, from: "x".into() }
        })
        .collect();
    store.commit(&changes).await.unwrap();
    store.commit(&changes).await.unwrap();
    let found = column(store, "SELECT detail FROM v_channel_messages ORDER BY number").await;
    let found: Vec<Value> = found.iter().map(|text| serde_json::from_str(text.as_str().unwrap()).unwrap()).collect();
    assert_eq!(found, details);
}

pub async fn the_newest_ten_thousand_of_a_channel_are_kept(store: &Store) {
    store.commit(&[said("power", "first", 1)]).await.unwrap();
    let flood: Vec<Change> = (1..=10_003).map(|ms| said("security", "x", ms)).collect();
    let begun = Instant::now();
    for batch in flood.chunks(4_000) {
        store.commit(batch).await.unwrap();
    }
    let took = begun.elapsed();
    assert!(took.as_secs_f64() < 10.0, "{took:?}");
    let sql =
        "SELECT channel, count(*), min(number), max(number) FROM v_channel_messages GROUP BY channel ORDER BY channel";
    let row = |channel: &str, count: u32, first: u32, last: u32| {
        vec![json!(channel), json!(count), json!(first), json!(last)]
    };
    assert_eq!(rows(store, sql).await, [row("power", 1, 1, 1), row("security", 10_000, 4, 10_003)]);
}

pub async fn summaries_tell_states_bits_and_quantiles_by_period(store: &Store) {
    store.commit(&beginning(0)).await.unwrap();
    store.commit(&[analytics(1, 10), analytics(2, 10)]).await.unwrap();
    store.commit(&[analytics(1, 10), analytics(1, 20)]).await.unwrap();
    let sql = "SELECT at, group_name, period_ms, members, healthy, degraded, down, CAST(bits ->> '$.fan' AS BIGINT), statuses, \
               CAST(refused ->> '$.old_epoch' AS BIGINT) FROM v_analytics WHERE group_name = 'rack-1' ORDER BY at";
    let row = |at: &str| {
        let counts = [10_000, 12, 10, 2, 0, 2, 4_711, 3].map(Value::from);
        [json!(at), json!("rack-1")].into_iter().chain(counts).collect::<Vec<Value>>()
    };
    assert_eq!(rows(store, sql).await, [row("2026-11-20T08:00:10.000Z"), row("2026-11-20T08:00:20.000Z")]);
    let sql = "SELECT indicator, unit, period_ms, readings, min, p50, p90, p99, max FROM v_group_metrics WHERE at = \
               '2026-11-20T08:00:20.000Z'";
    let expected: [Value; 9] = [
        json!("cpu_temperature"),
        json!("°C"),
        json!(10_000),
        json!(12),
        json!(41.0),
        json!(55.123),
        json!(70.5),
        json!(88.0),
        json!(91.25),
    ];
    assert_eq!(rows(store, sql).await, [expected]);
    assert_eq!(one(store, "SELECT count(*) FROM v_events WHERE subject_type = 'other'").await, 0, "no news");
}

pub async fn a_summary_of_nobody_is_refused(store: &Store) {
    store.commit(&beginning(0)).await.unwrap();
    let unknown = Change::Analytics { summary: summary_of_nobody(), at: at(1) };
    let error = store.commit(&[unknown]).await.unwrap_err().to_string();
    assert!(error.starts_with("a summary needs group "), "{error}");
}

fn summary_of_nobody() -> Box<rollcall_model::packet::Summary> {
    let Change::Analytics { summary, .. } = analytics(77, 1) else { unreachable!() };
    summary
}

/// A bound must cost what it removes, not what is there.
pub async fn the_bound_of_a_channel_looks_through_nothing(store: &Store) {
    if database(store).await == Database::Postgres {
        // Its planner takes the same indexes, but looks through tables as small as those of this test.
        return;
    }
    for (sql, index) in [
        (
            "EXPLAIN QUERY PLAN SELECT 1 FROM channel_messages WHERE channel = 'x' AND number <= 7",
            "(channel=? AND number<?)",
        ),
        ("EXPLAIN QUERY PLAN SELECT max(t.number) FROM channel_messages t WHERE t.channel = 'x'", "(channel=?)"),
    ] {
        let plan = rows(store, sql).await;
        let text = plan[0][3].as_str().unwrap();
        assert!(text.starts_with("SEARCH") && text.contains(index), "{sql}: {text}");
    }
}
