-- The topology of a zone in PostgreSQL, as it stands in SQLite with version 5: the first version there is here. The
-- views people ask are in 0006_views.sql.
--
-- The tables are Rollcall's own and may change with any version. Ids are hyphenated UUIDs as text, times are
-- milliseconds since 1970-01-01T00:00:00Z (columns …_ms), and lists and maps are JSON as text, as they stand in SQLite.
-- A history row is in force while its until_ms is NULL. Text is compared byte by byte, in whatever language the server
-- sorts otherwise.
--
-- What must be shown to nobody, digests of tokens, stands in join_tokens and api_users. Whoever reads as the role made
-- for readers sees views only, and the views leave the digests out.

-- Marks the schema as Rollcall's; a schema that holds something else is left alone.
COMMENT ON TABLE _sqlx_migrations IS 'Rollcall: versions of the topology of a zone';

-- One database holds one zone.
CREATE TABLE zone (
    only_one   BIGINT           NOT NULL DEFAULT 1 UNIQUE CHECK (only_one = 1),
    zone_id    TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    name       TEXT COLLATE "C" NOT NULL,
    generation BIGINT           NOT NULL,                    -- grows with every start of the zone controller
    created_ms BIGINT           NOT NULL,
    started_ms BIGINT           NOT NULL
);

-- The dictionary of health indicators; written from the program's own at every start.
CREATE TABLE indicators (
    bit      BIGINT           NOT NULL PRIMARY KEY CHECK (bit BETWEEN 0 AND 23),
    name     TEXT COLLATE "C" NOT NULL UNIQUE,
    unit     TEXT COLLATE "C" NOT NULL,
    severity TEXT COLLATE "C" NOT NULL CHECK (severity IN ('warning', 'critical')),
    meaning  TEXT COLLATE "C" NOT NULL,
    remedy   TEXT COLLATE "C" NOT NULL
);

-- Every combination of characteristics ever seen or configured.
CREATE TABLE capabilities (
    capability    TEXT COLLATE "C" NOT NULL PRIMARY KEY,     -- canonical text
    digest        TEXT COLLATE "C" NOT NULL,                 -- SHA-256 of it, hexadecimal
    first_seen_ms BIGINT           NOT NULL
);

CREATE TABLE groups (
    group_id       TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    kind           TEXT COLLATE "C" NOT NULL CHECK (kind IN ('physical', 'logical', 'health')),
    name           TEXT COLLATE "C" NOT NULL,
    place          TEXT COLLATE "C",                         -- physical groups
    capability     TEXT COLLATE "C" REFERENCES capabilities, -- logical groups of one combination
    origin         TEXT COLLATE "C" NOT NULL,                -- what made it: ack, configuration, check-in …
    addresses      TEXT COLLATE "C" NOT NULL CHECK (addresses::json IS NOT NULL), -- of its group controller
    session        BIGINT           NOT NULL,                -- number of the membership; 0 = has no controller
    instance       TEXT COLLATE "C",                         -- run of the group controller
    created_ms     BIGINT           NOT NULL,
    joined_ms      BIGINT,                                   -- of the latest membership
    rule           TEXT COLLATE "C",                         -- groups by rule have one, and its dwell times
    enter_dwell_ms BIGINT,
    leave_dwell_ms BIGINT,
    dissolved_ms   BIGINT,                                   -- a dissolved group stays, for its history
    dissolved_by   TEXT COLLATE "C"
);
CREATE INDEX groups_by_kind ON groups (kind, name);
CREATE INDEX groups_by_capability ON groups (capability) WHERE capability IS NOT NULL;

CREATE TABLE channels (
    group_id    TEXT COLLATE "C" NOT NULL REFERENCES groups,
    purpose     TEXT COLLATE "C" NOT NULL,
    address     TEXT COLLATE "C" NOT NULL,
    port        BIGINT           NOT NULL,
    exchange    TEXT COLLATE "C" NOT NULL,
    queue       TEXT COLLATE "C" NOT NULL,
    routing_key TEXT COLLATE "C" NOT NULL,
    since_ms    BIGINT           NOT NULL,
    PRIMARY KEY (group_id, purpose)
);

