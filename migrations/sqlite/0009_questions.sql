-- Version 9: the questions of docs/sql.md about a large fleet. Sums come from the tables of 0008_sums.sql. Joins that only
-- bring a name are outer ones (what they refer to is always there): who does not ask for the name does not pay for it, and
-- rows can be cut to the first few before names are looked up. Times stand beside their texts as numbers where an index can
-- find them. A view is made anew with what it had first, so that whoever reads columns by place finds them where they were.

-- What ended, by when; nearly all rows are still in force.
CREATE INDEX assignments_by_kind_and_end ON assignments (kind, until_ms) WHERE until_ms IS NOT NULL;

-- Alerts of a kind over a span of time, by the index alone.
DROP INDEX alerts_by_kind;
CREATE INDEX alerts_by_kind ON alerts (kind, raised_ms, node_id, cleared_ms);

-- Nodes in a state that concerns somebody, worst first, longest first.
ALTER TABLE nodes ADD COLUMN concern INTEGER NOT NULL GENERATED ALWAYS AS (
    CASE state WHEN 'down' THEN 1 WHEN 'unknown' THEN 2 WHEN 'suspect' THEN 3 WHEN 'degraded' THEN 4 ELSE 5 END) VIRTUAL;
CREATE INDEX nodes_by_concern ON nodes (concern, since_ms) WHERE concern < 5;

-- Whether a certificate is the one of its principal that lasts longest, of those that are not revoked: all but the others
-- have been renewed. Kept, since a third of all certificates that are valid are in force no more.
ALTER TABLE certificates ADD COLUMN newest INTEGER NOT NULL DEFAULT 0 CHECK (newest IN (0, 1));

CREATE TRIGGER newest_certificate AFTER INSERT ON certificates
BEGIN
    UPDATE certificates SET newest = serial IS (
        SELECT o.serial FROM certificates o WHERE o.principal = new.principal AND o.revoked_ms IS NULL
        ORDER BY o.expires_ms DESC, o.serial DESC LIMIT 1)
    WHERE principal = new.principal AND (newest OR serial = new.serial);
END;

CREATE TRIGGER newest_certificate_after_revocation AFTER UPDATE OF revoked_ms, expires_ms ON certificates
WHEN old.revoked_ms IS NOT new.revoked_ms OR old.expires_ms <> new.expires_ms
BEGIN
    UPDATE certificates SET newest = serial IS (
        SELECT o.serial FROM certificates o WHERE o.principal = new.principal AND o.revoked_ms IS NULL
        ORDER BY o.expires_ms DESC, o.serial DESC LIMIT 1)
    WHERE principal = new.principal;
END;

UPDATE certificates SET newest = 1
WHERE serial IN (SELECT serial FROM (SELECT serial, row_number() OVER (PARTITION BY principal
                                                                       ORDER BY expires_ms DESC, serial DESC) AS place
                                     FROM certificates WHERE revoked_ms IS NULL) WHERE place = 1);
CREATE INDEX newest_certificates ON certificates (expires_ms) WHERE newest;

-- What is open: by group, by the index alone; and worst first.
DROP INDEX open_alerts;
CREATE INDEX open_alerts ON alerts (group_id, severity, raised_ms, acknowledged_ms, node_id) WHERE state = 'raised';
CREATE INDEX open_alerts_by_severity ON alerts (severity, raised_ms) WHERE state = 'raised';

DROP VIEW v_groups;
DROP VIEW v_group_alerts;
DROP VIEW v_group_health;
DROP VIEW v_nodes;
DROP VIEW v_node_health_bits;
DROP VIEW v_health_history;
DROP VIEW v_assignments;
DROP VIEW v_hardware;
DROP VIEW v_alerts;
DROP VIEW v_memberships;
DROP VIEW v_rule_history;
DROP VIEW v_actions;
DROP VIEW v_analytics;
DROP VIEW v_group_metrics;
DROP VIEW v_tokens;
DROP VIEW v_certificates;
DROP VIEW v_checkins;

