-- Version 6: the views as a contract between two databases. The same columns, of the same types, are in PostgreSQL.
--
-- New are: how long things lasted, times as numbers beside times as text (for conditions an index can answer), whether
-- an indicator can be measured, the parts of a node's hardware people ask for most, the clock, and counts that are kept
-- instead of made. A view is made anew with what it had first, so that whoever reads columns by place finds them where
-- they were.

-- Found by name as people name them, and a group's own history by time.
CREATE INDEX groups_by_name ON groups (name);
CREATE INDEX health_history_of_group ON health_history (group_id, at_ms);
CREATE INDEX alerts_by_kind ON alerts (kind, node_id);

-- How many of a group's present members are in which state: counted as it changes, for a fleet is too large to be counted
-- through whenever somebody asks. The triggers below are all that writes here.
CREATE TABLE group_states (
    group_id TEXT    NOT NULL REFERENCES groups,
    state    TEXT    NOT NULL,
    nodes    INTEGER NOT NULL CHECK (nodes >= 0),
    PRIMARY KEY (group_id, state)
) STRICT, WITHOUT ROWID;

INSERT INTO group_states (group_id, state, nodes)
SELECT m.group_id, n.state, count(*)
FROM (SELECT group_id, node_id FROM assignments WHERE until_ms IS NULL
      UNION ALL
      SELECT group_id, node_id FROM memberships WHERE until_ms IS NULL) m
JOIN nodes n ON n.node_id = m.node_id
GROUP BY m.group_id, n.state;

CREATE TRIGGER assignment_begins AFTER INSERT ON assignments WHEN new.until_ms IS NULL
BEGIN
    INSERT INTO group_states (group_id, state, nodes)
    SELECT new.group_id, n.state, 1 FROM nodes n WHERE n.node_id = new.node_id
    ON CONFLICT (group_id, state) DO UPDATE SET nodes = nodes + 1;
END;

CREATE TRIGGER assignment_ends AFTER UPDATE OF until_ms ON assignments WHEN old.until_ms IS NULL AND new.until_ms IS NOT NULL
BEGIN
    UPDATE group_states SET nodes = nodes - 1
    WHERE group_id = old.group_id AND state = (SELECT n.state FROM nodes n WHERE n.node_id = old.node_id);
END;

CREATE TRIGGER membership_begins AFTER INSERT ON memberships WHEN new.until_ms IS NULL
BEGIN
    INSERT INTO group_states (group_id, state, nodes)
    SELECT new.group_id, n.state, 1 FROM nodes n WHERE n.node_id = new.node_id
    ON CONFLICT (group_id, state) DO UPDATE SET nodes = nodes + 1;
END;

CREATE TRIGGER membership_ends AFTER UPDATE OF until_ms ON memberships WHEN old.until_ms IS NULL AND new.until_ms IS NOT NULL
BEGIN
    UPDATE group_states SET nodes = nodes - 1
    WHERE group_id = old.group_id AND state = (SELECT n.state FROM nodes n WHERE n.node_id = old.node_id);
END;

CREATE TRIGGER node_changes_state AFTER UPDATE OF state ON nodes WHEN old.state <> new.state
BEGIN
    UPDATE group_states SET nodes = nodes - 1
    WHERE state = old.state
      AND group_id IN (SELECT group_id FROM assignments WHERE node_id = new.node_id AND until_ms IS NULL
                       UNION ALL
                       SELECT group_id FROM memberships WHERE node_id = new.node_id AND until_ms IS NULL);
    INSERT INTO group_states (group_id, state, nodes)
    SELECT m.group_id, new.state, 1
    FROM (SELECT group_id FROM assignments WHERE node_id = new.node_id AND until_ms IS NULL
          UNION ALL
          SELECT group_id FROM memberships WHERE node_id = new.node_id AND until_ms IS NULL) m
    WHERE true
    ON CONFLICT (group_id, state) DO UPDATE SET nodes = nodes + 1;
END;

DROP VIEW v_group_health;
DROP VIEW v_groups;
DROP VIEW v_node_health_bits;
DROP VIEW v_health_history;
DROP VIEW v_events;
DROP VIEW v_alerts;
DROP VIEW v_rule_history;
DROP VIEW v_actions;

