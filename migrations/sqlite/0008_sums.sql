-- Version 8: what is asked of a whole group is kept, not made: a fleet is too large to be summed up whenever somebody
-- looks at its racks. The triggers below are all that writes here, in the transaction of the change itself. The views
-- over them are in 0009_questions.sql.

-- The sums over a group's present members, and its open alerts.
CREATE TABLE group_sums (
    group_id     TEXT    NOT NULL PRIMARY KEY REFERENCES groups,
    members      INTEGER NOT NULL DEFAULT 0,
    joining      INTEGER NOT NULL DEFAULT 0,
    healthy      INTEGER NOT NULL DEFAULT 0,
    degraded     INTEGER NOT NULL DEFAULT 0,
    suspect      INTEGER NOT NULL DEFAULT 0,
    down         INTEGER NOT NULL DEFAULT 0,
    unknown      INTEGER NOT NULL DEFAULT 0,
    left_nodes   INTEGER NOT NULL DEFAULT 0,
    cores        INTEGER NOT NULL DEFAULT 0,
    threads      INTEGER NOT NULL DEFAULT 0,
    memory_bytes INTEGER NOT NULL DEFAULT 0,
    open_alerts  INTEGER NOT NULL DEFAULT 0 -- raised in it; in groups that are no rack also about a present member
) STRICT, WITHOUT ROWID;

-- On how many of a group's present members a bit is set.
CREATE TABLE group_bits (
    group_id TEXT    NOT NULL REFERENCES groups,
    bit      INTEGER NOT NULL,
    nodes    INTEGER NOT NULL,
    PRIMARY KEY (group_id, bit)
) STRICT, WITHOUT ROWID;

-- How many of a group's present members obey a version of the policy; those that obey none are not counted.
CREATE TABLE group_policies (
    group_id TEXT    NOT NULL REFERENCES groups,
    version  INTEGER NOT NULL,
    nodes    INTEGER NOT NULL,
    PRIMARY KEY (group_id, version)
) STRICT, WITHOUT ROWID;

