//! The zone as it is now.

use super::{KINDS, OF_GROUP, OF_NODE, SEVERITIES, filter, flag, integer, text, time, words};
use crate::api::lists::{Check, List, Narrow};

/// The zone.
pub const ZONES: List = List {
    name: "zones",
    about: "the zone; there is one",
    view: "v_zones",
    found_in: None,
    key: &["zone_id"],
    sort: "name",
    columns: &[
        text("zone_id"),
        text("name").sorts(),
        integer("generation"),
        integer("physical_groups"),
        integer("logical_groups"),
        integer("nodes"),
        integer("open_alerts"),
        time("created_at"),
        time("started_at"),
        integer("health_groups"),
        integer("policy_version"),
    ],
    filters: &[],
};

/// The table the view of nodes begins with.
const NODES_TABLE: Narrow = Narrow {
    source: "nodes",
    orders: &["node_id", "name", "address", "coalesce(place, '')", "state", CONCERN, "since_ms"],
};

/// The worst first: `v_nodes.concern`, of a state alone, so that it can be told before a row of the view is made.
pub(in crate::api::lists) const CONCERN: &str =
    "CASE state WHEN 'down' THEN 1 WHEN 'unknown' THEN 2 WHEN 'suspect' THEN 3 WHEN 'degraded' THEN 4 ELSE 5 END";

/// Most of a fleet is healthy: SQLite, which keeps no count of values, is kept by the double negation from beginning with an
/// index of that, where another filter finds few. PostgreSQL counts, and reads it as equality.
const STATES: Check = Check::Words(&[
    ("joining", "r.state = 'joining'"),
    ("healthy", "NOT r.state <> 'healthy'"),
    ("degraded", "r.state = 'degraded'"),
    ("suspect", "r.state = 'suspect'"),
    ("down", "r.state = 'down'"),
    ("unknown", "r.state = 'unknown'"),
    ("left", "r.state = 'left'"),
]);

const REFUSE: &str = "r.node_id IN (SELECT node_id FROM node_policies WHERE refused_version IS NOT NULL)";
const OBEY: &str = "r.node_id NOT IN (SELECT node_id FROM node_policies WHERE refused_version IS NOT NULL)";

/// Nodes.
pub const NODES: List = List {
    name: "nodes",
    about: "nodes as they are now",
    view: "v_nodes",
    found_in: Some(NODES_TABLE),
    key: &["node_id"],
    sort: "name",
    columns: &[
        text("node_id").sorts(),
        text("name").sorts(),
        text("address").sorts(),
        text("place").or_null().sorts_by("coalesce(place, '')"),
        text("state").sorts(),
        time("since").sorts_by("since_ms"),
        integer("epoch"),
        text("physical_group").or_null().sorts_by("coalesce(physical_group, '')"),
        text("physical_group_id").or_null(),
        text("logical_group").or_null().sorts_by("coalesce(logical_group, '')"),
        text("logical_group_id").or_null(),
        text("capability").or_null(),
        integer("health_bits"),
        integer("unmeasurable"),
        text("bits_set"),
        text("cpu").or_null(),
        integer("cores").or_null().sorts_by("coalesce(cores, 0)"),
        integer("threads").or_null().sorts_by("coalesce(threads, 0)"),
        integer("memory_bytes").or_null().sorts_by("coalesce(memory_bytes, 0)"),
        text("nics").or_null(),
        time("joined_at").or_null(),
        time("last_change_at").or_null(),
        time("last_seen_at"),
        time("first_seen_at"),
        integer("policy_version").sorts(),
        text("policy_problem").or_null(),
        integer("since_ms"),
        integer("policy_refused").or_null(),
        integer("concern").sorts_by(CONCERN),
        text("board_serial").or_null(),
        text("chassis_serial").or_null(),
    ],
    filters: &[
        filter("state", "nodes in one of these states", STATES),
        filter(
            "group",
            "members of a group of any kind, by name or id",
            Check::Text(
                "r.node_id IN (SELECT m.node_id FROM groups g \
                 JOIN assignments m ON m.group_id = g.group_id AND m.until_ms IS NULL \
                 WHERE (g.name = ? OR g.group_id = ?) AND g.dissolved_ms IS NULL \
                 UNION ALL SELECT m.node_id FROM groups g \
                 JOIN memberships m ON m.group_id = g.group_id AND m.until_ms IS NULL \
                 WHERE (g.name = ? OR g.group_id = ?) AND g.dissolved_ms IS NULL)",
            ),
        ),
        filter(
            "bit",
            "nodes on which this indicator is set",
            Check::Bit("r.node_id IN (SELECT node_id FROM v_node_health_bits WHERE bit = ? AND state = 'set')"),
        ),
        filter(
            "q",
            "nodes whose name, id, address or serial number begins so",
            Check::Text(
                "r.node_id IN (SELECT node_id FROM nodes WHERE name >= ? AND name < ? || '\u{10ffff}' \
                 UNION ALL SELECT node_id FROM nodes WHERE node_id >= ? AND node_id < ? || '\u{10ffff}' \
                 UNION ALL SELECT node_id FROM nodes WHERE address >= ? AND address < ? || '\u{10ffff}' \
                 UNION ALL SELECT node_id FROM v_nodes WHERE board_serial >= ? AND board_serial < ? || '\u{10ffff}' \
                 UNION ALL SELECT node_id FROM v_node_hardware \
                 WHERE chassis_serial >= ? AND chassis_serial < ? || '\u{10ffff}')",
            ),
        ),
        filter("place", "nodes that are configured with this place", Check::Text("r.place = ?")),
        filter("capability", "nodes of this combination of hardware", Check::Text("r.capability = ?")),
        filter("refusing", "whether they cannot obey the policy they were given", Check::Flag(REFUSE, OBEY)),
    ],
};

