//! Every table there is, for what goes through all of them: counting, copying, comparing.

use super::Dialect;

/// A table.
#[derive(Debug)]
pub(crate) struct Table {
    pub name: &'static str,
    /// What its rows are told apart by.
    pub key: &'static [Key],
    /// Columns that hold yes or no.
    pub flags: &'static [&'static str],
    /// Whether the key is a number the database gives out, and never twice.
    pub is_numbered: bool,
    /// Whether there are rows before anybody wrote any.
    pub is_filled: bool,
}

/// A column of a key.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Key {
    Number(&'static str),
    Text(&'static str),
}

impl Key {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Number(name) | Self::Text(name) => name,
        }
    }

    /// A value that every value of the column is greater than.
    pub(crate) const fn least(self) -> &'static str {
        match self {
            // Numbers begin at 0.
            Self::Number(_) => "-1",
            Self::Text(_) => "",
        }
    }

    /// The text that is bind `$n`, as a value of the column.
    pub(crate) fn bound(self, bind: usize) -> String {
        self.cast(&format!("${bind}"))
    }

    /// A text as a value of the column.
    pub(crate) fn cast(self, text: &str) -> String {
        match self {
            Self::Number(_) => format!("CAST({text} AS BIGINT)"),
            Self::Text(_) => text.to_owned(),
        }
    }
}

impl Table {
    /// What the rows of the table `t` go in the order of.
    pub(crate) fn order(&self, dialect: Dialect) -> Vec<(String, Key)> {
        if self.name == "certificates" {
            // As they were issued, which their own key does not tell.
            return vec![(dialect.certificate_order().to_owned(), Key::Number("certificate_no"))];
        }
        self.key.iter().map(|key| (format!("t.{}", key.name()), *key)).collect()
    }
}

const fn table(name: &'static str, key: &'static [Key]) -> Table {
    Table { name, key, flags: &[], is_numbered: false, is_filled: false }
}

const fn numbered(name: &'static str, key: &'static [Key]) -> Table {
    Table { is_numbered: true, ..table(name, key) }
}

use Key::{Number, Text};

/// In an order in which each refers to earlier ones only.
pub(crate) static TABLES: [Table; 31] = [
    table("zone", &[Text("zone_id")]),
    Table { is_filled: true, ..table("indicators", &[Number("bit")]) },
    table("capabilities", &[Text("capability")]),
    table("groups", &[Text("group_id")]),
    table("channels", &[Text("group_id"), Text("purpose")]),
    table("checkins", &[Text("checkin_id")]),
    table("nodes", &[Text("node_id")]),
    table("node_seen", &[Text("node_id")]),
    numbered("node_hardware", &[Number("hardware_id")]),
    numbered("assignments", &[Number("assignment_id")]),
    numbered("memberships", &[Number("membership_id")]),
    table("node_health_bits", &[Text("node_id"), Number("bit")]),
    numbered("health_history", &[Number("history_id")]),
    numbered("alerts", &[Number("alert_id")]),
    numbered("events", &[Number("event_id")]),
    table("policies", &[Number("version")]),
    table("node_policies", &[Text("node_id")]),
    Table { flags: &["automatic"], ..table("actions", &[Text("action_id")]) },
    table("held_combinations", &[Text("capability")]),
    Table { flags: &["running"], ..table("checkin_places", &[Text("name")]) },
    table("channel_messages", &[Text("channel"), Number("number")]),
    numbered("analytics", &[Number("analytics_id")]),
    table("join_tokens", &[Text("token")]),
    table("join_requests", &[Text("join_id")]),
    Table { flags: &["newest"], ..table("certificates", &[Text("serial")]) },
    table("revoked_principals", &[Text("principal")]),
    table("api_users", &[Text("name")]),
    table("audit", &[Number("seq")]),
    table("prunings", &[Text("history")]),
    Table { flags: &["is_released"], ..table("zone_lease", &[Number("one")]) },
    table("zone_standbys", &[Text("instance")]),
];

/// Kept by the database itself from others, which are written before them.
pub(crate) static KEPT: [Table; 3] = [
    table("group_sums", &[Text("group_id")]),
    table("group_bits", &[Text("group_id"), Number("bit")]),
    table("group_policies", &[Text("group_id"), Number("version")]),
];

/// All of them.
pub(crate) fn every_table() -> impl Iterator<Item = &'static Table> {
    TABLES.iter().chain(&KEPT)
}
