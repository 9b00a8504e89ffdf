-- The topology of a zone, version 1: facts and their history. The views people ask are in 0002_views.sql.
--
-- The tables are Rollcall's own and may change with any version. Ids are hyphenated UUIDs as text, times are
-- milliseconds since 1970-01-01T00:00:00Z (columns …_ms), and lists and maps are JSON. A history row is in force
-- while its until_ms is NULL.

-- ---------------------------------------------------------------------------------------------------------------
-- Facts
-- ---------------------------------------------------------------------------------------------------------------

-- One database holds one zone.
CREATE TABLE zone (
    only_one   INTEGER NOT NULL DEFAULT 1 UNIQUE CHECK (only_one = 1),
    zone_id    TEXT    NOT NULL PRIMARY KEY,
    name       TEXT    NOT NULL,
    generation INTEGER NOT NULL, -- grows with every start of the zone controller
    created_ms INTEGER NOT NULL,
    started_ms INTEGER NOT NULL
) STRICT;

-- The dictionary of health indicators; written from the program's own at every start.
CREATE TABLE indicators (
    bit      INTEGER NOT NULL PRIMARY KEY CHECK (bit BETWEEN 0 AND 23),
    name     TEXT    NOT NULL UNIQUE,
    unit     TEXT    NOT NULL,
    severity TEXT    NOT NULL CHECK (severity IN ('warning', 'critical')),
    meaning  TEXT    NOT NULL,
    remedy   TEXT    NOT NULL
) STRICT;

-- Every combination of characteristics ever seen or configured.
CREATE TABLE capabilities (
    capability    TEXT    NOT NULL PRIMARY KEY, -- canonical text
    digest        TEXT    NOT NULL,             -- SHA-256 of it, hexadecimal
    first_seen_ms INTEGER NOT NULL
) STRICT;

CREATE TABLE groups (
    group_id   TEXT    NOT NULL PRIMARY KEY,
    kind       TEXT    NOT NULL CHECK (kind IN ('physical', 'logical', 'health')),
    name       TEXT    NOT NULL,
    place      TEXT,                                  -- physical groups
    capability TEXT    REFERENCES capabilities,       -- logical groups of one combination
    origin     TEXT    NOT NULL,                      -- what made it: ack, configuration, check-in …
    addresses  TEXT    NOT NULL CHECK (json_valid(addresses)), -- of its group controller
    session    INTEGER NOT NULL,                      -- number of the membership; 0 = has no controller
    instance   TEXT,                                  -- run of the group controller
    created_ms INTEGER NOT NULL,
    joined_ms  INTEGER                                -- of the latest membership
) STRICT;
CREATE INDEX groups_by_kind ON groups (kind, name);
CREATE INDEX groups_by_capability ON groups (capability) WHERE capability IS NOT NULL;

CREATE TABLE channels (
    group_id    TEXT    NOT NULL REFERENCES groups,
    purpose     TEXT    NOT NULL,
    address     TEXT    NOT NULL,
    port        INTEGER NOT NULL,
    exchange    TEXT    NOT NULL,
    queue       TEXT    NOT NULL,
    routing_key TEXT    NOT NULL,
    since_ms    INTEGER NOT NULL,
    PRIMARY KEY (group_id, purpose)
) STRICT, WITHOUT ROWID;

CREATE TABLE checkins (
    checkin_id    TEXT    NOT NULL PRIMARY KEY,
    name          TEXT    NOT NULL,
    address       TEXT    NOT NULL,
    ranges        TEXT    NOT NULL CHECK (json_valid(ranges)),
    first_seen_ms INTEGER NOT NULL,
    last_seen_ms  INTEGER NOT NULL
) STRICT;

CREATE TABLE nodes (
    node_id         TEXT    NOT NULL PRIMARY KEY,
    name            TEXT    NOT NULL,
    address         TEXT    NOT NULL,
    place           TEXT,
    instance        TEXT,                        -- run of the agent that last checked in
    epoch           INTEGER NOT NULL,            -- 0 = has not checked in
    state           TEXT    NOT NULL
        CHECK (state IN ('joining', 'healthy', 'degraded', 'suspect', 'down', 'unknown', 'left')),
    since_ms        INTEGER NOT NULL,            -- of the state
    bits            INTEGER NOT NULL CHECK (bits BETWEEN 0 AND 0xffffff),
    mask            INTEGER NOT NULL CHECK (mask BETWEEN 0 AND 0xffffff AND mask & bits = 0),
    change_session  INTEGER NOT NULL,            -- membership of the physical group, and
    change_number   INTEGER NOT NULL,            -- number within it, of the last change taken
    last_change_ms  INTEGER,                     -- when that was
    last_seen_ms    INTEGER NOT NULL,            -- last sign of life that was worth a row
    first_seen_ms   INTEGER NOT NULL,
    first_report_ms INTEGER,                     -- NULL = no health was ever reported
    joined_ms       INTEGER,                     -- of the latest epoch
    capability      TEXT    REFERENCES capabilities,
    checkin_id      TEXT,                        -- the service that planned the latest epoch
    evidence        TEXT    CHECK (json_valid(evidence)) -- what the id was derived from
) STRICT;
CREATE INDEX nodes_by_name ON nodes (name);
CREATE INDEX nodes_by_state ON nodes (state);
CREATE INDEX nodes_by_address ON nodes (address);
CREATE INDEX nodes_by_capability ON nodes (capability) WHERE capability IS NOT NULL;

