-- More views, and more columns in those there were. A view is made anew with what it had first, so that whoever reads
-- columns by place finds them where they were. docs/sql.md describes each.

-- ---------------------------------------------------------------------------------------------------------------
-- Views that gain columns
-- ---------------------------------------------------------------------------------------------------------------

DROP VIEW v_group_health;
DROP VIEW v_groups;
DROP VIEW v_zones;
DROP VIEW v_nodes;
DROP VIEW v_checkins;
DROP VIEW v_alerts;

-- The zone: one row once its controller has started.
CREATE VIEW v_zones AS
SELECT z.zone_id,
       z.name,
       z.generation,
       (SELECT count(*) FROM groups WHERE kind = 'physical') AS physical_groups,
       (SELECT count(*) FROM groups WHERE kind = 'logical' AND dissolved_ms IS NULL) AS logical_groups,
       (SELECT count(*) FROM nodes)                          AS nodes,
       (SELECT count(*) FROM alerts WHERE state = 'raised')  AS open_alerts,
       strftime('%Y-%m-%dT%H:%M:%fZ', z.created_ms / 1000.0, 'unixepoch') AS created_at,
       strftime('%Y-%m-%dT%H:%M:%fZ', z.started_ms / 1000.0, 'unixepoch') AS started_at,
       (SELECT count(*) FROM groups WHERE kind = 'health' AND dissolved_ms IS NULL) AS health_groups,
       (SELECT coalesce(max(version), 0) FROM policies)      AS policy_version
FROM zone z;

-- Every group in force, with how many of its present members are in which state.
CREATE VIEW v_groups AS
SELECT g.group_id,
       g.name,
       g.kind,
       g.place,
       g.capability,
       count(n.node_id)                                 AS members,
       count(n.node_id) FILTER (WHERE n.state = 'joining')  AS joining,
       count(n.node_id) FILTER (WHERE n.state = 'healthy')  AS healthy,
       count(n.node_id) FILTER (WHERE n.state = 'degraded') AS degraded,
       count(n.node_id) FILTER (WHERE n.state = 'suspect')  AS suspect,
       count(n.node_id) FILTER (WHERE n.state = 'down')     AS down,
       count(n.node_id) FILTER (WHERE n.state = 'unknown')  AS unknown,
       count(n.node_id) FILTER (WHERE n.state = 'left')     AS left_nodes,
       nullif(g.session, 0) AS session,
       g.addresses,
       g.origin,
       strftime('%Y-%m-%dT%H:%M:%fZ', g.created_ms / 1000.0, 'unixepoch') AS created_at,
       strftime('%Y-%m-%dT%H:%M:%fZ', g.joined_ms / 1000.0, 'unixepoch')  AS joined_at,
       g.rule
FROM groups g
LEFT JOIN (SELECT group_id, node_id FROM assignments WHERE until_ms IS NULL
           UNION ALL
           SELECT group_id, node_id FROM memberships WHERE until_ms IS NULL) m ON m.group_id = g.group_id
LEFT JOIN nodes n ON n.node_id = m.node_id
WHERE g.dissolved_ms IS NULL
GROUP BY g.group_id;

-- What is open in each group in force, by severity: raised in it, or about a node that is in it now.
CREATE VIEW v_group_alerts AS
SELECT g.group_id,
       g.name AS group_name,
       g.kind,
       g.place,
       a.severity,
       count(*) FILTER (WHERE a.acknowledged_ms IS NULL) AS raised,
       count(a.acknowledged_ms)                          AS acknowledged,
       count(DISTINCT a.node_id)                         AS nodes,
       strftime('%Y-%m-%dT%H:%M:%fZ', min(a.raised_ms) / 1000.0, 'unixepoch') AS oldest_raised_at,
       strftime('%Y-%m-%dT%H:%M:%fZ', max(a.raised_ms) / 1000.0, 'unixepoch') AS newest_raised_at
