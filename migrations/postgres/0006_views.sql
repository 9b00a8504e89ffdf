-- The views: what people who write SQL may rely on, the same columns of the same types as in SQLite. They change only
-- by addition; docs/sql.md describes each, and so does the catalogue: \d+ v_nodes.
--
-- Times are UTC text such as 2026-11-20T08:15:30.250Z, so they compare and sort as text. Lists of indicators are names
-- separated by commas, by bit.

-- Found by name as people name them, and a group's own history by time.
CREATE INDEX groups_by_name ON groups (name);
CREATE INDEX health_history_of_group ON health_history (group_id, at_ms);
CREATE INDEX alerts_by_kind ON alerts (kind, node_id);

-- How many of a group's present members are in which state: counted as it changes, for a fleet is too large to be counted
-- through whenever somebody asks. The triggers below are all that writes here.
CREATE TABLE group_states (
    group_id TEXT COLLATE "C" NOT NULL REFERENCES groups,
    state    TEXT COLLATE "C" NOT NULL,
    nodes    BIGINT           NOT NULL CHECK (nodes >= 0),
    PRIMARY KEY (group_id, state)
) WITH (fillfactor = 50);

INSERT INTO group_states (group_id, state, nodes)
SELECT m.group_id, n.state, count(*)
FROM (SELECT group_id, node_id FROM assignments WHERE until_ms IS NULL
      UNION ALL
      SELECT group_id, node_id FROM memberships WHERE until_ms IS NULL) m
JOIN nodes n ON n.node_id = m.node_id
GROUP BY m.group_id, n.state;

CREATE FUNCTION member_begins() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO group_states AS s (group_id, state, nodes)
    SELECT new.group_id, n.state, 1 FROM nodes n WHERE n.node_id = new.node_id
    ON CONFLICT (group_id, state) DO UPDATE SET nodes = s.nodes + 1;
    RETURN NULL;
END
$$;

CREATE FUNCTION member_ends() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE group_states SET nodes = nodes - 1
    WHERE group_id = old.group_id AND state = (SELECT n.state FROM nodes n WHERE n.node_id = old.node_id);
    RETURN NULL;
END
$$;

CREATE FUNCTION member_changes_state() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE group_states SET nodes = nodes - 1
    WHERE state = old.state
      AND group_id IN (SELECT group_id FROM assignments WHERE node_id = new.node_id AND until_ms IS NULL
                       UNION ALL
                       SELECT group_id FROM memberships WHERE node_id = new.node_id AND until_ms IS NULL);
    INSERT INTO group_states AS s (group_id, state, nodes)
    SELECT m.group_id, new.state, 1
    FROM (SELECT group_id FROM assignments WHERE node_id = new.node_id AND until_ms IS NULL
          UNION ALL
          SELECT group_id FROM memberships WHERE node_id = new.node_id AND until_ms IS NULL) m
    ON CONFLICT (group_id, state) DO UPDATE SET nodes = s.nodes + 1;
    RETURN NULL;
END
$$;

CREATE TRIGGER assignment_begins AFTER INSERT ON assignments
FOR EACH ROW WHEN (new.until_ms IS NULL) EXECUTE FUNCTION member_begins();

CREATE TRIGGER assignment_ends AFTER UPDATE OF until_ms ON assignments
FOR EACH ROW WHEN (old.until_ms IS NULL AND new.until_ms IS NOT NULL) EXECUTE FUNCTION member_ends();

CREATE TRIGGER membership_begins AFTER INSERT ON memberships
FOR EACH ROW WHEN (new.until_ms IS NULL) EXECUTE FUNCTION member_begins();

CREATE TRIGGER membership_ends AFTER UPDATE OF until_ms ON memberships
FOR EACH ROW WHEN (old.until_ms IS NULL AND new.until_ms IS NOT NULL) EXECUTE FUNCTION member_ends();

CREATE TRIGGER node_changes_state AFTER UPDATE OF state ON nodes
FOR EACH ROW WHEN (old.state <> new.state) EXECUTE FUNCTION member_changes_state();

-- A time as the views write it.
CREATE FUNCTION iso_time(ms BIGINT) RETURNS TEXT LANGUAGE sql STABLE PARALLEL SAFE
RETURN to_char(timestamp 'epoch' + (ms / 86400000) * interval '1 day' + (ms % 86400000) * interval '1 millisecond',
               'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"');

-- JSON stands in text here, as in SQLite, so the same words ask for a part of it: detail ->> '$.address'. What is found
-- is text, whatever it was.
CREATE FUNCTION json_part(document TEXT, path TEXT) RETURNS TEXT LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN jsonb_path_query_first(document::jsonb,
    (CASE WHEN path LIKE '$%' THEN path ELSE '$.' || to_json(path)::text END)::jsonpath) #>> '{}';

CREATE OPERATOR ->> (LEFTARG = TEXT, RIGHTARG = TEXT, FUNCTION = json_part);

-- The clock, as the tables count time.
CREATE FUNCTION now_ms() RETURNS BIGINT LANGUAGE sql STABLE PARALLEL SAFE
RETURN (extract(epoch FROM now()) * 1000)::bigint;

-- The 24 indicators of every node that has reported.
CREATE VIEW v_node_health_bits AS
SELECT b.node_id,
       n.name AS node,
       b.bit,
       i.name AS indicator,
       i.unit,
       i.severity,
       b.state, -- set, clear, unmeasurable
       iso_time(b.since_ms) COLLATE "C" AS since,
       i.meaning,
       i.remedy,
       b.state <> 'unmeasurable' AS measurable
FROM node_health_bits b
JOIN nodes n ON n.node_id = b.node_id
JOIN indicators i ON i.bit = b.bit;

-- Every change of state or health that was taken, oldest first by history_id.
CREATE VIEW v_health_history AS
SELECT h.history_id,
       iso_time(h.at_ms) COLLATE "C" AS at,
       h.node_id,
       n.name AS node,
       g.name AS group_name,
       h.epoch,
       h.state,
       h.bits AS health_bits,
       h.mask AS unmeasurable,
       CASE WHEN h.bits = 0 THEN '' ELSE
           (SELECT string_agg(i.name, ',' ORDER BY i.bit) FROM indicators i WHERE h.bits & (1::bigint << i.bit::int) <> 0)
       END    AS bits_set,
       h.cause,
       h.at_ms,
       h.group_id
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
       iso_time(a.from_ms) COLLATE "C"  AS since,
       iso_time(a.until_ms) COLLATE "C" AS until,
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
       iso_time(h.from_ms) COLLATE "C"  AS since,
       iso_time(h.until_ms) COLLATE "C" AS until,
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
       iso_time(c.since_ms) COLLATE "C" AS since
FROM channels c
JOIN groups g ON g.group_id = c.group_id;

-- What happened, one row per change; detail is JSON.
CREATE VIEW v_events AS
SELECT e.event_id,
       iso_time(e.at_ms) COLLATE "C" AS at,
       e.kind,
       e.subject_type,
       e.subject_id,
       e.message,
       e.detail,
       e.at_ms
FROM events e;

-- Every combination of characteristics, its logical group and how many nodes have it now.
CREATE VIEW v_capabilities AS
SELECT c.capability,
       c.digest,
       g.name     AS group_name,
       g.group_id,
       (SELECT count(*) FROM nodes n WHERE n.capability = c.capability) AS nodes,
       iso_time(c.first_seen_ms) COLLATE "C" AS first_seen_at
