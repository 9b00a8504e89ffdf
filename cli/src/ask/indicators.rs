//! `rollcall indicators`: the dictionary of the 24 health indicators, from the model.

use rollcall_model::indicator::{DICTIONARY_VERSION, INDICATORS, Indicator, Severity, Side};
use serde_json::{Value, json};

use super::grid::{Column, Grid, Text};
use super::look::{Look, Tone};

/// The dictionary as a table.
#[must_use]
pub fn render(look: &Look) -> String {
    let mut grid = Grid::new(vec![
        Column::number("BIT"),
        Column::fixed("INDICATOR"),
        Column::fixed("SET WHEN"),
        Column::fixed("SEVERITY"),
        Column::text("MEANING"),
        Column::text("REMEDY").only_wide(),
        Column::text("MEASURED BY").only_wide(),
    ]);
    for indicator in &INDICATORS {
        grid.row([
            Text::plain(indicator.bit.to_string()),
            Text::plain(indicator.name),
            Text::plain(set_when(indicator)),
            severity(indicator.severity),
            Text::plain(indicator.meaning),
            Text::plain(indicator.remedy),
            Text::plain(indicator.probe),
        ]);
    }
    format!("{}\ndictionary version {DICTIONARY_VERSION}; limits are the defaults\n", grid.render(look))
}

/// `> 90 °C for 3 s`.
fn set_when(indicator: &Indicator) -> String {
    let threshold = &indicator.threshold;
    let dwell = match threshold.dwell.0 {
        0 => String::new(),
        millis => format!(" for {} s", millis as f64 / 1_000.0),
    };
    format!("{} {} {}{dwell}", side(threshold.side), threshold.limit, indicator.unit)
}

const fn side(side: Side) -> &'static str {
    match side {
        Side::Above => ">",
        Side::Below => "<",
    }
}

fn severity(severity: Severity) -> Text {
    Text::toned(severity.as_str(), Tone::of_severity(severity.as_str()))
}

/// The dictionary as JSON.
#[must_use]
pub fn document() -> Value {
    let entries = INDICATORS.iter().map(|indicator| {
        let threshold = &indicator.threshold;
        json!({
            "bit": indicator.bit,
            "indicator": indicator.name,
            "unit": indicator.unit,
            "severity": indicator.severity.as_str(),
            "side": match threshold.side { Side::Above => "above", Side::Below => "below" },
            "limit": threshold.limit,
            "clear": threshold.clear,
            "dwell_ms": threshold.dwell,
            "probe": indicator.probe,
            "meaning": indicator.meaning,
            "remedy": indicator.remedy,
        })
    });
    json!({ "dictionary_version": DICTIONARY_VERSION, "indicators": entries.collect::<Vec<_>>() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_indicator_fits_80_columns() {
        let look = Look { width: Some(80), colour: false, now: jiff::Timestamp::UNIX_EPOCH };
        let text = render(&look);
        assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
        let bits = text.lines().filter_map(|line| line.split_whitespace().next()?.parse::<u8>().ok());
        assert_eq!(bits.collect::<Vec<_>>(), (0..24).collect::<Vec<u8>>(), "{text}");
    }

    #[test]
    fn the_limit_is_told_with_unit_side_and_dwell() {
        assert_eq!(set_when(&INDICATORS[0]), "> 90 °C for 3 s");
        assert_eq!(set_when(&INDICATORS[4]), "< 5 % of memory for 2 s");
        assert_eq!(set_when(&INDICATORS[9]), "> 90 % used");
    }

    #[test]
    fn the_document_has_all_24() {
        assert_eq!(document()["indicators"].as_array().map(Vec::len), Some(24));
        assert_eq!(document()["indicators"][9]["indicator"], "disk_space");
    }
}
