-- Version 10: a node is found by the serial numbers people read on it, of its board and of the case it stands in; and the
-- nodes in a state are listed by name without sorting all of them.

DROP INDEX nodes_by_state;
CREATE INDEX nodes_by_state ON nodes (state, name, node_id);

CREATE INDEX nodes_by_board_serial ON nodes (evidence ->> '$.board_serial');
CREATE INDEX hardware_by_chassis_serial ON node_hardware (topology ->> '$.chassis.serial') WHERE until_ms IS NULL;

DROP VIEW v_nodes;

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
       n.concern,
       n.evidence ->> '$.board_serial' AS board_serial,
       h.topology ->> '$.chassis.serial' AS chassis_serial
FROM nodes n
LEFT JOIN assignments p ON p.node_id = n.node_id AND p.kind = 'physical' AND p.until_ms IS NULL
LEFT JOIN groups pg ON pg.group_id = p.group_id
LEFT JOIN assignments l ON l.node_id = n.node_id AND l.kind = 'logical' AND l.until_ms IS NULL
LEFT JOIN groups lg ON lg.group_id = l.group_id
LEFT JOIN node_hardware h ON h.node_id = n.node_id AND h.until_ms IS NULL
LEFT JOIN node_policies o ON o.node_id = n.node_id
LEFT JOIN node_seen w ON w.node_id = n.node_id;

DROP VIEW v_node_hardware;

-- What each node is made of now, with parts of it.
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
       strftime('%Y-%m-%dT%H:%M:%fZ', h.from_ms / 1000.0, 'unixepoch') AS since,
       h.topology ->> '$.chassis.serial' AS chassis_serial
FROM node_hardware h
JOIN nodes n ON n.node_id = h.node_id
WHERE h.until_ms IS NULL;
