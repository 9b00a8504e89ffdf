-- What is asked of a whole group is kept, not made: a fleet is too large to be summed up whenever somebody looks at its
-- racks. The triggers below are all that writes here, in the transaction of the change itself; each takes what a whole
-- statement did at once, so that a batch writes a group's row once and not once for each node. The views over them are in
-- 0009_questions.sql.

-- The sums over a group's present members, and its open alerts.
CREATE TABLE group_sums (
    group_id     TEXT COLLATE "C" NOT NULL PRIMARY KEY REFERENCES groups,
    members      BIGINT NOT NULL DEFAULT 0,
    joining      BIGINT NOT NULL DEFAULT 0,
    healthy      BIGINT NOT NULL DEFAULT 0,
    degraded     BIGINT NOT NULL DEFAULT 0,
    suspect      BIGINT NOT NULL DEFAULT 0,
    down         BIGINT NOT NULL DEFAULT 0,
    unknown      BIGINT NOT NULL DEFAULT 0,
    left_nodes   BIGINT NOT NULL DEFAULT 0,
    cores        BIGINT NOT NULL DEFAULT 0,
    threads      BIGINT NOT NULL DEFAULT 0,
    memory_bytes BIGINT NOT NULL DEFAULT 0,
    open_alerts  BIGINT NOT NULL DEFAULT 0 -- raised in it; in groups that are no rack also about a present member
) WITH (fillfactor = 50);

-- On how many of a group's present members a bit is set.
CREATE TABLE group_bits (
    group_id TEXT COLLATE "C" NOT NULL REFERENCES groups,
    bit      BIGINT           NOT NULL,
    nodes    BIGINT           NOT NULL,
    PRIMARY KEY (group_id, bit)
) WITH (fillfactor = 50);

-- How many of a group's present members obey a version of the policy; those that obey none are not counted.
CREATE TABLE group_policies (
    group_id TEXT COLLATE "C" NOT NULL REFERENCES groups,
    version  BIGINT           NOT NULL,
    nodes    BIGINT           NOT NULL,
    PRIMARY KEY (group_id, version)
) WITH (fillfactor = 50);

-- When nodes were heard, where that was told beside a change: written in bulk, so in a table as small as can be, with room
-- beside each row for its next version.
CREATE TABLE node_seen (
    node_id TEXT COLLATE "C" NOT NULL PRIMARY KEY REFERENCES nodes,
    seen_ms BIGINT           NOT NULL
) WITH (fillfactor = 45);

-- ---------------------------------------------------------------------------------------------------------------
-- What is added and taken away. All rows are found by their keys, whatever the tables' statistics say.
-- ---------------------------------------------------------------------------------------------------------------