-- Every group in force, with how many of its present members are in which state, and what they have together.
CREATE VIEW v_groups AS
SELECT g.group_id,
       g.name,
       g.kind,
       g.place,
       g.capability,
       s.members,
       s.joining,
       s.healthy,
       s.degraded,
       s.suspect,
       s.down,
       s.unknown,
       s.left_nodes,
       nullif(g.session, 0) AS session,
       g.addresses,
       g.origin,
       strftime('%Y-%m-%dT%H:%M:%fZ', g.created_ms / 1000.0, 'unixepoch') AS created_at,
       strftime('%Y-%m-%dT%H:%M:%fZ', g.joined_ms / 1000.0, 'unixepoch') AS joined_at,
       g.rule,
       s.cores,
       s.threads,
       s.memory_bytes,
       coalesce(p.nodes, 0) AS obey
FROM groups g
LEFT JOIN group_sums s ON s.group_id = g.group_id
LEFT JOIN group_policies p ON p.group_id = g.group_id AND p.version = (SELECT max(version) FROM policies)
WHERE g.dissolved_ms IS NULL;

-- What is open in each group in force, by severity: raised in it, or about a node that is in it now. A rack's are those it
-- raised itself, which one index has in order; so kinds of groups are answered for apart.
CREATE VIEW v_group_alerts AS
SELECT g.group_id,
       g.name AS group_name,
       g.kind,
       g.place,
       a.severity,
       a.raised,
       a.acknowledged,
       a.nodes,
       strftime('%Y-%m-%dT%H:%M:%fZ', a.oldest_ms / 1000.0, 'unixepoch') AS oldest_raised_at,
       strftime('%Y-%m-%dT%H:%M:%fZ', a.newest_ms / 1000.0, 'unixepoch') AS newest_raised_at
FROM groups g
JOIN (SELECT o.group_id,
             o.severity,
             count(*) FILTER (WHERE o.acknowledged_ms IS NULL) AS raised,
             count(o.acknowledged_ms)                          AS acknowledged,
             count(DISTINCT o.node_id)                         AS nodes,
             min(o.raised_ms)                                  AS oldest_ms,
             max(o.raised_ms)                                  AS newest_ms
      FROM alerts o
      WHERE o.state = 'raised'
      GROUP BY o.group_id, o.severity) a ON a.group_id = g.group_id
WHERE g.kind = 'physical' AND g.dissolved_ms IS NULL
UNION ALL
SELECT g.group_id,
       g.name AS group_name,
       g.kind,
       g.place,
       a.severity,
       a.raised,
       a.acknowledged,
       a.nodes,
       strftime('%Y-%m-%dT%H:%M:%fZ', a.oldest_ms / 1000.0, 'unixepoch') AS oldest_raised_at,
       strftime('%Y-%m-%dT%H:%M:%fZ', a.newest_ms / 1000.0, 'unixepoch') AS newest_raised_at
FROM groups g
JOIN (SELECT o.group_id,
             o.severity,
             count(*) FILTER (WHERE o.acknowledged_ms IS NULL) AS raised,
             count(o.acknowledged_ms)                          AS acknowledged,
             count(DISTINCT o.node_id)                         AS nodes,
             min(o.raised_ms)                                  AS oldest_ms,
             max(o.raised_ms)                                  AS newest_ms
      FROM (SELECT group_id, severity, acknowledged_ms, node_id, raised_ms FROM alerts WHERE state = 'raised'
            UNION ALL
            SELECT l.group_id, o.severity, o.acknowledged_ms, o.node_id, o.raised_ms
            FROM alerts o JOIN assignments l ON l.node_id = o.node_id AND l.kind = 'logical' AND l.until_ms IS NULL
            WHERE o.state = 'raised'
            UNION ALL
            SELECT r.group_id, o.severity, o.acknowledged_ms, o.node_id, o.raised_ms
            FROM alerts o JOIN memberships r ON r.node_id = o.node_id AND r.until_ms IS NULL
            WHERE o.state = 'raised') o
      GROUP BY o.group_id, o.severity) a ON a.group_id = g.group_id
WHERE g.kind = 'logical' AND g.dissolved_ms IS NULL
UNION ALL
SELECT g.group_id,
       g.name AS group_name,
       g.kind,
       g.place,
       a.severity,
       a.raised,
       a.acknowledged,
       a.nodes,
       strftime('%Y-%m-%dT%H:%M:%fZ', a.oldest_ms / 1000.0, 'unixepoch') AS oldest_raised_at,
       strftime('%Y-%m-%dT%H:%M:%fZ', a.newest_ms / 1000.0, 'unixepoch') AS newest_raised_at
