//! Every list there is. Columns are those of the views of docs/sql.md, in their order.

mod dictionary;
mod fleet;
mod history;
mod trust;

pub use self::dictionary::{CAPABILITIES, INDICATORS};
#[cfg(test)]
pub(super) use self::fleet::CONCERN;
pub use self::fleet::{ALERTS, CHANNELS, COMBINATIONS, GROUPS, MEMBERSHIPS, NODE_BITS, NODES, RULES, ZONES};
pub use self::history::{ACTIONS, ANALYTICS, ASSIGNMENTS, HARDWARE, HEALTH_HISTORY, METRICS, POLICIES};
pub use self::trust::{CERTIFICATES, JOINS, TOKENS, USERS};

use super::{Check, Column, Filter, Kind, List};

/// All of them.
pub const ALL: [&List; 22] = [
    &ZONES,
    &NODES,
    &GROUPS,
    &RULES,
    &MEMBERSHIPS,
    &NODE_BITS,
    &ALERTS,
    &CHANNELS,
    &COMBINATIONS,
    &CAPABILITIES,
    &INDICATORS,
    &ASSIGNMENTS,
    &HARDWARE,
    &HEALTH_HISTORY,
    &ACTIONS,
    &ANALYTICS,
    &METRICS,
    &POLICIES,
    &TOKENS,
    &JOINS,
    &CERTIFICATES,
    &USERS,
];

const fn text(name: &'static str) -> Column {
    Column::new(name, Kind::Text)
}

const fn integer(name: &'static str) -> Column {
    Column::new(name, Kind::Integer)
}

const fn real(name: &'static str) -> Column {
    Column::new(name, Kind::Real).or_null()
}

const fn flag(name: &'static str) -> Column {
    Column::new(name, Kind::Flag)
}

const fn time(name: &'static str) -> Column {
    Column::new(name, Kind::Time)
}

const fn json(name: &'static str) -> Column {
    Column::new(name, Kind::Json)
}

const fn filter(name: &'static str, about: &'static str, check: Check) -> Filter {
    Filter { name, about, check }
}

/// Words that are values of a column.
macro_rules! words {
    ($column:literal: $($word:literal),+ $(,)?) => {
        Check::Words(&[$(($word, concat!("r.", $column, " = '", $word, "'"))),+])
    };
}
use words;

const STATES: Check = words!("state": "joining", "healthy", "degraded", "suspect", "down", "unknown", "left");
const SEVERITIES: Check = words!("severity": "warning", "critical");
const KINDS: Check = words!("kind": "physical", "logical", "health");

/// Of one node, by its name or id.
const OF_NODE: Filter = filter("node", "a node, by name or id", Check::Text("(r.node = ? OR r.node_id = ?)"));
/// Of one group, by its name or id.
const OF_GROUP: Filter = filter("group", "a group, by name or id", Check::Text("(r.group_name = ? OR r.group_id = ?)"));