-- Every group in force, with how many of its present members are in which state.
CREATE VIEW v_groups AS
SELECT g.group_id,
       g.name,
       g.kind,
       g.place,
       g.capability,
       coalesce(sum(s.nodes), 0) AS members,
       coalesce(sum(s.nodes) FILTER (WHERE s.state = 'joining'), 0) AS joining,
       coalesce(sum(s.nodes) FILTER (WHERE s.state = 'healthy'), 0) AS healthy,
       coalesce(sum(s.nodes) FILTER (WHERE s.state = 'degraded'), 0) AS degraded,
       coalesce(sum(s.nodes) FILTER (WHERE s.state = 'suspect'), 0) AS suspect,
       coalesce(sum(s.nodes) FILTER (WHERE s.state = 'down'), 0) AS down,
       coalesce(sum(s.nodes) FILTER (WHERE s.state = 'unknown'), 0) AS unknown,
       coalesce(sum(s.nodes) FILTER (WHERE s.state = 'left'), 0) AS left_nodes,
       nullif(g.session, 0) AS session,
       g.addresses,
       g.origin,
       strftime('%Y-%m-%dT%H:%M:%fZ', g.created_ms / 1000.0, 'unixepoch') AS created_at,
       strftime('%Y-%m-%dT%H:%M:%fZ', g.joined_ms / 1000.0, 'unixepoch') AS joined_at,
       g.rule
FROM groups g
LEFT JOIN group_states s ON s.group_id = g.group_id
WHERE g.dissolved_ms IS NULL
GROUP BY g.group_id;

-- What is wrong in each group in force, put together.
CREATE VIEW v_group_health AS
SELECT g.group_id,
       g.name AS group_name,
       g.kind,
       g.place,
       g.members,
       g.joining,
       g.healthy,
       g.degraded,
       g.suspect,
       g.down,
       g.unknown,
       g.left_nodes,
       coalesce(s.bits, 0) AS health_bits, -- set where set on any member
       CASE WHEN s.bits IS NULL THEN '' ELSE
           (SELECT group_concat(i.name, ',')
            FROM (SELECT bit, name FROM indicators ORDER BY bit) i WHERE s.bits >> i.bit & 1)
       END                 AS bits_set,
       coalesce(o.open_alerts, 0) AS open_alerts
FROM v_groups g
LEFT JOIN (SELECT here.group_id, sum(1 << here.bit) AS bits
           FROM (SELECT m.group_id, b.bit
                 FROM node_health_bits b
                 JOIN assignments m ON m.node_id = b.node_id AND m.until_ms IS NULL
                 WHERE b.state = 'set'
                 UNION
                 SELECT r.group_id, b.bit
                 FROM node_health_bits b
                 JOIN memberships r ON r.node_id = b.node_id AND r.until_ms IS NULL
                 WHERE b.state = 'set') here
           GROUP BY here.group_id) s ON s.group_id = g.group_id
LEFT JOIN (SELECT group_id, sum(raised + acknowledged) AS open_alerts
           FROM v_group_alerts GROUP BY group_id) o ON o.group_id = g.group_id;

-- The 24 indicators of every node that has reported.
CREATE VIEW v_node_health_bits AS
SELECT b.node_id,
       n.name AS node,
       b.bit,
       i.name AS indicator,
       i.unit,
       i.severity,
       b.state, -- set, clear, unmeasurable
       strftime('%Y-%m-%dT%H:%M:%fZ', b.since_ms / 1000.0, 'unixepoch') AS since,
       i.meaning,
       i.remedy,
       b.state <> 'unmeasurable' AS measurable
FROM node_health_bits b
JOIN nodes n ON n.node_id = b.node_id
JOIN indicators i ON i.bit = b.bit;

-- Every change of state or health that was taken, oldest first by history_id.
CREATE VIEW v_health_history AS
SELECT h.history_id,
       strftime('%Y-%m-%dT%H:%M:%fZ', h.at_ms / 1000.0, 'unixepoch') AS at,
       h.node_id,
       n.name AS node,
       g.name AS group_name,
       h.epoch,
       h.state,
       h.bits AS health_bits,
       h.mask AS unmeasurable,
       CASE WHEN h.bits = 0 THEN '' ELSE
           (SELECT group_concat(i.name, ',')
            FROM (SELECT bit, name FROM indicators ORDER BY bit) i WHERE h.bits >> i.bit & 1)
       END    AS bits_set,
       h.cause,
       h.at_ms,
       h.group_id
FROM health_history h
JOIN nodes n ON n.node_id = h.node_id
JOIN groups g ON g.group_id = h.group_id;

-- What happened, one row per change; detail is JSON.
CREATE VIEW v_events AS
SELECT e.event_id,
       strftime('%Y-%m-%dT%H:%M:%fZ', e.at_ms / 1000.0, 'unixepoch') AS at,
       e.kind,
       e.subject_type,
       e.subject_id,
       e.message,
       e.detail,
       e.at_ms
FROM events e;

