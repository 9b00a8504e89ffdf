//! The questions, in SQL on the documented views, as `docs/sql.md` teaches them. What stands in them comes from the zone
//! itself or is a number; texts are quoted all the same.

use jiff::Timestamp;

/// Most rows of what something looked like.
const MOST: u16 = 5_000;

/// Whose history.
pub(super) enum Whose {
    /// A node's, by its id.
    Node(String),
    /// A group's, by its id.
    Group {
        /// Its id.
        id: String,
        /// Whether nodes stand in it; others are in it by what they are.
        is_rack: bool,
    },
}

impl Whose {
    /// The latest changes, newest first.
    pub fn latest(&self, limit: u16) -> String {
        match self {
            Self::Node(_) => format!(
                "SELECT at, state, bits_set, group_name, cause FROM v_health_history WHERE {} \
                 ORDER BY history_id DESC LIMIT {limit}",
                self.mine()
            ),
            Self::Group { .. } => format!(
                "SELECT at, node, state, bits_set, cause FROM v_health_history WHERE {} ORDER BY history_id DESC LIMIT {limit}",
                self.mine()
            ),
        }
    }

    /// What it looked like: the last change of each before that time.
    pub fn stood(&self, at: Timestamp) -> String {
        let at = text(at);
        match self {
            Self::Node(id) => format!(
                "SELECT h.node, h.state, h.bits_set, h.at AS unchanged_since, \
                 (SELECT max(a.group_name) FROM v_assignments a WHERE a.node_id = h.node_id AND a.kind = 'physical' \
                  AND a.since <= {at} AND (a.until IS NULL OR a.until > {at})) AS stood_in, h.cause \
                 FROM v_health_history h WHERE h.history_id = (SELECT max(b.history_id) FROM v_health_history b \
                 WHERE b.node_id = {} AND b.at <= {at})",
                quoted(id)
            ),
            Self::Group { id, is_rack } => {
                let id = quoted(id);
                let source = match is_rack {
                    true => format!("v_assignments WHERE group_id = {id}"),
                    false => format!(
                        "(SELECT node_id, node, since, until, group_id FROM v_assignments UNION ALL \
                         SELECT node_id, node, since, until, group_id FROM v_rule_history) m WHERE group_id = {id}"
                    ),
                };
                format!(
                    "SELECT a.node, h.state, h.bits_set, h.at AS unchanged_since FROM \
                     (SELECT DISTINCT node_id, node FROM {source} AND since <= {at} AND (until IS NULL OR until > {at})) a \
                     LEFT JOIN v_health_history h ON h.history_id = (SELECT max(b.history_id) FROM v_health_history b \
                     WHERE b.node_id = a.node_id AND b.at <= {at}) ORDER BY a.node LIMIT {MOST}"
                )
            }
        }
    }

    /// The alerts that were open at that time.
    pub fn alerts(&self, at: Timestamp) -> String {
        let at = text(at);
        format!(
            "SELECT alert_id, severity, kind, node, raised_at, cleared_at, message FROM v_alerts WHERE {} \
             AND raised_at <= {at} AND (cleared_at IS NULL OR cleared_at > {at}) ORDER BY alert_id DESC LIMIT 200",
            self.mine()
        )
    }

    /// What changed between two times, oldest first.
    pub fn changed(&self, from: Timestamp, until: Timestamp, limit: u16) -> String {
        let who = if matches!(self, Self::Node(_)) { "" } else { "node, " };
        format!(
            "SELECT at, {who}state, bits_set, cause FROM (SELECT history_id, at, node, state, bits_set, cause \
             FROM v_health_history WHERE {} AND at > {} AND at <= {} ORDER BY history_id DESC LIMIT {limit}) h \
             ORDER BY history_id",
            self.mine(),
            text(from),
            text(until)
        )
    }

    /// Which rows are about it.
    fn mine(&self) -> String {
        match self {
            Self::Node(id) => format!("node_id = {}", quoted(id)),
            Self::Group { id, is_rack: true } => format!("group_id = {}", quoted(id)),
            Self::Group { id, is_rack: false } => {
                format!("node_id IN (SELECT node_id FROM v_memberships WHERE group_id = {})", quoted(id))
            }
        }
    }
}

/// As the views write times.
fn text(at: Timestamp) -> String {
    quoted(&at.strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string())
}

fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_quoted_and_times_are_written_as_the_views_write_them() {
        assert_eq!(quoted("a'b"), "'a''b'");
        let at: Timestamp = "2026-11-20T03:12:00Z".parse().unwrap();
        assert_eq!(text(at), "'2026-11-20T03:12:00.000Z'");
        assert!(Whose::Node("x' OR 1=1 --".into()).latest(3).contains("node_id = 'x'' OR 1=1 --'"));
    }
}