FROM groups g
JOIN (SELECT o.group_id,
             o.severity,
             count(*) FILTER (WHERE o.acknowledged_ms IS NULL) AS raised,
             count(o.acknowledged_ms)                          AS acknowledged,
             count(DISTINCT o.node_id)                         AS nodes,
             min(o.raised_ms)                                  AS oldest_ms,
             max(o.raised_ms)                                  AS newest_ms
      FROM (SELECT group_id, severity, acknowledged_ms, node_id, raised_ms FROM alerts WHERE state = 'raised'
            UNION ALL
            SELECT r.group_id, o.severity, o.acknowledged_ms, o.node_id, o.raised_ms
            FROM alerts o JOIN memberships r ON r.node_id = o.node_id AND r.until_ms IS NULL
            WHERE o.state = 'raised') o
      GROUP BY o.group_id, o.severity) a ON a.group_id = g.group_id
WHERE g.kind = 'health' AND g.dissolved_ms IS NULL;

-- What is wrong in each group in force, put together.
CREATE VIEW v_group_health AS
SELECT g.group_id,
       g.name AS group_name,
       g.kind,
       g.place,
       s.members,
       s.joining,
       s.healthy,
       s.degraded,
       s.suspect,
       s.down,
       s.unknown,
       s.left_nodes,
       coalesce(b.bits, 0) AS health_bits, -- set where set on any member
       CASE WHEN b.bits IS NULL THEN '' ELSE
           (SELECT group_concat(i.name, ',')
            FROM (SELECT bit, name FROM indicators ORDER BY bit) i WHERE b.bits >> i.bit & 1)
       END                 AS bits_set,
       s.open_alerts
FROM groups g
LEFT JOIN group_sums s ON s.group_id = g.group_id
LEFT JOIN (SELECT group_id, sum(1 << bit) AS bits
           FROM group_bits WHERE nodes > 0 GROUP BY group_id) b ON b.group_id = g.group_id
WHERE g.dissolved_ms IS NULL;

-- Every node as it is now. Bits that cannot be measured stand in "unmeasurable", never in health_bits.
CREATE VIEW v_nodes AS
SELECT n.node_id,
       n.name,
       n.address,
       n.place,
       n.state,
       strftime('%Y-%m-%dT%H:%M:%fZ', n.since_ms / 1000.0, 'unixepoch') AS since,
       n.epoch,
       pg.name     AS physical_group,
       pg.group_id AS physical_group_id,
       lg.name     AS logical_group,
       lg.group_id AS logical_group_id,
       n.capability,
       n.bits      AS health_bits,
       n.mask      AS unmeasurable,
       CASE WHEN n.bits = 0 THEN '' ELSE
           (SELECT group_concat(i.name, ',')
            FROM (SELECT bit, name FROM indicators ORDER BY bit) i WHERE n.bits >> i.bit & 1)
       END         AS bits_set,
       h.cpu,
       h.cores,
       h.threads,
       h.memory_bytes,
       h.nics,
       strftime('%Y-%m-%dT%H:%M:%fZ', n.joined_ms / 1000.0, 'unixepoch') AS joined_at,
       strftime('%Y-%m-%dT%H:%M:%fZ', n.last_change_ms / 1000.0, 'unixepoch') AS last_change_at,
       strftime('%Y-%m-%dT%H:%M:%fZ', max(n.last_seen_ms, coalesce(w.seen_ms, 0)) / 1000.0, 'unixepoch') AS last_seen_at,
       strftime('%Y-%m-%dT%H:%M:%fZ', n.first_seen_ms / 1000.0, 'unixepoch') AS first_seen_at,
       o.version AS policy_version, -- 0 for none: every node has a row there
       o.problem AS policy_problem,
       n.since_ms,
       o.refused_version AS policy_refused,
       n.concern
