//! Settings as people write them: a key that is not known is a mistake, not a word from the future.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer};

use super::{IndicatorSetting, Settings};

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default, expecting = "a table of settings")]
struct Written {
    sample_period_ms: Option<u64>,
    keep_alive_ms: Option<u64>,
    metrics_period_ms: Option<u64>,
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
    let Written { sample_period_ms, keep_alive_ms, metrics_period_ms, indicators } =
        Written::deserialize(deserializer)?;
    let indicators = indicators
        .into_iter()
        .map(|(name, Indicator { limit, clear, dwell_ms, enabled })| {
            (name, IndicatorSetting { limit, clear, dwell_ms, enabled })
        })
        .collect();
    Ok(Settings { sample_period_ms, keep_alive_ms, metrics_period_ms, indicators })
}
