//! The lists: racks, nodes, alerts.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Modifier, Style};

use super::write::Pen;
use crate::ask::answer::{Alert, Node};
use crate::ask::look::Tone;
use crate::ask::nodes::bit_row;
use crate::ask::when::age;
use crate::top::fleet::{Rack, STATES, set_bits};
use crate::top::layout::Regions;
use crate::top::palette::{Palette, letter};
use crate::top::state::State;

/// Widths of the columns of racks that do not change.
const COUNT: usize = 4;
/// The states that have a column of their own; the others show in the map.
const COUNTED: [(usize, &str); 4] = [(0, "DOWN"), (1, "UNKN"), (2, "SUSP"), (3, "DEGR")];

/// The racks, each with its nodes as letters, the worst first.
pub(super) fn racks(state: &State, parts: &Regions, buffer: &mut Buffer, palette: Palette) {
    let racks = state.racks();
    let name = width(racks.iter().map(|rack| rack.name.as_str()), 4, usize::from(parts.rows.width) / 4);
    title(state, (parts.title, buffer), &format!("RACKS {}", of(racks.len(), state.fleet.racks.len())), false, palette);
    let mut pen = Pen::line(buffer, parts.title, 1);
    let bold = palette.tone(Tone::Title);
    pen.cell(" RACK", name + 1, bold);
    pen.number("NODES", 5, bold);
    for (_, head) in COUNTED {
        pen.number(head, COUNT, bold);
    }
    pen.number("ALERTS", 6, bold);
    pen.number("STAT/S", 6, bold);
    pen.say("NODES, WORST FIRST", bold);
    if racks.is_empty() {
        nothing(state, parts.rows, buffer, palette);
    }
    for (line, rack) in seen(state, parts.rows, racks) {
        let mut pen = Pen::line(buffer, parts.rows, line.at);
        pen.cell(&format!(" {}", rack.name), name + 1, palette.tone(Tone::Plain));
        rack_line(&mut pen, rack, state, palette);
        choose(line, parts.rows, buffer, palette);
    }
}

fn rack_line(pen: &mut Pen<'_>, rack: &Rack, state: &State, palette: Palette) {
    let plain = palette.tone(Tone::Plain);
    pen.number(&rack.nodes.len().to_string(), 5, plain);
    for (at, _) in COUNTED {
        let count = rack.counts[at];
        let style = if count == 0 { palette.tone(Tone::Faint) } else { palette.state(STATES[at].as_str()) };
        pen.number(&if count == 0 { "-".into() } else { count.to_string() }, COUNT, style);
    }
    let alerts = if rack.alerts == 0 { "-".into() } else { rack.alerts.to_string() };
    pen.number(&alerts, 6, if rack.alerts == 0 { palette.tone(Tone::Faint) } else { palette.tone(Tone::Warning) });
    let rate = state.fleet.rates.of(&rack.id).map_or_else(|| "-".into(), |rate| format!("{rate:.1}"));
    pen.number(&rate, 6, plain);
    let room = pen.room().saturating_sub(1);
    let whole = rack.nodes.len() <= room;
    let shown = if whole { rack.nodes.len() } else { room.saturating_sub(1) };
    for node in rack.nodes.iter().take(shown).filter_map(|at| state.fleet.nodes.get(*at)) {
        pen.say(&letter(&node.state).to_string(), palette.state(&node.state));
    }
    if !whole {
        pen.say("…", palette.tone(Tone::Faint));
    }
}