FROM nodes n
LEFT JOIN assignments p ON p.node_id = n.node_id AND p.kind = 'physical' AND p.until_ms IS NULL
LEFT JOIN groups pg ON pg.group_id = p.group_id
LEFT JOIN assignments l ON l.node_id = n.node_id AND l.kind = 'logical' AND l.until_ms IS NULL
LEFT JOIN groups lg ON lg.group_id = l.group_id
LEFT JOIN node_hardware h ON h.node_id = n.node_id AND h.until_ms IS NULL
LEFT JOIN node_policies o ON o.node_id = n.node_id
LEFT JOIN node_seen w ON w.node_id = n.node_id;

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
LEFT JOIN nodes n ON n.node_id = b.node_id
LEFT JOIN indicators i ON i.bit = b.bit;

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
LEFT JOIN nodes n ON n.node_id = h.node_id
LEFT JOIN groups g ON g.group_id = h.group_id;

-- Who belonged where, when and why; "until" is NULL for what is in force.
CREATE VIEW v_assignments AS
SELECT a.assignment_id,
       a.node_id,
       n.name AS node,
       a.kind,
       a.group_id,
       g.name AS group_name,
       g.place,
       a.epoch,
       a.reason,
       strftime('%Y-%m-%dT%H:%M:%fZ', a.from_ms / 1000.0, 'unixepoch') AS since,
       strftime('%Y-%m-%dT%H:%M:%fZ', a.until_ms / 1000.0, 'unixepoch') AS until,
       a.until_ms IS NULL AS current,
       a.from_ms AS since_ms,
       a.until_ms
FROM assignments a
LEFT JOIN nodes n ON n.node_id = a.node_id
LEFT JOIN groups g ON g.group_id = a.group_id;

-- What each node is and was made of; topology is the whole map as JSON.
CREATE VIEW v_hardware AS
SELECT h.hardware_id,
       h.node_id,
       n.name AS node,
       h.cpu,
       h.cores,
       h.threads,
       h.memory_bytes,
       h.nics,
       h.topology,
       strftime('%Y-%m-%dT%H:%M:%fZ', h.from_ms / 1000.0, 'unixepoch') AS since,
       strftime('%Y-%m-%dT%H:%M:%fZ', h.until_ms / 1000.0, 'unixepoch') AS until,
       h.until_ms IS NULL AS current,
       h.from_ms AS since_ms,
       h.until_ms
FROM node_hardware h
LEFT JOIN nodes n ON n.node_id = h.node_id;

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
       strftime('%Y-%m-%dT%H:%M:%fZ', a.raised_ms / 1000.0, 'unixepoch') AS raised_at,
       strftime('%Y-%m-%dT%H:%M:%fZ', a.cleared_ms / 1000.0, 'unixepoch') AS cleared_at,
       a.message,
       strftime('%Y-%m-%dT%H:%M:%fZ', a.acknowledged_ms / 1000.0, 'unixepoch') AS acknowledged_at,
       a.acknowledged_by,
       a.comment,
       coalesce(a.cleared_ms, CAST(unixepoch() * 1000 AS INTEGER)) - a.raised_ms AS lasted_ms,
       a.raised_ms,
       a.state = 'raised' AS open -- in the table: whether anybody has seen it or not
FROM alerts a
LEFT JOIN groups g ON g.group_id = a.group_id
LEFT JOIN nodes n ON n.node_id = a.node_id;

-- Every group every node is in now: physical, of its combination, by rule.
CREATE VIEW v_memberships AS
SELECT m.node_id,
       n.name AS node,
       m.group_id,
       g.name AS group_name,
       g.kind,
       g.rule IS NOT NULL AS by_rule,
       strftime('%Y-%m-%dT%H:%M:%fZ', m.from_ms / 1000.0, 'unixepoch') AS since,
       m.reason
FROM assignments m
LEFT JOIN nodes n ON n.node_id = m.node_id
LEFT JOIN groups g ON g.group_id = m.group_id
WHERE m.until_ms IS NULL
UNION ALL
SELECT m.node_id,
       n.name,
       m.group_id,
       g.name,
       g.kind,
       g.rule IS NOT NULL,
       strftime('%Y-%m-%dT%H:%M:%fZ', m.from_ms / 1000.0, 'unixepoch'),
       m.reason
FROM memberships m
LEFT JOIN nodes n ON n.node_id = m.node_id
LEFT JOIN groups g ON g.group_id = m.group_id
WHERE m.until_ms IS NULL;

