//! The 24 bits of a node as a table: what each is, since when, what is measured right now and against which threshold, and
//! how it was over time. What is measured is asked of the node itself, so it comes a moment after the page.

use std::sync::Arc;

use askama::Template;
use axum::Json;
use axum::extract::{Path, Query, State};
use rollcall_model::indicator::{INDICATORS, Indicator, Severity, Side};
use rollcall_store::Bind;
use serde::Deserialize;

use super::answer::Answer;
use super::ask::{read, text};
use super::moment::{Present, iso, span};
use super::node::find;
use super::page;
use super::steps::{Change, Part, Strip, Window, band};
use crate::api::Shared;
use crate::api::asking::{command, selected};
use crate::api::errors::Problem;
use crate::core::Command;

/// Most changes that are drawn.
const MOST: i64 = 2_000;

/// How much of the past is drawn.
const WINDOWS: [(&str, i64); 4] = [("1h", 3_600_000), ("24h", 86_400_000), ("7d", 604_800_000), ("90d", 7_776_000_000)];

/// Which past is wanted.
#[derive(Deserialize)]
pub(super) struct Wish {
    #[serde(default)]
    pub window: String,
}

#[derive(Deserialize)]
struct BitRow {
    bit: usize,
    state: String,
    #[serde(deserialize_with = "text")]
    since: String,
}

/// An indicator as its node measures it now.
#[derive(Deserialize)]
struct Reading {
    name: String,
    value: Option<f64>,
    reason: Option<String>,
    limit: f64,
    above: bool,
    dwell_ms: u64,
}

#[derive(Deserialize)]
struct Readings {
    age_ms: u64,
    policy_version: u64,
    indicators: Vec<Reading>,
}

/// A row of the table.
struct Row {
    indicator: &'static Indicator,
    state: String,
    since: String,
    value: String,
    threshold: String,
    /// Why it is not measured.
    reason: String,
    strip: Strip,
}

impl Row {
    fn is_critical(&self) -> bool {
        self.indicator.severity == Severity::Critical
    }
}

/// The table.
#[derive(Template)]
#[template(path = "part/bits.html")]
pub(super) struct Bits {
    node: String,
    rows: Vec<Row>,
    band: Vec<Part>,
    window: &'static str,
    windows: [&'static str; 4],
    marks: [String; 3],
    /// What is said of the readings; empty while they are being asked for.
    told: String,
    present: Present,
}

impl Bits {
    /// The table as an element of a page, its readings to come.
    pub(super) fn element(&self) -> String {
        self.render().unwrap_or_default()
    }
}

/// `GET /ui/nodes/{node}/readings?window=`: the table with what is measured now.
pub(super) async fn part(
    State(shared): State<Arc<Shared>>,
    Path(wanted): Path<String>,
    Query(wish): Query<Wish>,
) -> Answer {
    let node = find(&shared, &wanted).await?.node_id;
    let mut bits = saved(&shared, &node, &wish.window).await?;
    match command(&shared, Command::Readings { node }).await {
        Ok(Json(answer)) => match serde_json::from_value::<Readings>(answer) {
            Ok(readings) => bits.add(&readings),
            Err(error) => bits.told = format!("the node answered oddly: {error}"),
        },
        Err(silent) => {
            bits.told = format!("No readings: {}. These are the bits as they were last told.", silent.detail());
        }
    }
    page::html(&bits)
}

/// The table of what is saved.
///
/// # Errors
/// When the store does not answer.
pub(super) async fn saved(shared: &Shared, node: &str, window: &str) -> Result<Bits, Problem> {
    let present = Present::now();
    let id = Bind::Text(node.to_owned());
    let (window, length) = match WINDOWS.into_iter().find(|(word, _)| *word == window) {
        Some(wanted) => wanted,
        None => fitting(shared, id.clone(), present).await?,
    };
    let drawn = Window { from: present.ms() - length, to: present.ms() };
    let rows = "SELECT bit, state, since FROM v_node_health_bits WHERE node_id = $1 ORDER BY bit";
    let rows: Vec<BitRow> = read(shared, rows, std::slice::from_ref(&id)).await?;
    let changes = changes(shared, id, drawn.from).await?;
    let marks = [drawn.from, drawn.from.midpoint(drawn.to), drawn.to].map(|at| present.clock(&iso(at)));
    let row = |indicator: &'static Indicator| {
        let row = rows.iter().find(|row| row.bit == indicator.bit);
        let limit = indicator.threshold;
        Row {
            indicator,
            state: row.map_or_else(|| "unmeasurable".to_owned(), |row| row.state.clone()),
            since: row.map_or_else(String::new, |row| row.since.clone()),
            value: String::new(),
            threshold: threshold(indicator, limit.side == Side::Above, limit.limit, limit.dwell.0),
            reason: String::new(),
            strip: Strip::of(indicator.bit, &changes, drawn),
        }
    };
    Ok(Bits {
        node: node.to_owned(),
        rows: INDICATORS.iter().map(row).collect(),
        band: band(&changes, drawn),
        window,
        windows: WINDOWS.map(|(word, _)| word),
        marks,
        told: String::new(),
        present,
    })
}

