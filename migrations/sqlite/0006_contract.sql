-- Version 6: the views as a contract between two databases. The same columns, of the same types, are in PostgreSQL.
--
-- New are: how long things lasted, times as numbers beside times as text (for conditions an index can answer), whether
-- an indicator can be measured, the parts of a node's hardware people ask for most, and the clock. A view is made anew
-- with what it had first, so that whoever reads columns by place finds them where they were.

DROP VIEW v_node_health_bits;
DROP VIEW v_health_history;
DROP VIEW v_events;
DROP VIEW v_alerts;
DROP VIEW v_rule_history;
DROP VIEW v_actions;

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
       a.raised_ms
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
