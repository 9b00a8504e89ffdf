//! How the zone came to be as it is.

use super::{OF_GROUP, OF_NODE, STATES, filter, flag, integer, json, real, text, time, words};
use crate::api::lists::{Check, List};

/// Who stood where.
pub const ASSIGNMENTS: List = List {
    name: "assignments",
    about: "which rack, and which group of its combination, a node was in, when and why",
    view: "v_assignments",
    found_in: None,
    key: &["assignment_id"],
    sort: "-assignment_id",
    columns: &[
        integer("assignment_id").sorts(),
        text("node_id"),
        text("node").sorts(),
        text("kind").sorts(),
        text("group_id"),
        text("group_name").sorts(),
        text("place").or_null(),
        integer("epoch"),
        text("reason"),
        time("since").sorts_by("since_ms"),
        time("until").or_null(),
        flag("current"),
        integer("since_ms"),
        integer("until_ms").or_null(),
    ],
    filters: &[
        OF_NODE,
        OF_GROUP,
        filter("kind", "groups of this kind", words!("kind": "physical", "logical")),
        filter("current", "whether they are in force", Check::Flag("r.current", "NOT r.current")),
        filter("from", "those that began at this time or later", Check::Time("r.since_ms >= ?")),
        filter("to", "those that began at this time or before", Check::Time("r.since_ms <= ?")),
    ],
};

/// What nodes are and were made of.
pub const HARDWARE: List = List {
    name: "hardware",
    about: "what each node is and was made of",
    view: "v_hardware",
    found_in: None,
    key: &["hardware_id"],
    sort: "-hardware_id",
    columns: &[
        integer("hardware_id").sorts(),
        text("node_id"),
        text("node").sorts(),
        text("cpu").or_null(),
        integer("cores").or_null().sorts_by("coalesce(cores, 0)"),
        integer("threads").or_null().sorts_by("coalesce(threads, 0)"),
        integer("memory_bytes").or_null().sorts_by("coalesce(memory_bytes, 0)"),
        text("nics"),
        json("topology").on_request(),
        time("since").sorts_by("since_ms"),
        time("until").or_null(),
        flag("current"),
        integer("since_ms"),
        integer("until_ms").or_null(),
    ],
    filters: &[
        OF_NODE,
        filter("current", "whether it is what they are made of now", Check::Flag("r.current", "NOT r.current")),
        filter("cpu", "nodes with this processor", Check::Text("r.cpu = ?")),
        filter("from", "those that began at this time or later", Check::Time("r.since_ms >= ?")),
        filter("to", "those that began at this time or before", Check::Time("r.since_ms <= ?")),
    ],
};

/// Changes of health.
pub const HEALTH_HISTORY: List = List {
    name: "health_history",
    about: "changes of the state and the health of nodes",
    view: "v_health_history",
    found_in: None,
    key: &["history_id"],
    sort: "-history_id",
    columns: &[
        integer("history_id").sorts(),
        time("at").sorts_by("at_ms"),
        text("node_id"),
        text("node"),
        text("group_name"),
        integer("epoch"),
        text("state"),
        integer("health_bits"),
        integer("unmeasurable"),
        text("bits_set"),
        text("cause"),
        integer("at_ms"),
        text("group_id"),
    ],
    filters: &[
        filter(
            "node",
            "a node, by name or id",
            Check::Text("r.node_id IN (SELECT node_id FROM v_nodes WHERE name = ? OR node_id = ?)"),
        ),
        filter(
            "group",
            "changes a group saw, by name or id",
            Check::Text("r.group_id IN (SELECT group_id FROM v_groups WHERE name = ? OR group_id = ?)"),
        ),
        filter("state", "changes to one of these states", STATES),
        filter("from", "changes at this time or later", Check::Time("r.at_ms >= ?")),
        filter("to", "changes at this time or before", Check::Time("r.at_ms <= ?")),
    ],
};

