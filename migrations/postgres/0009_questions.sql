-- The questions of docs/sql.md about a large fleet. Sums come from the tables of 0008_sums.sql. Joins that only bring a name
-- are outer ones (what they refer to is always there): who does not ask for the name does not pay for it, and rows can be cut
-- to the first few before names are looked up. Times stand beside their texts as numbers where an index can find them. Views
-- only gain columns.

-- What ended, by when; nearly all rows are still in force.
CREATE INDEX assignments_by_kind_and_end ON assignments (kind, until_ms) WHERE until_ms IS NOT NULL;

-- Alerts of a kind over a span of time, by the index alone.
DROP INDEX alerts_by_kind;
CREATE INDEX alerts_by_kind ON alerts (kind, raised_ms) INCLUDE (node_id, cleared_ms, alert_id);

-- Nodes in a state that concerns somebody, worst first, longest first.
CREATE INDEX nodes_by_concern ON nodes (((CASE state WHEN 'down' THEN 1 WHEN 'unknown' THEN 2 WHEN 'suspect' THEN 3 WHEN 'degraded' THEN 4 ELSE 5 END)::bigint), since_ms)
WHERE ((CASE state WHEN 'down' THEN 1 WHEN 'unknown' THEN 2 WHEN 'suspect' THEN 3 WHEN 'degraded' THEN 4 ELSE 5 END)::bigint) < 5;

-- Whether a certificate is the one of its principal that lasts longest, of those that are not revoked: all but the others
-- have been renewed. Kept, since a third of all certificates that are valid are in force no more.
ALTER TABLE certificates ADD COLUMN newest BOOLEAN NOT NULL DEFAULT false;

CREATE FUNCTION find_newest_certificate() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE certificates c SET newest = n.serial IS NOT NULL AND c.serial = n.serial
    FROM (SELECT new.principal AS principal) p
    LEFT JOIN LATERAL (SELECT o.serial FROM certificates o WHERE o.principal = p.principal AND o.revoked_ms IS NULL
                       ORDER BY o.expires_ms DESC, o.serial DESC LIMIT 1) n ON true
    WHERE c.principal = p.principal AND c.newest <> (n.serial IS NOT NULL AND c.serial = n.serial);
    RETURN NULL;
END
$$;

UPDATE certificates SET newest = true
WHERE serial IN (SELECT DISTINCT ON (principal) serial FROM certificates WHERE revoked_ms IS NULL
                 ORDER BY principal, expires_ms DESC, serial DESC);

CREATE TRIGGER newest_certificate AFTER INSERT ON certificates
FOR EACH ROW EXECUTE FUNCTION find_newest_certificate();

CREATE TRIGGER newest_certificate_after_revocation AFTER UPDATE OF revoked_ms, expires_ms ON certificates
FOR EACH ROW WHEN (old.revoked_ms IS DISTINCT FROM new.revoked_ms OR old.expires_ms <> new.expires_ms)
EXECUTE FUNCTION find_newest_certificate();

CREATE INDEX newest_certificates ON certificates (expires_ms) WHERE newest;

-- What is open: by group, by the index alone; and worst first.
DROP INDEX open_alerts;
CREATE INDEX open_alerts ON alerts (group_id, severity) INCLUDE (raised_ms, acknowledged_ms, node_id)
    WHERE state = 'raised';
CREATE INDEX open_alerts_by_severity ON alerts (severity, raised_ms) WHERE state = 'raised';