-- Alerts, open (raised or acknowledged) and past; node is NULL for those about a whole group.
CREATE VIEW v_alerts AS
SELECT a.alert_id,
       a.kind,
       a.severity,
       CASE WHEN a.cleared_ms IS NOT NULL THEN 'cleared'
            WHEN a.acknowledged_ms IS NOT NULL THEN 'acknowledged'
            ELSE 'raised'
       END AS state,
       g.name AS group_name,
       a.group_id,
       n.name AS node,
       a.node_id,
       strftime('%Y-%m-%dT%H:%M:%fZ', a.raised_ms / 1000.0, 'unixepoch')  AS raised_at,
       strftime('%Y-%m-%dT%H:%M:%fZ', a.cleared_ms / 1000.0, 'unixepoch') AS cleared_at,
       a.message,
       strftime('%Y-%m-%dT%H:%M:%fZ', a.acknowledged_ms / 1000.0, 'unixepoch') AS acknowledged_at,
       a.acknowledged_by,
       a.comment,
       coalesce(a.cleared_ms, CAST(unixepoch() * 1000 AS INTEGER)) - a.raised_ms AS lasted_ms,
       a.raised_ms,
       a.state = 'raised' AS open -- in the table: whether anybody has seen it or not
FROM alerts a
JOIN groups g ON g.group_id = a.group_id
LEFT JOIN nodes n ON n.node_id = a.node_id;

-- Who was in which group by rule, when and why; "until" is NULL for what is in force.
CREATE VIEW v_rule_history AS
SELECT m.membership_id,
       m.node_id,
       n.name AS node,
       m.group_id,
       g.name AS group_name,
       g.kind,
       strftime('%Y-%m-%dT%H:%M:%fZ', m.from_ms / 1000.0, 'unixepoch')  AS since,
       m.reason,
       strftime('%Y-%m-%dT%H:%M:%fZ', m.until_ms / 1000.0, 'unixepoch') AS until,
       m.left_reason,
       m.until_ms IS NULL AS current,
       coalesce(m.until_ms, CAST(unixepoch() * 1000 AS INTEGER)) - m.from_ms AS lasted_ms
FROM memberships m
JOIN nodes n ON n.node_id = m.node_id
JOIN groups g ON g.group_id = m.group_id;

-- What was ordered to be done to nodes, and what came of it; action is JSON.
CREATE VIEW v_actions AS
SELECT a.action_id,
       n.name AS node,
       a.node_id,
       a.kind,
       a.action,
       a.state,
       a.message,
       a.ordered_by,
       a.automatic,
       strftime('%Y-%m-%dT%H:%M:%fZ', a.ordered_ms / 1000.0, 'unixepoch')  AS ordered_at,
       strftime('%Y-%m-%dT%H:%M:%fZ', a.deadline_ms / 1000.0, 'unixepoch') AS deadline_at,
       a.time_limit_ms,
       strftime('%Y-%m-%dT%H:%M:%fZ', a.begun_ms / 1000.0, 'unixepoch')    AS begun_at,
       strftime('%Y-%m-%dT%H:%M:%fZ', a.ended_ms / 1000.0, 'unixepoch')    AS ended_at,
       a.ended_ms - a.begun_ms AS took_ms
FROM actions a
JOIN nodes n ON n.node_id = a.node_id;

-- What each node is made of now, with the parts of the map people ask for most; topology is the whole of it, as JSON.
CREATE VIEW v_node_hardware AS
SELECT h.node_id,
       n.name AS node,
       h.cpu,
       h.topology ->> '$.cpu.vendor' AS cpu_vendor,
       h.topology ->> '$.cpu.family' AS cpu_family,
       h.topology ->> '$.cpu.model'  AS cpu_model,
       h.topology ->> '$.cpu.sockets' AS sockets,
       h.cores,
       h.threads,
       h.memory_bytes,
       h.topology ->> '$.memory.technology' AS memory_technology,
       json_array_length(h.topology, '$.nics') AS nic_count,
       h.nics,
       h.topology,
       strftime('%Y-%m-%dT%H:%M:%fZ', h.from_ms / 1000.0, 'unixepoch') AS since
FROM node_hardware h
JOIN nodes n ON n.node_id = h.node_id
WHERE h.until_ms IS NULL;

-- The database's own clock, to ask about the last hour in the same words everywhere.
CREATE VIEW v_clock AS
SELECT strftime('%Y-%m-%dT%H:%M:%fZ', c.now_ms / 1000.0, 'unixepoch') AS now,
       c.now_ms
FROM (SELECT CAST(unixepoch() * 1000 AS INTEGER) AS now_ms) c;
