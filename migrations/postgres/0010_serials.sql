-- Version 10: a node is found by the serial numbers people read on it, of its board and of the case it stands in; and the
-- nodes in a state are listed by name without sorting all of them.

DROP INDEX nodes_by_state;
CREATE INDEX nodes_by_state ON nodes (state, name, node_id);

CREATE INDEX nodes_by_board_serial ON nodes ((evidence::json ->> 'board_serial') COLLATE "C");
CREATE INDEX hardware_by_chassis_serial ON node_hardware ((topology::json #>> '{chassis,serial}') COLLATE "C")
    WHERE until_ms IS NULL;

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
       (CASE n.state WHEN 'down' THEN 1 WHEN 'unknown' THEN 2 WHEN 'suspect' THEN 3 WHEN 'degraded' THEN 4 ELSE 5 END)::bigint AS concern,
       (n.evidence::json ->> 'board_serial') COLLATE "C" AS board_serial,
       (h.topology::json #>> '{chassis,serial}') COLLATE "C" AS chassis_serial
FROM nodes n
LEFT JOIN assignments p ON p.node_id = n.node_id AND p.kind = 'physical' AND p.until_ms IS NULL
LEFT JOIN groups pg ON pg.group_id = p.group_id
LEFT JOIN assignments l ON l.node_id = n.node_id AND l.kind = 'logical' AND l.until_ms IS NULL
LEFT JOIN groups lg ON lg.group_id = l.group_id
LEFT JOIN node_hardware h ON h.node_id = n.node_id AND h.until_ms IS NULL
LEFT JOIN node_policies o ON o.node_id = n.node_id
LEFT JOIN node_seen w ON w.node_id = n.node_id;

-- What each node is made of now, with parts of it.
CREATE OR REPLACE VIEW v_node_hardware AS
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
       iso_time(h.from_ms) COLLATE "C" AS since,
       (h.topology::json #>> '{chassis,serial}') COLLATE "C" AS chassis_serial
FROM node_hardware h
JOIN nodes n ON n.node_id = h.node_id
WHERE h.until_ms IS NULL;

COMMENT ON COLUMN v_nodes.board_serial IS 'serial number of its board; NULL where firmware tells none';
COMMENT ON COLUMN v_nodes.chassis_serial IS 'serial number of its case, which blades share; NULL where firmware tells none';
COMMENT ON COLUMN v_node_hardware.chassis_serial IS 'serial number of its case, which blades share; NULL where firmware tells none';