FROM capabilities c
LEFT JOIN groups g ON g.capability = c.capability AND g.kind = 'logical';

-- The dictionary of the 24 indicators.
CREATE VIEW v_indicators AS
SELECT bit, name, unit, severity, meaning, remedy
FROM indicators;

-- The zone: one row once its controller has started.
CREATE VIEW v_zones AS
SELECT z.zone_id,
       z.name,
       z.generation,
       (SELECT count(*) FROM groups WHERE kind = 'physical') AS physical_groups,
       (SELECT count(*) FROM groups WHERE kind = 'logical' AND dissolved_ms IS NULL) AS logical_groups,
       (SELECT count(*) FROM nodes)                          AS nodes,
       (SELECT count(*) FROM alerts WHERE state = 'raised')  AS open_alerts,
       iso_time(z.created_ms) COLLATE "C" AS created_at,
       iso_time(z.started_ms) COLLATE "C" AS started_at,
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
       coalesce(sum(s.nodes), 0)::bigint AS members,
       coalesce(sum(s.nodes) FILTER (WHERE s.state = 'joining'), 0)::bigint AS joining,
       coalesce(sum(s.nodes) FILTER (WHERE s.state = 'healthy'), 0)::bigint AS healthy,
       coalesce(sum(s.nodes) FILTER (WHERE s.state = 'degraded'), 0)::bigint AS degraded,
       coalesce(sum(s.nodes) FILTER (WHERE s.state = 'suspect'), 0)::bigint AS suspect,
       coalesce(sum(s.nodes) FILTER (WHERE s.state = 'down'), 0)::bigint AS down,
       coalesce(sum(s.nodes) FILTER (WHERE s.state = 'unknown'), 0)::bigint AS unknown,
       coalesce(sum(s.nodes) FILTER (WHERE s.state = 'left'), 0)::bigint AS left_nodes,
       nullif(g.session, 0) AS session,
       g.addresses,
       g.origin,
       iso_time(g.created_ms) COLLATE "C" AS created_at,
       iso_time(g.joined_ms) COLLATE "C" AS joined_at,
       g.rule
FROM groups g
LEFT JOIN group_states s ON s.group_id = g.group_id
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
       iso_time(min(a.raised_ms)) COLLATE "C" AS oldest_raised_at,
       iso_time(max(a.raised_ms)) COLLATE "C" AS newest_raised_at
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
           (SELECT string_agg(i.name, ',' ORDER BY i.bit) FROM indicators i WHERE s.bits & (1::bigint << i.bit::int) <> 0)
       END                 AS bits_set,
       coalesce(o.open_alerts, 0) AS open_alerts
