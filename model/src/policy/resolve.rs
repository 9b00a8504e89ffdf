//! From what is set to what holds: the dictionary's defaults with a policy's settings on top.

use super::{AvailabilitySettings, IndicatorSetting, Settings};
use crate::health::{HealthBits, INDICATORS as COUNT};
use crate::indicator::{INDICATORS, Side, Threshold, by_name};
use crate::time::Millis;

/// Default period of metrics.
pub const METRICS_PERIOD: Millis = Millis(10_000);

/// Settings without a gap, as a node obeys them.
#[derive(Clone, Debug, PartialEq)]
pub struct Resolved {
    /// How often indicators are sampled; `None` leaves it to the node's configuration.
    pub sample_period: Option<Millis>,
    /// Pace of keep-alives; `None` leaves it to what the membership says.
    pub keep_alive: Option<Millis>,
    /// How often readings go to the metrics queue.
    pub metrics_period: Millis,
    /// Thresholds by bit.
    pub thresholds: [Threshold; COUNT],
    /// Indicators that are switched off.
    pub disabled: HealthBits,
    /// How nodes say how free they are.
    pub availability: AvailabilitySettings,
}

/// Settings nobody can obey.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{key}: {message}")]
pub struct UnworkableSettings {
    /// The key, e.g. `indicators.disk_space.clear`.
    pub key: String,
    /// What is wrong and what would do.
    pub message: String,
}

impl Default for Resolved {
    /// What holds without any policy.
    fn default() -> Self {
        Self {
            sample_period: None,
            keep_alive: None,
            metrics_period: METRICS_PERIOD,
            thresholds: INDICATORS.map(|indicator| indicator.threshold),
            disabled: HealthBits::NONE,
            availability: AvailabilitySettings::default(),
        }
    }
}

impl Settings {
    /// What holds with these settings on top of the dictionary.
    ///
    /// # Errors
    /// The first key that nobody can obey: an indicator that is not in the dictionary, thresholds that contradict each
    /// other, a value out of bounds. Nothing is applied then.
    pub fn resolve(&self) -> Result<Resolved, UnworkableSettings> {
        let mut resolved = Resolved {
            sample_period: within("sample_period_ms", self.sample_period_ms, 200, 60_000)?,
            keep_alive: within("keep_alive_ms", self.keep_alive_ms, 200, 60_000)?,
            ..Resolved::default()
        };
        if let Some(period) = within("metrics_period_ms", self.metrics_period_ms, 1_000, 3_600_000)? {
            resolved.metrics_period = period;
        }
        if let Some(availability) = &self.availability {
            availability.check()?;
            resolved.availability = availability.clone();
        }
        for (name, setting) in &self.indicators {
            let Some(indicator) = by_name(name) else {
                let message = format!("there is no such indicator in this dictionary{}", nearest(name));
                return Err(UnworkableSettings { key: format!("indicators.{name}"), message });
            };
            resolved.thresholds[indicator.bit] = threshold(name, indicator.threshold, setting)?;
            resolved.disabled = resolved.disabled.with(indicator.bit, setting.enabled == Some(false));
        }
        Ok(resolved)
    }
}

fn within(key: &str, value: Option<u64>, least: u64, most: u64) -> Result<Option<Millis>, UnworkableSettings> {
    match value {
        Some(value) if !(least..=most).contains(&value) => Err(UnworkableSettings {
            key: key.into(),
            message: format!("{value} is out of bounds; it must lie between {least} and {most}"),
        }),
        value => Ok(value.map(Millis)),
    }
}

/// A limit that is given alone takes the distance to its `clear` along.
fn threshold(name: &str, default: Threshold, setting: &IndicatorSetting) -> Result<Threshold, UnworkableSettings> {
    let limit = setting.limit.unwrap_or(default.limit);
    let clear = setting.clear.unwrap_or(default.clear + (limit - default.limit));
    let problem =
        |key: &str, message: String| Err(UnworkableSettings { key: format!("indicators.{name}.{key}"), message });
    for (key, value) in [("limit", limit), ("clear", clear)] {
        if !value.is_finite() {
            return problem(key, format!("{value} is not a number a reading can be compared with"));
        }
    }
    let contradiction = match default.side {
        Side::Above => clear > limit,
        Side::Below => clear < limit,
    };
    if contradiction {
        let (bad, good) = match default.side {
            Side::Above => ("above", "at or below"),
            Side::Below => ("below", "at or above"),
        };
        return problem(
            "clear",
            format!("the bit is set {bad} {limit} and cleared at {clear}: clear must lie {good} limit"),
        );
    }
    let dwell = setting.dwell_ms.unwrap_or(default.dwell.0);
    if dwell > 3_600_000 {
        return problem("dwell_ms", format!("{dwell} is longer than an hour (3600000)"));
    }
    Ok(Threshold { limit, clear, side: default.side, dwell: Millis(dwell) })
}

fn nearest(name: &str) -> String {
    let common = |other: &str| name.chars().zip(other.chars()).take_while(|(a, b)| a == b).count();
    let best = INDICATORS.iter().max_by_key(|indicator| common(indicator.name));
    best.filter(|indicator| common(indicator.name) >= 3)
        .map_or_else(String::new, |indicator| format!("; did you mean {}?", indicator.name))
}
