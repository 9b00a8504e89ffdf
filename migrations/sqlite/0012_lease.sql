-- Version 12: who may act for the zone. SQLite has one process only; the tables are there so that both databases are alike,
-- and so that a zone that moves to PostgreSQL takes its generation along.

CREATE TABLE zone_lease (
    one         INTEGER NOT NULL PRIMARY KEY CHECK (one = 1),
    generation  INTEGER NOT NULL, -- the fence: whoever holds an older one writes nothing
    beats       INTEGER NOT NULL, -- grows with every renewal
    instance    TEXT NOT NULL,
    name        TEXT NOT NULL,
    address     TEXT NOT NULL,
    is_released INTEGER NOT NULL CHECK (is_released IN (0, 1)),
    taken_ms    INTEGER NOT NULL,
    renewed_ms  INTEGER NOT NULL
);

CREATE TABLE zone_standbys (
    instance TEXT NOT NULL PRIMARY KEY,
    name     TEXT NOT NULL,
    address  TEXT NOT NULL,
    since_ms INTEGER NOT NULL,
    seen_ms  INTEGER NOT NULL
);

-- Zone controllers of this zone: the one that acts, or acted last, and those that stand by.
CREATE VIEW v_controllers AS
SELECT c.instance,
       c.name,
       c.address,
       c.role,
       c.generation,
       strftime('%Y-%m-%dT%H:%M:%fZ', c.since_ms / 1000.0, 'unixepoch') AS since,
       strftime('%Y-%m-%dT%H:%M:%fZ', c.seen_ms / 1000.0, 'unixepoch') AS last_seen_at,
       c.seen_ms AS last_seen_ms
FROM (SELECT l.instance, l.name, l.address, CASE WHEN l.is_released THEN 'ended' ELSE 'active' END AS role, l.generation,
             l.taken_ms AS since_ms, l.renewed_ms AS seen_ms
      FROM zone_lease l
      UNION ALL
      SELECT s.instance, s.name, s.address, 'standby', NULL, s.since_ms, s.seen_ms
      FROM zone_standbys s) c;