-- Nodes enter groups (1) or leave them (-1), as they are at that moment.
CREATE FUNCTION sum_members(nodes TEXT[], groups TEXT[], signs BIGINT[]) RETURNS VOID LANGUAGE plpgsql STRICT
SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off AS $$
BEGIN
    UPDATE group_sums s SET
        members = s.members + d.members,
        joining = s.joining + d.joining,
        healthy = s.healthy + d.healthy,
        degraded = s.degraded + d.degraded,
        suspect = s.suspect + d.suspect,
        down = s.down + d.down,
        unknown = s.unknown + d.unknown,
        left_nodes = s.left_nodes + d.left_nodes,
        cores = s.cores + d.cores,
        threads = s.threads + d.threads,
        memory_bytes = s.memory_bytes + d.memory_bytes,
        open_alerts = s.open_alerts + d.open_alerts
    FROM (SELECT c.group_id,
                 sum(c.sign) AS members,
                 coalesce(sum(c.sign) FILTER (WHERE n.state = 'joining'), 0) AS joining,
                 coalesce(sum(c.sign) FILTER (WHERE n.state = 'healthy'), 0) AS healthy,
                 coalesce(sum(c.sign) FILTER (WHERE n.state = 'degraded'), 0) AS degraded,
                 coalesce(sum(c.sign) FILTER (WHERE n.state = 'suspect'), 0) AS suspect,
                 coalesce(sum(c.sign) FILTER (WHERE n.state = 'down'), 0) AS down,
                 coalesce(sum(c.sign) FILTER (WHERE n.state = 'unknown'), 0) AS unknown,
                 coalesce(sum(c.sign) FILTER (WHERE n.state = 'left'), 0) AS left_nodes,
                 coalesce(sum(c.sign * h.cores), 0) AS cores,
                 coalesce(sum(c.sign * h.threads), 0) AS threads,
                 coalesce(sum(c.sign * h.memory_bytes), 0) AS memory_bytes,
                 sum(CASE g.kind WHEN 'physical' THEN 0 ELSE
                     c.sign * (SELECT count(*) FROM alerts a WHERE a.node_id = c.node_id AND a.cleared_ms IS NULL)
                     END) AS open_alerts
          FROM unnest(nodes, groups, signs) AS c (node_id, group_id, sign)
          JOIN groups g ON g.group_id = c.group_id
          JOIN nodes n ON n.node_id = c.node_id
          LEFT JOIN node_hardware h ON h.node_id = c.node_id AND h.until_ms IS NULL
          GROUP BY c.group_id) d
    WHERE s.group_id = d.group_id;
    INSERT INTO group_bits AS b (group_id, bit, nodes)
    SELECT c.group_id, i.bit, sum(c.sign)
    FROM unnest(nodes, groups, signs) AS c (node_id, group_id, sign)
    JOIN nodes n ON n.node_id = c.node_id AND n.bits <> 0
    JOIN generate_series(0, 23) AS i (bit) ON n.bits & (1::bigint << i.bit) <> 0
    GROUP BY c.group_id, i.bit
    HAVING sum(c.sign) <> 0
    ON CONFLICT (group_id, bit) DO UPDATE SET nodes = b.nodes + excluded.nodes;
    INSERT INTO group_policies AS p (group_id, version, nodes)
    SELECT c.group_id, o.version, sum(c.sign)
    FROM unnest(nodes, groups, signs) AS c (node_id, group_id, sign)
    JOIN node_policies o ON o.node_id = c.node_id AND o.version > 0
    GROUP BY c.group_id, o.version
    HAVING sum(c.sign) <> 0
    ON CONFLICT (group_id, version) DO UPDATE SET nodes = p.nodes + excluded.nodes;
END
$$;