FROM (SELECT group_id, alert_id FROM alerts WHERE state = 'raised'
      UNION ALL
      SELECT l.group_id, o.alert_id
      FROM alerts o JOIN assignments l ON l.node_id = o.node_id AND l.kind = 'logical' AND l.until_ms IS NULL
      WHERE o.state = 'raised'
      UNION ALL
      SELECT r.group_id, o.alert_id
      FROM alerts o JOIN memberships r ON r.node_id = o.node_id AND r.until_ms IS NULL
      WHERE o.state = 'raised') open
JOIN alerts a ON a.alert_id = open.alert_id
JOIN groups g ON g.group_id = open.group_id AND g.dissolved_ms IS NULL
GROUP BY g.group_id, a.severity;

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
       strftime('%Y-%m-%dT%H:%M:%fZ', n.joined_ms / 1000.0, 'unixepoch')      AS joined_at,
       strftime('%Y-%m-%dT%H:%M:%fZ', n.last_change_ms / 1000.0, 'unixepoch') AS last_change_at,
       strftime('%Y-%m-%dT%H:%M:%fZ', n.last_seen_ms / 1000.0, 'unixepoch')   AS last_seen_at,
       strftime('%Y-%m-%dT%H:%M:%fZ', n.first_seen_ms / 1000.0, 'unixepoch')  AS first_seen_at,
       coalesce(o.version, 0) AS policy_version,
       o.problem              AS policy_problem
FROM nodes n
LEFT JOIN assignments p ON p.node_id = n.node_id AND p.kind = 'physical' AND p.until_ms IS NULL
LEFT JOIN groups pg ON pg.group_id = p.group_id
LEFT JOIN assignments l ON l.node_id = n.node_id AND l.kind = 'logical' AND l.until_ms IS NULL
LEFT JOIN groups lg ON lg.group_id = l.group_id
LEFT JOIN node_hardware h ON h.node_id = n.node_id AND h.until_ms IS NULL
LEFT JOIN node_policies o ON o.node_id = n.node_id;

-- The check-in services, also those that are to run at a place and have not been heard yet; ranges is a JSON list.
CREATE VIEW v_checkins AS
SELECT c.checkin_id,
       c.name,
       c.address,
       c.ranges,
       (SELECT count(*) FROM nodes n WHERE n.checkin_id = c.checkin_id) AS nodes,
       strftime('%Y-%m-%dT%H:%M:%fZ', c.first_seen_ms / 1000.0, 'unixepoch') AS first_seen_at,
       strftime('%Y-%m-%dT%H:%M:%fZ', c.last_seen_ms / 1000.0, 'unixepoch')  AS last_seen_at,
       g.place,
       g.name     AS running_group,
       g.group_id AS running_group_id,
       p.running,
       p.message,
       strftime('%Y-%m-%dT%H:%M:%fZ', p.since_ms / 1000.0, 'unixepoch') AS placed_at
FROM checkins c
LEFT JOIN checkin_places p ON p.name = c.name
LEFT JOIN groups g ON g.group_id = p.group_id
UNION ALL
SELECT NULL, p.name, NULL, '[]', 0, NULL, NULL, g.place, g.name, g.group_id, p.running, p.message,
       strftime('%Y-%m-%dT%H:%M:%fZ', p.since_ms / 1000.0, 'unixepoch')
FROM checkin_places p
JOIN groups g ON g.group_id = p.group_id
WHERE NOT EXISTS (SELECT 1 FROM checkins c WHERE c.name = p.name);

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
       a.comment
FROM alerts a
JOIN groups g ON g.group_id = a.group_id
LEFT JOIN nodes n ON n.node_id = a.node_id;

-- ---------------------------------------------------------------------------------------------------------------
-- New views
-- ---------------------------------------------------------------------------------------------------------------

-- Every policy that was ever set; the newest is the one in force.
CREATE VIEW v_policies AS
SELECT p.version,
       p.version = (SELECT max(version) FROM policies) AS current,
       strftime('%Y-%m-%dT%H:%M:%fZ', p.set_ms / 1000.0, 'unixepoch') AS set_at,
       p.set_by,
       p.comment,
       (SELECT count(*) FROM node_policies n WHERE n.version = p.version)         AS nodes,
       (SELECT count(*) FROM node_policies n WHERE n.refused_version = p.version) AS refused,
       p.document
