//! Asking with SQL: a place to write a question, examples that run as they stand, and the answer as a table.

use std::sync::Arc;
use std::time::{Duration, Instant};

use askama::Template;
use axum::Form;
use axum::extract::State;
use rollcall_store::{AskError, AskLimits, Table};
use serde::Deserialize;
use serde_json::Value;

use super::answer::Answer;
use super::frame::Frame;
use super::page;
use crate::api::errors::Problem;
use crate::api::{Caller, Shared, reads};

/// Most rows of an answer.
const ROWS: usize = 1_000;
/// Longest time to answer.
const PATIENCE: Duration = Duration::from_secs(5);
/// Longest text shown of one value, characters.
const LONGEST: usize = 1_000;

/// Questions that run as they stand, on both databases.
const EXAMPLES: [(&str, &str); 8] = [
    (
        "Which nodes need attention, worst first?",
        "SELECT name, state, since, physical_group, bits_set\nFROM v_nodes\nWHERE concern < 5\nORDER BY concern, since_ms\nLIMIT 200;",
    ),
    (
        "How is each rack?",
        "SELECT name, place, members, healthy, degraded, suspect, down, unknown\nFROM v_groups\nWHERE kind = 'physical'\nORDER BY place;",
    ),
    (
        "What is open that nobody has seen?",
        "SELECT alert_id, severity, kind, coalesce(node, group_name) AS about, raised_at, message\nFROM v_alerts\nWHERE open AND state = 'raised'\nORDER BY severity, raised_ms\nLIMIT 200;",
    ),
    (
        "What happened in the last hour?",
        "SELECT at, kind, message\nFROM v_events\nWHERE at_ms >= (SELECT now_ms - 3600000 FROM v_clock)\nORDER BY at_ms DESC\nLIMIT 200;",
    ),
    (
        "How many nodes does each combination of hardware have?",
        "SELECT capability, nodes, group_name\nFROM v_capabilities\nORDER BY nodes DESC;",
    ),
    (
        "Which nodes went down again and again this week?",
        "SELECT o.node, often.times, o.since AS latest\nFROM (SELECT count(*) AS times, max(alert_id) AS latest\n      FROM v_outages\n      WHERE since_ms >= (SELECT now_ms - 604800000 FROM v_clock)\n      GROUP BY node_id\n      HAVING count(*) > 1\n      ORDER BY times DESC\n      LIMIT 200) often\nJOIN v_outages o ON o.alert_id = often.latest\nORDER BY often.times DESC, often.latest DESC;",
    ),
    (
        "What was done to nodes, and what came of it?",
        "SELECT ordered_at, node, kind, state, message, ordered_by, took_ms\nFROM v_actions\nORDER BY ordered_ms DESC\nLIMIT 200;",
    ),
    (
        "Whose certificate runs out soonest?",
        "SELECT c.name, c.principal, c.expires_at, c.issued_by\nFROM v_certificates c\nWHERE c.newest AND c.state = 'valid' AND c.expires_ms > (SELECT now_ms FROM v_clock)\nORDER BY c.expires_ms\nLIMIT 200;",
    ),
];

/// A question.
#[derive(Deserialize)]
pub(super) struct Question {
    query: String,
}

/// What came of it.
struct Told {
    table: Table,
    took_ms: u128,
}

impl Told {
    fn said(&self) -> String {
        let rows = match self.table.rows.len() {
            1 => "1 row".to_owned(),
            rows => format!("{rows} rows"),
        };
        let cut = if self.table.truncated { ", the first of more" } else { "" };
        format!("{rows}{cut}, after {} ms", self.took_ms)
    }
}

#[derive(Template)]
#[template(path = "sql.html")]
struct SqlPage {
    frame: Frame,
    query: String,
    told: Option<Told>,
    problem: String,
    examples: [(&'static str, &'static str); 8],
}

/// A value as text, and whether it is a number.
fn shown(value: &Value) -> (String, bool) {
    match value {
        Value::Null => ("–".into(), false),
        Value::String(text) if text.chars().count() > LONGEST => {
            (text.chars().take(LONGEST).chain(['…']).collect(), false)
        }
        Value::String(text) => (text.clone(), false),
        Value::Number(number) => (number.to_string(), true),
        other => (other.to_string(), false),
    }
}

/// `GET /ui/sql`
pub(super) async fn page(State(shared): State<Arc<Shared>>, caller: Caller) -> Answer {
    let frame = Frame::of(&shared, &caller, "sql").await?;
    let (query, problem) = (EXAMPLES[0].1.to_owned(), String::new());
    page::html(&SqlPage { frame, query, told: None, problem, examples: EXAMPLES })
}

/// `POST /ui/sql`: the answer, on the same page.
pub(super) async fn ask(
    State(shared): State<Arc<Shared>>,
    caller: Caller,
    Form(Question { query }): Form<Question>,
) -> Answer {
    let began = Instant::now();
    let turn = reads::question().await?;
    let answer = shared.store.ask(&query, AskLimits { rows: ROWS, timeout: PATIENCE }).await;
    drop(turn);
    let (told, problem) = match answer {
        Ok(table) => (Some(Told { table, took_ms: began.elapsed().as_millis() }), String::new()),
        Err(AskError::Database(error)) => return Err(Problem::store(error).into()),
        Err(of_the_question) => (None, of_the_question.to_string()),
    };
    let frame = Frame::of(&shared, &caller, "sql").await?;
    page::html(&SqlPage { frame, query, told, problem, examples: EXAMPLES })
}

#[cfg(test)]
mod tests {
    use rollcall_store::Store;

    use super::*;

    #[tokio::test]
    async fn every_example_runs_as_it_stands() {
        let store = Store::open("sqlite::memory:").await.unwrap();
        for (question, sql) in EXAMPLES {
            store.ask(sql, AskLimits::default()).await.unwrap_or_else(|error| panic!("{question} {error}"));
        }
    }

    #[test]
    fn a_value_is_shown_as_what_it_is() {
        assert_eq!(shown(&Value::Null), ("–".into(), false));
        assert_eq!(shown(&serde_json::json!(1.5)), ("1.5".into(), true));
        assert_eq!(shown(&serde_json::json!("x".repeat(2_000))).0.chars().count(), LONGEST + 1);
    }
}