-- Every group in force, with how many of its present members are in which state, and what they have together.
CREATE OR REPLACE VIEW v_groups AS
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
       iso_time(g.created_ms) COLLATE "C" AS created_at,
       iso_time(g.joined_ms) COLLATE "C" AS joined_at,
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
CREATE OR REPLACE VIEW v_group_alerts AS
SELECT g.group_id,
       g.name AS group_name,
       g.kind,
       g.place,
       a.severity,
       a.raised,
       a.acknowledged,
       a.nodes,
       iso_time(a.oldest_ms) COLLATE "C" AS oldest_raised_at,
       iso_time(a.newest_ms) COLLATE "C" AS newest_raised_at
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
       iso_time(a.oldest_ms) COLLATE "C" AS oldest_raised_at,
       iso_time(a.newest_ms) COLLATE "C" AS newest_raised_at
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
       iso_time(a.oldest_ms) COLLATE "C" AS oldest_raised_at,
       iso_time(a.newest_ms) COLLATE "C" AS newest_raised_at
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
CREATE OR REPLACE VIEW v_group_health AS
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
           (SELECT string_agg(i.name, ',' ORDER BY i.bit) FROM indicators i WHERE b.bits & (1::bigint << i.bit::int) <> 0)
       END                 AS bits_set,
       s.open_alerts
FROM groups g
LEFT JOIN group_sums s ON s.group_id = g.group_id
LEFT JOIN (SELECT group_id, sum(1::bigint << bit::int)::bigint AS bits
           FROM group_bits WHERE nodes > 0 GROUP BY group_id) b ON b.group_id = g.group_id
WHERE g.dissolved_ms IS NULL;

-- Every node as it is now. Bits that cannot be measured stand in "unmeasurable", never in health_bits.
CREATE OR REPLACE VIEW v_nodes AS
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
       iso_time(n.joined_ms) COLLATE "C" AS joined_at,
       iso_time(n.last_change_ms) COLLATE "C" AS last_change_at,
       iso_time(greatest(n.last_seen_ms, w.seen_ms)) COLLATE "C" AS last_seen_at,
       iso_time(n.first_seen_ms) COLLATE "C" AS first_seen_at,
       o.version AS policy_version, -- 0 for none: every node has a row there
       o.problem AS policy_problem,
       n.since_ms,
       o.refused_version AS policy_refused,
       (CASE n.state WHEN 'down' THEN 1 WHEN 'unknown' THEN 2 WHEN 'suspect' THEN 3 WHEN 'degraded' THEN 4 ELSE 5 END)::bigint AS concern
FROM nodes n
LEFT JOIN assignments p ON p.node_id = n.node_id AND p.kind = 'physical' AND p.until_ms IS NULL
LEFT JOIN groups pg ON pg.group_id = p.group_id
LEFT JOIN assignments l ON l.node_id = n.node_id AND l.kind = 'logical' AND l.until_ms IS NULL
LEFT JOIN groups lg ON lg.group_id = l.group_id
LEFT JOIN node_hardware h ON h.node_id = n.node_id AND h.until_ms IS NULL
LEFT JOIN node_policies o ON o.node_id = n.node_id
LEFT JOIN node_seen w ON w.node_id = n.node_id;

-- The 24 indicators of every node that has reported.
CREATE OR REPLACE VIEW v_node_health_bits AS
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
LEFT JOIN nodes n ON n.node_id = b.node_id
LEFT JOIN indicators i ON i.bit = b.bit;

-- Every change of state or health that was taken, oldest first by history_id.
CREATE OR REPLACE VIEW v_health_history AS
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
LEFT JOIN nodes n ON n.node_id = h.node_id
LEFT JOIN groups g ON g.group_id = h.group_id;

-- Who belonged where, when and why; "until" is NULL for what is in force.
CREATE OR REPLACE VIEW v_assignments AS
SELECT a.assignment_id,
       a.node_id,
       n.name AS node,
       a.kind,
       a.group_id,
       g.name AS group_name,
       g.place,
       a.epoch,
       a.reason,
       iso_time(a.from_ms) COLLATE "C" AS since,
       iso_time(a.until_ms) COLLATE "C" AS until,
       a.until_ms IS NULL AS current,
       a.from_ms AS since_ms,
       a.until_ms
FROM assignments a
LEFT JOIN nodes n ON n.node_id = a.node_id
LEFT JOIN groups g ON g.group_id = a.group_id;