-- When nodes were heard, where that was told beside a change: written in bulk, so in a table as small as can be.
CREATE TABLE node_seen (
    node_id TEXT    NOT NULL PRIMARY KEY REFERENCES nodes,
    seen_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- ---------------------------------------------------------------------------------------------------------------
-- What is there already
-- ---------------------------------------------------------------------------------------------------------------

-- Every node has a row, 0 for no policy, so that those behind the policy in force are found by an index.
INSERT INTO node_policies (node_id, version)
SELECT node_id, 0 FROM nodes WHERE node_id NOT IN (SELECT node_id FROM node_policies);

CREATE TEMP TABLE present AS
SELECT a.node_id, a.group_id, a.kind <> 'physical' AS with_alerts FROM assignments a WHERE a.until_ms IS NULL
UNION ALL
SELECT node_id, group_id, 1 FROM memberships WHERE until_ms IS NULL;

INSERT INTO group_sums (group_id, members, joining, healthy, degraded, suspect, down, unknown, left_nodes, cores, threads,
                        memory_bytes, open_alerts)
SELECT g.group_id,
       count(n.node_id),
       count(*) FILTER (WHERE n.state = 'joining'),
       count(*) FILTER (WHERE n.state = 'healthy'),
       count(*) FILTER (WHERE n.state = 'degraded'),
       count(*) FILTER (WHERE n.state = 'suspect'),
       count(*) FILTER (WHERE n.state = 'down'),
       count(*) FILTER (WHERE n.state = 'unknown'),
       count(*) FILTER (WHERE n.state = 'left'),
       coalesce(sum(h.cores), 0),
       coalesce(sum(h.threads), 0),
       coalesce(sum(h.memory_bytes), 0),
       (SELECT count(*) FROM alerts a WHERE a.group_id = g.group_id AND a.state = 'raised')
           + coalesce(sum(CASE WHEN p.with_alerts THEN
               (SELECT count(*) FROM alerts o WHERE o.node_id = p.node_id AND o.cleared_ms IS NULL) END), 0)
FROM groups g
LEFT JOIN present p ON p.group_id = g.group_id
LEFT JOIN nodes n ON n.node_id = p.node_id
LEFT JOIN node_hardware h ON h.node_id = p.node_id AND h.until_ms IS NULL
GROUP BY g.group_id;

INSERT INTO group_bits (group_id, bit, nodes)
SELECT p.group_id, i.bit, count(*)
FROM present p JOIN nodes n ON n.node_id = p.node_id JOIN indicators i ON n.bits >> i.bit & 1
GROUP BY p.group_id, i.bit;

INSERT INTO group_policies (group_id, version, nodes)
SELECT p.group_id, o.version, count(*)
FROM present p JOIN node_policies o ON o.node_id = p.node_id
WHERE o.version > 0
GROUP BY p.group_id, o.version;

DROP TABLE present;

-- ---------------------------------------------------------------------------------------------------------------
-- What happens from now on
-- ---------------------------------------------------------------------------------------------------------------

CREATE TRIGGER group_has_sums AFTER INSERT ON groups
BEGIN
    INSERT INTO group_sums (group_id) VALUES (new.group_id);
END;

CREATE TRIGGER node_has_policy AFTER INSERT ON nodes
BEGIN
    INSERT INTO node_policies (node_id, version) VALUES (new.node_id, 0);
END;

CREATE TRIGGER policy_replaces AFTER INSERT ON policies
BEGIN
    DELETE FROM group_policies WHERE nodes = 0;
END;

-- A node enters a group, or leaves it, as it is at that moment.
CREATE TRIGGER assignment_sums_begin AFTER INSERT ON assignments WHEN new.until_ms IS NULL
BEGIN
    UPDATE group_sums SET
        members = members + 1,
        joining = joining + (n.state = 'joining'),
        healthy = healthy + (n.state = 'healthy'),
        degraded = degraded + (n.state = 'degraded'),
        suspect = suspect + (n.state = 'suspect'),
        down = down + (n.state = 'down'),
        unknown = unknown + (n.state = 'unknown'),
        left_nodes = left_nodes + (n.state = 'left'),
        cores = group_sums.cores + coalesce(h.cores, 0),
        threads = group_sums.threads + coalesce(h.threads, 0),
        memory_bytes = group_sums.memory_bytes + coalesce(h.memory_bytes, 0),
        open_alerts = open_alerts + CASE new.kind WHEN 'physical' THEN 0 ELSE
            (SELECT count(*) FROM alerts a WHERE a.node_id = n.node_id AND a.cleared_ms IS NULL) END
    FROM nodes n LEFT JOIN node_hardware h ON h.node_id = n.node_id AND h.until_ms IS NULL
    WHERE group_sums.group_id = new.group_id AND n.node_id = new.node_id;
    INSERT INTO group_bits (group_id, bit, nodes)
    SELECT new.group_id, i.bit, 1 FROM nodes n JOIN indicators i ON n.bits >> i.bit & 1 WHERE n.node_id = new.node_id
    ON CONFLICT (group_id, bit) DO UPDATE SET nodes = nodes + 1;
    INSERT INTO group_policies (group_id, version, nodes)
    SELECT new.group_id, o.version, 1 FROM node_policies o WHERE o.node_id = new.node_id AND o.version > 0
    ON CONFLICT (group_id, version) DO UPDATE SET nodes = nodes + 1;
END;

CREATE TRIGGER assignment_sums_end AFTER UPDATE OF until_ms ON assignments
WHEN old.until_ms IS NULL AND new.until_ms IS NOT NULL
BEGIN
    UPDATE group_sums SET
        members = members - 1,
        joining = joining - (n.state = 'joining'),
        healthy = healthy - (n.state = 'healthy'),
        degraded = degraded - (n.state = 'degraded'),
        suspect = suspect - (n.state = 'suspect'),
        down = down - (n.state = 'down'),
        unknown = unknown - (n.state = 'unknown'),
        left_nodes = left_nodes - (n.state = 'left'),
        cores = group_sums.cores - coalesce(h.cores, 0),
        threads = group_sums.threads - coalesce(h.threads, 0),
        memory_bytes = group_sums.memory_bytes - coalesce(h.memory_bytes, 0),
        open_alerts = open_alerts - CASE old.kind WHEN 'physical' THEN 0 ELSE
            (SELECT count(*) FROM alerts a WHERE a.node_id = n.node_id AND a.cleared_ms IS NULL) END
    FROM nodes n LEFT JOIN node_hardware h ON h.node_id = n.node_id AND h.until_ms IS NULL
    WHERE group_sums.group_id = old.group_id AND n.node_id = old.node_id;
    UPDATE group_bits SET nodes = nodes - 1
    WHERE group_id = old.group_id AND (SELECT n.bits FROM nodes n WHERE n.node_id = old.node_id) >> bit & 1;
    UPDATE group_policies SET nodes = nodes - 1
    WHERE group_id = old.group_id AND version = (SELECT o.version FROM node_policies o WHERE o.node_id = old.node_id);
END;

CREATE TRIGGER membership_sums_begin AFTER INSERT ON memberships WHEN new.until_ms IS NULL
BEGIN
    UPDATE group_sums SET
        members = members + 1,
        joining = joining + (n.state = 'joining'),
        healthy = healthy + (n.state = 'healthy'),
        degraded = degraded + (n.state = 'degraded'),
        suspect = suspect + (n.state = 'suspect'),
        down = down + (n.state = 'down'),
        unknown = unknown + (n.state = 'unknown'),
        left_nodes = left_nodes + (n.state = 'left'),
        cores = group_sums.cores + coalesce(h.cores, 0),
        threads = group_sums.threads + coalesce(h.threads, 0),
        memory_bytes = group_sums.memory_bytes + coalesce(h.memory_bytes, 0),
        open_alerts = open_alerts + (SELECT count(*) FROM alerts a WHERE a.node_id = n.node_id AND a.cleared_ms IS NULL)
    FROM nodes n LEFT JOIN node_hardware h ON h.node_id = n.node_id AND h.until_ms IS NULL
    WHERE group_sums.group_id = new.group_id AND n.node_id = new.node_id;
    INSERT INTO group_bits (group_id, bit, nodes)
    SELECT new.group_id, i.bit, 1 FROM nodes n JOIN indicators i ON n.bits >> i.bit & 1 WHERE n.node_id = new.node_id
    ON CONFLICT (group_id, bit) DO UPDATE SET nodes = nodes + 1;
    INSERT INTO group_policies (group_id, version, nodes)
    SELECT new.group_id, o.version, 1 FROM node_policies o WHERE o.node_id = new.node_id AND o.version > 0
    ON CONFLICT (group_id, version) DO UPDATE SET nodes = nodes + 1;
END;

CREATE TRIGGER membership_sums_end AFTER UPDATE OF until_ms ON memberships
WHEN old.until_ms IS NULL AND new.until_ms IS NOT NULL
BEGIN
    UPDATE group_sums SET
        members = members - 1,
        joining = joining - (n.state = 'joining'),
        healthy = healthy - (n.state = 'healthy'),
        degraded = degraded - (n.state = 'degraded'),
        suspect = suspect - (n.state = 'suspect'),
        down = down - (n.state = 'down'),
        unknown = unknown - (n.state = 'unknown'),
        left_nodes = left_nodes - (n.state = 'left'),
        cores = group_sums.cores - coalesce(h.cores, 0),
        threads = group_sums.threads - coalesce(h.threads, 0),
        memory_bytes = group_sums.memory_bytes - coalesce(h.memory_bytes, 0),
        open_alerts = open_alerts - (SELECT count(*) FROM alerts a WHERE a.node_id = n.node_id AND a.cleared_ms IS NULL)
    FROM nodes n LEFT JOIN node_hardware h ON h.node_id = n.node_id AND h.until_ms IS NULL
    WHERE group_sums.group_id = old.group_id AND n.node_id = old.node_id;
    UPDATE group_bits SET nodes = nodes - 1
    WHERE group_id = old.group_id AND (SELECT n.bits FROM nodes n WHERE n.node_id = old.node_id) >> bit & 1;
    UPDATE group_policies SET nodes = nodes - 1
    WHERE group_id = old.group_id AND version = (SELECT o.version FROM node_policies o WHERE o.node_id = old.node_id);
END;

-- A node's state or bits change: in every group it is in.
CREATE TRIGGER sums_follow_node AFTER UPDATE OF state, bits ON nodes WHEN old.state <> new.state OR old.bits <> new.bits
BEGIN
    UPDATE group_sums SET
        joining = joining + (new.state = 'joining') - (old.state = 'joining'),
        healthy = healthy + (new.state = 'healthy') - (old.state = 'healthy'),
        degraded = degraded + (new.state = 'degraded') - (old.state = 'degraded'),
        suspect = suspect + (new.state = 'suspect') - (old.state = 'suspect'),
        down = down + (new.state = 'down') - (old.state = 'down'),
        unknown = unknown + (new.state = 'unknown') - (old.state = 'unknown'),
        left_nodes = left_nodes + (new.state = 'left') - (old.state = 'left')
    WHERE old.state <> new.state
      AND group_id IN (SELECT group_id FROM assignments WHERE node_id = new.node_id AND until_ms IS NULL
                       UNION ALL
                       SELECT group_id FROM memberships WHERE node_id = new.node_id AND until_ms IS NULL);
    INSERT INTO group_bits (group_id, bit, nodes)
    SELECT m.group_id, i.bit, CASE WHEN new.bits >> i.bit & 1 THEN 1 ELSE -1 END
    FROM indicators i
    CROSS JOIN (SELECT group_id FROM assignments WHERE node_id = new.node_id AND until_ms IS NULL
                UNION ALL
                SELECT group_id FROM memberships WHERE node_id = new.node_id AND until_ms IS NULL) m
    WHERE old.bits <> new.bits AND (old.bits >> i.bit & 1) <> (new.bits >> i.bit & 1)
    ON CONFLICT (group_id, bit) DO UPDATE SET nodes = nodes + excluded.nodes;
END;

CREATE TRIGGER sums_gain_hardware AFTER INSERT ON node_hardware WHEN new.until_ms IS NULL
BEGIN
    UPDATE group_sums SET
        cores = cores + coalesce(new.cores, 0),
        threads = threads + coalesce(new.threads, 0),
        memory_bytes = memory_bytes + coalesce(new.memory_bytes, 0)
    WHERE group_id IN (SELECT group_id FROM assignments WHERE node_id = new.node_id AND until_ms IS NULL
                       UNION ALL
                       SELECT group_id FROM memberships WHERE node_id = new.node_id AND until_ms IS NULL);
END;

CREATE TRIGGER sums_lose_hardware AFTER UPDATE OF until_ms ON node_hardware
WHEN old.until_ms IS NULL AND new.until_ms IS NOT NULL
BEGIN
    UPDATE group_sums SET
        cores = cores - coalesce(old.cores, 0),
        threads = threads - coalesce(old.threads, 0),
        memory_bytes = memory_bytes - coalesce(old.memory_bytes, 0)
    WHERE group_id IN (SELECT group_id FROM assignments WHERE node_id = old.node_id AND until_ms IS NULL
                       UNION ALL
                       SELECT group_id FROM memberships WHERE node_id = old.node_id AND until_ms IS NULL);
END;

CREATE TRIGGER sums_gain_policy AFTER INSERT ON node_policies WHEN new.version > 0
BEGIN
    INSERT INTO group_policies (group_id, version, nodes)
    SELECT m.group_id, new.version, 1
    FROM (SELECT group_id FROM assignments WHERE node_id = new.node_id AND until_ms IS NULL
          UNION ALL
          SELECT group_id FROM memberships WHERE node_id = new.node_id AND until_ms IS NULL) m
    WHERE true
    ON CONFLICT (group_id, version) DO UPDATE SET nodes = nodes + 1;
END;

CREATE TRIGGER sums_follow_policy AFTER UPDATE OF version ON node_policies WHEN old.version <> new.version
BEGIN
    UPDATE group_policies SET nodes = nodes - 1
    WHERE old.version > 0 AND version = old.version
      AND group_id IN (SELECT group_id FROM assignments WHERE node_id = new.node_id AND until_ms IS NULL
                       UNION ALL
                       SELECT group_id FROM memberships WHERE node_id = new.node_id AND until_ms IS NULL);
    INSERT INTO group_policies (group_id, version, nodes)
    SELECT m.group_id, new.version, 1
    FROM (SELECT group_id FROM assignments WHERE node_id = new.node_id AND until_ms IS NULL
          UNION ALL
          SELECT group_id FROM memberships WHERE node_id = new.node_id AND until_ms IS NULL) m
    WHERE new.version > 0
    ON CONFLICT (group_id, version) DO UPDATE SET nodes = nodes + 1;
END;

CREATE TRIGGER sums_gain_alert AFTER INSERT ON alerts WHEN new.cleared_ms IS NULL
BEGIN
    UPDATE group_sums SET open_alerts = open_alerts + 1 WHERE group_id = new.group_id;
    UPDATE group_sums SET open_alerts = open_alerts + 1
    WHERE group_id IN (SELECT group_id FROM assignments
                       WHERE node_id = new.node_id AND kind = 'logical' AND until_ms IS NULL
                       UNION ALL
                       SELECT group_id FROM memberships WHERE node_id = new.node_id AND until_ms IS NULL);
END;

CREATE TRIGGER sums_lose_alert AFTER UPDATE OF cleared_ms ON alerts
WHEN old.cleared_ms IS NULL AND new.cleared_ms IS NOT NULL
BEGIN
    UPDATE group_sums SET open_alerts = open_alerts - 1 WHERE group_id = old.group_id;
    UPDATE group_sums SET open_alerts = open_alerts - 1
    WHERE group_id IN (SELECT group_id FROM assignments
                       WHERE node_id = old.node_id AND kind = 'logical' AND until_ms IS NULL
                       UNION ALL
                       SELECT group_id FROM memberships WHERE node_id = old.node_id AND until_ms IS NULL);
END;
