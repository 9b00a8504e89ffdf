-- Version 7: what is kept for a while, and then removed in small steps.
--
-- Rows leave by the time they were over: an index each, so that a step costs what it removes, not what is there.

CREATE INDEX alerts_by_end ON alerts (cleared_ms) WHERE cleared_ms IS NOT NULL;
CREATE INDEX assignments_by_end ON assignments (until_ms) WHERE until_ms IS NOT NULL;
CREATE INDEX memberships_by_end ON memberships (until_ms) WHERE until_ms IS NOT NULL;
CREATE INDEX hardware_by_end ON node_hardware (until_ms) WHERE until_ms IS NOT NULL;
CREATE INDEX actions_by_end ON actions (ended_ms) WHERE ended_ms IS NOT NULL;
CREATE INDEX channel_messages_by_age ON channel_messages (sent_ms);

-- The latest look at each history, and when the next one is due.
CREATE TABLE prunings (
    history   TEXT    NOT NULL PRIMARY KEY, -- its table
    before_ms INTEGER NOT NULL,             -- what was over before went
    removed   INTEGER NOT NULL,             -- rows, by that look
    ended_ms  INTEGER NOT NULL,             -- when it was done
    next_ms   INTEGER                       -- NULL = by hand: nothing is known of a next one
) STRICT, WITHOUT ROWID;