CREATE TABLE checkins (
    checkin_id    TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    name          TEXT COLLATE "C" NOT NULL,
    address       TEXT COLLATE "C" NOT NULL,
    ranges        TEXT COLLATE "C" NOT NULL CHECK (ranges::json IS NOT NULL),
    first_seen_ms BIGINT           NOT NULL,
    last_seen_ms  BIGINT           NOT NULL
);

CREATE TABLE nodes (
    node_id         TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    name            TEXT COLLATE "C" NOT NULL,
    address         TEXT COLLATE "C" NOT NULL,
    place           TEXT COLLATE "C",
    instance        TEXT COLLATE "C",                        -- run of the agent that last checked in
    epoch           BIGINT           NOT NULL,               -- 0 = has not checked in
    state           TEXT COLLATE "C" NOT NULL
        CHECK (state IN ('joining', 'healthy', 'degraded', 'suspect', 'down', 'unknown', 'left')),
    since_ms        BIGINT           NOT NULL,               -- of the state
    bits            BIGINT           NOT NULL CHECK (bits BETWEEN 0 AND 16777215),
    mask            BIGINT           NOT NULL CHECK (mask BETWEEN 0 AND 16777215 AND mask & bits = 0),
    change_session  BIGINT           NOT NULL,               -- membership of the physical group, and
    change_number   BIGINT           NOT NULL,               -- number within it, of the last change taken
    last_change_ms  BIGINT,                                  -- when that was
    last_seen_ms    BIGINT           NOT NULL,               -- last sign of life that was worth a row
    first_seen_ms   BIGINT           NOT NULL,
    first_report_ms BIGINT,                                  -- NULL = no health was ever reported
    joined_ms       BIGINT,                                  -- of the latest epoch
    capability      TEXT COLLATE "C" REFERENCES capabilities,
    checkin_id      TEXT COLLATE "C",                        -- the service that planned the latest epoch
    evidence        TEXT COLLATE "C" CHECK (evidence IS NULL OR evidence::json IS NOT NULL) -- what the id was derived from
) WITH (fillfactor = 80); -- room beside a row for its next version, which then changes no index
CREATE INDEX nodes_by_name ON nodes (name);
CREATE INDEX nodes_by_state ON nodes (state);
CREATE INDEX nodes_by_address ON nodes (address);
CREATE INDEX nodes_by_capability ON nodes (capability) WHERE capability IS NOT NULL;

-- What a node is made of. A new row only when something differs.
CREATE TABLE node_hardware (
    hardware_id  BIGINT GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
    node_id      TEXT COLLATE "C" NOT NULL REFERENCES nodes,
    from_ms      BIGINT           NOT NULL,
    until_ms     BIGINT,
    cpu          TEXT COLLATE "C",
    cores        BIGINT,
    threads      BIGINT,
    memory_bytes BIGINT,
    nics         TEXT COLLATE "C" NOT NULL,                  -- short text
    topology     TEXT COLLATE "C" NOT NULL CHECK (topology::json IS NOT NULL)
);
CREATE UNIQUE INDEX one_current_hardware ON node_hardware (node_id) WHERE until_ms IS NULL;
CREATE INDEX hardware_of_node ON node_hardware (node_id, from_ms);

-- Who belongs where, since when, and why.
CREATE TABLE assignments (
    assignment_id  BIGINT GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
    node_id        TEXT COLLATE "C" NOT NULL REFERENCES nodes,
    kind           TEXT COLLATE "C" NOT NULL CHECK (kind IN ('physical', 'logical')),
    group_id       TEXT COLLATE "C" NOT NULL REFERENCES groups,
    epoch          BIGINT           NOT NULL,                -- the node's, when it was assigned
    reason         TEXT COLLATE "C" NOT NULL,
    from_ms        BIGINT           NOT NULL,
    until_ms       BIGINT,
    change_session BIGINT           NOT NULL DEFAULT 0,      -- of the last change taken from this group,
    change_number  BIGINT           NOT NULL DEFAULT 0       -- written when the row is closed
);
CREATE UNIQUE INDEX one_current_assignment ON assignments (node_id, kind) WHERE until_ms IS NULL;
CREATE INDEX current_members ON assignments (group_id) WHERE until_ms IS NULL;
CREATE INDEX assignments_of_node ON assignments (node_id, kind, from_ms);
CREATE INDEX assignments_of_group ON assignments (group_id, from_ms);