-- Nodes change their state or their bits, in every group they are in.
CREATE FUNCTION sum_states(nodes TEXT[], states_before TEXT[], states_now TEXT[], bits_before BIGINT[], bits_now BIGINT[])
RETURNS VOID LANGUAGE plpgsql STRICT
SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off AS $$
BEGIN
    UPDATE group_sums s SET
        joining = s.joining + d.joining,
        healthy = s.healthy + d.healthy,
        degraded = s.degraded + d.degraded,
        suspect = s.suspect + d.suspect,
        down = s.down + d.down,
        unknown = s.unknown + d.unknown,
        left_nodes = s.left_nodes + d.left_nodes
    FROM (SELECT m.group_id,
                 count(*) FILTER (WHERE c.now = 'joining') - count(*) FILTER (WHERE c.before = 'joining') AS joining,
                 count(*) FILTER (WHERE c.now = 'healthy') - count(*) FILTER (WHERE c.before = 'healthy') AS healthy,
                 count(*) FILTER (WHERE c.now = 'degraded') - count(*) FILTER (WHERE c.before = 'degraded') AS degraded,
                 count(*) FILTER (WHERE c.now = 'suspect') - count(*) FILTER (WHERE c.before = 'suspect') AS suspect,
                 count(*) FILTER (WHERE c.now = 'down') - count(*) FILTER (WHERE c.before = 'down') AS down,
                 count(*) FILTER (WHERE c.now = 'unknown') - count(*) FILTER (WHERE c.before = 'unknown') AS unknown,
                 count(*) FILTER (WHERE c.now = 'left') - count(*) FILTER (WHERE c.before = 'left') AS left_nodes
          FROM unnest(nodes, states_before, states_now) AS c (node_id, before, now)
          JOIN LATERAL (SELECT a.group_id FROM assignments a WHERE a.node_id = c.node_id AND a.until_ms IS NULL
                        UNION ALL
                        SELECT r.group_id FROM memberships r WHERE r.node_id = c.node_id AND r.until_ms IS NULL) m ON true
          WHERE c.before <> c.now
          GROUP BY m.group_id) d
    WHERE s.group_id = d.group_id;
    INSERT INTO group_bits AS b (group_id, bit, nodes)
    SELECT m.group_id, i.bit, sum(CASE WHEN c.now & (1::bigint << i.bit) <> 0 THEN 1 ELSE -1 END) AS more
    FROM unnest(nodes, bits_before, bits_now) AS c (node_id, before, now)
    JOIN generate_series(0, 23) AS i (bit) ON (c.before # c.now) & (1::bigint << i.bit) <> 0
    JOIN LATERAL (SELECT a.group_id FROM assignments a WHERE a.node_id = c.node_id AND a.until_ms IS NULL
                  UNION ALL
                  SELECT r.group_id FROM memberships r WHERE r.node_id = c.node_id AND r.until_ms IS NULL) m ON true
    WHERE c.before <> c.now
    GROUP BY m.group_id, i.bit
    ON CONFLICT (group_id, bit) DO UPDATE SET nodes = b.nodes + excluded.nodes;
END
$$;

-- Nodes gain hardware (1) or lose it (-1).
CREATE FUNCTION sum_hardware(nodes TEXT[], cores BIGINT[], threads BIGINT[], memory BIGINT[], signs BIGINT[])
RETURNS VOID LANGUAGE plpgsql STRICT
SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off AS $$
BEGIN
    UPDATE group_sums s SET
        cores = s.cores + d.cores,
        threads = s.threads + d.threads,
        memory_bytes = s.memory_bytes + d.memory_bytes
    FROM (SELECT m.group_id,
                 coalesce(sum(c.sign * c.cores), 0) AS cores,
                 coalesce(sum(c.sign * c.threads), 0) AS threads,
                 coalesce(sum(c.sign * c.memory_bytes), 0) AS memory_bytes
          FROM unnest(nodes, cores, threads, memory, signs) AS c (node_id, cores, threads, memory_bytes, sign)
          JOIN LATERAL (SELECT a.group_id FROM assignments a WHERE a.node_id = c.node_id AND a.until_ms IS NULL
                        UNION ALL
                        SELECT r.group_id FROM memberships r WHERE r.node_id = c.node_id AND r.until_ms IS NULL) m ON true
          GROUP BY m.group_id) d
    WHERE s.group_id = d.group_id;
END
$$;

-- Nodes obey a version of the policy (1), or do so no more (-1).
CREATE FUNCTION sum_policies(nodes TEXT[], versions BIGINT[], signs BIGINT[]) RETURNS VOID LANGUAGE plpgsql STRICT
SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off AS $$
BEGIN
    INSERT INTO group_policies AS p (group_id, version, nodes)
    SELECT m.group_id, c.version, sum(c.sign)
    FROM unnest(nodes, versions, signs) AS c (node_id, version, sign)
    JOIN LATERAL (SELECT a.group_id FROM assignments a WHERE a.node_id = c.node_id AND a.until_ms IS NULL
                  UNION ALL
                  SELECT r.group_id FROM memberships r WHERE r.node_id = c.node_id AND r.until_ms IS NULL) m ON true
    WHERE c.version > 0
    GROUP BY m.group_id, c.version
    HAVING sum(c.sign) <> 0
    ON CONFLICT (group_id, version) DO UPDATE SET nodes = p.nodes + excluded.nodes;
END
$$;

-- Alerts of groups about nodes, or about nobody (NULL), open (1) or close (-1).
CREATE FUNCTION sum_alerts(groups TEXT[], nodes TEXT[], signs BIGINT[]) RETURNS VOID LANGUAGE plpgsql STRICT
SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off AS $$
BEGIN
    UPDATE group_sums s SET open_alerts = s.open_alerts + d.more
    FROM (SELECT m.group_id, sum(c.sign) AS more
          FROM unnest(groups, nodes, signs) AS c (group_id, node_id, sign)
          JOIN LATERAL (SELECT c.group_id
                        UNION ALL
                        SELECT a.group_id FROM assignments a
                        WHERE a.node_id = c.node_id AND a.kind = 'logical' AND a.until_ms IS NULL
                        UNION ALL
                        SELECT r.group_id FROM memberships r
                        WHERE r.node_id = c.node_id AND r.until_ms IS NULL) m ON true
          GROUP BY m.group_id) d
    WHERE s.group_id = d.group_id AND d.more <> 0;
END
$$;

-- ---------------------------------------------------------------------------------------------------------------
-- What is there already
-- ---------------------------------------------------------------------------------------------------------------

-- Every node has a row, 0 for no policy, so that those behind the policy in force are found by an index.
INSERT INTO node_policies (node_id, version)
SELECT n.node_id, 0 FROM nodes n WHERE NOT EXISTS (SELECT 1 FROM node_policies p WHERE p.node_id = n.node_id);

INSERT INTO group_sums (group_id, open_alerts)
SELECT g.group_id, (SELECT count(*) FROM alerts a WHERE a.group_id = g.group_id AND a.state = 'raised') FROM groups g;

SELECT sum_members(array_agg(m.node_id), array_agg(m.group_id), array_agg(1::bigint))
FROM (SELECT node_id, group_id FROM assignments WHERE until_ms IS NULL
      UNION ALL
      SELECT node_id, group_id FROM memberships WHERE until_ms IS NULL) m;

-- ---------------------------------------------------------------------------------------------------------------
-- What happens from now on
-- ---------------------------------------------------------------------------------------------------------------

CREATE FUNCTION groups_have_sums() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO group_sums (group_id) SELECT group_id FROM entered;
    RETURN NULL;
END
$$;

CREATE FUNCTION nodes_have_policies() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO node_policies (node_id, version) SELECT node_id, 0 FROM entered;
    RETURN NULL;
END
$$;

CREATE FUNCTION policy_replaces() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM group_policies WHERE nodes = 0;
    RETURN NULL;
END
$$;

CREATE FUNCTION members_enter() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM sum_members(array_agg(node_id), array_agg(group_id), array_agg(1::bigint)) FROM entered WHERE until_ms IS NULL;
    RETURN NULL;
END
$$;

CREATE FUNCTION members_leave() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM sum_members(array_agg(c.node_id), array_agg(c.group_id), array_agg(c.sign))
    FROM (SELECT node_id, group_id, -1::bigint AS sign FROM gone WHERE until_ms IS NULL
          UNION ALL
          SELECT node_id, group_id, 1 FROM entered WHERE until_ms IS NULL) c;
    RETURN NULL;
END
$$;

CREATE FUNCTION nodes_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM sum_states(array_agg(c.node_id), array_agg(c.state_before), array_agg(c.state_now),
                       array_agg(c.bits_before), array_agg(c.bits_now))
    FROM (SELECT w.node_id, max(w.state) FILTER (WHERE NOT w.is_now) AS state_before,
                 max(w.state) FILTER (WHERE w.is_now) AS state_now,
                 max(w.bits) FILTER (WHERE NOT w.is_now) AS bits_before, max(w.bits) FILTER (WHERE w.is_now) AS bits_now
          FROM (SELECT node_id, state, bits, false AS is_now FROM gone
                UNION ALL
                SELECT node_id, state, bits, true FROM entered) w
          GROUP BY w.node_id) c
    WHERE c.state_before <> c.state_now OR c.bits_before <> c.bits_now;
    RETURN NULL;
END
$$;

CREATE FUNCTION hardware_comes() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM sum_hardware(array_agg(node_id), array_agg(cores), array_agg(threads), array_agg(memory_bytes),
                         array_agg(1::bigint))
    FROM entered WHERE until_ms IS NULL;
    RETURN NULL;
END
$$;

CREATE FUNCTION hardware_goes() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM sum_hardware(array_agg(c.node_id), array_agg(c.cores), array_agg(c.threads), array_agg(c.memory_bytes),
                         array_agg(c.sign))
    FROM (SELECT node_id, cores, threads, memory_bytes, -1::bigint AS sign FROM gone WHERE until_ms IS NULL
          UNION ALL
          SELECT node_id, cores, threads, memory_bytes, 1 FROM entered WHERE until_ms IS NULL) c;
    RETURN NULL;
END
$$;

CREATE FUNCTION policies_come() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM sum_policies(array_agg(node_id), array_agg(version), array_agg(1::bigint)) FROM entered WHERE version > 0;
    RETURN NULL;
END
$$;

CREATE FUNCTION policies_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM sum_policies(array_agg(c.node_id), array_agg(c.version), array_agg(c.sign))
    FROM (SELECT node_id, version, -1::bigint AS sign FROM gone WHERE version > 0
          UNION ALL
          SELECT node_id, version, 1 FROM entered WHERE version > 0) c;
    RETURN NULL;
END
$$;

CREATE FUNCTION alerts_open() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM sum_alerts(array_agg(group_id), array_agg(node_id), array_agg(1::bigint)) FROM entered WHERE cleared_ms IS NULL;
    RETURN NULL;
END
$$;

CREATE FUNCTION alerts_close() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM sum_alerts(array_agg(c.group_id), array_agg(c.node_id), array_agg(c.sign))
    FROM (SELECT group_id, node_id, -1::bigint AS sign FROM gone WHERE cleared_ms IS NULL
          UNION ALL
          SELECT group_id, node_id, 1 FROM entered WHERE cleared_ms IS NULL) c;
    RETURN NULL;
END
$$;

CREATE TRIGGER group_has_sums AFTER INSERT ON groups
REFERENCING NEW TABLE AS entered FOR EACH STATEMENT EXECUTE FUNCTION groups_have_sums();

CREATE TRIGGER node_has_policy AFTER INSERT ON nodes
REFERENCING NEW TABLE AS entered FOR EACH STATEMENT EXECUTE FUNCTION nodes_have_policies();

CREATE TRIGGER policy_replaces AFTER INSERT ON policies
FOR EACH STATEMENT EXECUTE FUNCTION policy_replaces();

CREATE TRIGGER assignment_sums_begin AFTER INSERT ON assignments
REFERENCING NEW TABLE AS entered FOR EACH STATEMENT EXECUTE FUNCTION members_enter();

CREATE TRIGGER assignment_sums_end AFTER UPDATE ON assignments
REFERENCING OLD TABLE AS gone NEW TABLE AS entered FOR EACH STATEMENT EXECUTE FUNCTION members_leave();

CREATE TRIGGER membership_sums_begin AFTER INSERT ON memberships
REFERENCING NEW TABLE AS entered FOR EACH STATEMENT EXECUTE FUNCTION members_enter();

CREATE TRIGGER membership_sums_end AFTER UPDATE ON memberships
REFERENCING OLD TABLE AS gone NEW TABLE AS entered FOR EACH STATEMENT EXECUTE FUNCTION members_leave();

CREATE TRIGGER sums_follow_node AFTER UPDATE ON nodes
REFERENCING OLD TABLE AS gone NEW TABLE AS entered FOR EACH STATEMENT EXECUTE FUNCTION nodes_change();

CREATE TRIGGER sums_gain_hardware AFTER INSERT ON node_hardware
REFERENCING NEW TABLE AS entered FOR EACH STATEMENT EXECUTE FUNCTION hardware_comes();

CREATE TRIGGER sums_lose_hardware AFTER UPDATE ON node_hardware
REFERENCING OLD TABLE AS gone NEW TABLE AS entered FOR EACH STATEMENT EXECUTE FUNCTION hardware_goes();

CREATE TRIGGER sums_gain_policy AFTER INSERT ON node_policies
REFERENCING NEW TABLE AS entered FOR EACH STATEMENT EXECUTE FUNCTION policies_come();

CREATE TRIGGER sums_follow_policy AFTER UPDATE ON node_policies
REFERENCING OLD TABLE AS gone NEW TABLE AS entered FOR EACH STATEMENT EXECUTE FUNCTION policies_change();

CREATE TRIGGER sums_gain_alert AFTER INSERT ON alerts
REFERENCING NEW TABLE AS entered FOR EACH STATEMENT EXECUTE FUNCTION alerts_open();

CREATE TRIGGER sums_lose_alert AFTER UPDATE ON alerts
REFERENCING OLD TABLE AS gone NEW TABLE AS entered FOR EACH STATEMENT EXECUTE FUNCTION alerts_close();