/// The nodes of a rack with their bits.
pub(super) fn nodes(state: &State, rack: &str, parts: &Regions, buffer: &mut Buffer, palette: Palette) {
    let nodes = state.nodes(rack);
    let it = state.fleet.racks.iter().find(|it| it.id == rack);
    let all = it.map_or(0, |rack| rack.nodes.len());
    let place = it.and_then(|rack| rack.place.as_ref()).map(|place| format!(" at {place}")).unwrap_or_default();
    let called = it.map_or("?", |rack| &rack.name);
    title(state, (parts.title, buffer), &format!("{called}{place}: nodes {}", of(nodes.len(), all)), true, palette);
    let name = width(nodes.iter().map(|node| node.name.as_str()), 4, usize::from(parts.rows.width) / 4);
    let address = if parts.rows.width >= 120 {
        width(nodes.iter().map(|node| node.address.as_deref().unwrap_or("-")), 7, 40)
    } else {
        0
    };
    let mut pen = Pen::line(buffer, parts.title, 1);
    let bold = palette.tone(Tone::Title);
    pen.cell(" NODE", name + 1, bold);
    pen.cell("STATE", 10, bold);
    pen.cell("SINCE", 11, bold);
    if address > 0 {
        pen.cell("ADDRESS", address, bold);
    }
    pen.cell("BITS 0-23", 26, bold);
    pen.say("BITS SET", bold);
    if nodes.is_empty() {
        nothing(state, parts.rows, buffer, palette);
    }
    for (line, node) in seen(state, parts.rows, nodes) {
        let mut pen = Pen::line(buffer, parts.rows, line.at);
        pen.cell(&format!(" {}", node.name), name + 1, palette.tone(Tone::Plain));
        pen.cell(&format!("{} {}", letter(&node.state), node.state), 10, palette.state(&node.state));
        pen.cell(&since(node.since.as_ref(), state), 11, palette.tone(Tone::Plain));
        if address > 0 {
            pen.cell(node.address.as_deref().unwrap_or("-"), address, palette.tone(Tone::Plain));
        }
        bits(&mut pen, node, palette);
        choose(line, parts.rows, buffer, palette);
    }
}

fn bits(pen: &mut Pen<'_>, node: &Node, palette: Palette) {
    let set = set_bits(node);
    let style = if set.is_empty() { palette.tone(Tone::Faint) } else { palette.tone(Tone::Warning) };
    pen.cell(&bit_row(node.health_bits & !node.unmeasurable, node.unmeasurable), 26, style);
    pen.say(&set.join(", "), palette.tone(Tone::Warning));
}

/// The alerts, one line each.
pub(super) fn alerts(state: &State, parts: &Regions, buffer: &mut Buffer, palette: Palette) {
    let alerts = state.open_alerts();
    title(
        state,
        (parts.title, buffer),
        &format!("OPEN ALERTS {}", of(alerts.len(), state.fleet.alerts.len())),
        true,
        palette,
    );
    let widths = Widths::of(&alerts, parts.rows.width);
    let mut pen = Pen::line(buffer, parts.title, 1);
    let bold = palette.tone(Tone::Title);
    pen.cell(" SEVERITY", 10, bold);
    pen.cell("KIND", widths.kind, bold);
    pen.cell("RACK", widths.group, bold);
    pen.cell("NODE", widths.node, bold);
    pen.cell("SINCE", 11, bold);
    pen.say("MESSAGE", bold);
    if alerts.is_empty() {
        nothing(state, parts.rows, buffer, palette);
    }
    for (line, alert) in seen(state, parts.rows, alerts) {
        alert_line(&mut Pen::line(buffer, parts.rows, line.at), alert, &widths, state, palette);
        choose(line, parts.rows, buffer, palette);
    }
}

/// The first of them, below the racks.
pub(super) fn alerts_below(state: &State, area: Rect, buffer: &mut Buffer, palette: Palette) {
    if area.height == 0 {
        return;
    }
    let alerts = state.open_alerts();
    let widths = Widths::of(&alerts, area.width);
    let shown = usize::from(area.height) - 1;
    let mut pen = Pen::line(buffer, area, 0);
    pen.fill(palette.bar());
    pen.say(&format!(" ALERTS {}", alerts.len()), palette.bar());
    if alerts.len() > shown {
        pen.right(&format!("a shows all {} ", alerts.len()), palette.bar());
    }
    for (line, alert) in (1..area.height).zip(&alerts) {
        alert_line(&mut Pen::line(buffer, area, line), alert, &widths, state, palette);
    }
}

struct Widths {
    kind: usize,
    group: usize,
    node: usize,
}