-- The 24 indicators of a node as they are now.
CREATE TABLE node_health_bits (
    node_id  TEXT COLLATE "C" NOT NULL REFERENCES nodes,
    bit      BIGINT           NOT NULL REFERENCES indicators,
    state    TEXT COLLATE "C" NOT NULL CHECK (state IN ('set', 'clear', 'unmeasurable')),
    since_ms BIGINT           NOT NULL,
    PRIMARY KEY (node_id, bit)
);
CREATE INDEX set_bits ON node_health_bits (bit) WHERE state = 'set';

-- Every change of state or health that was taken.
CREATE TABLE health_history (
    history_id BIGINT GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
    node_id    TEXT COLLATE "C" NOT NULL REFERENCES nodes,
    group_id   TEXT COLLATE "C" NOT NULL REFERENCES groups,  -- who saw it
    at_ms      BIGINT           NOT NULL,
    epoch      BIGINT           NOT NULL,
    state      TEXT COLLATE "C" NOT NULL,
    bits       BIGINT           NOT NULL,
    mask       BIGINT           NOT NULL,
    cause      TEXT COLLATE "C" NOT NULL
);
CREATE INDEX health_history_of_node ON health_history (node_id, at_ms);
CREATE INDEX health_history_by_time ON health_history (at_ms);

CREATE TABLE alerts (
    alert_id        BIGINT GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
    group_id        TEXT COLLATE "C" NOT NULL REFERENCES groups,
    node_id         TEXT COLLATE "C" REFERENCES nodes,       -- NULL = about the whole group
    kind            TEXT COLLATE "C" NOT NULL,               -- an indicator, 'liveness' or 'mass_darkness'
    severity        TEXT COLLATE "C" NOT NULL CHECK (severity IN ('warning', 'critical')),
    state           TEXT COLLATE "C" NOT NULL CHECK (state IN ('raised', 'cleared')),
    raised_ms       BIGINT           NOT NULL,
    cleared_ms      BIGINT,
    message         TEXT COLLATE "C" NOT NULL,
    acknowledged_ms BIGINT,                                  -- one that is open may have been seen by somebody
    acknowledged_by TEXT COLLATE "C",
    comment         TEXT COLLATE "C",
    CHECK ((state = 'cleared') = (cleared_ms IS NOT NULL))
);
CREATE UNIQUE INDEX one_open_alert_of_node ON alerts (node_id, kind) WHERE cleared_ms IS NULL AND node_id IS NOT NULL;
CREATE UNIQUE INDEX one_open_alert_of_group ON alerts (group_id, kind) WHERE cleared_ms IS NULL AND node_id IS NULL;
CREATE INDEX alerts_of_node ON alerts (node_id, raised_ms) WHERE node_id IS NOT NULL;
CREATE INDEX alerts_of_group ON alerts (group_id, raised_ms);
CREATE INDEX open_alerts ON alerts (group_id) WHERE state = 'raised';

-- One row per change of the topology.
CREATE TABLE events (
    event_id     BIGINT GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
    at_ms        BIGINT           NOT NULL,
    kind         TEXT COLLATE "C" NOT NULL,
    subject_type TEXT COLLATE "C" NOT NULL CHECK (subject_type IN ('zone', 'group', 'node', 'checkin', 'other')),
    subject_id   TEXT COLLATE "C" NOT NULL,
    message      TEXT COLLATE "C" NOT NULL,
    detail       TEXT COLLATE "C" NOT NULL CHECK (detail::json IS NOT NULL)
);
CREATE INDEX events_by_time ON events (at_ms);
CREATE INDEX events_of_subject ON events (subject_id, event_id);
CREATE INDEX events_by_kind ON events (kind, event_id);

CREATE INDEX groups_by_rule ON groups (name) WHERE rule IS NOT NULL;