-- What each node is and was made of; topology is the whole map as JSON.
CREATE OR REPLACE VIEW v_hardware AS
SELECT h.hardware_id,
       h.node_id,
       n.name AS node,
       h.cpu,
       h.cores,
       h.threads,
       h.memory_bytes,
       h.nics,
       h.topology,
       iso_time(h.from_ms) COLLATE "C" AS since,
       iso_time(h.until_ms) COLLATE "C" AS until,
       h.until_ms IS NULL AS current,
       h.from_ms AS since_ms,
       h.until_ms
FROM node_hardware h
LEFT JOIN nodes n ON n.node_id = h.node_id;

-- Alerts, open (raised or acknowledged) and past; node is NULL for those about a whole group.
CREATE OR REPLACE VIEW v_alerts AS
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
       iso_time(a.raised_ms) COLLATE "C" AS raised_at,
       iso_time(a.cleared_ms) COLLATE "C" AS cleared_at,
       a.message,
       iso_time(a.acknowledged_ms) COLLATE "C" AS acknowledged_at,
       a.acknowledged_by,
       a.comment,
       coalesce(a.cleared_ms, now_ms()) - a.raised_ms AS lasted_ms,
       a.raised_ms,
       a.state = 'raised' AS open -- in the table: whether anybody has seen it or not
FROM alerts a
LEFT JOIN groups g ON g.group_id = a.group_id
LEFT JOIN nodes n ON n.node_id = a.node_id;

-- Every group every node is in now: physical, of its combination, by rule.
CREATE OR REPLACE VIEW v_memberships AS
SELECT m.node_id,
       n.name AS node,
       m.group_id,
       g.name AS group_name,
       g.kind,
       g.rule IS NOT NULL AS by_rule,
       iso_time(m.from_ms) COLLATE "C" AS since,
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
       iso_time(m.from_ms) COLLATE "C",
       m.reason
FROM memberships m
LEFT JOIN nodes n ON n.node_id = m.node_id
LEFT JOIN groups g ON g.group_id = m.group_id
WHERE m.until_ms IS NULL;

-- Who was in which group by rule, when and why; "until" is NULL for what is in force.
CREATE OR REPLACE VIEW v_rule_history AS
SELECT m.membership_id,
       m.node_id,
       n.name AS node,
       m.group_id,
       g.name AS group_name,
       g.kind,
       iso_time(m.from_ms) COLLATE "C" AS since,
       m.reason,
       iso_time(m.until_ms) COLLATE "C" AS until,
       m.left_reason,
       m.until_ms IS NULL AS current,
       coalesce(m.until_ms, now_ms()) - m.from_ms AS lasted_ms,
       m.from_ms AS since_ms
FROM memberships m
LEFT JOIN nodes n ON n.node_id = m.node_id
LEFT JOIN groups g ON g.group_id = m.group_id;

-- What was ordered to be done to nodes, and what came of it; action is JSON.
CREATE OR REPLACE VIEW v_actions AS
SELECT a.action_id,
       n.name AS node,
       a.node_id,
       a.kind,
       a.action,
       a.state,
       a.message,
       a.ordered_by,
       a.automatic,
       iso_time(a.ordered_ms) COLLATE "C" AS ordered_at,
       iso_time(a.deadline_ms) COLLATE "C" AS deadline_at,
       a.time_limit_ms,
       iso_time(a.begun_ms) COLLATE "C" AS begun_at,
       iso_time(a.ended_ms) COLLATE "C" AS ended_at,
       a.ended_ms - a.begun_ms AS took_ms,
       a.ordered_ms
FROM actions a
LEFT JOIN nodes n ON n.node_id = a.node_id;