impl Widths {
    fn of(alerts: &[&Alert], room: u16) -> Self {
        let most = usize::from(room) / 6;
        Self {
            kind: width(alerts.iter().map(|it| it.kind.as_str()), 4, most.max(13)),
            group: width(alerts.iter().map(|it| it.group_name.as_str()), 4, most),
            node: width(alerts.iter().map(|it| it.node.as_deref().unwrap_or("-")), 4, most),
        }
    }
}

fn alert_line(pen: &mut Pen<'_>, alert: &Alert, widths: &Widths, state: &State, palette: Palette) {
    let plain = palette.tone(Tone::Plain);
    let mark = if alert.severity == "critical" { '!' } else { ' ' };
    pen.cell(&format!("{mark}{}", alert.severity), 10, palette.tone(Tone::of_severity(&alert.severity)));
    pen.cell(&alert.kind, widths.kind, plain);
    pen.cell(&alert.group_name, widths.group, plain);
    pen.cell(alert.node.as_deref().unwrap_or("-"), widths.node, plain);
    pen.cell(&since(alert.raised_at.as_ref(), state), 11, plain);
    let seen = alert.acknowledged_by.as_ref().map(|by| format!("[seen by {by}] ")).unwrap_or_default();
    pen.say(&format!("{seen}{}", alert.said()), plain);
}

pub(super) fn since(at: Option<&String>, state: &State) -> String {
    at.map_or_else(|| "-".into(), |at| age(at, state.now))
}

/// `12`, or `3 of 12` where some are left out.
fn of(shown: usize, all: usize) -> String {
    if shown == all { shown.to_string() } else { format!("{shown} of {all}") }
}

fn width<'a>(texts: impl Iterator<Item = &'a str>, least: usize, most: usize) -> usize {
    texts.map(|text| text.chars().count()).max().unwrap_or_default().clamp(least, most.max(least))
}

fn title(state: &State, (area, buffer): (Rect, &mut Buffer), text: &str, of_nodes: bool, palette: Palette) {
    let mut pen = Pen::line(buffer, area, 0);
    pen.say(&format!(" {text}"), palette.tone(Tone::Title));
    let filter = if state.filter.is_empty() { String::new() } else { format!("filter “{}”  ", state.filter) };
    pen.right(&format!("{filter}{} ", state.sort.as_str(of_nodes)), palette.tone(Tone::Faint));
}

fn nothing(state: &State, area: Rect, buffer: &mut Buffer, palette: Palette) {
    let text =
        if state.filter.is_empty() { " nothing" } else { " nothing fits the filter; / changes it, Esc drops it" };
    Pen::line(buffer, area, 0).say(text, palette.tone(Tone::Faint));
}

/// A line that is seen.
#[derive(Clone, Copy)]
struct Line {
    at: u16,
    is_chosen: bool,
}

/// What of a list is seen.
fn seen<T>(state: &State, area: Rect, list: Vec<T>) -> impl Iterator<Item = (Line, T)> {
    let first = state.places.last().map(|place| place.first).unwrap_or_default();
    let chosen = state.position();
    let lines = list.into_iter().enumerate().skip(first).zip(0..area.height);
    lines.map(move |((at, it), line)| (Line { at: line, is_chosen: at == chosen }, it))
}

/// Marks the chosen line: a sign at its beginning, and the whole of it reversed.
fn choose(line: Line, area: Rect, buffer: &mut Buffer, palette: Palette) {
    if !line.is_chosen {
        return;
    }
    let row = Rect { y: area.y + line.at, height: 1, ..area }.intersection(buffer.area);
    for x in row.left()..row.right() {
        // What is reversed already, a node that is down, must still be told from the rest.
        let cell = &mut buffer[(x, row.y)];
        let style = if cell.modifier.contains(Modifier::REVERSED) {
            Style::new().add_modifier(Modifier::UNDERLINED)
        } else {
            palette.chosen()
        };
        cell.set_style(style);
    }
    if row.width > 0 {
        buffer[(row.x, row.y)].set_symbol(">");
    }
}