-- Every policy that was ever set; the greatest version is in force.
CREATE TABLE policies (
    version  BIGINT           NOT NULL PRIMARY KEY,
    document TEXT COLLATE "C" NOT NULL,                      -- as it was written
    set_ms   BIGINT           NOT NULL,
    set_by   TEXT COLLATE "C" NOT NULL,
    comment  TEXT COLLATE "C" NOT NULL
);

-- Which policy a node obeys, and which one it cannot.
CREATE TABLE node_policies (
    node_id         TEXT COLLATE "C" NOT NULL PRIMARY KEY REFERENCES nodes,
    version         BIGINT           NOT NULL,               -- 0 = none yet
    applied_ms      BIGINT,
    refused_version BIGINT,                                  -- NULL = none, or it obeys that one or a later one by now
    refused_ms      BIGINT,
    problem         TEXT COLLATE "C",                        -- why not
    CHECK ((refused_version IS NULL) = (problem IS NULL))
);
CREATE INDEX nodes_by_policy ON node_policies (version);
CREATE INDEX nodes_that_refuse ON node_policies (refused_version) WHERE refused_version IS NOT NULL;

-- Orders.
CREATE TABLE actions (
    action_id     TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    node_id       TEXT COLLATE "C" NOT NULL REFERENCES nodes,
    kind          TEXT COLLATE "C" NOT NULL,
    action        TEXT COLLATE "C" NOT NULL CHECK (action::json IS NOT NULL),
    ordered_by    TEXT COLLATE "C" NOT NULL,                 -- a person, or the name of a remedy
    automatic     BOOLEAN          NOT NULL,
    deadline_ms   BIGINT           NOT NULL,                 -- not begun after this
    time_limit_ms BIGINT           NOT NULL,                 -- once begun
    state         TEXT COLLATE "C" NOT NULL
        CHECK (state IN ('ordered', 'running', 'done', 'failed', 'refused', 'expired')),
    message       TEXT COLLATE "C" NOT NULL,                 -- what was done, or why not
    ordered_ms    BIGINT           NOT NULL,
    begun_ms      BIGINT,
    ended_ms      BIGINT
);
CREATE INDEX actions_of_node ON actions (node_id, ordered_ms);
CREATE INDEX actions_by_time ON actions (ordered_ms);
CREATE INDEX open_actions ON actions (node_id) WHERE state IN ('ordered', 'running');

-- Combinations of hardware nobody foresaw, and what was decided on them.
CREATE TABLE held_combinations (
    capability TEXT COLLATE "C" NOT NULL PRIMARY KEY REFERENCES capabilities,
    state      TEXT COLLATE "C" NOT NULL CHECK (state IN ('waiting', 'approved', 'denied')),
    node_id    TEXT COLLATE "C",                             -- the node that brought it, which need not be known: it was not let in;
    node_name  TEXT COLLATE "C",                             -- NULL = decided before any came
    held_ms    BIGINT,
    decided_ms BIGINT,
    decided_by TEXT COLLATE "C"
);

-- Check-in services at configured places.
CREATE TABLE checkin_places (
    name     TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    group_id TEXT COLLATE "C" NOT NULL REFERENCES groups,    -- that runs it, or is to
    running  BOOLEAN          NOT NULL,
    message  TEXT COLLATE "C" NOT NULL,
    since_ms BIGINT           NOT NULL
);

-- Who is in which group by rule, since when, and why. Physical groups and those of a combination are in assignments.
CREATE TABLE memberships (
    membership_id BIGINT GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
    node_id       TEXT COLLATE "C" NOT NULL REFERENCES nodes,
    group_id      TEXT COLLATE "C" NOT NULL REFERENCES groups,
    from_ms       BIGINT           NOT NULL,
    reason        TEXT COLLATE "C" NOT NULL,
    until_ms      BIGINT,
    left_reason   TEXT COLLATE "C"
);
CREATE UNIQUE INDEX one_current_membership ON memberships (node_id, group_id) WHERE until_ms IS NULL;
CREATE INDEX current_members_by_rule ON memberships (group_id) WHERE until_ms IS NULL;
CREATE INDEX memberships_of_node ON memberships (node_id, from_ms);
CREATE INDEX memberships_of_group ON memberships (group_id, from_ms);