/// A day, or an hour where nothing is older than that.
async fn fitting(shared: &Shared, node: Bind, present: Present) -> Result<(&'static str, i64), Problem> {
    let [hour, day, ..] = WINDOWS;
    let before = "SELECT history_id FROM v_health_history WHERE node_id = $1 AND at_ms < $2 LIMIT 1";
    let older = selected(shared, before, &[node, Bind::Integer(present.ms() - hour.1)]).await?;
    Ok(if older.rows.is_empty() { hour } else { day })
}

/// The changes since a moment, and the last one before it, oldest first.
async fn changes(shared: &Shared, node: Bind, from: i64) -> Result<Vec<Change>, Problem> {
    let before = "SELECT at_ms, state, health_bits, unmeasurable FROM v_health_history \
                  WHERE node_id = $1 AND at_ms < $2 ORDER BY history_id DESC LIMIT 1";
    let within = "SELECT at_ms, state, health_bits, unmeasurable FROM v_health_history \
                  WHERE node_id = $1 AND at_ms >= $2 ORDER BY history_id DESC LIMIT $3";
    let mut found: Vec<Change> =
        read(shared, within, &[node.clone(), Bind::Integer(from), Bind::Integer(MOST)]).await?;
    if i64::try_from(found.len()).unwrap_or(MOST) < MOST {
        found.extend(read(shared, before, &[node, Bind::Integer(from)]).await?);
    }
    found.reverse();
    Ok(found)
}

impl Bits {
    /// How much of the past is drawn.
    pub(super) const fn window(&self) -> &'static str {
        self.window
    }

    fn add(&mut self, readings: &Readings) {
        let judged = match readings.policy_version {
            0 => "the dictionary".to_owned(),
            version => format!("policy {version}"),
        };
        self.told = format!("Measured {} ago, judged by {judged}.", span(i64::try_from(readings.age_ms).unwrap_or(0)));
        for row in &mut self.rows {
            let Some(reading) = readings.indicators.iter().find(|reading| reading.name == row.indicator.name) else {
                continue;
            };
            row.value = reading.value.map(number).unwrap_or_default();
            row.threshold = threshold(row.indicator, reading.above, reading.limit, reading.dwell_ms);
            row.reason = reading.reason.clone().unwrap_or_default();
        }
    }
}

/// `> 90 °C for 3 s`.
fn threshold(indicator: &Indicator, above: bool, limit: f64, dwell_ms: u64) -> String {
    let side = if above { '>' } else { '<' };
    let dwell = if dwell_ms == 0 { String::new() } else { format!(" for {} s", number(dwell_ms as f64 / 1_000.0)) };
    // A yes or no has no unit.
    let unit = if indicator.unit == "0 or 1" { "" } else { indicator.unit };
    format!("{side} {} {unit}{dwell}", number(limit)).replace("  ", " ")
}

/// Three digits are enough for a person.
pub(super) fn number(value: f64) -> String {
    let digits = match value.abs() {
        size if size >= 100.0 || size.fract() == 0.0 => 0,
        size if size >= 10.0 => 1,
        _ => 2,
    };
    format!("{value:.digits$}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_threshold_is_told_as_people_say_it() {
        let of = |bit: usize| {
            let limit = INDICATORS[bit].threshold;
            threshold(&INDICATORS[bit], limit.side == Side::Above, limit.limit, limit.dwell.0)
        };
        assert_eq!(of(0), "> 90 °C for 3 s");
        assert_eq!(of(4), "< 5 % of memory for 2 s");
        assert_eq!(of(21), "> 0 for 10 s");
        for (value, said) in [(1234.56, "1235"), (12.34, "12.3"), (0.123, "0.12"), (-3.0, "-3")] {
            assert_eq!(number(value), said);
        }
    }
}
