//! What the zone is, and what is done to it.

use super::placing::SENT;
use super::{Answer, LATEST, OF_CHANGES, OF_EVENTS, Operation, Sent, body, query};
use crate::api::lists::catalogue as list;
use crate::api::openapi::shapes::Shape;
use crate::api::openapi::shapes::Shape::{
    Any, Anything, Boolean, Either, Flag, Integer, List, Map, Name, Number, Object, Or, Row, Text, Time, Uuid, Words,
};
use crate::api::{actions, alerts, channels, checkins, groups, policy, resources};

/// A list at a path.
macro_rules! pages {
    ($path:literal, $id:literal, $about:literal, $list:expr) => {
        Operation::get($path, $id, $about, &[Answer::Page(List(&Row(&$list)))]).of_lists(&[&$list])
    };
}
pub(super) use pages;

const COUNTS: Shape = Map(&Integer);
const CONTROLLER: Shape = Object(&[
    ("name", Name),
    ("address", Text),
    ("role", Words(&["active", "standby", "ended"])),
    ("generation", Or(&Integer)),
    ("since", Time),
    ("last_seen_at", Time),
]);
const STATUS: Shape = Object(&[
    ("controllers", List(&CONTROLLER)),
    ("zone", Object(&[("id", Uuid), ("name", Name), ("generation", Integer)])),
    ("broker", Text),
    ("database", Text),
    ("nodes", List(&Object(&[("state", Text), ("nodes", Integer)]))),
    ("groups", List(&Object(&[("kind", Text), ("groups", Integer)]))),
    ("alerts", List(&Object(&[("severity", Text), ("alerts", Integer)]))),
    ("policy_version", Integer),
    ("combinations_waiting", Integer),
    ("ignored", COUNTS),
    (
        "checkins",
        Map(&Object(&[("checkin", Uuid), ("assigned", Integer), ("refused", COUNTS), ("last_refusal", Or(&Text))])),
    ),
    ("places", Map(&Object(&[("place", Name), ("group", Or(&Uuid)), ("running", Boolean), ("message", Text)]))),
    ("unplaced", Map(&Name)),
    ("summaries", Map(&Anything)),
    ("neighbours", Map(&Text)),
]);

const BIT: Shape = Object(&[
    ("bit", Integer),
    ("indicator", Text),
    ("state", Words(&["set", "clear", "unmeasurable"])),
    ("since", Time),
]);
const MEMBERSHIP: Shape = Object(&[
    ("group_id", Uuid),
    ("group_name", Name),
    ("kind", Text),
    ("by_rule", Flag),
    ("since", Time),
    ("reason", Text),
]);
/// An event.
const EVENT: Shape = Object(&[
    ("event_id", Integer),
    ("at", Time),
    ("kind", Text),
    ("subject_type", Text),
    ("subject_id", Text),
    ("message", Text),
    ("detail", Any),
    ("at_ms", Integer),
]);
const NODE: Shape = Object(&[
    ("node", Row(&list::NODES)),
    ("bits", List(&BIT)),
    ("memberships", List(&MEMBERSHIP)),
    ("policy_version", Integer),
    ("assignments", List(&Row(&list::ASSIGNMENTS))),
    ("events", List(&EVENT)),
    ("hardware", Or(&Anything)),
]);
const READING: Shape = Object(&[
    ("name", Text),
    ("value", Or(&Number)),
    ("reason", Or(&Text)),
    ("set", Boolean),
    ("limit", Number),
    ("clear", Number),
    ("above", Boolean),
    ("dwell_ms", Integer),
]);
const READINGS: Shape = Object(&[
    ("node_id", Uuid),
    ("name", Or(&Name)),
    ("age_ms", Integer),
    ("policy_version", Integer),
    ("indicators", List(&READING)),
    ("availability", Or(&SENT)),
]);
const GROUP_ALERT: Shape = Object(&[
    ("group_id", Uuid),
    ("group_name", Name),
    ("kind", Text),
    ("place", Or(&Text)),
    ("severity", Text),
    ("raised", Integer),
    ("acknowledged", Integer),
    ("nodes", Integer),
    ("oldest_raised_at", Time),
    ("newest_raised_at", Time),
]);
const GROUP: Shape = Object(&[
    ("group", Row(&list::GROUPS)),
    ("rule", Or(&Row(&list::RULES))),
    ("members", List(&Object(&[("node_id", Uuid), ("node", Name), ("since", Time), ("reason", Text)]))),
    ("alerts", List(&GROUP_ALERT)),
]);
const TRIED: Shape = Object(&[
    ("matching", List(&Text)),
    ("nodes", Integer),
    ("unknown", Integer),
    ("why_unknown", List(&Object(&[("node", Text), ("reason", Text)]))),
]);
const PROGRESS: Shape = Object(&[
    ("group", Name),
    ("group_id", Uuid),
    ("version", Integer),
    ("applied", Integer),
    ("refused", Integer),
    ("members", Integer),
]);
const POLICY: Shape = Object(&[
    ("version", Integer),
    ("document", Text),
    ("set_at", Or(&Time)),
    ("by", Or(&Text)),
    ("comment", Or(&Text)),
    ("groups?", List(&PROGRESS)),
]);
const POLICY_SET: Shape = Object(&[
    ("version", Integer),
    ("changes", List(&Object(&[("scope", Text), ("key", Text), ("old", Any), ("new", Any)]))),
    ("dry_run", Boolean),
]);
const MESSAGE: Shape = Object(&[
    ("channel", Text),
    ("number", Integer),
    ("at", Time),
    ("sender", Text),
    ("what", Text),
    ("subject", Text),
    ("severity", Text),
    ("message", Text),
    ("detail", Any),
]);
const CHECKIN: Shape = Object(&[
    ("checkin_id", Or(&Uuid)),
    ("name", Name),
    ("address", Or(&Text)),
    ("ranges", Text),
    ("nodes", Integer),
    ("first_seen_at", Or(&Time)),
    ("last_seen_at", Or(&Time)),
    ("place", Or(&Text)),
    ("running_group", Or(&Text)),
    ("running_group_id", Or(&Uuid)),
    ("running", Or(&Flag)),
    ("message", Or(&Text)),
    ("placed_at", Or(&Time)),
    ("configured_place?", Text),
]);
const ANALYTICS: Shape = List(&Either(&[Row(&list::ANALYTICS), Row(&list::METRICS)]));
const TABLE: Shape = Object(&[("columns", List(&Text)), ("rows", List(&List(&Any))), ("truncated", Boolean)]);

