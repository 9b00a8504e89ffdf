//! A node: its facts, its 24 indicators with what they measure, its latest events.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use rollcall_model::health::INDICATORS as COUNT;
use rollcall_model::indicator::INDICATORS;

use super::list::since;
use super::write::Pen;
use crate::ask::analytics::number;
use crate::ask::answer::{Node, NodeReading};
use crate::ask::look::Tone;
use crate::ask::when::moment;
use crate::top::layout::Regions;
use crate::top::palette::{Palette, letter};
use crate::top::state::State;

/// From this width on an indicator tells its limit too.
const WITH_LIMIT: u16 = 62;

pub(super) fn page(state: &State, id: &str, parts: &Regions, buffer: &mut Buffer, palette: Palette) {
    let Some(node) = state.fleet.node(id) else {
        Pen::line(buffer, parts.title, 0).say(" this node is not in the zone any more", palette.tone(Tone::Warning));
        return;
    };
    facts(state, node, parts.title, buffer, palette);
    let mut pen = Pen::line(buffer, parts.rows, 0);
    pen.say(&format!(" {}", measured(state)), palette.tone(Tone::Faint));
    let half = u16::try_from(COUNT / 2).unwrap_or(12);
    let width = parts.rows.width / 2;
    for indicator in &INDICATORS {
        let at = u16::try_from(indicator.bit).unwrap_or_default();
        let column = Rect { x: parts.rows.x + at / half * width, width, ..parts.rows };
        bit(state, node, indicator.bit, (column, 1 + at % half), buffer, palette);
    }
    let used = half + 1;
    let rest = Rect {
        y: parts.rows.y + used.min(parts.rows.height),
        height: parts.rows.height.saturating_sub(used),
        ..parts.rows
    };
    events(state, rest, buffer, palette);
}

fn facts(state: &State, node: &Node, area: Rect, buffer: &mut Buffer, palette: Palette) {
    let mut pen = Pen::line(buffer, area, 0);
    pen.say(&format!(" {}  ", node.name), palette.tone(Tone::Title));
    pen.say(&format!("{} {}", letter(&node.state), node.state), palette.state(&node.state));
    pen.say(&format!(" since {}", since(node.since.as_ref(), state)), palette.tone(Tone::Plain));
    if let Some(problem) = &node.policy_problem {
        pen.say(&format!("  cannot obey: {problem}"), palette.tone(Tone::Warning));
    } else if node.policy_version > 0 {
        pen.say(&format!("  policy {}", node.policy_version), palette.tone(Tone::Plain));
    }
    let mut pen = Pen::line(buffer, area, 1);
    let text = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".into());
    pen.say(
        &format!(
            " {}  {}  {}  {}",
            text(&node.physical_group),
            text(&node.logical_group),
            text(&node.address),
            node.node_id
        ),
        palette.tone(Tone::Faint),
    );
}

fn measured(state: &State) -> String {
    match (&state.readings, &state.node) {
        (Some(readings), _) => format!(
            "measured {} s ago, by policy {}",
            number(readings.age_ms as f64 / 1_000.0),
            readings.policy_version
        ),
        (None, Some(_)) => "it does not answer: its bits as they were last saved".into(),
        (None, None) => "asking the node …".into(),
    }
}

/// `  9 disk_space          96.1 % used  SET`
fn bit(state: &State, node: &Node, bit: usize, (area, line): (Rect, u16), buffer: &mut Buffer, palette: Palette) {
    let indicator = &INDICATORS[bit];
    let reading = state.readings.as_ref().and_then(|it| it.indicators.iter().find(|it| it.name == indicator.name));
    let (unknown, set) = match reading {
        Some(it) => (it.reason.is_some() || it.value.is_none(), it.set),
        None => (node.unmeasurable >> bit & 1 == 1, node.health_bits >> bit & 1 == 1),
    };
    let (word, tone) = match (unknown, set) {
        (true, _) => ("?", Tone::Faint),
        (false, true) => ("SET", Tone::of_severity(indicator.severity.as_str())),
        (false, false) => (".", Tone::Good),
    };
    let style = palette.tone(tone);
    let mut pen = Pen::line(buffer, area, line);
    pen.number(&bit.to_string(), 3, palette.tone(Tone::Faint));
    pen.cell(word, 3, style);
    pen.cell(indicator.name, 20, if set && !unknown { style } else { palette.tone(Tone::Plain) });
    if let Some(reading) = reading {
        pen.say(
            &told(reading, indicator.unit, area.width >= WITH_LIMIT),
            if set && !unknown { style } else { palette.tone(Tone::Faint) },
        );
    }
}

fn told(reading: &NodeReading, unit: &str, with_limit: bool) -> String {
    let Some(value) = reading.value else {
        return reading.reason.clone().unwrap_or_else(|| "not measurable".into());
    };
    let unit = if unit == "0 or 1" { String::new() } else { format!(" {unit}") };
    let side = if reading.above { '>' } else { '<' };
    let limit = if with_limit { format!("  set when {side} {}", number(reading.limit)) } else { String::new() };
    format!("{}{unit}{limit}", number(value))
}

fn events(state: &State, area: Rect, buffer: &mut Buffer, palette: Palette) {
    let Some(detail) = &state.node else { return };
    if area.height < 2 {
        return;
    }
    let mut pen = Pen::line(buffer, area, 0);
    pen.fill(palette.bar());
    pen.say(" LAST EVENTS", palette.bar());
    for (line, event) in (1..area.height).zip(&detail.events) {
        let mut pen = Pen::line(buffer, area, line);
        pen.say(&format!(" {}  ", moment(&event.at)), palette.tone(Tone::Faint));
        pen.say(&event.message, palette.tone(Tone::Plain));
    }
}