/// Groups in force.
pub const GROUPS: List = List {
    name: "groups",
    about: "groups in force",
    view: "v_groups",
    found_in: None,
    key: &["group_id"],
    sort: "-kind,name",
    columns: &[
        text("group_id").sorts(),
        text("name").sorts(),
        text("kind").sorts(),
        text("place").or_null().sorts_by("coalesce(place, '')"),
        text("capability").or_null(),
        integer("members").sorts(),
        integer("joining").sorts(),
        integer("healthy").sorts(),
        integer("degraded").sorts(),
        integer("suspect").sorts(),
        integer("down").sorts(),
        integer("unknown").sorts(),
        integer("left_nodes").sorts(),
        integer("session").or_null(),
        text("addresses"),
        text("origin"),
        time("created_at"),
        time("joined_at").or_null(),
        text("rule").or_null(),
        integer("cores"),
        integer("threads"),
        integer("memory_bytes"),
        integer("obey"),
    ],
    filters: &[
        filter("kind", "groups of one of these kinds", KINDS),
        filter(
            "state",
            "groups with a member in one of these states",
            Check::Words(&[
                ("joining", "r.joining > 0"),
                ("healthy", "r.healthy > 0"),
                ("degraded", "r.degraded > 0"),
                ("suspect", "r.suspect > 0"),
                ("down", "r.down > 0"),
                ("unknown", "r.unknown > 0"),
                ("left", "r.left_nodes > 0"),
            ]),
        ),
        filter("place", "groups of this place", Check::Text("r.place = ?")),
        filter("by_rule", "whether a rule makes them", Check::Flag("r.rule IS NOT NULL", "r.rule IS NULL")),
        filter(
            "q",
            "groups whose name or id begins so",
            Check::Text(
                "((r.name >= ? AND r.name < ? || '\u{10ffff}') OR (r.group_id >= ? AND r.group_id < ? || '\u{10ffff}'))",
            ),
        ),
    ],
};

/// Groups by rule, with those that are dissolved.
pub const RULES: List = List {
    name: "rules",
    about: "groups by rule, and those that were",
    view: "v_rule_groups",
    found_in: None,
    key: &["group_id"],
    sort: "name",
    columns: &[
        text("group_id"),
        text("name").sorts(),
        text("kind").sorts(),
        text("rule"),
        integer("enter_dwell_ms"),
        integer("leave_dwell_ms"),
        integer("members").sorts(),
        text("origin"),
        time("created_at").sorts(),
        time("dissolved_at").or_null(),
        text("dissolved_by").or_null(),
    ],
    filters: &[
        filter("kind", "groups of one of these kinds", words!("kind": "logical", "health")),
        filter(
            "dissolved",
            "whether they are dissolved",
            Check::Flag("r.dissolved_at IS NOT NULL", "r.dissolved_at IS NULL"),
        ),
        filter("q", "groups whose name begins so", Check::Text("(r.name >= ? AND r.name < ? || '\u{10ffff}')")),
    ],
};