-- What arrived on channels beyond alerts, policies and analytics: the newest of each, numbered without gaps.
CREATE TABLE channel_messages (
    channel  TEXT COLLATE "C" NOT NULL,
    number   BIGINT           NOT NULL,
    sent_ms  BIGINT           NOT NULL,
    sender   TEXT COLLATE "C" NOT NULL,                      -- its inbox
    what     TEXT COLLATE "C" NOT NULL,
    subject  TEXT COLLATE "C" NOT NULL,
    severity TEXT COLLATE "C" NOT NULL CHECK (severity IN ('warning', 'critical')),
    message  TEXT COLLATE "C" NOT NULL,
    detail   TEXT COLLATE "C" NOT NULL CHECK (detail::json IS NOT NULL),
    PRIMARY KEY (channel, number)
);
CREATE INDEX channel_messages_by_time ON channel_messages (channel, sent_ms);

-- What groups told of all their nodes together, period by period, for some days.
CREATE TABLE analytics (
    analytics_id BIGINT GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
    group_id     TEXT COLLATE "C" NOT NULL REFERENCES groups,
    at_ms        BIGINT           NOT NULL,                  -- when the period was over
    session      BIGINT           NOT NULL,
    period_ms    BIGINT           NOT NULL,
    states       TEXT COLLATE "C" NOT NULL CHECK (states::json IS NOT NULL), -- nodes by state
    bits         TEXT COLLATE "C" NOT NULL CHECK (bits::json IS NOT NULL), -- nodes by the name of a set indicator
    metrics      TEXT COLLATE "C" NOT NULL CHECK (metrics::json IS NOT NULL), -- by indicator: [count, min, p50, p90, p99, max]
    statuses     BIGINT           NOT NULL,
    refused      TEXT COLLATE "C" NOT NULL CHECK (refused::json IS NOT NULL)
);
CREATE UNIQUE INDEX analytics_of_group ON analytics (group_id, at_ms);
CREATE INDEX analytics_by_time ON analytics (at_ms);

-- Tokens to join with. Each is used once.
CREATE TABLE join_tokens (
    token         TEXT COLLATE "C" NOT NULL PRIMARY KEY,     -- short public id: the beginning of its digest
    sha256        TEXT COLLATE "C" NOT NULL UNIQUE,
    kind          TEXT COLLATE "C" NOT NULL CHECK (kind IN ('node', 'group', 'checkin')),
    name          TEXT COLLATE "C",                          -- only for somebody of this name
    place         TEXT COLLATE "C",                          -- only for somebody at this place
    created_ms    BIGINT           NOT NULL,
    created_by    TEXT COLLATE "C" NOT NULL,
    not_before_ms BIGINT           NOT NULL,
    expires_ms    BIGINT           NOT NULL,
    used_ms       BIGINT,
    used_by       TEXT COLLATE "C",                          -- a principal
    revoked_ms    BIGINT,
    revoked_by    TEXT COLLATE "C",
    CHECK (name IS NOT NULL OR place IS NOT NULL),
    CHECK ((used_ms IS NULL) = (used_by IS NULL)),
    CHECK ((revoked_ms IS NULL) = (revoked_by IS NULL)),
    CHECK (used_ms IS NULL OR revoked_ms IS NULL)
);
CREATE INDEX join_tokens_by_end ON join_tokens (expires_ms);

-- Requests to join without a token, and what was decided on them.
CREATE TABLE join_requests (
    join_id      TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    principal    TEXT COLLATE "C" NOT NULL,
    name         TEXT COLLATE "C" NOT NULL,
    place        TEXT COLLATE "C",
    address      TEXT COLLATE "C",
    origin       TEXT COLLATE "C" NOT NULL,                  -- where it came from
    key_sha256   TEXT COLLATE "C" NOT NULL,
    csr          TEXT COLLATE "C" NOT NULL,                  -- PEM
    requested_ms BIGINT           NOT NULL,
    state        TEXT COLLATE "C" NOT NULL CHECK (state IN ('pending', 'approved', 'denied', 'issued')),
    decided_ms   BIGINT,
    decided_by   TEXT COLLATE "C",
    reason       TEXT COLLATE "C",
    CHECK (state = 'pending' OR decided_ms IS NOT NULL)
);
CREATE INDEX join_requests_by_time ON join_requests (requested_ms);

