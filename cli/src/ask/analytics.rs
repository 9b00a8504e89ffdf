//! `rollcall analytics`: what the groups tell of all their nodes together.

use super::answer::{GroupMetrics, Period};
use super::grid::{Column, Grid, Text};
use super::look::Look;
use super::status::total_and_tally;
use super::when::moment;

const NONE: &str = "no summaries yet: a group sends its first one a while after it has joined\n";

/// Nodes by state and by set bit, period by period.
#[must_use]
pub fn periods(periods: &[Period], look: &Look) -> String {
    if periods.is_empty() {
        return NONE.into();
    }
    let mut grid = Grid::new(vec![
        Column::fixed("AT"),
        Column::text("GROUP"),
        Column::text("NODES"),
        Column::text("BITS SET"),
        Column::number("STATUS PACKETS").only_wide(),
    ]);
    let plain = Look { colour: false, ..*look };
    for period in periods {
        let states = [
            ("joining", period.joining),
            ("healthy", period.healthy),
            ("degraded", period.degraded),
            ("suspect", period.suspect),
            ("down", period.down),
            ("unknown", period.unknown),
            ("left", period.left_nodes),
        ];
        let bits = period.bits.as_object().map(|bits| {
            let told: Vec<String> = bits.iter().map(|(name, nodes)| format!("{name} {nodes}")).collect();
            told.join(", ")
        });
        grid.row([
            Text::plain(moment(&period.at)),
            Text::plain(&period.group_name),
            Text::plain(total_and_tally(&states, &plain)),
            Text::or_dash(bits),
            Text::from(period.statuses),
        ]);
    }
    grid.render(look)
}

/// How the readings of an indicator were distributed, period by period.
#[must_use]
pub fn metrics(metrics: &[GroupMetrics], look: &Look) -> String {
    let Some(first) = metrics.first() else { return NONE.into() };
    let mut grid = Grid::new(vec![
        Column::fixed("AT"),
        Column::text("GROUP"),
        Column::number("READINGS"),
        Column::number("MIN"),
        Column::number("MEDIAN"),
        Column::number("90 %"),
        Column::number("99 %"),
        Column::number("MAX"),
    ]);
    for row in metrics {
        let figure = |value: Option<f64>| Text::or_dash(value.map(number));
        grid.row([
            Text::plain(moment(&row.at)),
            Text::plain(&row.group_name),
            Text::from(row.readings),
            figure(row.min),
            figure(row.p50),
            figure(row.p90),
            figure(row.p99),
            figure(row.max),
        ]);
    }
    let unit = first.unit.as_ref().map(|unit| format!(", {unit}")).unwrap_or_default();
    format!("{}\n{}{unit}; quantiles are estimated\n", grid.render(look), first.indicator)
}

/// Three digits behind the point, and no more than there are: `83.25`, `0.001`, `1234`.
#[must_use]
pub fn number(value: f64) -> String {
    let text = format!("{value:.3}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn look() -> Look {
        Look { width: Some(100), colour: false, now: "2026-11-20T08:15:33Z".parse().unwrap() }
    }

    #[test]
    fn periods_tell_states_and_bits() {
        let rows: Vec<Period> = serde_json::from_value(json!([
            { "at": "2026-11-20T08:15:30.000Z", "group_name": "rack-a", "period_ms": 10000, "members": 12, "joining": 0,
              "healthy": 11, "degraded": 1, "suspect": 0, "down": 0, "unknown": 0, "left_nodes": 0,
              "bits": { "disk_space": 1 }, "statuses": 120, "refused": {} }
        ]))
        .unwrap();
        let expected = "\
AT                       GROUP   NODES                       BITS SET
2026-11-20 08:15:30 UTC  rack-a  12: 11 healthy, 1 degraded  disk_space 1
";
        assert_eq!(periods(&rows, &look()), expected);
        assert_eq!(periods(&[], &look()), NONE);
    }

    #[test]
    fn metrics_tell_how_readings_were_distributed() {
        let rows: Vec<GroupMetrics> = serde_json::from_value(json!([
            { "at": "2026-11-20T08:15:30.000Z", "group_name": "rack-a", "indicator": "disk_space", "unit": "% used",
              "period_ms": 10000, "readings": 12, "min": 1.5, "p50": 40.25, "p90": 83.0, "p99": 91.12345, "max": 95.0 }
        ]))
        .unwrap();
        let expected = "\
AT                       GROUP   READINGS  MIN  MEDIAN  90 %    99 %  MAX
2026-11-20 08:15:30 UTC  rack-a        12  1.5   40.25    83  91.123   95

disk_space, % used; quantiles are estimated
";
        assert_eq!(metrics(&rows, &look()), expected);
    }

    #[test]
    fn a_number_has_no_more_digits_than_it_needs() {
        for (value, text) in [(0.0, "0"), (100.0, "100"), (83.25, "83.25"), (0.0004, "0"), (1234.5678, "1234.568")] {
            assert_eq!(number(value), text);
        }
    }
}