FROM v_groups g
LEFT JOIN (SELECT here.group_id, sum(1::bigint << here.bit::int)::bigint AS bits
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
LEFT JOIN (SELECT group_id, sum(raised + acknowledged)::bigint AS open_alerts
           FROM v_group_alerts GROUP BY group_id) o ON o.group_id = g.group_id;

-- Every node as it is now. Bits that cannot be measured stand in "unmeasurable", never in health_bits.
CREATE VIEW v_nodes AS
SELECT n.node_id,
       n.name,
       n.address,
       n.place,
       n.state,
       iso_time(n.since_ms) COLLATE "C" AS since,
       n.epoch,
       pg.name     AS physical_group,
       pg.group_id AS physical_group_id,
       lg.name     AS logical_group,
       lg.group_id AS logical_group_id,
       n.capability,
       n.bits      AS health_bits,
       n.mask      AS unmeasurable,
       CASE WHEN n.bits = 0 THEN '' ELSE
           (SELECT string_agg(i.name, ',' ORDER BY i.bit) FROM indicators i WHERE n.bits & (1::bigint << i.bit::int) <> 0)
       END         AS bits_set,
       h.cpu,
       h.cores,
       h.threads,
       h.memory_bytes,
       h.nics,
       iso_time(n.joined_ms) COLLATE "C"      AS joined_at,
       iso_time(n.last_change_ms) COLLATE "C" AS last_change_at,
       iso_time(n.last_seen_ms) COLLATE "C"   AS last_seen_at,
       iso_time(n.first_seen_ms) COLLATE "C"  AS first_seen_at,
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
       iso_time(c.first_seen_ms) COLLATE "C" AS first_seen_at,
       iso_time(c.last_seen_ms) COLLATE "C"  AS last_seen_at,
       g.place,
       g.name     AS running_group,
       g.group_id AS running_group_id,
       p.running,
       p.message,
       iso_time(p.since_ms) COLLATE "C" AS placed_at
FROM checkins c
LEFT JOIN checkin_places p ON p.name = c.name
LEFT JOIN groups g ON g.group_id = p.group_id
UNION ALL
SELECT NULL, p.name, NULL, '[]', 0, NULL, NULL, g.place, g.name, g.group_id, p.running, p.message,
       iso_time(p.since_ms) COLLATE "C"
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
       iso_time(a.raised_ms) COLLATE "C"  AS raised_at,
       iso_time(a.cleared_ms) COLLATE "C" AS cleared_at,
       a.message,
       iso_time(a.acknowledged_ms) COLLATE "C" AS acknowledged_at,
       a.acknowledged_by,
       a.comment,
       coalesce(a.cleared_ms, now_ms()) - a.raised_ms AS lasted_ms,
       a.raised_ms,
       a.state = 'raised' AS open -- in the table: whether anybody has seen it or not
FROM alerts a
JOIN groups g ON g.group_id = a.group_id
LEFT JOIN nodes n ON n.node_id = a.node_id;

-- Every policy that was ever set; the newest is the one in force.
CREATE VIEW v_policies AS
SELECT p.version,
       p.version = (SELECT max(version) FROM policies) AS current,
       iso_time(p.set_ms) COLLATE "C" AS set_at,
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
       iso_time(g.created_ms) COLLATE "C"   AS created_at,
       iso_time(g.dissolved_ms) COLLATE "C" AS dissolved_at,
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
       iso_time(m.from_ms) COLLATE "C" AS since,
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
       iso_time(m.from_ms) COLLATE "C"  AS since,
       m.reason,
       iso_time(m.until_ms) COLLATE "C" AS until,
       m.left_reason,
       m.until_ms IS NULL AS current,
       coalesce(m.until_ms, now_ms()) - m.from_ms AS lasted_ms
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
       iso_time(a.ordered_ms) COLLATE "C"  AS ordered_at,
       iso_time(a.deadline_ms) COLLATE "C" AS deadline_at,
       a.time_limit_ms,
       iso_time(a.begun_ms) COLLATE "C"    AS begun_at,
       iso_time(a.ended_ms) COLLATE "C"    AS ended_at,
       a.ended_ms - a.begun_ms AS took_ms
FROM actions a
JOIN nodes n ON n.node_id = a.node_id;

-- What arrived on channels beyond alerts, policies and analytics; detail is JSON.
CREATE VIEW v_channel_messages AS
SELECT c.channel,
       c.number,
       iso_time(c.sent_ms) COLLATE "C" AS at,
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
       iso_time(a.at_ms) COLLATE "C" AS at,
       a.group_id,
       g.name AS group_name,
       a.period_ms,
       coalesce((a.states::json ->> 'joining')::bigint, 0) + coalesce((a.states::json ->> 'healthy')::bigint, 0)
           + coalesce((a.states::json ->> 'degraded')::bigint, 0) + coalesce((a.states::json ->> 'suspect')::bigint, 0)
           + coalesce((a.states::json ->> 'down')::bigint, 0) + coalesce((a.states::json ->> 'unknown')::bigint, 0)
           + coalesce((a.states::json ->> 'left')::bigint, 0) AS members,
       coalesce((a.states::json ->> 'joining')::bigint, 0)  AS joining,
       coalesce((a.states::json ->> 'healthy')::bigint, 0)  AS healthy,
       coalesce((a.states::json ->> 'degraded')::bigint, 0) AS degraded,
       coalesce((a.states::json ->> 'suspect')::bigint, 0)  AS suspect,
       coalesce((a.states::json ->> 'down')::bigint, 0)     AS down,
       coalesce((a.states::json ->> 'unknown')::bigint, 0)  AS unknown,
       coalesce((a.states::json ->> 'left')::bigint, 0)     AS left_nodes,
       a.bits,
       a.statuses,
       a.refused
FROM analytics a
JOIN groups g ON g.group_id = a.group_id;

-- How each indicator's readings were distributed over a group's nodes, period by period.
CREATE VIEW v_group_metrics AS
SELECT a.analytics_id,
       iso_time(a.at_ms) COLLATE "C" AS at,
       a.group_id,
       g.name AS group_name,
       m.key COLLATE "C" AS indicator,
       i.unit,
       a.period_ms,
       (m.value ->> 0)::bigint AS readings,
       (m.value ->> 1)::double precision AS min,
       (m.value ->> 2)::double precision AS p50,
       (m.value ->> 3)::double precision AS p90,
       (m.value ->> 4)::double precision AS p99,
       (m.value ->> 5)::double precision AS max
FROM analytics a
JOIN groups g ON g.group_id = a.group_id
CROSS JOIN json_each(a.metrics::json) m
LEFT JOIN indicators i ON i.name = m.key;

-- Combinations of hardware nobody foresaw, and what was decided on them.
CREATE VIEW v_combinations AS
SELECT c.capability,
       c.state, -- waiting, approved, denied
       c.node_name AS node,
       c.node_id,
       iso_time(c.held_ms) COLLATE "C"    AS held_at,
       iso_time(c.decided_ms) COLLATE "C" AS decided_at,
       c.decided_by,
       g.name AS group_name,
       g.group_id
FROM held_combinations c
LEFT JOIN groups g ON g.capability = c.capability AND g.kind = 'logical';

CREATE VIEW v_tokens AS
SELECT t.token,
       t.kind,
       t.name,
       t.place,
       CASE WHEN t.used_ms IS NOT NULL THEN 'used'
            WHEN t.revoked_ms IS NOT NULL THEN 'revoked'
            WHEN t.expires_ms <= now_ms() THEN 'expired'
            WHEN t.not_before_ms >= now_ms() + 1 THEN 'not_yet_valid'
            ELSE 'open' END AS state,
       iso_time(t.created_ms) COLLATE "C"    AS created_at,
       t.created_by,
       iso_time(t.not_before_ms) COLLATE "C" AS not_before,
       iso_time(t.expires_ms) COLLATE "C"    AS expires_at,
       iso_time(t.used_ms) COLLATE "C"       AS used_at,
       t.used_by,
       iso_time(t.revoked_ms) COLLATE "C"    AS revoked_at,
       t.revoked_by
FROM join_tokens t;

CREATE VIEW v_joins AS
SELECT j.join_id,
       j.principal,
       j.name,
       j.place,
       j.address,
       j.origin,
       j.state,
       iso_time(j.requested_ms) COLLATE "C" AS requested_at,
       iso_time(j.decided_ms) COLLATE "C"   AS decided_at,
       j.decided_by,
       j.reason,
       j.key_sha256,
       j.csr
FROM join_requests j;

CREATE VIEW v_certificates AS
SELECT c.serial,
       c.principal,
       c.name,
       c.place,
       c.user_name,
       CASE WHEN c.revoked_ms IS NOT NULL THEN 'revoked'
            WHEN c.expires_ms <= now_ms() THEN 'expired'
            ELSE 'valid' END AS state,
       iso_time(c.issued_ms) COLLATE "C"  AS issued_at,
       iso_time(c.expires_ms) COLLATE "C" AS expires_at,
       c.issued_by,
       c.key_sha256,
       iso_time(c.revoked_ms) COLLATE "C" AS revoked_at,
       c.revoked_by,
       c.reason
FROM certificates c;

CREATE VIEW v_revoked AS
SELECT r.principal,
       r.name,
       iso_time(r.since_ms) COLLATE "C" AS since,
       r.by AS revoked_by,
       r.reason
FROM revoked_principals r;

CREATE VIEW v_users AS
SELECT u.name,
       u.role,
       u.sha256 IS NOT NULL AS has_token,
       iso_time(u.created_ms) COLLATE "C" AS created_at,
       u.created_by,
       iso_time(u.changed_ms) COLLATE "C" AS changed_at,
       u.changed_by,
       iso_time(u.removed_ms) COLLATE "C" AS removed_at,
       u.removed_by
FROM api_users u;

-- Every administrative act, in the order it was saved; before and after are JSON.
CREATE VIEW v_audit AS
SELECT a.seq,
       iso_time(a.at_ms) COLLATE "C" AS at,
       a.who,
       a.origin,
       a.action,
       a.subject,
       a.before,
       a.after,
       a.at_ms,
       a.hash
FROM audit a;

-- What each node is made of now, with the parts of the map people ask for most; topology is the whole of it, as JSON.
CREATE VIEW v_node_hardware AS
SELECT h.node_id,
       n.name AS node,
       h.cpu,
       h.topology::json -> 'cpu' ->> 'vendor' AS cpu_vendor,
       (h.topology::json -> 'cpu' ->> 'family')::bigint AS cpu_family,
       (h.topology::json -> 'cpu' ->> 'model')::bigint  AS cpu_model,
       (h.topology::json -> 'cpu' ->> 'sockets')::bigint AS sockets,
       h.cores,
       h.threads,
       h.memory_bytes,
       h.topology::json -> 'memory' ->> 'technology' AS memory_technology,
       json_array_length(h.topology::json -> 'nics')::bigint AS nic_count,
       h.nics,
       h.topology,
       iso_time(h.from_ms) COLLATE "C" AS since
FROM node_hardware h
JOIN nodes n ON n.node_id = h.node_id
WHERE h.until_ms IS NULL;

-- The database's own clock, to ask about the last hour in the same words everywhere.
CREATE VIEW v_clock AS
SELECT iso_time(c.now_ms) COLLATE "C" AS now,
       c.now_ms
FROM (SELECT now_ms() AS now_ms) c;

-- What the catalogue says of each view and column, as docs/sql.md does.

COMMENT ON VIEW v_zones IS 'The zone: one row once its controller has started.';
COMMENT ON COLUMN v_zones.zone_id IS 'UUID, derived from the controller''s machine and the administrator''s secret';
COMMENT ON COLUMN v_zones.name IS 'the zone''s name';
COMMENT ON COLUMN v_zones.generation IS 'grows with every start of the zone controller';
COMMENT ON COLUMN v_zones.physical_groups IS 'how many racks have ever joined';
COMMENT ON COLUMN v_zones.logical_groups IS 'how many logical groups are in force: by combination and by rule';
COMMENT ON COLUMN v_zones.nodes IS 'how many nodes are known';
COMMENT ON COLUMN v_zones.open_alerts IS 'how many alerts are raised or acknowledged';
COMMENT ON COLUMN v_zones.created_at IS 'first start on this database';
COMMENT ON COLUMN v_zones.started_at IS 'latest start';
COMMENT ON COLUMN v_zones.health_groups IS 'how many health groups are in force';
COMMENT ON COLUMN v_zones.policy_version IS 'the policy in force; 0 for none';

COMMENT ON VIEW v_groups IS 'Every group in force, with how many of its present members are in which state. A dissolved group stands in v_rule_groups only.';
COMMENT ON COLUMN v_groups.group_id IS 'UUID';
COMMENT ON COLUMN v_groups.name IS 'the group''s name';
COMMENT ON COLUMN v_groups.kind IS 'physical (same place), logical (same combination or rule), health (same condition)';
COMMENT ON COLUMN v_groups.place IS 'where it is; physical groups';
COMMENT ON COLUMN v_groups.capability IS 'its combination; logical groups of one';
COMMENT ON COLUMN v_groups.members IS 'nodes in it now';
COMMENT ON COLUMN v_groups.joining IS 'of its members now: assigned but not heard yet';
COMMENT ON COLUMN v_groups.healthy IS 'of its members now: heard, no bit set';
COMMENT ON COLUMN v_groups.degraded IS 'of its members now: heard, at least one bit set';
COMMENT ON COLUMN v_groups.suspect IS 'of its members now: silent for a while';
COMMENT ON COLUMN v_groups.down IS 'of its members now: silent for too long, or disconnected';
COMMENT ON COLUMN v_groups.unknown IS 'of its members now: nothing can be said: the path is in doubt, or nothing is measured';
COMMENT ON COLUMN v_groups.left_nodes IS 'of its members now: said good-bye';
COMMENT ON COLUMN v_groups.session IS 'number of its present membership; NULL without a controller of its own';
COMMENT ON COLUMN v_groups.addresses IS 'JSON list: where its controller is';
COMMENT ON COLUMN v_groups.origin IS 'what made it: ack, configuration, check-in …';
COMMENT ON COLUMN v_groups.created_at IS 'first seen';
COMMENT ON COLUMN v_groups.joined_at IS 'beginning of the present membership; NULL without a controller of its own';
COMMENT ON COLUMN v_groups.rule IS 'the rule its members fulfil; NULL where it is not made by one';

COMMENT ON VIEW v_group_health IS 'What is wrong in each group in force, put together.';
COMMENT ON COLUMN v_group_health.group_id IS 'UUID';
COMMENT ON COLUMN v_group_health.group_name IS 'the group''s name';
COMMENT ON COLUMN v_group_health.kind IS 'physical (same place), logical (same combination or rule), health (same condition)';
COMMENT ON COLUMN v_group_health.place IS 'where it is; physical groups';
COMMENT ON COLUMN v_group_health.members IS 'nodes in it now';
COMMENT ON COLUMN v_group_health.joining IS 'of its members now: assigned but not heard yet';
COMMENT ON COLUMN v_group_health.healthy IS 'of its members now: heard, no bit set';
COMMENT ON COLUMN v_group_health.degraded IS 'of its members now: heard, at least one bit set';
COMMENT ON COLUMN v_group_health.suspect IS 'of its members now: silent for a while';
COMMENT ON COLUMN v_group_health.down IS 'of its members now: silent for too long, or disconnected';
COMMENT ON COLUMN v_group_health.unknown IS 'of its members now: nothing can be said: the path is in doubt, or nothing is measured';
COMMENT ON COLUMN v_group_health.left_nodes IS 'of its members now: said good-bye';
COMMENT ON COLUMN v_group_health.health_bits IS 'number: a bit is set where it is set on any member';
COMMENT ON COLUMN v_group_health.bits_set IS 'the same as indicator names, separated by commas; empty when none is';
COMMENT ON COLUMN v_group_health.open_alerts IS 'open alerts of this group and about its present members';

COMMENT ON VIEW v_group_alerts IS 'What is open in each group in force, a row for each severity: raised in the group, or about a node that is in it now. Groups without an open alert have no row.';
COMMENT ON COLUMN v_group_alerts.group_id IS 'UUID';
COMMENT ON COLUMN v_group_alerts.group_name IS 'the group''s name';
COMMENT ON COLUMN v_group_alerts.kind IS 'physical (same place), logical (same combination or rule), health (same condition)';
COMMENT ON COLUMN v_group_alerts.place IS 'where it is; physical groups';
COMMENT ON COLUMN v_group_alerts.severity IS 'warning or critical';
COMMENT ON COLUMN v_group_alerts.raised IS 'open alerts nobody has seen';
COMMENT ON COLUMN v_group_alerts.acknowledged IS 'open alerts somebody has seen';
COMMENT ON COLUMN v_group_alerts.nodes IS 'how many nodes they are about';
COMMENT ON COLUMN v_group_alerts.oldest_raised_at IS 'when the first of them began';
COMMENT ON COLUMN v_group_alerts.newest_raised_at IS 'when the last of them began';

COMMENT ON VIEW v_nodes IS 'Every node as it is now.';
COMMENT ON COLUMN v_nodes.node_id IS 'UUID, derived from the hardware';
COMMENT ON COLUMN v_nodes.name IS 'host name';
COMMENT ON COLUMN v_nodes.address IS 'IP address';
COMMENT ON COLUMN v_nodes.place IS 'its place, where the node itself is configured with one';
COMMENT ON COLUMN v_nodes.state IS 'joining, healthy, degraded, suspect, down, unknown or left';
COMMENT ON COLUMN v_nodes.since IS 'when the state began';
COMMENT ON COLUMN v_nodes.epoch IS 'session epoch; 0 before the first check-in';
COMMENT ON COLUMN v_nodes.physical_group IS 'name of its rack';
COMMENT ON COLUMN v_nodes.physical_group_id IS 'UUID';
COMMENT ON COLUMN v_nodes.logical_group IS 'name of the group of its combination';
COMMENT ON COLUMN v_nodes.logical_group_id IS 'UUID';
COMMENT ON COLUMN v_nodes.capability IS 'its combination';
COMMENT ON COLUMN v_nodes.health_bits IS 'number Σ bit·2^n of the set indicators';
COMMENT ON COLUMN v_nodes.unmeasurable IS 'number of the indicators it cannot measure';
COMMENT ON COLUMN v_nodes.bits_set IS 'names of the set indicators, separated by commas; empty when none is';
COMMENT ON COLUMN v_nodes.cpu IS 'processor, in a few words';
COMMENT ON COLUMN v_nodes.cores IS 'physical cores';
COMMENT ON COLUMN v_nodes.threads IS 'hardware threads';
COMMENT ON COLUMN v_nodes.memory_bytes IS 'usable memory';
COMMENT ON COLUMN v_nodes.nics IS 'network interfaces: name, driver, speed';
COMMENT ON COLUMN v_nodes.joined_at IS 'latest check-in';
COMMENT ON COLUMN v_nodes.last_change_at IS 'latest change of state or health';
COMMENT ON COLUMN v_nodes.last_seen_at IS 'latest sign of life that was a change; keep-alives do not become rows';
COMMENT ON COLUMN v_nodes.first_seen_at IS 'when it was first known';
COMMENT ON COLUMN v_nodes.policy_version IS 'the policy it obeys; 0 for none';
COMMENT ON COLUMN v_nodes.policy_problem IS 'why it cannot obey a newer one; NULL when it can';

COMMENT ON VIEW v_node_hardware IS 'What each node is made of now; what it was made of before stands in v_hardware.';
COMMENT ON COLUMN v_node_hardware.node_id IS 'UUID';
COMMENT ON COLUMN v_node_hardware.node IS 'the node''s name';
COMMENT ON COLUMN v_node_hardware.cpu IS 'processor, in a few words';
COMMENT ON COLUMN v_node_hardware.cpu_vendor IS 'who makes it, as the processor says';
COMMENT ON COLUMN v_node_hardware.cpu_family IS 'numbers, as the processor says';
COMMENT ON COLUMN v_node_hardware.cpu_model IS 'numbers, as the processor says';
COMMENT ON COLUMN v_node_hardware.sockets IS 'how many processors';
COMMENT ON COLUMN v_node_hardware.cores IS 'physical cores';
COMMENT ON COLUMN v_node_hardware.threads IS 'hardware threads';
COMMENT ON COLUMN v_node_hardware.memory_bytes IS 'usable memory';
COMMENT ON COLUMN v_node_hardware.memory_technology IS 'e.g. DDR5; NULL where nothing tells';
COMMENT ON COLUMN v_node_hardware.nic_count IS 'how many network interfaces';
COMMENT ON COLUMN v_node_hardware.nics IS 'network interfaces: name, driver, speed';
COMMENT ON COLUMN v_node_hardware.topology IS 'the whole hardware topology map, JSON';
COMMENT ON COLUMN v_node_hardware.since IS 'from when';

COMMENT ON VIEW v_node_health_bits IS 'The 24 indicators of every node that has reported, one row each.';
COMMENT ON COLUMN v_node_health_bits.node_id IS 'UUID';
COMMENT ON COLUMN v_node_health_bits.node IS 'the node''s name';
COMMENT ON COLUMN v_node_health_bits.bit IS '0 to 23';
COMMENT ON COLUMN v_node_health_bits.indicator IS 'the bit''s name';
COMMENT ON COLUMN v_node_health_bits.unit IS 'of the reading behind it';
COMMENT ON COLUMN v_node_health_bits.severity IS 'warning or critical';
COMMENT ON COLUMN v_node_health_bits.state IS 'set, clear or unmeasurable';
COMMENT ON COLUMN v_node_health_bits.since IS 'when it became that';
COMMENT ON COLUMN v_node_health_bits.meaning IS 'what a set bit means';
COMMENT ON COLUMN v_node_health_bits.remedy IS 'what to do about it';
COMMENT ON COLUMN v_node_health_bits.measurable IS 'whether the node can measure it';

COMMENT ON VIEW v_health_history IS 'Every change of a node''s state or health, in the order of history_id.';
COMMENT ON COLUMN v_health_history.history_id IS 'grows';
COMMENT ON COLUMN v_health_history.at IS 'when the group controller saw it';
COMMENT ON COLUMN v_health_history.node_id IS 'UUID';
COMMENT ON COLUMN v_health_history.node IS 'the node''s name';
COMMENT ON COLUMN v_health_history.group_name IS 'the group that saw it';
COMMENT ON COLUMN v_health_history.epoch IS 'the node''s session epoch';
COMMENT ON COLUMN v_health_history.state IS 'joining, healthy, degraded, suspect, down, unknown or left';
COMMENT ON COLUMN v_health_history.health_bits IS 'number Σ bit·2^n of the set indicators';
COMMENT ON COLUMN v_health_history.unmeasurable IS 'number of the indicators it cannot measure';
COMMENT ON COLUMN v_health_history.bits_set IS 'names of the set indicators';
COMMENT ON COLUMN v_health_history.cause IS 'why';
COMMENT ON COLUMN v_health_history.at_ms IS 'the same as at, milliseconds since 1970';
COMMENT ON COLUMN v_health_history.group_id IS 'UUID of the group that saw it';

COMMENT ON VIEW v_assignments IS 'Which physical group, and which group of its combination, a node was in, when and why. A node has at most one current row of each kind. Groups by rule stand in v_memberships and v_rule_history.';
COMMENT ON COLUMN v_assignments.assignment_id IS 'grows';
COMMENT ON COLUMN v_assignments.node_id IS 'UUID';
COMMENT ON COLUMN v_assignments.node IS 'the node''s name';
COMMENT ON COLUMN v_assignments.kind IS 'physical or logical';
COMMENT ON COLUMN v_assignments.group_id IS 'UUID';
COMMENT ON COLUMN v_assignments.group_name IS 'the group''s name';
COMMENT ON COLUMN v_assignments.place IS 'the group''s place';
COMMENT ON COLUMN v_assignments.epoch IS 'the node''s session epoch when it was assigned';
COMMENT ON COLUMN v_assignments.reason IS 'why this group';
COMMENT ON COLUMN v_assignments.since IS 'from when';
COMMENT ON COLUMN v_assignments.until IS 'to when; NULL while in force';
COMMENT ON COLUMN v_assignments.current IS '1 while in force, else 0';

COMMENT ON VIEW v_hardware IS 'What each node is and was made of. A new row only when something differs.';
COMMENT ON COLUMN v_hardware.hardware_id IS 'grows';
COMMENT ON COLUMN v_hardware.node_id IS 'UUID';
COMMENT ON COLUMN v_hardware.node IS 'the node''s name';
COMMENT ON COLUMN v_hardware.cpu IS 'processor, in a few words';
COMMENT ON COLUMN v_hardware.cores IS 'physical cores';
COMMENT ON COLUMN v_hardware.threads IS 'hardware threads';
COMMENT ON COLUMN v_hardware.memory_bytes IS 'usable memory';
COMMENT ON COLUMN v_hardware.nics IS 'network interfaces: name, driver, speed';
COMMENT ON COLUMN v_hardware.topology IS 'the whole hardware topology map, JSON';
COMMENT ON COLUMN v_hardware.since IS 'from when';
COMMENT ON COLUMN v_hardware.until IS 'to when; NULL for the present one';
COMMENT ON COLUMN v_hardware.current IS '1 for the present one, else 0';

COMMENT ON VIEW v_channels IS 'The channels between groups and the zone.';
COMMENT ON COLUMN v_channels.group_id IS 'UUID';
COMMENT ON COLUMN v_channels.group_name IS 'the group''s name';
COMMENT ON COLUMN v_channels.purpose IS 'alerts, policies, analytics, or a configured one';
COMMENT ON COLUMN v_channels.address IS 'host of the broker';
COMMENT ON COLUMN v_channels.port IS 'its port';
COMMENT ON COLUMN v_channels.exchange IS 'where to publish';
COMMENT ON COLUMN v_channels.queue IS 'what keeps it';
COMMENT ON COLUMN v_channels.routing_key IS 'its key';
COMMENT ON COLUMN v_channels.since IS 'since when it has been exactly this';

COMMENT ON VIEW v_checkins IS 'The check-in services that have asked for the group table, and those that are to run at a place.';
COMMENT ON COLUMN v_checkins.checkin_id IS 'UUID; NULL until it has asked for the group table';
COMMENT ON COLUMN v_checkins.name IS 'its name';
COMMENT ON COLUMN v_checkins.address IS 'where it is; NULL until it has asked';
COMMENT ON COLUMN v_checkins.ranges IS 'JSON list: the addresses it is responsible for';
COMMENT ON COLUMN v_checkins.nodes IS 'how many nodes it checked in last';
COMMENT ON COLUMN v_checkins.first_seen_at IS 'first asked';
COMMENT ON COLUMN v_checkins.last_seen_at IS 'last asked';
COMMENT ON COLUMN v_checkins.place IS 'place of the group that runs it, or is to; NULL for one that was started by hand';
COMMENT ON COLUMN v_checkins.running_group IS 'name of that group';
COMMENT ON COLUMN v_checkins.running_group_id IS 'UUID';
COMMENT ON COLUMN v_checkins.running IS '1 while it runs there, 0 while it does not (yet, or any more)';
COMMENT ON COLUMN v_checkins.message IS 'how it came to be so';
COMMENT ON COLUMN v_checkins.placed_at IS 'since when';

COMMENT ON VIEW v_alerts IS 'Alerts, open and past. At most one of a kind is open for a node, and for a whole group.';
COMMENT ON COLUMN v_alerts.alert_id IS 'grows';
COMMENT ON COLUMN v_alerts.kind IS 'an indicator''s name, liveness (a node is down), or mass_darkness (a large part of a group fell silent at once)';
COMMENT ON COLUMN v_alerts.severity IS 'warning or critical';
COMMENT ON COLUMN v_alerts.state IS 'raised, acknowledged (open still, and somebody has seen it) or cleared';
COMMENT ON COLUMN v_alerts.group_name IS 'the group that saw it';
COMMENT ON COLUMN v_alerts.group_id IS 'UUID';
COMMENT ON COLUMN v_alerts.node IS 'the node''s name; NULL when it is about the whole group';
COMMENT ON COLUMN v_alerts.node_id IS 'UUID, or NULL';
COMMENT ON COLUMN v_alerts.raised_at IS 'when it began';
COMMENT ON COLUMN v_alerts.cleared_at IS 'when it ended; NULL while it is open';
COMMENT ON COLUMN v_alerts.message IS 'what is wrong';
COMMENT ON COLUMN v_alerts.acknowledged_at IS 'when somebody said that they saw it; NULL when nobody did';
COMMENT ON COLUMN v_alerts.acknowledged_by IS 'who';
COMMENT ON COLUMN v_alerts.comment IS 'what they said';
COMMENT ON COLUMN v_alerts.lasted_ms IS 'how long it lasted, or has lasted so far, milliseconds';
COMMENT ON COLUMN v_alerts.raised_ms IS 'the same as raised_at, milliseconds since 1970';
COMMENT ON COLUMN v_alerts.open IS 'whether it lasts: raised or acknowledged';

COMMENT ON VIEW v_events IS 'What happened, in the order of event_id; one row per change of the topology. Messages on channels and summaries are no changes: they stand in v_channel_messages and v_analytics.';
COMMENT ON COLUMN v_events.event_id IS 'grows';
COMMENT ON COLUMN v_events.at IS 'when';
COMMENT ON COLUMN v_events.kind IS 'zone_started, group_joined, group_created, group_alarm_raised, group_alarm_cleared, checkin_registered, node_joined, node_placed, node_state, node_health, policy_set, policy_applied, policy_refused, group_rule_changed, group_dissolved, node_entered, node_left, alert_acknowledged, action_ordered, action_running, action_done, action_failed, action_refused, action_expired, combination_held, combination_approved, combination_denied, checkin_placed, token_created, token_revoked, join_held, join_approved, join_denied, certificate_issued, principal_revoked, principal_lifted, user_set, user_removed, and words for what was ignored or refused';
COMMENT ON COLUMN v_events.subject_type IS 'zone, group, node, checkin or other';
COMMENT ON COLUMN v_events.subject_id IS 'UUID; for other whatever names it';
COMMENT ON COLUMN v_events.message IS 'for people';
COMMENT ON COLUMN v_events.detail IS 'JSON object, for programs';
COMMENT ON COLUMN v_events.at_ms IS 'the same as at, milliseconds since 1970';

COMMENT ON VIEW v_policies IS 'Every policy that was ever set, as it was written.';
COMMENT ON COLUMN v_policies.version IS 'grows; a rollback is a new version with an old text';
COMMENT ON COLUMN v_policies.current IS '1 for the one in force, else 0';
COMMENT ON COLUMN v_policies.set_at IS 'when';
COMMENT ON COLUMN v_policies.set_by IS 'by whom';
COMMENT ON COLUMN v_policies.comment IS 'why, in their words';
COMMENT ON COLUMN v_policies.nodes IS 'how many nodes obey exactly this version';
COMMENT ON COLUMN v_policies.refused IS 'how many nodes cannot obey it';
COMMENT ON COLUMN v_policies.document IS 'its text, TOML';

COMMENT ON VIEW v_rule_groups IS 'Every group that is or was made by a rule.';
COMMENT ON COLUMN v_rule_groups.group_id IS 'UUID';
COMMENT ON COLUMN v_rule_groups.name IS 'the group''s name; one of a dissolved group may be used again';
COMMENT ON COLUMN v_rule_groups.kind IS 'logical or health';
COMMENT ON COLUMN v_rule_groups.rule IS 'the rule, CEL';
COMMENT ON COLUMN v_rule_groups.enter_dwell_ms IS 'it must hold for so long before a node enters, milliseconds';
COMMENT ON COLUMN v_rule_groups.leave_dwell_ms IS 'it must not hold for so long before a node leaves, milliseconds';
COMMENT ON COLUMN v_rule_groups.members IS 'nodes in it now';
COMMENT ON COLUMN v_rule_groups.origin IS 'default, or who made it';
COMMENT ON COLUMN v_rule_groups.created_at IS 'when it was made';
COMMENT ON COLUMN v_rule_groups.dissolved_at IS 'when it was dissolved; NULL while it is in force';
COMMENT ON COLUMN v_rule_groups.dissolved_by IS 'by whom';

COMMENT ON VIEW v_memberships IS 'Every group every node is in now: its rack, the group of its combination, and any number of groups by rule.';
COMMENT ON COLUMN v_memberships.node_id IS 'UUID';
COMMENT ON COLUMN v_memberships.node IS 'the node''s name';
COMMENT ON COLUMN v_memberships.group_id IS 'UUID';
COMMENT ON COLUMN v_memberships.group_name IS 'the group''s name';
COMMENT ON COLUMN v_memberships.kind IS 'physical, logical or health';
COMMENT ON COLUMN v_memberships.by_rule IS '1 where a rule put it there, else 0';
COMMENT ON COLUMN v_memberships.since IS 'from when';
COMMENT ON COLUMN v_memberships.reason IS 'why';

COMMENT ON VIEW v_rule_history IS 'Who was in which group by rule, when and why, in the order of membership_id.';
COMMENT ON COLUMN v_rule_history.membership_id IS 'grows';
COMMENT ON COLUMN v_rule_history.node_id IS 'UUID';
COMMENT ON COLUMN v_rule_history.node IS 'the node''s name';
COMMENT ON COLUMN v_rule_history.group_id IS 'UUID';
COMMENT ON COLUMN v_rule_history.group_name IS 'the group''s name';
COMMENT ON COLUMN v_rule_history.kind IS 'logical or health';
COMMENT ON COLUMN v_rule_history.since IS 'from when';
COMMENT ON COLUMN v_rule_history.reason IS 'why it entered';
COMMENT ON COLUMN v_rule_history.until IS 'to when; NULL while it is in it';
COMMENT ON COLUMN v_rule_history.left_reason IS 'why it left';
COMMENT ON COLUMN v_rule_history.current IS '1 while it is in it, else 0';
COMMENT ON COLUMN v_rule_history.lasted_ms IS 'how long it was in it, or has been so far, milliseconds';

COMMENT ON VIEW v_actions IS 'What was ordered to be done to nodes, and what came of it.';
COMMENT ON COLUMN v_actions.action_id IS 'UUID';
COMMENT ON COLUMN v_actions.node IS 'the node''s name';
COMMENT ON COLUMN v_actions.node_id IS 'UUID';
COMMENT ON COLUMN v_actions.kind IS 'identify, drain, restart_service or reboot';
COMMENT ON COLUMN v_actions.action IS 'JSON object: the kind, and what belongs to it';
COMMENT ON COLUMN v_actions.state IS 'ordered, running, done, failed, refused or expired';
COMMENT ON COLUMN v_actions.message IS 'what was done, or why not';
COMMENT ON COLUMN v_actions.ordered_by IS 'who: a person, or the name of a remedy';
COMMENT ON COLUMN v_actions.automatic IS '1 where a remedy ordered it, else 0';
COMMENT ON COLUMN v_actions.ordered_at IS 'when';
COMMENT ON COLUMN v_actions.deadline_at IS 'not begun after this';
COMMENT ON COLUMN v_actions.time_limit_ms IS 'how long it may take once begun, milliseconds';
COMMENT ON COLUMN v_actions.begun_at IS 'when the node began; NULL when it never did or did not say so';
COMMENT ON COLUMN v_actions.ended_at IS 'when it was over; NULL while it is not';
COMMENT ON COLUMN v_actions.took_ms IS 'from its beginning to its end, milliseconds; NULL while it is not over';

COMMENT ON VIEW v_channel_messages IS 'What arrived on channels beyond alerts, policies and analytics. The newest 10,000 of each channel are kept.';
COMMENT ON COLUMN v_channel_messages.channel IS 'security, power, or a custom one';
COMMENT ON COLUMN v_channel_messages.number IS 'grows by one with each message of the channel';
COMMENT ON COLUMN v_channel_messages.at IS 'when it was sent';
COMMENT ON COLUMN v_channel_messages.sender IS 'the inbox it came from';
COMMENT ON COLUMN v_channel_messages.what IS 'a short word for what happened';
COMMENT ON COLUMN v_channel_messages.subject IS 'name or id of what it is about';
COMMENT ON COLUMN v_channel_messages.severity IS 'warning or critical';
COMMENT ON COLUMN v_channel_messages.message IS 'for people';
COMMENT ON COLUMN v_channel_messages.detail IS 'JSON, for programs';

COMMENT ON VIEW v_analytics IS 'How many of a group''s nodes were in which state, and outside which threshold, period by period; kept for seven days. Told by the group itself, in the order of analytics_id: ORDER BY analytics_id DESC LIMIT … finds the latest at once.';
COMMENT ON COLUMN v_analytics.analytics_id IS 'grows';
COMMENT ON COLUMN v_analytics.at IS 'when the period was over';
COMMENT ON COLUMN v_analytics.group_id IS 'UUID';
COMMENT ON COLUMN v_analytics.group_name IS 'the group''s name';
COMMENT ON COLUMN v_analytics.period_ms IS 'how long it was, milliseconds';
COMMENT ON COLUMN v_analytics.members IS 'nodes in the group';
COMMENT ON COLUMN v_analytics.joining IS 'of these, in each state';
COMMENT ON COLUMN v_analytics.healthy IS 'of these, in each state';
COMMENT ON COLUMN v_analytics.degraded IS 'of these, in each state';
COMMENT ON COLUMN v_analytics.suspect IS 'of these, in each state';
COMMENT ON COLUMN v_analytics.down IS 'of these, in each state';
COMMENT ON COLUMN v_analytics.unknown IS 'of these, in each state';
COMMENT ON COLUMN v_analytics.left_nodes IS 'of these, in each state';
COMMENT ON COLUMN v_analytics.bits IS 'JSON object: nodes by the name of a set indicator; those set nowhere are absent';
COMMENT ON COLUMN v_analytics.statuses IS 'status packets taken since the group controller started';
COMMENT ON COLUMN v_analytics.refused IS 'JSON object: packets refused since it started, by reason';

COMMENT ON VIEW v_group_metrics IS 'How the readings of each indicator were distributed over a group''s nodes, period by period; kept for seven days.';
COMMENT ON COLUMN v_group_metrics.analytics_id IS 'of the period in v_analytics';
COMMENT ON COLUMN v_group_metrics.at IS 'when the period was over';
COMMENT ON COLUMN v_group_metrics.group_id IS 'UUID';
COMMENT ON COLUMN v_group_metrics.group_name IS 'the group''s name';
COMMENT ON COLUMN v_group_metrics.indicator IS 'the indicator''s name';
COMMENT ON COLUMN v_group_metrics.unit IS 'of the readings';
COMMENT ON COLUMN v_group_metrics.period_ms IS 'how long the period was, milliseconds';
COMMENT ON COLUMN v_group_metrics.readings IS 'how many were taken';
COMMENT ON COLUMN v_group_metrics.min IS 'smallest';
COMMENT ON COLUMN v_group_metrics.p50 IS 'median, estimated';
COMMENT ON COLUMN v_group_metrics.p90 IS '90th percentile, estimated';
COMMENT ON COLUMN v_group_metrics.p99 IS '99th percentile, estimated';
COMMENT ON COLUMN v_group_metrics.max IS 'largest';

COMMENT ON VIEW v_combinations IS 'Combinations of hardware nobody foresaw, and what was decided on them.';
COMMENT ON COLUMN v_combinations.capability IS 'canonical text';
COMMENT ON COLUMN v_combinations.state IS 'waiting, approved or denied';
COMMENT ON COLUMN v_combinations.node IS 'name of the node that brought it; NULL when it was decided before one came';
COMMENT ON COLUMN v_combinations.node_id IS 'UUID';
COMMENT ON COLUMN v_combinations.held_at IS 'since when it waits, or waited';
COMMENT ON COLUMN v_combinations.decided_at IS 'when it was decided; NULL while it waits';
COMMENT ON COLUMN v_combinations.decided_by IS 'by whom';
COMMENT ON COLUMN v_combinations.group_name IS 'name of its logical group, once there is one';
COMMENT ON COLUMN v_combinations.group_id IS 'UUID';

COMMENT ON VIEW v_tokens IS 'Tokens to join with, of the last thirty days. Their text is known to nobody but who was given it.';
COMMENT ON COLUMN v_tokens.token IS 'short public id';
COMMENT ON COLUMN v_tokens.kind IS 'node or group: whom it lets in';
COMMENT ON COLUMN v_tokens.name IS 'only somebody of this name; NULL for any';
COMMENT ON COLUMN v_tokens.place IS 'only somebody at this place; NULL for any';
COMMENT ON COLUMN v_tokens.state IS 'open, used, revoked, expired or not_yet_valid';
COMMENT ON COLUMN v_tokens.created_at IS 'when it was made';
COMMENT ON COLUMN v_tokens.created_by IS 'by whom';
COMMENT ON COLUMN v_tokens.not_before IS 'it lets in from then on';
COMMENT ON COLUMN v_tokens.expires_at IS 'and not after this';
COMMENT ON COLUMN v_tokens.used_at IS 'when it was used; NULL while it was not';
COMMENT ON COLUMN v_tokens.used_by IS 'by whom: node.<id> or group.<id>';
COMMENT ON COLUMN v_tokens.revoked_at IS 'when it was revoked; NULL while it was not';
COMMENT ON COLUMN v_tokens.revoked_by IS 'by whom';

COMMENT ON VIEW v_joins IS 'Requests to join without a token, of the last thirty days, and what was decided on them.';
COMMENT ON COLUMN v_joins.join_id IS 'UUID';
COMMENT ON COLUMN v_joins.principal IS 'who they say they are: node.<id> or group.<id>';
COMMENT ON COLUMN v_joins.name IS 'their name';
COMMENT ON COLUMN v_joins.place IS 'their place';
COMMENT ON COLUMN v_joins.address IS 'the address they say they have';
COMMENT ON COLUMN v_joins.origin IS 'the address the request came from';
COMMENT ON COLUMN v_joins.state IS 'pending, approved, denied, or issued once they have their certificate';
COMMENT ON COLUMN v_joins.requested_at IS 'since when they wait, or waited';
COMMENT ON COLUMN v_joins.decided_at IS 'when it was decided; NULL while it is pending';
COMMENT ON COLUMN v_joins.decided_by IS 'by whom';
COMMENT ON COLUMN v_joins.reason IS 'why';
COMMENT ON COLUMN v_joins.key_sha256 IS 'SHA-256 of their public key';
COMMENT ON COLUMN v_joins.csr IS 'their request, PEM';

COMMENT ON VIEW v_certificates IS 'Every certificate the zone issued, until thirty days after its end.';
COMMENT ON COLUMN v_certificates.serial IS 'its serial number, hexadecimal';
COMMENT ON COLUMN v_certificates.principal IS 'whose it is: node.<id>, group.<id> or checkin.<id>';
COMMENT ON COLUMN v_certificates.name IS 'its name';
COMMENT ON COLUMN v_certificates.place IS 'its place, where it told one';
COMMENT ON COLUMN v_certificates.user_name IS 'common name of the certificate, and user at the broker';
COMMENT ON COLUMN v_certificates.state IS 'valid, expired or revoked';
COMMENT ON COLUMN v_certificates.issued_at IS 'when it was issued';
COMMENT ON COLUMN v_certificates.expires_at IS 'until when it is valid';
COMMENT ON COLUMN v_certificates.issued_by IS 'token …, approval by …, renewal of …, or for group.… for a check-in service at a place';
COMMENT ON COLUMN v_certificates.key_sha256 IS 'SHA-256 of the public key';
COMMENT ON COLUMN v_certificates.revoked_at IS 'when it was revoked; NULL while it was not';
COMMENT ON COLUMN v_certificates.revoked_by IS 'by whom';
COMMENT ON COLUMN v_certificates.reason IS 'why';

COMMENT ON VIEW v_revoked IS 'Who was thrown out and is kept out. Nobody stays here who came back with a token made for them afterwards.';
COMMENT ON COLUMN v_revoked.principal IS 'who';
COMMENT ON COLUMN v_revoked.name IS 'the name a token must be made for to let them in again';
COMMENT ON COLUMN v_revoked.since IS 'since when';
COMMENT ON COLUMN v_revoked.revoked_by IS 'by whom';
COMMENT ON COLUMN v_revoked.reason IS 'why';

COMMENT ON VIEW v_users IS 'Users of the API, present and former.';
COMMENT ON COLUMN v_users.name IS 'the user''s name';
COMMENT ON COLUMN v_users.role IS 'viewer, operator or administrator';
COMMENT ON COLUMN v_users.has_token IS '1 where they may come with a token, 0 where by certificate only';
COMMENT ON COLUMN v_users.created_at IS 'when they were made';
COMMENT ON COLUMN v_users.created_by IS 'by whom';
COMMENT ON COLUMN v_users.changed_at IS 'when role or token was changed last';
COMMENT ON COLUMN v_users.changed_by IS 'by whom';
COMMENT ON COLUMN v_users.removed_at IS 'when they were removed; NULL while they are not';
COMMENT ON COLUMN v_users.removed_by IS 'by whom';

COMMENT ON VIEW v_audit IS 'Every administrative act, in the order of seq, which has no gaps. Rows are never changed and never removed.';
COMMENT ON COLUMN v_audit.seq IS 'grows by one';
COMMENT ON COLUMN v_audit.at IS 'when';
COMMENT ON COLUMN v_audit.who IS 'a user, a principal, or what a program calls itself';
COMMENT ON COLUMN v_audit.origin IS 'the address it came from, or broker; empty where it is not known';
COMMENT ON COLUMN v_audit.action IS 'a short word, e.g. policy_set, token_created, principal_revoked';
COMMENT ON COLUMN v_audit.subject IS 'what it is about';
COMMENT ON COLUMN v_audit.before IS 'JSON: what was; null where there was nothing';
COMMENT ON COLUMN v_audit.after IS 'JSON: what is; null where nothing is left';
COMMENT ON COLUMN v_audit.at_ms IS 'the time as it enters the digest: milliseconds since 1970';
COMMENT ON COLUMN v_audit.hash IS 'digest of this row and, through it, of all before it';

COMMENT ON VIEW v_capabilities IS 'Every combination of characteristics that was seen or configured.';
COMMENT ON COLUMN v_capabilities.capability IS 'canonical text, v1;cpu=…;mem=…;nic=…';
COMMENT ON COLUMN v_capabilities.digest IS 'its SHA-256, hexadecimal';
COMMENT ON COLUMN v_capabilities.group_name IS 'name of its logical group';
COMMENT ON COLUMN v_capabilities.group_id IS 'UUID';
COMMENT ON COLUMN v_capabilities.nodes IS 'how many nodes have it now';
COMMENT ON COLUMN v_capabilities.first_seen_at IS 'when it was first known';

COMMENT ON VIEW v_indicators IS 'The dictionary of the 24 health indicators.';
COMMENT ON COLUMN v_indicators.bit IS '0 to 23';
COMMENT ON COLUMN v_indicators.name IS 'the name used everywhere';
COMMENT ON COLUMN v_indicators.unit IS 'of the reading';
COMMENT ON COLUMN v_indicators.severity IS 'warning or critical';
COMMENT ON COLUMN v_indicators.meaning IS 'what a set bit means';
COMMENT ON COLUMN v_indicators.remedy IS 'what to do about it';

COMMENT ON VIEW v_clock IS 'The database''s own clock: one row.';
COMMENT ON COLUMN v_clock.now IS 'the time';
COMMENT ON COLUMN v_clock.now_ms IS 'the same, milliseconds since 1970';
