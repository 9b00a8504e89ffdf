//! `rollcall status`: the zone at a glance.

use std::collections::BTreeMap;
use std::fmt::Write;

use rollcall_model::NodeState;

use super::answer::{Checkin, CheckinReport, Controller, Group, Status, Summary};
use super::grid::{Column, Grid, Text};
use super::look::{Look, Tone, clean, counted, short};

/// The zone at a glance. Groups and check-in services lend their names; without them ids stand in.
#[must_use]
pub fn render(status: &Status, groups: &[Group], checkins: &[Checkin], look: &Look) -> String {
    let mut page = String::new();
    let mut line = |title: &str, text: String| {
        // Writing to a String cannot fail.
        let _ = writeln!(page, "{} {text}", look.paint(&format!("{title:<11}"), Tone::Title));
    };
    let zone = &status.zone;
    line("zone", format!("{}  {}  generation {}", clean(&zone.name), clean(&zone.id), zone.generation));
    for Controller { name, address, role, last_seen_at } in &status.controllers {
        let state = if role == "active" { clean(role) } else { format!("last seen {}", clean(last_seen_at)) };
        let title = if role == "standby" { "standby" } else { "controller" };
        line(title, format!("{}  {}  {state}", clean(name), clean(address)));
    }
    line("broker", footing(&status.broker, look));
    if !status.database.is_empty() {
        line("database", footing(&status.database, look));
    }
    line("nodes", nodes(status, look));
    line("groups", kinds(status));
    line("alerts", alerts(status, look));
    line("policy", policy(status.policy_version));
    if status.combinations_waiting > 0 {
        let waiting = counted(status.combinations_waiting, "combination waits", "combinations wait");
        let text = format!("{waiting} for approval: `rollcall combinations`");
        line("held", look.paint(&text, Tone::Warning));
    }
    line("ignored", reasons(&status.ignored));
    line("neighbours", neighbours(&status.neighbours));
    let name = |id: &str| groups.iter().find(|group| group.group_id == id).map(|group| group.name.clone());
    page.push_str(&summaries(&status.summaries, name, look));
    let name = |id: &str| {
        checkins.iter().find(|checkin| checkin.checkin_id.as_deref() == Some(id)).map(|checkin| checkin.name.clone())
    };
    page.push_str(&reports(&status.checkins, name, look));
    page
}

fn policy(version: u64) -> String {
    if version == 0 { "none set".into() } else { format!("version {version}") }
}

/// The state of something the zone stands on.
fn footing(state: &str, look: &Look) -> String {
    let tone = match state {
        "up" => Tone::Good,
        "connecting" => Tone::Warning,
        _ => Tone::Bad,
    };
    look.paint(&clean(state), tone)
}

fn nodes(status: &Status, look: &Look) -> String {
    let counts: Vec<(&str, i64)> = status.nodes.iter().map(|count| (count.state.as_str(), count.nodes)).collect();
    total_and_tally(&counts, look)
}

/// `4: 2 healthy, 2 down`; without the total where all are alike.
#[must_use]
pub fn total_and_tally(counts: &[(&str, i64)], look: &Look) -> String {
    let tally = tally(counts, look);
    let total: i64 = counts.iter().map(|(_, count)| count).sum();
    if counts.iter().filter(|(_, count)| *count > 0).count() > 1 { format!("{total}: {tally}") } else { tally }
}

/// `2 healthy, 1 degraded, 1 down`, in the order of a node's life; `none` where nothing is.
#[must_use]
pub fn tally(counts: &[(&str, i64)], look: &Look) -> String {
    let rank = |state: &str| NodeState::ALL.iter().position(|known| known.as_str() == state).unwrap_or(usize::MAX);
    let mut counts: Vec<&(&str, i64)> = counts.iter().filter(|(_, count)| *count > 0).collect();
    counts.sort_by_key(|(state, _)| rank(state));
    let texts: Vec<String> = counts
        .iter()
        .map(|(state, count)| look.paint(&format!("{count} {}", clean(state)), Tone::of_state(state)))
        .collect();
    or_none(&texts)
}

/// Physical groups first: they are what people can walk up to.
fn kinds(status: &Status) -> String {
    let mut groups: Vec<_> = status.groups.iter().collect();
    groups.sort_by_key(|count| ["physical", "logical", "health"].iter().position(|kind| *kind == count.kind));
    let texts: Vec<String> = groups.iter().map(|count| format!("{} {}", count.groups, clean(&count.kind))).collect();
    or_none(&texts)
}

fn alerts(status: &Status, look: &Look) -> String {
    let texts: Vec<String> = status
        .alerts
        .iter()
        .map(|count| {
            look.paint(&format!("{} {}", count.alerts, clean(&count.severity)), Tone::of_severity(&count.severity))
        })
        .collect();
    if texts.is_empty() { "none open".into() } else { format!("{} open", texts.join(", ")) }
}

/// `ack.stranger 3, hello.same_name 1`.
fn reasons(counts: &BTreeMap<String, u64>) -> String {
    let texts: Vec<String> = counts.iter().map(|(reason, count)| format!("{} {count}", clean(reason))).collect();
    or_none(&texts)
}

fn neighbours(neighbours: &BTreeMap<String, String>) -> String {
    let texts: Vec<String> = neighbours.iter().map(|(id, what)| format!("{} [{}]", clean(what), short(id))).collect();
    or_none(&texts)
}

fn or_none(texts: &[String]) -> String {
    if texts.is_empty() { "none".into() } else { texts.join(", ") }
}

/// A table with a blank line before it; nothing where there are no rows.
fn section<T>(
    rows: &BTreeMap<String, T>,
    columns: Vec<Column>,
    look: &Look,
    row: impl Fn(&str, &T) -> Vec<Text>,
) -> String {
    if rows.is_empty() {
        return String::new();
    }
    let mut grid = Grid::new(columns);
    for (id, value) in rows {
        grid.row(row(id, value));
    }
    format!("\n{}", grid.render(look))
}

fn summaries(summaries: &BTreeMap<String, Summary>, name: impl Fn(&str) -> Option<String>, look: &Look) -> String {
    let columns =
        vec![Column::fixed("GROUP"), Column::text("NODES"), Column::number("STATUS PACKETS"), Column::text("REFUSED")];
    let plain = Look { colour: false, ..*look };
    section(summaries, columns, look, |id, summary| {
        let states: Vec<(&str, i64)> = summary
            .states
            .iter()
            .map(|(state, count)| (state.as_str(), i64::try_from(*count).unwrap_or(i64::MAX)))
            .collect();
        vec![
            Text::plain(name(id).unwrap_or_else(|| short(id))),
            Text::plain(tally(&states, &plain)),
            Text::plain(summary.statuses.to_string()),
            Text::plain(reasons(&summary.refused)),
        ]
    })
}

fn reports(reports: &BTreeMap<String, CheckinReport>, name: impl Fn(&str) -> Option<String>, look: &Look) -> String {
    let columns = vec![
        Column::fixed("CHECK-IN"),
        Column::number("ASSIGNED"),
        Column::text("REFUSED"),
        Column::text("LAST REFUSAL"),
    ];
    section(reports, columns, look, |id, report| {
        vec![
            Text::plain(name(id).unwrap_or_else(|| short(id))),
            Text::plain(report.assigned.to_string()),
            Text::plain(reasons(&report.refused)),
            Text::or_dash(report.last_refusal.as_deref()),
        ]
    })
}

#[cfg(test)]
mod tests;