-- ---------------------------------------------------------------------------------------------------------------
-- History
-- ---------------------------------------------------------------------------------------------------------------

-- What a node is made of. A new row only when something differs.
CREATE TABLE node_hardware (
    hardware_id  INTEGER PRIMARY KEY AUTOINCREMENT,
    node_id      TEXT    NOT NULL REFERENCES nodes,
    from_ms      INTEGER NOT NULL,
    until_ms     INTEGER,
    cpu          TEXT,
    cores        INTEGER,
    threads      INTEGER,
    memory_bytes INTEGER,
    nics         TEXT    NOT NULL, -- short text
    topology     TEXT    NOT NULL CHECK (json_valid(topology))
) STRICT;
CREATE UNIQUE INDEX one_current_hardware ON node_hardware (node_id) WHERE until_ms IS NULL;
CREATE INDEX hardware_of_node ON node_hardware (node_id, from_ms);

-- Who belongs where, since when, and why.
CREATE TABLE assignments (
    assignment_id  INTEGER PRIMARY KEY AUTOINCREMENT,
    node_id        TEXT    NOT NULL REFERENCES nodes,
    kind           TEXT    NOT NULL CHECK (kind IN ('physical', 'logical')),
    group_id       TEXT    NOT NULL REFERENCES groups,
    epoch          INTEGER NOT NULL, -- the node's, when it was assigned
    reason         TEXT    NOT NULL,
    from_ms        INTEGER NOT NULL,
    until_ms       INTEGER,
    change_session INTEGER NOT NULL DEFAULT 0, -- of the last change taken from this group,
    change_number  INTEGER NOT NULL DEFAULT 0  -- written when the row is closed
) STRICT;
CREATE UNIQUE INDEX one_current_assignment ON assignments (node_id, kind) WHERE until_ms IS NULL;
CREATE INDEX current_members ON assignments (group_id) WHERE until_ms IS NULL;
CREATE INDEX assignments_of_node ON assignments (node_id, kind, from_ms);
CREATE INDEX assignments_of_group ON assignments (group_id, from_ms);

-- The 24 indicators of a node as they are now.
CREATE TABLE node_health_bits (
    node_id  TEXT    NOT NULL REFERENCES nodes,
    bit      INTEGER NOT NULL REFERENCES indicators,
    state    TEXT    NOT NULL CHECK (state IN ('set', 'clear', 'unmeasurable')),
    since_ms INTEGER NOT NULL,
    PRIMARY KEY (node_id, bit)
) STRICT, WITHOUT ROWID;
CREATE INDEX set_bits ON node_health_bits (bit) WHERE state = 'set';

-- Every change of state or health that was taken.
CREATE TABLE health_history (
    history_id INTEGER PRIMARY KEY AUTOINCREMENT,
    node_id    TEXT    NOT NULL REFERENCES nodes,
    group_id   TEXT    NOT NULL REFERENCES groups, -- who saw it
    at_ms      INTEGER NOT NULL,
    epoch      INTEGER NOT NULL,
    state      TEXT    NOT NULL,
    bits       INTEGER NOT NULL,
    mask       INTEGER NOT NULL,
    cause      TEXT    NOT NULL
) STRICT;
CREATE INDEX health_history_of_node ON health_history (node_id, at_ms);
CREATE INDEX health_history_by_time ON health_history (at_ms);

CREATE TABLE alerts (
    alert_id   INTEGER PRIMARY KEY AUTOINCREMENT,
    group_id   TEXT    NOT NULL REFERENCES groups,
    node_id    TEXT    REFERENCES nodes, -- NULL = about the whole group
    kind       TEXT    NOT NULL,         -- an indicator, 'liveness' or 'mass_darkness'
    severity   TEXT    NOT NULL CHECK (severity IN ('warning', 'critical')),
    state      TEXT    NOT NULL CHECK (state IN ('raised', 'cleared')),
    raised_ms  INTEGER NOT NULL,
    cleared_ms INTEGER,
    message    TEXT    NOT NULL,
    CHECK ((state = 'cleared') = (cleared_ms IS NOT NULL))
) STRICT;
CREATE UNIQUE INDEX one_open_alert_of_node ON alerts (node_id, kind) WHERE cleared_ms IS NULL AND node_id IS NOT NULL;
CREATE UNIQUE INDEX one_open_alert_of_group ON alerts (group_id, kind) WHERE cleared_ms IS NULL AND node_id IS NULL;
CREATE INDEX alerts_of_node ON alerts (node_id, raised_ms) WHERE node_id IS NOT NULL;
CREATE INDEX alerts_of_group ON alerts (group_id, raised_ms);
CREATE INDEX open_alerts ON alerts (group_id) WHERE state = 'raised';

-- One row per change of the topology.
CREATE TABLE events (
    event_id     INTEGER PRIMARY KEY AUTOINCREMENT,
    at_ms        INTEGER NOT NULL,
    kind         TEXT    NOT NULL,
    subject_type TEXT    NOT NULL CHECK (subject_type IN ('zone', 'group', 'node', 'checkin', 'other')),
    subject_id   TEXT    NOT NULL,
    message      TEXT    NOT NULL,
    detail       TEXT    NOT NULL CHECK (json_valid(detail))
) STRICT;
CREATE INDEX events_by_time ON events (at_ms);
CREATE INDEX events_of_subject ON events (subject_id, event_id);
CREATE INDEX events_by_kind ON events (kind, event_id);