-- Who was in which group by rule, when and why; "until" is NULL for what is in force.
CREATE VIEW v_rule_history AS
SELECT m.membership_id,
       m.node_id,
       n.name AS node,
       m.group_id,
       g.name AS group_name,
       g.kind,
       strftime('%Y-%m-%dT%H:%M:%fZ', m.from_ms / 1000.0, 'unixepoch') AS since,
       m.reason,
       strftime('%Y-%m-%dT%H:%M:%fZ', m.until_ms / 1000.0, 'unixepoch') AS until,
       m.left_reason,
       m.until_ms IS NULL AS current,
       coalesce(m.until_ms, CAST(unixepoch() * 1000 AS INTEGER)) - m.from_ms AS lasted_ms,
       m.from_ms AS since_ms
FROM memberships m
LEFT JOIN nodes n ON n.node_id = m.node_id
LEFT JOIN groups g ON g.group_id = m.group_id;

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
       strftime('%Y-%m-%dT%H:%M:%fZ', a.ordered_ms / 1000.0, 'unixepoch') AS ordered_at,
       strftime('%Y-%m-%dT%H:%M:%fZ', a.deadline_ms / 1000.0, 'unixepoch') AS deadline_at,
       a.time_limit_ms,
       strftime('%Y-%m-%dT%H:%M:%fZ', a.begun_ms / 1000.0, 'unixepoch') AS begun_at,
       strftime('%Y-%m-%dT%H:%M:%fZ', a.ended_ms / 1000.0, 'unixepoch') AS ended_at,
       a.ended_ms - a.begun_ms AS took_ms,
       a.ordered_ms
FROM actions a
LEFT JOIN nodes n ON n.node_id = a.node_id;

-- Each group's nodes by state and by set indicator, period by period; bits and refused are JSON.
CREATE VIEW v_analytics AS
SELECT a.analytics_id,
       strftime('%Y-%m-%dT%H:%M:%fZ', a.at_ms / 1000.0, 'unixepoch') AS at,
       a.group_id,
       g.name AS group_name,
       a.period_ms,
       coalesce(a.states ->> '$.joining', 0) + coalesce(a.states ->> '$.healthy', 0)
           + coalesce(a.states ->> '$.degraded', 0) + coalesce(a.states ->> '$.suspect', 0)
           + coalesce(a.states ->> '$.down', 0) + coalesce(a.states ->> '$.unknown', 0)
           + coalesce(a.states ->> '$.left', 0) AS members,
       coalesce(a.states ->> '$.joining', 0) AS joining,
       coalesce(a.states ->> '$.healthy', 0) AS healthy,
       coalesce(a.states ->> '$.degraded', 0) AS degraded,
       coalesce(a.states ->> '$.suspect', 0) AS suspect,
       coalesce(a.states ->> '$.down', 0) AS down,
       coalesce(a.states ->> '$.unknown', 0) AS unknown,
       coalesce(a.states ->> '$.left', 0) AS left_nodes,
       a.bits,
       a.statuses,
       a.refused,
       a.at_ms
FROM analytics a
LEFT JOIN groups g ON g.group_id = a.group_id;

-- How each indicator's readings were distributed over a group's nodes, period by period.
CREATE VIEW v_group_metrics AS
SELECT a.analytics_id,
       strftime('%Y-%m-%dT%H:%M:%fZ', a.at_ms / 1000.0, 'unixepoch') AS at,
       a.group_id,
       g.name AS group_name,
       m.key AS indicator,
       i.unit,
       a.period_ms,
       m.value ->> 0 AS readings,
       m.value ->> 1 AS min,
       m.value ->> 2 AS p50,
       m.value ->> 3 AS p90,
       m.value ->> 4 AS p99,
       m.value ->> 5 AS max,
       a.at_ms
FROM analytics a
JOIN json_each(a.metrics) m
LEFT JOIN groups g ON g.group_id = a.group_id
LEFT JOIN indicators i ON i.name = m.key;

