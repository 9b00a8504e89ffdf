-- Version 3: policies, groups by rule, acknowledged alerts, actions, messages on channels, analytics, combinations that
-- wait for approval, check-in services at places. The views for it are in 0004_more_views.sql.
--
-- Tables of earlier versions only gain columns: none is rebuilt, so no row of theirs is touched. Where a table's own
-- checks would stand in the way, the new thing has a table of its own, or its state is said by a new column.

-- ---------------------------------------------------------------------------------------------------------------
-- Facts
-- ---------------------------------------------------------------------------------------------------------------

-- Groups by rule have a rule and its dwell times. A dissolved one stays, for its history, and is in force no more.
ALTER TABLE groups ADD COLUMN rule           TEXT;
ALTER TABLE groups ADD COLUMN enter_dwell_ms INTEGER;
ALTER TABLE groups ADD COLUMN leave_dwell_ms INTEGER;
ALTER TABLE groups ADD COLUMN dissolved_ms   INTEGER;
ALTER TABLE groups ADD COLUMN dissolved_by   TEXT;
CREATE INDEX groups_by_rule ON groups (name) WHERE rule IS NOT NULL;

-- Every policy that was ever set; the greatest version is in force.
CREATE TABLE policies (
    version  INTEGER NOT NULL PRIMARY KEY,
    document TEXT    NOT NULL, -- as it was written
    set_ms   INTEGER NOT NULL,
    set_by   TEXT    NOT NULL,
    comment  TEXT    NOT NULL
) STRICT;

-- Which policy a node obeys, and which one it cannot.
CREATE TABLE node_policies (
    node_id         TEXT    NOT NULL PRIMARY KEY REFERENCES nodes,
    version         INTEGER NOT NULL, -- 0 = none yet
    applied_ms      INTEGER,
    refused_version INTEGER,          -- NULL = none, or it obeys that one or a later one by now
    refused_ms      INTEGER,
    problem         TEXT,             -- why not
    CHECK ((refused_version IS NULL) = (problem IS NULL))
) STRICT, WITHOUT ROWID;
CREATE INDEX nodes_by_policy ON node_policies (version);
CREATE INDEX nodes_that_refuse ON node_policies (refused_version) WHERE refused_version IS NOT NULL;

-- Orders.
CREATE TABLE actions (
    action_id     TEXT    NOT NULL PRIMARY KEY,
    node_id       TEXT    NOT NULL REFERENCES nodes,
    kind          TEXT    NOT NULL,
    action        TEXT    NOT NULL CHECK (json_valid(action)),
    ordered_by    TEXT    NOT NULL,                     -- a person, or the name of a remedy
    automatic     INTEGER NOT NULL CHECK (automatic IN (0, 1)),
    deadline_ms   INTEGER NOT NULL,                     -- not begun after this
    time_limit_ms INTEGER NOT NULL,                     -- once begun
    state         TEXT    NOT NULL
        CHECK (state IN ('ordered', 'running', 'done', 'failed', 'refused', 'expired')),
    message       TEXT    NOT NULL,                     -- what was done, or why not
    ordered_ms    INTEGER NOT NULL,
    begun_ms      INTEGER,
    ended_ms      INTEGER
) STRICT;
CREATE INDEX actions_of_node ON actions (node_id, ordered_ms);
CREATE INDEX actions_by_time ON actions (ordered_ms);
CREATE INDEX open_actions ON actions (node_id) WHERE state IN ('ordered', 'running');

-- Combinations of hardware nobody foresaw, and what was decided on them.
CREATE TABLE held_combinations (
    capability TEXT    NOT NULL PRIMARY KEY REFERENCES capabilities,
    state      TEXT    NOT NULL CHECK (state IN ('waiting', 'approved', 'denied')),
    node_id    TEXT,             -- the node that brought it, which need not be known: it was not let in;
    node_name  TEXT,             -- NULL = decided before any came
    held_ms    INTEGER,
    decided_ms INTEGER,
    decided_by TEXT
) STRICT;

-- Check-in services at configured places.
CREATE TABLE checkin_places (
    name     TEXT    NOT NULL PRIMARY KEY,
    group_id TEXT    NOT NULL REFERENCES groups, -- that runs it, or is to
    running  INTEGER NOT NULL CHECK (running IN (0, 1)),
    message  TEXT    NOT NULL,
    since_ms INTEGER NOT NULL
) STRICT;

-- ---------------------------------------------------------------------------------------------------------------
-- History
-- ---------------------------------------------------------------------------------------------------------------

-- An alert that is open (state 'raised') may have been seen by somebody.
ALTER TABLE alerts ADD COLUMN acknowledged_ms INTEGER;
ALTER TABLE alerts ADD COLUMN acknowledged_by TEXT;
ALTER TABLE alerts ADD COLUMN comment         TEXT;

-- Who is in which group by rule, since when, and why. Physical groups and those of a combination are in assignments.
CREATE TABLE memberships (
    membership_id INTEGER PRIMARY KEY AUTOINCREMENT,
    node_id       TEXT    NOT NULL REFERENCES nodes,
    group_id      TEXT    NOT NULL REFERENCES groups,
    from_ms       INTEGER NOT NULL,
    reason        TEXT    NOT NULL,
    until_ms      INTEGER,
    left_reason   TEXT
) STRICT;
CREATE UNIQUE INDEX one_current_membership ON memberships (node_id, group_id) WHERE until_ms IS NULL;
CREATE INDEX current_members_by_rule ON memberships (group_id) WHERE until_ms IS NULL;
CREATE INDEX memberships_of_node ON memberships (node_id, from_ms);
CREATE INDEX memberships_of_group ON memberships (group_id, from_ms);

-- What arrived on channels beyond alerts, policies and analytics: the newest of each, numbered without gaps.
CREATE TABLE channel_messages (
    channel  TEXT    NOT NULL,
    number   INTEGER NOT NULL,
    sent_ms  INTEGER NOT NULL,
    sender   TEXT    NOT NULL, -- its inbox
    what     TEXT    NOT NULL,
    subject  TEXT    NOT NULL,
    severity TEXT    NOT NULL CHECK (severity IN ('warning', 'critical')),
    message  TEXT    NOT NULL,
    detail   TEXT    NOT NULL CHECK (json_valid(detail)),
    PRIMARY KEY (channel, number)
) STRICT, WITHOUT ROWID;
CREATE INDEX channel_messages_by_time ON channel_messages (channel, sent_ms);

-- What groups told of all their nodes together, period by period, for some days.
CREATE TABLE analytics (
    analytics_id INTEGER PRIMARY KEY AUTOINCREMENT,
    group_id     TEXT    NOT NULL REFERENCES groups,
    at_ms        INTEGER NOT NULL,                             -- when the period was over
    session      INTEGER NOT NULL,
    period_ms    INTEGER NOT NULL,
    states       TEXT    NOT NULL CHECK (json_valid(states)),  -- nodes by state
    bits         TEXT    NOT NULL CHECK (json_valid(bits)),    -- nodes by the name of a set indicator
    metrics      TEXT    NOT NULL CHECK (json_valid(metrics)), -- by indicator: [count, min, p50, p90, p99, max]
    statuses     INTEGER NOT NULL,
    refused      TEXT    NOT NULL CHECK (json_valid(refused))
) STRICT;
CREATE UNIQUE INDEX analytics_of_group ON analytics (group_id, at_ms);
CREATE INDEX analytics_by_time ON analytics (at_ms);