FROM policies p;

-- Every group that is or was made by a rule.
CREATE VIEW v_rule_groups AS
SELECT g.group_id,
       g.name,
       g.kind,
       g.rule,
       g.enter_dwell_ms,
       g.leave_dwell_ms,
       (SELECT count(*) FROM memberships m WHERE m.group_id = g.group_id AND m.until_ms IS NULL) AS members,
       g.origin,
       strftime('%Y-%m-%dT%H:%M:%fZ', g.created_ms / 1000.0, 'unixepoch')   AS created_at,
       strftime('%Y-%m-%dT%H:%M:%fZ', g.dissolved_ms / 1000.0, 'unixepoch') AS dissolved_at,
       g.dissolved_by
FROM groups g
WHERE g.rule IS NOT NULL;

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
FROM (SELECT node_id, group_id, from_ms, reason FROM assignments WHERE until_ms IS NULL
      UNION ALL
      SELECT node_id, group_id, from_ms, reason FROM memberships WHERE until_ms IS NULL) m
JOIN nodes n ON n.node_id = m.node_id
JOIN groups g ON g.group_id = m.group_id;

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
       m.until_ms IS NULL AS current
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
       strftime('%Y-%m-%dT%H:%M:%fZ', a.ended_ms / 1000.0, 'unixepoch')    AS ended_at
FROM actions a
JOIN nodes n ON n.node_id = a.node_id;

-- What arrived on channels beyond alerts, policies and analytics; detail is JSON.
CREATE VIEW v_channel_messages AS
SELECT c.channel,
       c.number,
       strftime('%Y-%m-%dT%H:%M:%fZ', c.sent_ms / 1000.0, 'unixepoch') AS at,
       c.sender,
       c.what,
       c.subject,
       c.severity,
       c.message,
       c.detail
FROM channel_messages c;

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
       coalesce(a.states ->> '$.joining', 0)  AS joining,
       coalesce(a.states ->> '$.healthy', 0)  AS healthy,
       coalesce(a.states ->> '$.degraded', 0) AS degraded,
       coalesce(a.states ->> '$.suspect', 0)  AS suspect,
       coalesce(a.states ->> '$.down', 0)     AS down,
       coalesce(a.states ->> '$.unknown', 0)  AS unknown,
       coalesce(a.states ->> '$.left', 0)     AS left_nodes,
       a.bits,
       a.statuses,
       a.refused
FROM analytics a
JOIN groups g ON g.group_id = a.group_id;

-- How each indicator's readings were distributed over a group's nodes, period by period.
CREATE VIEW v_group_metrics AS
SELECT a.analytics_id,
       strftime('%Y-%m-%dT%H:%M:%fZ', a.at_ms / 1000.0, 'unixepoch') AS at,
       a.group_id,
       g.name AS group_name,
       m.key  AS indicator,
       i.unit,
       a.period_ms,
       m.value ->> 0 AS readings,
       m.value ->> 1 AS min,
       m.value ->> 2 AS p50,
       m.value ->> 3 AS p90,
       m.value ->> 4 AS p99,
       m.value ->> 5 AS max
FROM analytics a
JOIN groups g ON g.group_id = a.group_id
JOIN json_each(a.metrics) m
LEFT JOIN indicators i ON i.name = m.key;

-- Combinations of hardware nobody foresaw, and what was decided on them.
CREATE VIEW v_combinations AS
SELECT c.capability,
       c.state, -- waiting, approved, denied
       c.node_name AS node,
       c.node_id,
       strftime('%Y-%m-%dT%H:%M:%fZ', c.held_ms / 1000.0, 'unixepoch')    AS held_at,
       strftime('%Y-%m-%dT%H:%M:%fZ', c.decided_ms / 1000.0, 'unixepoch') AS decided_at,
       c.decided_by,
       g.name AS group_name,
       g.group_id
FROM held_combinations c
LEFT JOIN groups g ON g.capability = c.capability AND g.kind = 'logical';