CREATE VIEW v_tokens AS
SELECT t.token,
       t.kind,
       t.name,
       t.place,
       CASE WHEN t.used_ms IS NOT NULL THEN 'used'
            WHEN t.revoked_ms IS NOT NULL THEN 'revoked'
            WHEN t.expires_ms <= unixepoch() * 1000 THEN 'expired'
            -- The clock here counts whole seconds: what begins within this one has begun.
            WHEN t.not_before_ms >= (unixepoch() + 1) * 1000 THEN 'not_yet_valid'
            ELSE 'open' END AS state,
       strftime('%Y-%m-%dT%H:%M:%fZ', t.created_ms / 1000.0, 'unixepoch') AS created_at,
       t.created_by,
       strftime('%Y-%m-%dT%H:%M:%fZ', t.not_before_ms / 1000.0, 'unixepoch') AS not_before,
       strftime('%Y-%m-%dT%H:%M:%fZ', t.expires_ms / 1000.0, 'unixepoch') AS expires_at,
       strftime('%Y-%m-%dT%H:%M:%fZ', t.used_ms / 1000.0, 'unixepoch') AS used_at,
       t.used_by,
       strftime('%Y-%m-%dT%H:%M:%fZ', t.revoked_ms / 1000.0, 'unixepoch') AS revoked_at,
       t.revoked_by,
       t.expires_ms
FROM join_tokens t;

CREATE VIEW v_certificates AS
SELECT c.serial,
       c.principal,
       c.name,
       c.place,
       c.user_name,
       CASE WHEN c.revoked_ms IS NOT NULL THEN 'revoked'
            WHEN c.expires_ms <= unixepoch() * 1000 THEN 'expired'
            ELSE 'valid' END AS state,
       strftime('%Y-%m-%dT%H:%M:%fZ', c.issued_ms / 1000.0, 'unixepoch') AS issued_at,
       strftime('%Y-%m-%dT%H:%M:%fZ', c.expires_ms / 1000.0, 'unixepoch') AS expires_at,
       c.issued_by,
       c.key_sha256,
       strftime('%Y-%m-%dT%H:%M:%fZ', c.revoked_ms / 1000.0, 'unixepoch') AS revoked_at,
       c.revoked_by,
       c.reason,
       c.expires_ms,
       c.newest
FROM certificates c;

-- Every time a node was down. Its name is looked up where it is asked for only: who counts or adds up reads one index.
CREATE VIEW v_outages AS
SELECT a.alert_id,
       a.node_id,
       (SELECT n.name FROM nodes n WHERE n.node_id = a.node_id) AS node,
       strftime('%Y-%m-%dT%H:%M:%fZ', a.raised_ms / 1000.0, 'unixepoch') AS since,
       strftime('%Y-%m-%dT%H:%M:%fZ', a.cleared_ms / 1000.0, 'unixepoch') AS until,
       a.raised_ms AS since_ms,
       coalesce(a.cleared_ms, CAST(unixepoch() * 1000 AS INTEGER)) - a.raised_ms AS lasted_ms
FROM alerts a
WHERE a.kind = 'liveness';

-- The check-in services, also those that are to run at a place and have not been heard yet; ranges is a JSON list.
CREATE VIEW v_checkins AS
SELECT c.checkin_id,
       i.name,
       c.address,
       coalesce(c.ranges, '[]') AS ranges,
       (SELECT count(*) FROM nodes n WHERE n.checkin_id = c.checkin_id) AS nodes,
       strftime('%Y-%m-%dT%H:%M:%fZ', c.first_seen_ms / 1000.0, 'unixepoch') AS first_seen_at,
       strftime('%Y-%m-%dT%H:%M:%fZ', c.last_seen_ms / 1000.0, 'unixepoch') AS last_seen_at,
       g.place,
       g.name     AS running_group,
       g.group_id AS running_group_id,
       p.running,
       p.message,
       strftime('%Y-%m-%dT%H:%M:%fZ', p.since_ms / 1000.0, 'unixepoch') AS placed_at
FROM (SELECT name FROM checkins UNION SELECT name FROM checkin_places) i
LEFT JOIN checkins c ON c.name = i.name
LEFT JOIN checkin_places p ON p.name = i.name
LEFT JOIN groups g ON g.group_id = p.group_id;

-- Its counts are in group_sums now.
DROP TRIGGER assignment_begins;
DROP TRIGGER assignment_ends;
DROP TRIGGER membership_begins;
DROP TRIGGER membership_ends;
DROP TRIGGER node_changes_state;
DROP TABLE group_states;
