//! How the readings of a group were distributed over time, as a chart: middle, ninety-nine in a hundred, and worst, with the
//! threshold beside them.

use std::fmt::Write as _;

use askama::Template;
use rollcall_model::indicator::Indicator;
use serde::Deserialize;

use super::moment::Present;
use super::reading::number;
use super::steps::{WIDTH, Window};

/// Height of the chart, in its own units.
const HEIGHT: f64 = 160.0;

/// The readings of one period.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Period {
    pub at_ms: i64,
    pub at: String,
    p50: Option<f64>,
    p99: Option<f64>,
    max: Option<f64>,
}

/// A chart.
#[derive(Template)]
#[template(path = "part/quantiles.html")]
pub(super) struct Chart {
    indicator: &'static Indicator,
    p50: String,
    p99: String,
    max: String,
    /// Height of the threshold in the drawing.
    limit: String,
    top: String,
    bottom: String,
    latest: String,
    from: String,
    to: String,
}

impl Chart {
    /// The chart of an indicator, of periods from the oldest on; `None` where nothing was read.
    pub(super) fn of(indicator: &'static Indicator, periods: &[Period], present: Present) -> Option<Self> {
        let (first, last) = (periods.first()?, periods.last()?);
        let window = Window { from: first.at_ms, to: last.at_ms.max(first.at_ms + 1) };
        let limit = indicator.threshold.limit;
        let values = periods.iter().flat_map(|it| [it.p50, it.p99, it.max]).flatten().chain([limit]);
        let (mut low, mut high) = values.fold((0.0_f64, limit), |(low, high), it| (low.min(it), high.max(it)));
        if high <= low {
            (low, high) = (low - 1.0, low + 1.0);
        }
        high += (high - low) * 0.05;
        let y = |value: f64| HEIGHT - (value - low) / (high - low) * HEIGHT;
        let line = |value: fn(&Period) -> Option<f64>| {
            let mut path = String::new();
            for period in periods {
                if let Some(value) = value(period) {
                    let (step, x) = (if path.is_empty() { 'M' } else { 'L' }, window.x(period.at_ms));
                    // Writing to a string cannot fail.
                    let _ = write!(path, "{step}{x} {:.1}", y(value));
                }
            }
            // A single period is drawn as if it had always been so.
            if periods.len() == 1 && !path.is_empty() {
                let _ = write!(path, "h{WIDTH}");
            }
            path
        };
        let said = |value: Option<f64>| value.map_or_else(|| "–".to_owned(), number);
        Some(Self {
            indicator,
            p50: line(|it| it.p50),
            p99: line(|it| it.p99),
            max: line(|it| it.max),
            limit: format!("M0 {:.1}h{WIDTH}", y(limit)),
            top: number(high),
            bottom: number(low),
            latest: format!("{}, {}, {}", said(last.p50), said(last.p99), said(last.max)),
            from: present.clock(&first.at),
            to: present.clock(&last.at),
        })
    }

    fn limit_said(&self) -> String {
        number(self.indicator.threshold.limit)
    }

    /// As an element of a page.
    pub(super) fn element(&self) -> String {
        self.render().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use rollcall_model::UnixMillis;
    use rollcall_model::indicator::INDICATORS;

    use super::*;

    #[test]
    fn readings_and_threshold_are_drawn_in_one_scale() {
        let period = |at_ms, p50| Period { at_ms, at: String::new(), p50, p99: p50, max: p50 };
        let periods = [period(0, Some(45.0)), period(500, None), period(1_000, Some(90.0))];
        let chart = Chart::of(&INDICATORS[0], &periods, Present::at(UnixMillis(0))).unwrap();
        let limit = chart.limit.trim_start_matches("M0 ").trim_end_matches("h1000");
        assert!(chart.p50.ends_with(&format!("L1000 {limit}")), "{} {}", chart.p50, chart.limit);
        assert!(Chart::of(&INDICATORS[0], &[], Present::at(UnixMillis(0))).is_none());
    }
}
