//! Draws a state into a buffer. No decision is made here, and nothing is asked.

mod help;
mod list;
mod node;
mod write;

use ratatui::Frame;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use rollcall_model::NodeState;

use self::write::Pen;
use super::fleet::STATES;
use super::layout::Regions;
use super::palette::{Palette, letter};
use super::state::{Screen, State};
use crate::ask::look::Tone;

/// From this width on the states are words as well as letters above the lists.
const WORDS: u16 = 100;

/// Draws on a terminal.
pub fn draw(state: &State, frame: &mut Frame<'_>, palette: Palette) {
    let area = frame.area();
    picture(state, area, frame.buffer_mut(), palette);
}

/// Draws into a buffer.
pub fn picture(state: &State, area: Rect, buffer: &mut Buffer, palette: Palette) {
    let parts = super::layout::regions(area, state.screen(), state.open_alerts().len());
    head(state, parts.head, buffer, palette);
    match state.screen() {
        Screen::Racks => {
            list::racks(state, &parts, buffer, palette);
            list::alerts_below(state, parts.alerts, buffer, palette);
        }
        Screen::Rack(id) => list::nodes(state, id, &parts, buffer, palette),
        Screen::Alerts => list::alerts(state, &parts, buffer, palette),
        Screen::Node(id) => node::page(state, id, &parts, buffer, palette),
    }
    foot(state, &parts, buffer, palette);
    if state.is_helping {
        help::over(area, buffer, palette);
    }
}

/// The zone, the time, and the nodes by state.
fn head(state: &State, area: Rect, buffer: &mut Buffer, palette: Palette) {
    let fleet = &state.fleet;
    let mut pen = Pen::line(buffer, area, 0);
    pen.fill(palette.bar());
    pen.say(" rollcall top ", palette.bar());
    pen.say(&fleet.zone, palette.bar());
    pen.say(&format!("  {}", fleet.footing), palette.bar());
    if fleet.policy > 0 {
        pen.say(&format!("  policy {}", fleet.policy), palette.bar());
    }
    let time = state.now.strftime("%H:%M:%S UTC ").to_string();
    match &state.lost {
        Some(_) => pen.right(&format!("CONNECTION LOST  {time}"), palette.bar()),
        None => pen.right(&time, palette.bar()),
    }
    let mut pen = Pen::line(buffer, area, 1);
    let nodes = fleet.nodes.len();
    pen.say(&format!(" {nodes} {}", if nodes == 1 { "node" } else { "nodes" }), palette.tone(Tone::Title));
    for name in STATES.map(NodeState::as_str) {
        let count = fleet.nodes.iter().filter(|node| node.state == name).count();
        if count > 0 {
            pen.say("  ", palette.tone(Tone::Plain));
            let word = if area.width >= WORDS { format!(" {name}") } else { String::new() };
            pen.say(&format!("{} {count}{word}", letter(name)), palette.state(name));
        }
    }
    if !fleet.alerts.is_empty() {
        pen.say(&format!("  {} alerts", fleet.alerts.len()), palette.tone(Tone::Warning));
    }
    let status = fleet.rates.all().map_or_else(|| "-".into(), |rate| format!("{rate:.0}"));
    pen.right(&format!("{status} status/s  {:.1} events/s ", fleet.rates.events(state.now)), palette.tone(Tone::Faint));
}

/// What the keys do; the filter while it is written; why the zone cannot be heard.
fn foot(state: &State, parts: &Regions, buffer: &mut Buffer, palette: Palette) {
    let mut pen = Pen::line(buffer, parts.foot, 0);
    if state.is_filtering {
        pen.fill(palette.bar());
        pen.say(&format!(" / {}_", state.filter), palette.bar());
        pen.right("Enter keeps, Esc drops it ", palette.bar());
        return;
    }
    if let Some(why) = &state.lost {
        pen.fill(palette.tone(Tone::Bad));
        pen.say(&format!(" ! what is shown is old, trying again: {why}"), palette.tone(Tone::Bad));
        return;
    }
    pen.fill(palette.bar());
    let keys = match state.screen() {
        Screen::Racks => " ↑↓ move  Enter nodes  / filter  s sort  a alerts  ? help  q quit",
        Screen::Rack(_) => " ↑↓ move  Enter node  Esc back  / filter  s sort  a alerts  ? help  q quit",
        Screen::Alerts => " ↑↓ move  Enter node  Esc back  / filter  ? help  q quit",
        Screen::Node(_) => " Esc back  a alerts  ? help  q quit",
    };
    pen.say(keys, palette.bar());
}
