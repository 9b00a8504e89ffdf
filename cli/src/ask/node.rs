//! `rollcall node`: everything about one node; its indicators are [`super::readings`]'s.

use std::fmt::Write;

use rollcall_model::HardwareTopology;
use rollcall_model::indicator::{INDICATORS, Indicator};

use super::answer::{Assignment, Event, Membership, Node, NodeDetail, is_true};
use super::grid::{Column, Grid, Text};
use super::hardware;
use super::look::{Look, Tone, clean};
use super::readings::{self, Known};
use super::when::{age, moment, moment_and_age};

/// Facts, hardware, health bits, assignments and the last events.
#[must_use]
pub fn render(detail: &NodeDetail, known: &Known, look: &Look) -> String {
    let mut page = facts(&detail.node, &detail.memberships, look);
    page.push_str(&titled("hardware", &hardware_lines(detail, look), look));
    let health = readings::render(&detail.node, &detail.bits, known, look);
    page.push_str(&titled("health", &format!("{health}{}", remedies(&set_bits(detail, known), look)), look));
    page.push_str(&titled("assignments", &assignments(&detail.assignments, look), look));
    page.push_str(&titled("last events", &events(&detail.events, look), look));
    page
}

fn titled(title: &str, text: &str, look: &Look) -> String {
    format!("\n{}\n{text}", look.paint(&title.to_uppercase(), Tone::Title))
}

/// Lines of a name and what stands for it, aligned.
pub(super) fn lines(pairs: &[(&str, String)], look: &Look) -> String {
    let width = pairs.iter().map(|(name, _)| name.len()).max().unwrap_or_default();
    pairs.iter().fold(String::new(), |mut text, (name, value)| {
        let title = look.paint(&format!("{name:<width$}"), Tone::Title);
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{title}  {}", look.wrapped(value, width + 2));
        text
    })
}

fn facts(node: &Node, memberships: &[Membership], look: &Look) -> String {
    let state = look.paint(&clean(&node.state), Tone::of_state(&node.state));
    let since = node.since.as_ref().map(|since| format!(" since {}", moment_and_age(since, look.now)));
    let told = |time: &Option<String>| time.as_ref().map_or_else(|| "-".into(), |at| moment_and_age(at, look.now));
    let epoch = match &node.joined_at {
        _ if node.epoch == 0 => "none: has not checked in yet".to_owned(),
        Some(at) => format!("{}, since {}", node.epoch, moment_and_age(at, look.now)),
        None => node.epoch.to_string(),
    };
    lines(
        &[
            ("node", format!("{}  {}", clean(&node.name), clean(&node.node_id))),
            ("state", format!("{state}{}", since.unwrap_or_default())),
            ("address", or_dash(node.address.as_deref())),
            ("place", or_dash(node.place.as_deref())),
            ("physical group", group(node.physical_group.as_deref(), node.physical_group_id.as_deref())),
            ("logical group", group(node.logical_group.as_deref(), node.logical_group_id.as_deref())),
            ("groups by rule", by_rule(memberships)),
            ("capability", or_dash(node.capability.as_deref())),
            ("epoch", epoch),
            ("policy", policy(node, look)),
            ("first seen", told(&node.first_seen_at)),
            ("last change", told(&node.last_change_at)),
        ],
        look,
    )
}

fn or_dash(text: Option<&str>) -> String {
    text.map_or_else(|| "-".into(), clean)
}

fn group(name: Option<&str>, id: Option<&str>) -> String {
    match (name, id) {
        (Some(name), Some(id)) => format!("{}  {}", clean(name), clean(id)),
        (name, id) => or_dash(name.or(id)),
    }
}

fn hardware_lines(detail: &NodeDetail, look: &Look) -> String {
    if detail.hardware.is_null() {
        return "not known: it is told at the check-in\n".into();
    }
    match serde_json::from_value::<HardwareTopology>(detail.hardware.clone()) {
        Ok(topology) => hardware::render(&topology, look),
        Err(error) => format!("cannot be read ({error}); --json shows it as it is\n"),
    }
}

/// Names of the groups whose rules it fulfils.
fn by_rule(memberships: &[Membership]) -> String {
    let names: Vec<String> =
        memberships.iter().filter(|it| is_true(&it.by_rule)).map(|it| clean(&it.group_name)).collect();
    if names.is_empty() { "none".into() } else { names.join(", ") }
}

fn policy(node: &Node, look: &Look) -> String {
    let obeys = match node.policy_version {
        0 => "none; the dictionary's defaults hold".to_owned(),
        version => format!("obeys version {version}"),
    };
    match &node.policy_problem {
        Some(problem) => {
            format!("{obeys}; {}", look.paint(&format!("refused a later one: {}", clean(problem)), Tone::Bad))
        }
        None => obeys,
    }
}

/// The bits that are set, by the freshest word there is.
fn set_bits(detail: &NodeDetail, known: &Known) -> Vec<&'static Indicator> {
    let set = |name: &str| match known {
        Known::Now(readings) => readings.indicators.iter().any(|it| it.name == name && it.set && it.reason.is_none()),
        Known::Saved(_) => detail.bits.iter().any(|bit| bit.indicator == name && bit.state == "set"),
    };
    INDICATORS.iter().filter(|indicator| set(indicator.name)).collect()
}

/// What the set bits mean and what to do about them.
fn remedies(set: &[&Indicator], look: &Look) -> String {
    if set.is_empty() {
        return String::new();
    }
    let mut grid = Grid::new(vec![Column::fixed("BIT SET"), Column::text("MEANING"), Column::text("WHAT TO DO")]);
    for indicator in set {
        grid.row([Text::plain(indicator.name), Text::plain(indicator.meaning), Text::plain(indicator.remedy)]);
    }
    format!("\n{}", grid.render(look))
}

fn assignments(assignments: &[Assignment], look: &Look) -> String {
    if assignments.is_empty() {
        return "none yet\n".into();
    }
    let mut grid = Grid::new(vec![
        Column::fixed("KIND"),
        Column::number("EPOCH"),
        Column::fixed("SINCE"),
        Column::fixed("UNTIL"),
        Column::text("GROUP, AND WHY"),
    ]);
    for assignment in assignments {
        let until = assignment.until.as_ref().map_or_else(|| "now".into(), |until| age(until, look.now));
        grid.row([
            Text::plain(&assignment.kind),
            Text::from(assignment.epoch),
            Text::or_dash(assignment.since.as_ref().map(|since| age(since, look.now))),
            Text::plain(until),
            Text::lines(&format!("{}\n{}", clean(&assignment.group_name), clean(&assignment.reason))),
        ]);
    }
    grid.render(look)
}

fn events(events: &[Event], look: &Look) -> String {
    if events.is_empty() {
        return "none\n".into();
    }
    let mut grid = Grid::new(vec![Column::fixed("AT"), Column::text("WHAT")]);
    for event in events {
        grid.row([Text::plain(moment(&event.at)), Text::plain(&event.message)]);
    }
    grid.render(look)
}

#[cfg(test)]
mod tests;
