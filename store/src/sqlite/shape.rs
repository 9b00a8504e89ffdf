//! The columns of the tables, said once, and the statements that follow from them.
//!
//! Rows cross as a JSON list in one bind, so a statement's text does not depend on how many rows there are: it is
//! prepared once per connection.

use std::sync::LazyLock;

pub(super) struct Shape {
    pub table: &'static str,
    pub key: &'static [&'static str],
    pub columns: &'static [&'static str],
    /// Columns among them that hold JSON lists.
    pub lists: &'static [&'static str],
}

impl Shape {
    /// Appends rows: `?1` is a JSON list of objects.
    pub(super) fn insert(&self) -> String {
        let values: Vec<String> = self.columns.iter().map(|column| format!("value ->> '{column}'")).collect();
        format!(
            "INSERT INTO {} ({}) SELECT {} FROM json_each(?1) WHERE true ORDER BY key",
            self.table,
            self.columns.join(", "),
            values.join(", ")
        )
    }

    /// Inserts rows, or replaces those of the same key.
    pub(super) fn upsert(&self) -> String {
        let set: Vec<String> = self
            .columns
            .iter()
            .filter(|column| !self.key.contains(column))
            .map(|column| format!("{column} = excluded.{column}"))
            .collect();
        format!("{} ON CONFLICT ({}) DO UPDATE SET {}", self.insert(), self.key.join(", "), set.join(", "))
    }

    /// Names and values of a row that is called `t`, as the inside of `json_object(…)`.
    pub(super) fn object(&self) -> String {
        let pairs: Vec<String> = self
            .columns
            .iter()
            .map(|column| match self.lists.contains(column) {
                true => format!("'{column}', json(t.{column})"),
                false => format!("'{column}', t.{column}"),
            })
            .collect();
        pairs.join(", ")
    }
}

pub(super) const ZONE: Shape = Shape {
    table: "zone",
    key: &["zone_id"],
    columns: &["zone_id", "name", "generation", "created_ms", "started_ms"],
    lists: &[],
};

pub(super) const GROUPS: Shape = Shape {
    table: "groups",
    key: &["group_id"],
    columns: &[
        "group_id",
        "kind",
        "name",
        "place",
        "capability",
        "origin",
        "addresses",
        "session",
        "instance",
        "created_ms",
        "joined_ms",
    ],
    lists: &["addresses"],
};

pub(super) const CHECKINS: Shape = Shape {
    table: "checkins",
    key: &["checkin_id"],
    columns: &["checkin_id", "name", "address", "ranges", "first_seen_ms", "last_seen_ms"],
    lists: &["ranges"],
};

pub(super) const NODES: Shape = Shape {
    table: "nodes",
    key: &["node_id"],
    columns: &[
        "node_id",
        "name",
        "address",
        "place",
        "instance",
        "epoch",
        "state",
        "since_ms",
        "bits",
        "mask",
        "change_session",
        "change_number",
        "last_change_ms",
        "last_seen_ms",
        "first_seen_ms",
        "first_report_ms",
        "joined_ms",
        "capability",
        "checkin_id",
        "evidence",
    ],
    lists: &[],
};

pub(super) const HARDWARE: Shape = Shape {
    table: "node_hardware",
    key: &[],
    columns: &["node_id", "from_ms", "until_ms", "cpu", "cores", "threads", "memory_bytes", "nics", "topology"],
    lists: &[],
};

pub(super) const ASSIGNMENTS: Shape = Shape {
    table: "assignments",
    key: &[],
    columns: &[
        "node_id",
        "kind",
        "group_id",
        "epoch",
        "reason",
        "from_ms",
        "until_ms",
        "change_session",
        "change_number",
    ],
    lists: &[],
};

pub(super) const BITS: Shape = Shape {
    table: "node_health_bits",
    key: &["node_id", "bit"],
    columns: &["node_id", "bit", "state", "since_ms"],
    lists: &[],
};

pub(super) const HEALTH: Shape = Shape {
    table: "health_history",
    key: &[],
    columns: &["node_id", "group_id", "at_ms", "epoch", "state", "bits", "mask", "cause"],
    lists: &[],
};

pub(super) const EVENTS: Shape = Shape {
    table: "events",
    key: &[],
    columns: &["at_ms", "kind", "subject_type", "subject_id", "message", "detail"],
    lists: &[],
};

/// A statement that is made from a shape when first used.
pub(super) type Sql = LazyLock<String>;