-- Each group's nodes by state and by set indicator, period by period; bits and refused are JSON.
CREATE OR REPLACE VIEW v_analytics AS
SELECT a.analytics_id,
       iso_time(a.at_ms) COLLATE "C" AS at,
       a.group_id,
       g.name AS group_name,
       a.period_ms,
       coalesce((a.states::json ->> 'joining')::bigint, 0) + coalesce((a.states::json ->> 'healthy')::bigint, 0)
           + coalesce((a.states::json ->> 'degraded')::bigint, 0) + coalesce((a.states::json ->> 'suspect')::bigint, 0)
           + coalesce((a.states::json ->> 'down')::bigint, 0) + coalesce((a.states::json ->> 'unknown')::bigint, 0)
           + coalesce((a.states::json ->> 'left')::bigint, 0) AS members,
       coalesce((a.states::json ->> 'joining')::bigint, 0) AS joining,
       coalesce((a.states::json ->> 'healthy')::bigint, 0) AS healthy,
       coalesce((a.states::json ->> 'degraded')::bigint, 0) AS degraded,
       coalesce((a.states::json ->> 'suspect')::bigint, 0) AS suspect,
       coalesce((a.states::json ->> 'down')::bigint, 0) AS down,
       coalesce((a.states::json ->> 'unknown')::bigint, 0) AS unknown,
       coalesce((a.states::json ->> 'left')::bigint, 0) AS left_nodes,
       a.bits,
       a.statuses,
       a.refused,
       a.at_ms
FROM analytics a
LEFT JOIN groups g ON g.group_id = a.group_id;

-- How each indicator's readings were distributed over a group's nodes, period by period.
CREATE OR REPLACE VIEW v_group_metrics AS
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
       (m.value ->> 5)::double precision AS max,
       a.at_ms
FROM analytics a
CROSS JOIN json_each(a.metrics::json) m
LEFT JOIN groups g ON g.group_id = a.group_id
LEFT JOIN indicators i ON i.name = m.key;

CREATE OR REPLACE VIEW v_tokens AS
SELECT t.token,
       t.kind,
       t.name,
       t.place,
       CASE WHEN t.used_ms IS NOT NULL THEN 'used'
            WHEN t.revoked_ms IS NOT NULL THEN 'revoked'
            WHEN t.expires_ms <= now_ms() THEN 'expired'
            WHEN t.not_before_ms >= now_ms() + 1 THEN 'not_yet_valid'
            ELSE 'open' END AS state,
       iso_time(t.created_ms) COLLATE "C" AS created_at,
       t.created_by,
       iso_time(t.not_before_ms) COLLATE "C" AS not_before,
       iso_time(t.expires_ms) COLLATE "C" AS expires_at,
       iso_time(t.used_ms) COLLATE "C" AS used_at,
       t.used_by,
       iso_time(t.revoked_ms) COLLATE "C" AS revoked_at,
       t.revoked_by,
       t.expires_ms
FROM join_tokens t;

CREATE OR REPLACE VIEW v_certificates AS
SELECT c.serial,
       c.principal,
       c.name,
       c.place,
       c.user_name,
       CASE WHEN c.revoked_ms IS NOT NULL THEN 'revoked'
            WHEN c.expires_ms <= now_ms() THEN 'expired'
            ELSE 'valid' END AS state,
       iso_time(c.issued_ms) COLLATE "C" AS issued_at,
       iso_time(c.expires_ms) COLLATE "C" AS expires_at,
       c.issued_by,
       c.key_sha256,
       iso_time(c.revoked_ms) COLLATE "C" AS revoked_at,
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
       iso_time(a.raised_ms) COLLATE "C" AS since,
       iso_time(a.cleared_ms) COLLATE "C" AS until,
       a.raised_ms AS since_ms,
       coalesce(a.cleared_ms, now_ms()) - a.raised_ms AS lasted_ms
FROM alerts a
WHERE a.kind = 'liveness';

-- The check-in services, also those that are to run at a place and have not been heard yet; ranges is a JSON list.
CREATE OR REPLACE VIEW v_checkins AS
SELECT c.checkin_id,
       i.name,
       c.address,
       coalesce(c.ranges, '[]') AS ranges,
       (SELECT count(*) FROM nodes n WHERE n.checkin_id = c.checkin_id) AS nodes,
       iso_time(c.first_seen_ms) COLLATE "C" AS first_seen_at,
       iso_time(c.last_seen_ms) COLLATE "C" AS last_seen_at,
       g.place,
       g.name     AS running_group,
       g.group_id AS running_group_id,
       p.running,
       p.message,
       iso_time(p.since_ms) COLLATE "C" AS placed_at
