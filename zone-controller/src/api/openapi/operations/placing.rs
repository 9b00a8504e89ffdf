//! How free nodes are, and where to place something.

use super::{Answer, Operation, query};
use crate::api::openapi::shapes::Shape;
use crate::api::openapi::shapes::Shape::{Boolean, Either, Integer, List, Name, Number, Object, Or, Text, Uuid, Words};
use crate::api::targets::MOST_TARGETS;

const KIND: Shape = Words(&["balance", "power", "mixed"]);
const SIZE: Shape = Either(&[Number, Words(&["large", "median"])]);

/// A node as it was heard, of one kind.
const HEARD: Shape = Object(&[
    ("node_id", Uuid),
    ("node", Or(&Name)),
    ("rack", Or(&Name)),
    ("rack_id", Or(&Uuid)),
    ("state", Or(&Text)),
    ("kind", KIND),
    ("availability", Or(&Number)),
    ("error", Or(&Number)),
    ("messages_per_second", Or(&Number)),
    ("age_ms", Or(&Integer)),
    ("share", Number),
    ("barred", List(&Text)),
]);
/// A node as it says itself that it speaks.
pub(super) const SENT: Shape = Object(&[
    ("storage", Number),
    ("processing", Number),
    ("communications", Or(&Number)),
    ("share", Number),
    ("kinds", List(&Object(&[("kind", KIND), ("availability", Number), ("messages_per_second", Number)]))),
]);
const OF_NODE: Shape = Object(&[
    ("node_id", Uuid),
    ("node", Name),
    ("heard", List(&HEARD)),
    ("sent", Or(&SENT)),
    ("problem", Or(&Text)),
    ("min", Number),
    ("kinds", List(&Object(&[("kind", KIND), ("slowest", Number), ("fastest", Number)]))),
]);
const TARGET: Shape = Object(&[
    ("node_id", Uuid),
    ("node", Name),
    ("rack", Or(&Name)),
    ("rack_id", Or(&Uuid)),
    ("address", Or(&Text)),
    ("state", Or(&Text)),
    ("availability", Or(&Number)),
    ("error", Or(&Number)),
    ("age_ms", Integer),
]);
const LOOK: Shape = Object(&[
    ("node_id", Uuid),
    ("node", Name),
    ("rack", Or(&Name)),
    ("source", Words(&["recent", "ranked"])),
    ("outcome", Words(&["chosen", "compared", "barred", "silent", "no_room", "not_accepted"])),
    ("score", Or(&Number)),
    ("why", Text),
]);
const TARGETS: Shape = Object(&[
    ("for", KIND),
    ("group", Or(&Object(&[("group_id", Uuid), ("name", Name)]))),
    ("size", Or(&SIZE)),
    ("placed", Boolean),
    ("targets", List(&TARGET)),
    ("missing", Or(&Text)),
    ("considered?", List(&LOOK)),
]);

const _: () = assert!(MOST_TARGETS == 32, "the text below says so");

/// The routes of placing.
pub const ALL: &[Operation] = &[
    Operation::get(
        "/v1/targets",
        "targets",
        "nodes to place something on; 409 with the reason where there is none",
        &[Answer::Json(200, TARGETS)],
    )
    .with(&[
        query("for", "which kind; the one that nodes send unless said, balance before power", KIND),
        query("group", "among the members of a group of any kind, by name or id", Text),
        query("size", "`large` or `median`, or how large a thing is beside the largest node, 0 to 1", SIZE),
        query("count", "so many different nodes, 1 to 32; 1 unless said", Integer),
        query("choices", "so many candidates are compared for each, 1 to 8; 2 unless said", Integer),
        query("capability", "only of this combination of hardware", Text),
        query("min_units", "only nodes at least so large, in units of a thread with 4 GiB", Number),
        query("rule", "only nodes that fulfil this rule (CEL) now", Text),
        query("explain", "tell every node that was looked at and what became of it; counts nothing as placed", Boolean),
    ]),
    Operation::get(
        "/v1/availability",
        "list_availability",
        "how free nodes are, recovered from how often they speak: a row for each node and kind",
        &[Answer::Page(List(&HEARD))],
    )
    .with(&[
        query("group", "members of a group of any kind, by name or id", Text),
        query("kind", "of this kind", KIND),
        query("limit", "most rows of the page; 1,000 unless said, at most 10,000", Integer),
        query("cursor", "from the link to the next page", Text),
    ]),
    Operation::get(
        "/v1/nodes/{node}/availability",
        "node_availability",
        "how free a node is, as it was heard, and as it says itself where it answers within 2 s",
        &[Answer::Json(200, OF_NODE)],
    ),
];
