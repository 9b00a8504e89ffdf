//! What the fleet speaks of.

use super::{SEVERITIES, filter, integer, text, time};
use crate::api::lists::{Check, List};

/// Combinations of hardware.
pub const CAPABILITIES: List = List {
    name: "capabilities",
    about: "every combination of characteristics that was seen or configured",
    view: "v_capabilities",
    found_in: None,
    key: &["capability"],
    sort: "capability",
    columns: &[
        text("capability").sorts(),
        text("digest"),
        text("group_name").or_null(),
        text("group_id").or_null(),
        integer("nodes").sorts(),
        time("first_seen_at").sorts(),
    ],
    filters: &[filter(
        "q",
        "combinations whose text begins so",
        Check::Text("(r.capability >= ? AND r.capability < ? || '\u{10ffff}')"),
    )],
};

/// The dictionary of indicators.
pub const INDICATORS: List = List {
    name: "indicators",
    about: "the dictionary of the 24 health indicators",
    view: "v_indicators",
    found_in: None,
    key: &["bit"],
    sort: "bit",
    columns: &[
        integer("bit").sorts(),
        text("name").sorts(),
        text("unit").sorts(),
        text("severity").sorts(),
        text("meaning"),
        text("remedy"),
    ],
    filters: &[filter("severity", "indicators of this severity", SEVERITIES)],
};