/// The routes of the fleet.
pub const ALL: &[Operation] = &[
    Operation::get(
        "/healthz",
        "healthz",
        "lives",
        &[Answer::Text(200, &["text/plain"]), Answer::Text(503, &["text/plain"])],
    ),
    Operation::get(
        "/readyz",
        "readyz",
        "whether it reaches its broker and its database takes writes",
        &[Answer::Text(200, &["text/plain"]), Answer::Text(503, &["text/plain"])],
    ),
    Operation::get(
        "/metrics",
        "metrics",
        "figures for Prometheus",
        &[Answer::Text(200, &["application/openmetrics-text", "text/plain"])],
    ),
    Operation::get("/v1/openapi.json", "openapi", "this document", &[Answer::Json(200, Anything)]),
    Operation::get("/v1/status", "status", "the zone at a glance", &[Answer::Json(200, STATUS)]),
    pages!("/v1/zones", "list_zones", "the zone", list::ZONES),
    pages!("/v1/nodes", "list_nodes", "nodes", list::NODES),
    Operation::get("/v1/nodes/{node}", "node", "a node, with what belongs to it", &[Answer::Tagged(NODE)]),
    Operation::get(
        "/v1/nodes/{node}/readings",
        "readings",
        "what a node measures right now, asked of itself; 504 when it does not answer in 2 s",
        &[Answer::Json(200, READINGS)],
    ),
    pages!("/v1/nodes/{node}/health", "node_health", "the 24 indicators of a node", list::NODE_BITS),
    pages!("/v1/nodes/{node}/hardware", "node_hardware", "what a node is and was made of", list::HARDWARE),
    pages!("/v1/nodes/{node}/assignments", "node_assignments", "where a node stood", list::ASSIGNMENTS),
    pages!("/v1/groups", "list_groups", "groups", list::GROUPS),
    Operation::get("/v1/groups/{group}", "group", "a group, with what belongs to it", &[Answer::Tagged(GROUP)]),
    Operation::post(
        "/v1/groups",
        "set_group",
        "makes a group by rule, or changes the rule of one",
        body::<groups::RuleGroup>,
        &[Answer::Json(200, Object(&[("group_id", Uuid), ("members", Integer), ("undecided", Integer)]))],
    ),
    Operation::delete(
        "/v1/groups/{group}",
        "dissolve_group",
        "dissolves a group by rule",
        &[Answer::Json(200, Object(&[("group_id", Uuid), ("members", Integer)]))],
    ),
    pages!("/v1/rules", "list_rules", "groups by rule, and those that were", list::RULES),
    Operation::post(
        "/v1/rules/test",
        "test_rule",
        "who would be in a group of this rule; changes nothing",
        body::<groups::RuleText>,
        &[Answer::Json(200, TRIED)],
    ),
    pages!("/v1/memberships", "list_memberships", "who is in which group now", list::MEMBERSHIPS),
    pages!("/v1/assignments", "list_assignments", "who stood where", list::ASSIGNMENTS),
    pages!("/v1/hardware", "list_hardware", "what nodes are and were made of", list::HARDWARE),
    pages!("/v1/health/history", "health_history", "changes of state and health", list::HEALTH_HISTORY),
    pages!("/v1/capabilities", "list_capabilities", "combinations of hardware", list::CAPABILITIES),
    pages!("/v1/indicators", "list_indicators", "the dictionary of indicators", list::INDICATORS),
    Operation::get("/v1/policy", "policy", "the policy in force; version 0 for none", &[Answer::Tagged(POLICY)]),
    Operation {
        method: "PUT",
        sent: Sent::Toml,
        query: &[query("comment", "why", Text), query("dry_run", "only check and compare", Boolean)],
        ..Operation::get("/v1/policy", "set_policy", "sets the policy", &[Answer::Json(200, POLICY_SET)])
    },
    pages!("/v1/policy/history", "policy_history", "every policy that was ever set", list::POLICIES),
    Operation::get("/v1/policy/{version}", "former_policy", "a policy by its version", &[Answer::Tagged(POLICY)]),
    Operation::post(
        "/v1/policy/rollback",
        "roll_back_policy",
        "a former text as a new version",
        body::<policy::Rollback>,
        &[Answer::Json(200, POLICY_SET)],
    ),
    pages!("/v1/alerts", "list_alerts", "alerts", list::ALERTS),
    Operation::get("/v1/alerts/{alert}", "alert", "an alert", &[Answer::Tagged(Row(&list::ALERTS))]),
    Operation::post(
        "/v1/alerts/{alert}/acknowledge",
        "acknowledge_alert",
        "somebody has seen it",
        body::<alerts::Seen>,
        &[Answer::Json(200, Object(&[("alert", Integer)]))],
    ),
    pages!("/v1/actions", "list_actions", "orders", list::ACTIONS),
    Operation::get("/v1/actions/{action}", "action", "an order", &[Answer::Tagged(Row(&list::ACTIONS))]),
    Operation::post(
        "/v1/actions",
        "order_action",
        "orders something to be done to a node",
        body::<actions::Order>,
        &[Answer::Json(200, Object(&[("action_id", Uuid), ("repeated", Boolean)]))],
    ),
    pages!("/v1/channels", "list_channels", "channels", list::CHANNELS),
    Operation::get(
        "/v1/channels/{channel}/messages",
        "channel_messages",
        "messages of a channel made by configuration, oldest first",
        &[Answer::Json(200, List(&MESSAGE))],
    )
    .with(&LATEST),
    Operation::post(
        "/v1/channels/{channel}/messages",
        "send_message",
        "says something on a channel",
        body::<channels::Message>,
        &[Answer::Json(200, Object(&[("channel", Text), ("at", Integer)]))],
    ),
    Operation::get("/v1/checkins", "list_checkins", "check-in services", &[Answer::Json(200, List(&CHECKIN))]),
    pages!("/v1/combinations", "list_combinations", "hardware that waits for approval", list::COMBINATIONS),
    Operation::post(
        "/v1/combinations",
        "decide_combination",
        "approves or denies a combination of hardware",
        body::<checkins::Decision>,
        &[Answer::Json(
            200,
            Object(&[("capability", Text), ("approved", Boolean), ("group_id?", Uuid), ("name?", Name)]),
        )],
    ),
    Operation::get("/v1/analytics", "list_analytics", "summaries of the groups", &[Answer::Page(ANALYTICS)])
        .of_lists(&[&list::ANALYTICS, &list::METRICS]),
    Operation::get("/v1/events", "list_events", "what happened, oldest first", &[Answer::Live(List(&EVENT))])
        .with(&OF_EVENTS),
    Operation::get(
        "/v1/health/changes",
        "health_changes",
        "how state and health of nodes changed, oldest first",
        &[Answer::Live(List(&Row(&list::HEALTH_HISTORY)))],
    )
    .with(&OF_CHANGES),
    Operation::post(
        "/v1/sql",
        "ask_sql",
        "one question in SQL, read-only",
        body::<resources::Question>,
        &[Answer::Json(200, TABLE)],
    ),
];
