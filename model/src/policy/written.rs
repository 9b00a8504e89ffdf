//! Settings as people write them: a key that is not known is a mistake, not a word from the future.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer};

use super::{
    AvailabilitySettings, FullNodes, IndicatorSetting, SchedulePoint, SentKinds, Settings, TimeOfDay, UsageThresholds,
};

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default, expecting = "a table of settings")]
struct Written {
    sample_period_ms: Option<u64>,
    keep_alive_ms: Option<u64>,
    metrics_period_ms: Option<u64>,
    availability: Option<Availability>,
    indicators: BTreeMap<String, Indicator>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default, expecting = "a table with limit, clear, dwell_ms or enabled")]
struct Indicator {
    limit: Option<f64>,
    clear: Option<f64>,
    dwell_ms: Option<u64>,
    enabled: Option<bool>,
}

/// Takes settings of a document.
pub(super) fn settings<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Settings, D::Error> {
    let Written { sample_period_ms, keep_alive_ms, metrics_period_ms, availability, indicators } =
        Written::deserialize(deserializer)?;
    let indicators = indicators
        .into_iter()
        .map(|(name, Indicator { limit, clear, dwell_ms, enabled })| {
            (name, IndicatorSetting { limit, clear, dwell_ms, enabled })
        })
        .collect();
    let availability = availability.map(Into::into);
    Ok(Settings { sample_period_ms, keep_alive_ms, metrics_period_ms, availability, indicators })
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default, expecting = "a table with kinds, messages_per_second, nodes_per_group and so on")]
struct Availability {
    kinds: Option<SentKinds>,
    messages_per_second: Option<f64>,
    nodes_per_group: Option<u32>,
    min: Option<f64>,
    full: Option<FullNodes>,
    thresholds: Thresholds,
    jitter: Option<f64>,
    capacity_period_s: Option<u64>,
    largest_units: Option<f64>,
    schedule: Vec<Point>,
    time_zone: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default, expecting = "a table with storage, processing and communications")]
struct Thresholds {
    storage: Option<f64>,
    processing: Option<f64>,
    communications: Option<f64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "a table with at and alpha, such as { at = \"09:00\", alpha = 1.0 }")]
struct Point {
    at: TimeOfDay,
    alpha: f64,
}

impl From<Availability> for AvailabilitySettings {
    fn from(written: Availability) -> Self {
        let unset = Self::default();
        Self {
            kinds: written.kinds.unwrap_or(unset.kinds),
            messages_per_second: written.messages_per_second.unwrap_or(unset.messages_per_second),
            nodes_per_group: written.nodes_per_group.unwrap_or(unset.nodes_per_group),
            min: written.min.unwrap_or(unset.min),
            full: written.full.unwrap_or(unset.full),
            thresholds: UsageThresholds {
                storage: written.thresholds.storage.unwrap_or(unset.thresholds.storage),
                processing: written.thresholds.processing.unwrap_or(unset.thresholds.processing),
                communications: written.thresholds.communications.unwrap_or(unset.thresholds.communications),
            },
            jitter: written.jitter.unwrap_or(unset.jitter),
            capacity_period_s: written.capacity_period_s.unwrap_or(unset.capacity_period_s),
            largest_units: written.largest_units,
            schedule: written.schedule.iter().map(|point| SchedulePoint { at: point.at, alpha: point.alpha }).collect(),
            time_zone: written.time_zone.unwrap_or(unset.time_zone),
        }
    }
}