FROM (SELECT name FROM checkins UNION SELECT name FROM checkin_places) i
LEFT JOIN checkins c ON c.name = i.name
LEFT JOIN checkin_places p ON p.name = i.name
LEFT JOIN groups g ON g.group_id = p.group_id;

-- Its counts are in group_sums now.
DROP TABLE group_states;
DROP FUNCTION member_begins, member_ends, member_changes_state CASCADE;

COMMENT ON COLUMN v_groups.cores IS 'physical cores of its members together';
COMMENT ON COLUMN v_groups.threads IS 'hardware threads of its members together';
COMMENT ON COLUMN v_groups.memory_bytes IS 'usable memory of its members together';
COMMENT ON COLUMN v_groups.obey IS 'of its members now: obey the policy in force';
COMMENT ON COLUMN v_nodes.since_ms IS 'the same as since, milliseconds since 1970';
COMMENT ON COLUMN v_assignments.since_ms IS 'the same as since, milliseconds since 1970';
COMMENT ON COLUMN v_assignments.until_ms IS 'the same as until, milliseconds since 1970';
COMMENT ON COLUMN v_hardware.since_ms IS 'the same as since, milliseconds since 1970';
COMMENT ON COLUMN v_hardware.until_ms IS 'the same as until, milliseconds since 1970';
COMMENT ON COLUMN v_rule_history.since_ms IS 'the same as since, milliseconds since 1970';
COMMENT ON COLUMN v_actions.ordered_ms IS 'the same as ordered_at, milliseconds since 1970';
COMMENT ON COLUMN v_analytics.at_ms IS 'the same as at, milliseconds since 1970';
COMMENT ON COLUMN v_group_metrics.at_ms IS 'the same as at, milliseconds since 1970';
COMMENT ON COLUMN v_tokens.expires_ms IS 'the same as expires_at, milliseconds since 1970';
COMMENT ON COLUMN v_certificates.expires_ms IS 'the same as expires_at, milliseconds since 1970';
COMMENT ON COLUMN v_nodes.concern IS 'how bad the state is: 1 down, 2 unknown, 3 suspect, 4 degraded, 5 nothing to worry about';
COMMENT ON COLUMN v_nodes.policy_refused IS 'the version it cannot obey; NULL when it can';
COMMENT ON COLUMN v_certificates.newest IS 'whether it is the one of its principal that lasts longest, of those that are not revoked';

COMMENT ON VIEW v_outages IS 'Every time a node was down, in the order of alert_id.';
COMMENT ON COLUMN v_outages.alert_id IS 'of the alert in v_alerts';
COMMENT ON COLUMN v_outages.node_id IS 'UUID';
COMMENT ON COLUMN v_outages.node IS 'the node''s name';
COMMENT ON COLUMN v_outages.since IS 'when it went down';
COMMENT ON COLUMN v_outages.until IS 'when it was heard again; NULL while it is down';
COMMENT ON COLUMN v_outages.since_ms IS 'the same as since, milliseconds since 1970';
COMMENT ON COLUMN v_outages.lasted_ms IS 'how long it was down, or has been so far, milliseconds';

-- A death that was told late.
COMMENT ON COLUMN v_events.kind IS 'zone_started, group_joined, group_created, group_alarm_raised, group_alarm_cleared, checkin_registered, node_joined, node_placed, node_state, node_was_down, node_health, policy_set, policy_applied, policy_refused, group_rule_changed, group_dissolved, node_entered, node_left, alert_acknowledged, action_ordered, action_running, action_done, action_failed, action_refused, action_expired, combination_held, combination_approved, combination_denied, checkin_placed, token_created, token_revoked, join_held, join_approved, join_denied, certificate_issued, principal_revoked, principal_lifted, user_set, user_removed, and words for what was ignored or refused';
