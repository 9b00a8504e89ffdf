//! The 24 indicators of a node: as it measures them now, or, when it does not answer, as they were last saved.

use rollcall_model::indicator::{INDICATORS, by_name};

use super::analytics::number;
use super::answer::{Bit, Node, NodeReading, NodeReadings};
use super::grid::{Column, Grid, Text};
use super::look::{Look, Tone, clean};
use super::nodes::bit_row;
use super::when::age;

/// What is known of a node's indicators.
#[derive(Clone, Debug)]
pub enum Known {
    /// The node answered.
    Now(NodeReadings),
    /// It did not, and why.
    Saved(String),
}

/// The indicators as a table, with a line of all bits above.
#[must_use]
pub fn render(node: &Node, bits: &[Bit], known: &Known, look: &Look) -> String {
    let note = match known {
        Known::Now(readings) => now(readings),
        Known::Saved(why) => format!("{}: these are the bits that were last saved", clean(why)),
    };
    let table = match known {
        Known::Now(readings) => measured(readings, bits, look),
        Known::Saved(_) if bits.is_empty() => return format!("{note}\nno report yet\n"),
        Known::Saved(_) => saved(bits, look),
    };
    let row = bit_row(node.health_bits, node.unmeasurable);
    let legend = look.paint("bit 0 first; . clear, 1 set, ? not measurable", Tone::Faint);
    format!("{}\n{row}  {legend}\n{table}", look.paint(&note, Tone::Faint))
}

/// The readings of a node by themselves.
#[must_use]
pub fn alone(readings: &NodeReadings, look: &Look) -> String {
    format!("{}\n{}", look.paint(&now(readings), Tone::Faint), measured(readings, &[], look))
}

fn now(readings: &NodeReadings) -> String {
    let policy = match readings.policy_version {
        0 => "no policy".to_owned(),
        version => format!("policy {version}"),
    };
    format!("measured {} s ago, judged by {policy}", number(readings.age_ms as f64 / 1_000.0))
}

fn measured(readings: &NodeReadings, bits: &[Bit], look: &Look) -> String {
    let mut grid = Grid::new(vec![
        Column::number("BIT"),
        Column::fixed("INDICATOR"),
        Column::number("VALUE"),
        Column::fixed("SET WHEN"),
        Column::text("STATE"),
    ]);
    for (at, reading) in readings.indicators.iter().enumerate() {
        let since = bits.iter().find(|bit| bit.indicator == reading.name).and_then(|bit| bit.since.as_ref());
        grid.row([
            Text::plain(by_name(&reading.name).map_or(at, |known| known.bit).to_string()),
            Text::plain(&reading.name),
            Text::or_dash(reading.value.map(number)),
            Text::plain(set_when(reading)),
            state(reading, since, look),
        ]);
    }
    grid.render(look)
}

/// `> 90 °C for 3 s`.
fn set_when(reading: &NodeReading) -> String {
    let side = if reading.above { '>' } else { '<' };
    let unit = by_name(&reading.name).map_or("", |known| known.unit);
    let dwell = match reading.dwell_ms {
        0 => String::new(),
        millis => format!(" for {} s", number(millis as f64 / 1_000.0)),
    };
    // A yes or no has no unit.
    match unit {
        "0 or 1" => format!("{side} {}{dwell}", number(reading.limit)),
        _ => format!("{side} {} {unit}{dwell}", number(reading.limit)),
    }
}

fn state(reading: &NodeReading, since: Option<&String>, look: &Look) -> Text {
    if let Some(reason) = &reading.reason {
        return Text::toned(format!("not measurable: {reason}"), Tone::Faint);
    }
    if reading.value.is_none() {
        return Text::toned("not measurable", Tone::Faint);
    }
    let since = since.map(|at| format!(", {}", age(at, look.now))).unwrap_or_default();
    match reading.set {
        true => {
            let severity = by_name(&reading.name).map_or("warning", |known| known.severity.as_str());
            Text::toned(format!("set ({severity}){since}"), Tone::of_severity(severity))
        }
        false => Text::plain("clear"),
    }
}

fn saved(bits: &[Bit], look: &Look) -> String {
    let mut grid = Grid::new(vec![
        Column::number("BIT"),
        Column::fixed("INDICATOR"),
        Column::fixed("STATE"),
        Column::text("SINCE"),
    ]);
    for bit in bits {
        grid.row([
            Text::from(i64::from(bit.bit)),
            Text::plain(&bit.indicator),
            bit_state(bit),
            Text::or_dash(bit.since.as_ref().map(|since| super::when::moment_and_age(since, look.now))),
        ]);
    }
    grid.render(look)
}

/// The state of a saved bit; what is not measurable is never shown as clear.
pub(super) fn bit_state(bit: &Bit) -> Text {
    match bit.state.as_str() {
        "set" => {
            let severity = INDICATORS.get(bit.bit as usize).map_or("warning", |known| known.severity.as_str());
            Text::toned(format!("set ({severity})"), Tone::of_severity(severity))
        }
        "unmeasurable" => Text::toned("not measurable", Tone::Faint),
        other => Text::plain(other),
    }
}
