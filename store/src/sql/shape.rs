//! The columns of the tables, said once; the statements that follow from them are written by [`Dialect`](super::Dialect).

pub(crate) struct Shape {
    pub table: &'static str,
    pub key: &'static [&'static str],
    pub columns: &'static [&'static str],
    /// Columns among them that hold JSON lists and maps.
    pub lists: &'static [&'static str],
    /// Columns among them that hold yes or no.
    pub flags: &'static [&'static str],
}

pub(crate) const ZONE: Shape = Shape {
    table: "zone",
    key: &["zone_id"],
    columns: &["zone_id", "name", "generation", "created_ms", "started_ms"],
    lists: &[],
    flags: &[],
};

pub(crate) const GROUPS: Shape = Shape {
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
        "rule",
        "enter_dwell_ms",
        "leave_dwell_ms",
        "dissolved_ms",
        "dissolved_by",
    ],
    lists: &["addresses"],
    flags: &[],
};

pub(crate) const CHECKINS: Shape = Shape {
    table: "checkins",
    key: &["checkin_id"],
    columns: &["checkin_id", "name", "address", "ranges", "first_seen_ms", "last_seen_ms"],
    lists: &["ranges"],
    flags: &[],
};

pub(crate) const NODES: Shape = Shape {
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
    flags: &[],
};

pub(crate) const HARDWARE: Shape = Shape {
    table: "node_hardware",
    key: &[],
    columns: &["node_id", "from_ms", "until_ms", "cpu", "cores", "threads", "memory_bytes", "nics", "topology"],
    lists: &[],
    flags: &[],
};

pub(crate) const ASSIGNMENTS: Shape = Shape {
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
    flags: &[],
};

pub(crate) const BITS: Shape = Shape {
    table: "node_health_bits",
    key: &["node_id", "bit"],
    columns: &["node_id", "bit", "state", "since_ms"],
    lists: &[],
    flags: &[],
};

pub(crate) const HEALTH: Shape = Shape {
    table: "health_history",
    key: &[],
    columns: &["node_id", "group_id", "at_ms", "epoch", "state", "bits", "mask", "cause"],
    lists: &[],
    flags: &[],
};

pub(crate) const EVENTS: Shape = Shape {
    table: "events",
    key: &[],
    columns: &["at_ms", "kind", "subject_type", "subject_id", "message", "detail"],
    lists: &[],
    flags: &[],
};

pub(crate) const POLICIES: Shape = Shape {
    table: "policies",
    key: &["version"],
    columns: &["version", "document", "set_ms", "set_by", "comment"],
    lists: &[],
    flags: &[],
};

pub(crate) const NODE_POLICIES: Shape = Shape {
    table: "node_policies",
    key: &["node_id"],
    columns: &["node_id", "version", "applied_ms", "refused_version", "refused_ms", "problem"],
    lists: &[],
    flags: &[],
};

pub(crate) const MEMBERSHIPS: Shape = Shape {
    table: "memberships",
    key: &[],
    columns: &["node_id", "group_id", "from_ms", "reason", "until_ms", "left_reason"],
    lists: &[],
    flags: &[],
};

pub(crate) const ACTIONS: Shape = Shape {
    table: "actions",
    key: &["action_id"],
    columns: &[
        "action_id",
        "node_id",
        "kind",
        "action",
        "ordered_by",
        "automatic",
        "deadline_ms",
        "time_limit_ms",
        "state",
        "message",
        "ordered_ms",
        "begun_ms",
        "ended_ms",
    ],
    lists: &["action"],
    flags: &["automatic"],
};

pub(crate) const COMBINATIONS: Shape = Shape {
    table: "held_combinations",
    key: &["capability"],
    columns: &["capability", "state", "node_id", "node_name", "held_ms", "decided_ms", "decided_by"],
    lists: &[],
    flags: &[],
};

pub(crate) const PLACES: Shape = Shape {
    table: "checkin_places",
    key: &["name"],
    columns: &["name", "group_id", "running", "message", "since_ms"],
    lists: &[],
    flags: &["running"],
};

pub(crate) const MESSAGES: Shape = Shape {
    table: "channel_messages",
    key: &["channel", "number"],
    columns: &["channel", "number", "sent_ms", "sender", "what", "subject", "severity", "message", "detail"],
    lists: &[],
    flags: &[],
};

pub(crate) const ANALYTICS: Shape = Shape {
    table: "analytics",
    key: &["group_id", "at_ms"],
    columns: &["group_id", "at_ms", "session", "period_ms", "states", "bits", "metrics", "statuses", "refused"],
    lists: &["states", "bits", "metrics", "refused"],
    flags: &[],
};

pub(crate) const TOKENS: Shape = Shape {
    table: "join_tokens",
    key: &["token"],
    columns: &[
        "token",
        "sha256",
        "kind",
        "name",
        "place",
        "created_ms",
        "created_by",
        "not_before_ms",
        "expires_ms",
        "used_ms",
        "used_by",
        "revoked_ms",
        "revoked_by",
    ],
    lists: &[],
    flags: &[],
};

pub(crate) const JOINS: Shape = Shape {
    table: "join_requests",
    key: &["join_id"],
    columns: &[
        "join_id",
        "principal",
        "name",
        "place",
        "address",
        "origin",
        "key_sha256",
        "csr",
        "requested_ms",
        "state",
        "decided_ms",
        "decided_by",
        "reason",
    ],
    lists: &[],
    flags: &[],
};

pub(crate) const CERTIFICATES: Shape = Shape {
    table: "certificates",
    key: &["serial"],
    columns: &[
        "serial",
        "principal",
        "user_name",
        "name",
        "place",
        "issued_ms",
        "expires_ms",
        "key_sha256",
        "issued_by",
        "revoked_ms",
        "revoked_by",
        "reason",
    ],
    lists: &[],
    flags: &[],
};

pub(crate) const REVOKED: Shape = Shape {
    table: "revoked_principals",
    key: &["principal"],
    columns: &["principal", "name", "since_ms", "by", "reason"],
    lists: &[],
    flags: &[],
};

pub(crate) const USERS: Shape = Shape {
    table: "api_users",
    key: &["name"],
    columns: &[
        "name",
        "role",
        "sha256",
        "created_ms",
        "created_by",
        "changed_ms",
        "changed_by",
        "removed_ms",
        "removed_by",
        "entry",
    ],
    lists: &[],
    flags: &[],
};

pub(crate) const AUDIT: Shape = Shape {
    table: "audit",
    key: &[],
    columns: &["seq", "at_ms", "who", "origin", "action", "subject", "before", "after", "hash"],
    lists: &[],
    flags: &[],
};

pub(crate) const PRUNINGS: Shape = Shape {
    table: "prunings",
    key: &["history"],
    columns: &["history", "before_ms", "removed", "ended_ms", "next_ms"],
    lists: &[],
    flags: &[],
};

pub(crate) const INDICATORS: Shape = Shape {
    table: "indicators",
    key: &["bit"],
    columns: &["bit", "name", "unit", "severity", "meaning", "remedy"],
    lists: &[],
    flags: &[],
};

pub(crate) const CAPABILITIES: Shape = Shape {
    table: "capabilities",
    key: &["capability"],
    columns: &["capability", "digest", "first_seen_ms"],
    lists: &[],
    flags: &[],
};