/// Orders.
pub const ACTIONS: List = List {
    name: "actions",
    about: "what was ordered to be done to nodes, and what came of it",
    view: "v_actions",
    found_in: None,
    key: &["action_id"],
    sort: "-ordered_at",
    columns: &[
        text("action_id").sorts(),
        text("node").sorts(),
        text("node_id"),
        text("kind").sorts(),
        json("action"),
        text("state").sorts(),
        text("message"),
        text("ordered_by"),
        flag("automatic"),
        time("ordered_at").sorts_by("ordered_ms"),
        time("deadline_at"),
        integer("time_limit_ms"),
        time("begun_at").or_null(),
        time("ended_at").or_null(),
        integer("took_ms").or_null(),
        integer("ordered_ms"),
    ],
    filters: &[
        OF_NODE,
        filter(
            "state",
            "orders in one of these states",
            words!("state": "ordered", "running", "done", "failed", "refused", "expired"),
        ),
        filter(
            "kind",
            "orders of one of these kinds",
            words!("kind": "identify", "drain", "restart_service", "reboot"),
        ),
        filter("automatic", "whether a remedy ordered them", Check::Flag("r.automatic", "NOT r.automatic")),
        filter("from", "orders of this time or later", Check::Time("r.ordered_ms >= ?")),
        filter("to", "orders of this time or before", Check::Time("r.ordered_ms <= ?")),
    ],
};

/// What groups told of their nodes.
pub const ANALYTICS: List = List {
    name: "analytics",
    about: "how many of a group's nodes were in which state, period by period",
    view: "v_analytics",
    found_in: None,
    key: &["analytics_id"],
    sort: "-at",
    columns: &[
        integer("analytics_id").sorts(),
        time("at").sorts_by("at_ms"),
        text("group_id"),
        text("group_name"),
        integer("period_ms"),
        integer("members"),
        integer("joining"),
        integer("healthy"),
        integer("degraded"),
        integer("suspect"),
        integer("down"),
        integer("unknown"),
        integer("left_nodes"),
        json("bits"),
        integer("statuses"),
        json("refused"),
        integer("at_ms"),
    ],
    filters: &[
        filter(
            "group",
            "a group, by name or id",
            Check::Text("r.group_id IN (SELECT group_id FROM v_groups WHERE name = ? OR group_id = ?)"),
        ),
        filter("from", "periods that ended at this time or later", Check::Time("r.at_ms >= ?")),
        filter("to", "periods that ended at this time or before", Check::Time("r.at_ms <= ?")),
    ],
};

/// How readings were distributed.
pub const METRICS: List = List {
    name: "metrics",
    about: "how the readings of an indicator were distributed over a group's nodes, period by period",
    view: "v_group_metrics",
    found_in: None,
    key: &["analytics_id", "indicator"],
    sort: "-at",
    columns: &[
        integer("analytics_id").sorts(),
        time("at").sorts_by("at_ms"),
        text("group_id"),
        text("group_name"),
        text("indicator"),
        text("unit").or_null(),
        integer("period_ms"),
        integer("readings"),
        real("min"),
        real("p50"),
        real("p90"),
        real("p99"),
        real("max"),
        integer("at_ms"),
    ],
    filters: &[
        filter(
            "group",
            "a group, by name or id",
            Check::Text("r.group_id IN (SELECT group_id FROM v_groups WHERE name = ? OR group_id = ?)"),
        ),
        filter("indicator", "an indicator, by name", Check::Indicator("r.indicator = ?")),
        filter("from", "periods that ended at this time or later", Check::Time("r.at_ms >= ?")),
        filter("to", "periods that ended at this time or before", Check::Time("r.at_ms <= ?")),
    ],
};

/// Policies that were ever set.
pub const POLICIES: List = List {
    name: "policies",
    about: "every policy that was ever set",
    view: "(SELECT version, current, set_at, set_by AS \"by\", comment, nodes, refused, document FROM v_policies)",
    found_in: None,
    key: &["version"],
    sort: "-version",
    columns: &[
        integer("version").sorts(),
        flag("current"),
        time("set_at"),
        text("by"),
        text("comment"),
        integer("nodes"),
        integer("refused"),
        text("document").on_request(),
    ],
    filters: &[],
};