/// Who is in which group now.
pub const MEMBERSHIPS: List = List {
    name: "memberships",
    about: "every group every node is in now",
    view: "v_memberships",
    found_in: None,
    key: &["node_id", "group_id"],
    sort: "node",
    columns: &[
        text("node_id"),
        text("node").sorts(),
        text("group_id"),
        text("group_name").sorts(),
        text("kind").sorts(),
        flag("by_rule"),
        time("since"),
        text("reason"),
    ],
    filters: &[
        OF_NODE,
        OF_GROUP,
        filter("kind", "groups of one of these kinds", KINDS),
        filter("by_rule", "whether a rule put them there", Check::Flag("r.by_rule", "NOT r.by_rule")),
    ],
};

/// The indicators of nodes.
pub const NODE_BITS: List = List {
    name: "health",
    about: "the 24 indicators of a node",
    view: "v_node_health_bits",
    found_in: None,
    key: &["node_id", "bit"],
    sort: "bit",
    columns: &[
        text("node_id"),
        text("node").sorts(),
        integer("bit").sorts(),
        text("indicator").sorts(),
        text("unit"),
        text("severity").sorts(),
        text("state").sorts(),
        time("since").sorts(),
        text("meaning"),
        text("remedy"),
        flag("measurable"),
    ],
    filters: &[
        filter("state", "indicators in one of these states", words!("state": "set", "clear", "unmeasurable")),
        filter("severity", "indicators of this severity", SEVERITIES),
    ],
};

/// Alerts.
pub const ALERTS: List = List {
    name: "alerts",
    about: "alerts, open and past",
    view: "v_alerts",
    found_in: None,
    key: &["alert_id"],
    sort: "-raised_at",
    columns: &[
        integer("alert_id").sorts(),
        text("kind").sorts(),
        text("severity").sorts(),
        text("state").sorts(),
        text("group_name").sorts(),
        text("group_id"),
        text("node").or_null().sorts_by("coalesce(node, '')"),
        text("node_id").or_null(),
        time("raised_at").sorts_by("raised_ms"),
        time("cleared_at").or_null(),
        text("message"),
        time("acknowledged_at").or_null(),
        text("acknowledged_by").or_null(),
        text("comment").or_null(),
        integer("lasted_ms"),
        integer("raised_ms"),
        flag("open"),
    ],
    filters: &[
        filter(
            "state",
            "alerts in one of these states; open is raised or acknowledged",
            Check::Words(&[
                ("raised", "r.open AND r.acknowledged_at IS NULL"),
                ("acknowledged", "r.open AND r.acknowledged_at IS NOT NULL"),
                ("open", "r.open"),
                ("cleared", "NOT r.open"),
            ]),
        ),
        filter("severity", "alerts of one of these severities", SEVERITIES),
        filter("kind", "an indicator, liveness or mass_darkness", Check::Text("r.kind = ?")),
        filter(
            "group",
            "alerts of a group of any kind, and of the nodes that are in it now",
            Check::Text(
                "(r.group_id IN (SELECT group_id FROM v_groups WHERE name = ? OR group_id = ?) \
                 OR r.node_id IN (SELECT node_id FROM v_memberships \
                 WHERE group_id IN (SELECT group_id FROM v_groups WHERE name = ? OR group_id = ?)))",
            ),
        ),
        OF_NODE,
        filter("from", "alerts raised at this time or later", Check::Time("r.raised_ms >= ?")),
        filter("to", "alerts raised at this time or before", Check::Time("r.raised_ms <= ?")),
    ],
};

/// Channels.
pub const CHANNELS: List = List {
    name: "channels",
    about: "the channels between groups and the zone",
    view: "v_channels",
    found_in: None,
    key: &["group_id", "purpose"],
    sort: "group_name,purpose",
    columns: &[
        text("group_id"),
        text("group_name").sorts(),
        text("purpose").sorts(),
        text("address"),
        integer("port"),
        text("exchange"),
        text("queue"),
        text("routing_key"),
        time("since"),
    ],
    filters: &[OF_GROUP, filter("purpose", "channels of this purpose", Check::Text("r.purpose = ?"))],
};

/// Combinations that wait or waited.
pub const COMBINATIONS: List = List {
    name: "combinations",
    about: "hardware that waits or waited for approval",
    view: "v_combinations",
    found_in: None,
    key: &["capability"],
    sort: "-held_at",
    columns: &[
        text("capability").sorts(),
        text("state").sorts(),
        text("node").or_null(),
        text("node_id").or_null(),
        time("held_at").or_null().sorts_by("coalesce(held_at, '')"),
        time("decided_at").or_null(),
        text("decided_by").or_null(),
        text("group_name").or_null(),
        text("group_id").or_null(),
    ],
    filters: &[filter(
        "state",
        "combinations in one of these states",
        words!("state": "waiting", "approved", "denied"),
    )],
};
