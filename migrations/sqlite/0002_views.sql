-- The views: what people who write SQL may rely on. They change only by addition; docs/sql.md describes each.
--
-- Times are UTC text such as 2026-11-20T08:15:30.250Z, so they compare and sort as text. Lists of indicators are names
-- separated by commas, by bit.

-- The zone: one row once its controller has started.
CREATE VIEW v_zones AS
SELECT z.zone_id,
       z.name,
       z.generation,
       (SELECT count(*) FROM groups WHERE kind = 'physical') AS physical_groups,
       (SELECT count(*) FROM groups WHERE kind = 'logical')  AS logical_groups,
       (SELECT count(*) FROM nodes)                          AS nodes,
       (SELECT count(*) FROM alerts WHERE state = 'raised')  AS open_alerts,
       strftime('%Y-%m-%dT%H:%M:%fZ', z.created_ms / 1000.0, 'unixepoch') AS created_at,
       strftime('%Y-%m-%dT%H:%M:%fZ', z.started_ms / 1000.0, 'unixepoch') AS started_at
FROM zone z;

-- Every group, with how many of its present members are in which state.
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
       strftime('%Y-%m-%dT%H:%M:%fZ', g.joined_ms / 1000.0, 'unixepoch')  AS joined_at
FROM groups g
LEFT JOIN assignments a ON a.group_id = g.group_id AND a.until_ms IS NULL
LEFT JOIN nodes n ON n.node_id = a.node_id
GROUP BY g.group_id;

-- What is wrong in each group, put together.
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
       (SELECT count(*) FROM alerts a WHERE a.group_id = g.group_id AND a.state = 'raised') AS open_alerts
FROM v_groups g
LEFT JOIN (SELECT here.group_id, sum(1 << here.bit) AS bits
           FROM (SELECT DISTINCT m.group_id, b.bit
                 FROM node_health_bits b
                 JOIN assignments m ON m.node_id = b.node_id AND m.until_ms IS NULL
                 WHERE b.state = 'set') here
           GROUP BY here.group_id) s ON s.group_id = g.group_id;

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
       strftime('%Y-%m-%dT%H:%M:%fZ', n.first_seen_ms / 1000.0, 'unixepoch')  AS first_seen_at
FROM nodes n
LEFT JOIN assignments p ON p.node_id = n.node_id AND p.kind = 'physical' AND p.until_ms IS NULL
LEFT JOIN groups pg ON pg.group_id = p.group_id
LEFT JOIN assignments l ON l.node_id = n.node_id AND l.kind = 'logical' AND l.until_ms IS NULL
LEFT JOIN groups lg ON lg.group_id = l.group_id
LEFT JOIN node_hardware h ON h.node_id = n.node_id AND h.until_ms IS NULL;

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
       i.remedy
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
       h.cause
FROM health_history h
JOIN nodes n ON n.node_id = h.node_id
JOIN groups g ON g.group_id = h.group_id;

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
       strftime('%Y-%m-%dT%H:%M:%fZ', a.from_ms / 1000.0, 'unixepoch')  AS since,
       strftime('%Y-%m-%dT%H:%M:%fZ', a.until_ms / 1000.0, 'unixepoch') AS until,
       a.until_ms IS NULL AS current
FROM assignments a
JOIN nodes n ON n.node_id = a.node_id
JOIN groups g ON g.group_id = a.group_id;

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
       strftime('%Y-%m-%dT%H:%M:%fZ', h.from_ms / 1000.0, 'unixepoch')  AS since,
       strftime('%Y-%m-%dT%H:%M:%fZ', h.until_ms / 1000.0, 'unixepoch') AS until,
       h.until_ms IS NULL AS current
FROM node_hardware h
JOIN nodes n ON n.node_id = h.node_id;

-- The channels between groups and the zone.
CREATE VIEW v_channels AS
SELECT c.group_id,
       g.name AS group_name,
       c.purpose,
       c.address,
       c.port,
       c.exchange,
       c.queue,
       c.routing_key,
       strftime('%Y-%m-%dT%H:%M:%fZ', c.since_ms / 1000.0, 'unixepoch') AS since
FROM channels c
JOIN groups g ON g.group_id = c.group_id;

-- The check-in services; ranges is a JSON list.
CREATE VIEW v_checkins AS
SELECT c.checkin_id,
       c.name,
       c.address,
       c.ranges,
       (SELECT count(*) FROM nodes n WHERE n.checkin_id = c.checkin_id) AS nodes,
       strftime('%Y-%m-%dT%H:%M:%fZ', c.first_seen_ms / 1000.0, 'unixepoch') AS first_seen_at,
       strftime('%Y-%m-%dT%H:%M:%fZ', c.last_seen_ms / 1000.0, 'unixepoch')  AS last_seen_at
FROM checkins c;

-- Alerts, open and past; node is NULL for those about a whole group.
CREATE VIEW v_alerts AS
SELECT a.alert_id,
       a.kind,
       a.severity,
       a.state,
       g.name AS group_name,
       a.group_id,
       n.name AS node,
       a.node_id,
       strftime('%Y-%m-%dT%H:%M:%fZ', a.raised_ms / 1000.0, 'unixepoch')  AS raised_at,
       strftime('%Y-%m-%dT%H:%M:%fZ', a.cleared_ms / 1000.0, 'unixepoch') AS cleared_at,
       a.message
FROM alerts a
JOIN groups g ON g.group_id = a.group_id
LEFT JOIN nodes n ON n.node_id = a.node_id;

-- What happened, one row per change; detail is JSON.
CREATE VIEW v_events AS
SELECT e.event_id,
       strftime('%Y-%m-%dT%H:%M:%fZ', e.at_ms / 1000.0, 'unixepoch') AS at,
       e.kind,
       e.subject_type,
       e.subject_id,
       e.message,
       e.detail
FROM events e;

-- Every combination of characteristics, its logical group and how many nodes have it now.
CREATE VIEW v_capabilities AS
SELECT c.capability,
       c.digest,
       g.name     AS group_name,
       g.group_id,
       (SELECT count(*) FROM nodes n WHERE n.capability = c.capability) AS nodes,
       strftime('%Y-%m-%dT%H:%M:%fZ', c.first_seen_ms / 1000.0, 'unixepoch') AS first_seen_at
FROM capabilities c
LEFT JOIN groups g ON g.capability = c.capability AND g.kind = 'logical';

-- The dictionary of the 24 indicators.
CREATE VIEW v_indicators AS
SELECT bit, name, unit, severity, meaning, remedy
FROM indicators;
