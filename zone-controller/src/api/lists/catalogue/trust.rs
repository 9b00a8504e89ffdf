//! Who may join, who is who, and who may what.

use super::{filter, flag, integer, text, time, words};
use crate::api::lists::{Check, List};

/// Tokens to join with.
pub const TOKENS: List = List {
    name: "tokens",
    about: "tokens to join with, by their public ids",
    view: "v_tokens",
    found_in: None,
    key: &["token"],
    sort: "-created_at",
    columns: &[
        text("token").sorts(),
        text("kind").sorts(),
        text("name").or_null(),
        text("place").or_null(),
        text("state").sorts(),
        time("created_at").sorts(),
        text("created_by"),
        time("not_before"),
        time("expires_at").sorts_by("expires_ms"),
        time("used_at").or_null(),
        text("used_by").or_null(),
        time("revoked_at").or_null(),
        text("revoked_by").or_null(),
        integer("expires_ms"),
    ],
    filters: &[
        filter(
            "state",
            "tokens in one of these states",
            words!("state": "open", "used", "revoked", "expired", "not_yet_valid"),
        ),
        filter("kind", "tokens for nodes, or for groups", words!("kind": "node", "group", "checkin")),
        filter("name", "tokens for somebody of this name", Check::Text("r.name = ?")),
        filter("place", "tokens for somebody at this place", Check::Text("r.place = ?")),
    ],
};

/// Requests to join without a token.
pub const JOINS: List = List {
    name: "joins",
    about: "requests to join without a token",
    view: "v_joins",
    found_in: None,
    key: &["join_id"],
    sort: "-requested_at",
    columns: &[
        text("join_id").sorts(),
        text("principal"),
        text("name").sorts(),
        text("place").or_null(),
        text("address").or_null(),
        text("origin"),
        text("state").sorts(),
        time("requested_at").sorts(),
        time("decided_at").or_null(),
        text("decided_by").or_null(),
        text("reason").or_null(),
        text("key_sha256"),
        text("csr").on_request(),
    ],
    filters: &[
        filter("state", "requests in one of these states", words!("state": "pending", "approved", "denied", "issued")),
        filter("name", "requests of somebody of this name", Check::Text("r.name = ?")),
        filter("principal", "requests of this principal", Check::Text("r.principal = ?")),
    ],
};

/// Certificates the zone issued.
pub const CERTIFICATES: List = List {
    name: "certificates",
    about: "certificates the zone issued",
    view: "v_certificates",
    found_in: None,
    key: &["serial"],
    sort: "-expires_at",
    columns: &[
        text("serial").sorts(),
        text("principal").sorts(),
        text("name").sorts(),
        text("place").or_null(),
        text("user_name"),
        text("state").sorts(),
        time("issued_at").sorts(),
        time("expires_at").sorts_by("expires_ms"),
        text("issued_by"),
        text("key_sha256"),
        time("revoked_at").or_null(),
        text("revoked_by").or_null(),
        text("reason").or_null(),
        integer("expires_ms"),
        flag("newest"),
    ],
    filters: &[
        filter("state", "certificates in one of these states", words!("state": "valid", "expired", "revoked")),
        filter("principal", "a principal, or a name", Check::Text("(r.principal = ? OR r.name = ?)")),
        filter(
            "newest",
            "whether they are the one of their principal that lasts longest",
            Check::Flag("r.newest", "NOT r.newest"),
        ),
    ],
};

/// Users of the API.
pub const USERS: List = List {
    name: "users",
    about: "users of the API who are not removed",
    view: "(SELECT * FROM v_users WHERE removed_at IS NULL)",
    found_in: None,
    key: &["name"],
    sort: "name",
    columns: &[
        text("name").sorts(),
        text("role").sorts(),
        flag("has_token"),
        time("created_at").sorts(),
        text("created_by"),
        time("changed_at").or_null(),
        text("changed_by").or_null(),
        time("removed_at").or_null(),
        text("removed_by").or_null(),
        text("entry").or_null(),
    ],
    filters: &[filter("role", "users of one of these roles", words!("role": "viewer", "operator", "administrator"))],
};