-- Certificates, and those of the last thirty days.
CREATE TABLE certificates (
    certificate_no BIGINT GENERATED BY DEFAULT AS IDENTITY UNIQUE, -- in the order they were issued
    serial     TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    principal  TEXT COLLATE "C" NOT NULL,
    user_name  TEXT COLLATE "C" NOT NULL,                    -- common name, and user at the broker
    name       TEXT COLLATE "C" NOT NULL,                    -- for people
    place      TEXT COLLATE "C",
    issued_ms  BIGINT           NOT NULL,
    expires_ms BIGINT           NOT NULL,
    key_sha256 TEXT COLLATE "C" NOT NULL,
    issued_by  TEXT COLLATE "C" NOT NULL,                    -- 'token …', 'approval …', 'renewal of …', 'group …'
    revoked_ms BIGINT,
    revoked_by TEXT COLLATE "C",
    reason     TEXT COLLATE "C",
    CHECK ((revoked_ms IS NULL) = (revoked_by IS NULL))
);
CREATE INDEX certificates_of_principal ON certificates (principal, issued_ms);
CREATE INDEX certificates_by_end ON certificates (expires_ms);
CREATE INDEX certificates_by_issue ON certificates (issued_ms);

-- Who was thrown out, and is kept out until lifted.
CREATE TABLE revoked_principals (
    principal TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    name      TEXT COLLATE "C" NOT NULL,                     -- a token for this name lifts it
    since_ms  BIGINT           NOT NULL,
    by        TEXT COLLATE "C" NOT NULL,
    reason    TEXT COLLATE "C" NOT NULL
);

-- Users of the API. A removed one stays, for its history.
CREATE TABLE api_users (
    name       TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    role       TEXT COLLATE "C" NOT NULL CHECK (role IN ('viewer', 'operator', 'administrator')),
    sha256     TEXT COLLATE "C" UNIQUE,                      -- of the token; NULL = by certificate only
    created_ms BIGINT           NOT NULL,
    created_by TEXT COLLATE "C" NOT NULL,
    changed_ms BIGINT,
    changed_by TEXT COLLATE "C",
    removed_ms BIGINT,
    removed_by TEXT COLLATE "C"
);

-- ---------------------------------------------------------------------------------------------------------------
-- The audit log: rows are only ever added, and each holds the digest of all before it
-- ---------------------------------------------------------------------------------------------------------------

CREATE TABLE audit (
    seq     BIGINT           NOT NULL PRIMARY KEY,
    at_ms   BIGINT           NOT NULL,
    who     TEXT COLLATE "C" NOT NULL,
    origin  TEXT COLLATE "C" NOT NULL,
    action  TEXT COLLATE "C" NOT NULL,
    subject TEXT COLLATE "C" NOT NULL,
    before  TEXT COLLATE "C" NOT NULL CHECK (before::json IS NOT NULL),
    after   TEXT COLLATE "C" NOT NULL CHECK (after::json IS NOT NULL),
    hash    TEXT COLLATE "C" NOT NULL
);
CREATE INDEX audit_by_time ON audit (at_ms);
CREATE INDEX audit_by_subject ON audit (subject, seq);

-- Rows are only ever added, and numbered without gaps.
CREATE FUNCTION audit_is_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' AND new.seq = (SELECT coalesce(max(seq), 0) + 1 FROM audit) THEN
        RETURN new;
    END IF;
    RAISE EXCEPTION 'the audit log is append-only';
END
$$;

CREATE TRIGGER audit_rows_stay BEFORE INSERT OR UPDATE OR DELETE ON audit
FOR EACH ROW EXECUTE FUNCTION audit_is_append_only();

CREATE TRIGGER audit_is_not_emptied BEFORE TRUNCATE ON audit
FOR EACH STATEMENT EXECUTE FUNCTION audit_is_append_only();
