-- Version 12: who may act for the zone, and who stands by to take over.

CREATE TABLE zone_lease (
    one         BIGINT NOT NULL PRIMARY KEY CHECK (one = 1),
    generation  BIGINT NOT NULL, -- the fence: whoever holds an older one writes nothing
    beats       BIGINT NOT NULL, -- grows with every renewal
    instance    TEXT COLLATE "C" NOT NULL,
    name        TEXT COLLATE "C" NOT NULL,
    address     TEXT COLLATE "C" NOT NULL,
    is_released BOOLEAN NOT NULL,
    taken_ms    BIGINT NOT NULL,
    renewed_ms  BIGINT NOT NULL
);

CREATE TABLE zone_standbys (
    instance TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    name     TEXT COLLATE "C" NOT NULL,
    address  TEXT COLLATE "C" NOT NULL,
    since_ms BIGINT NOT NULL,
    seen_ms  BIGINT NOT NULL
);

-- Zone controllers of this zone: the one that acts, or acted last, and those that stand by.
CREATE VIEW v_controllers AS
SELECT c.instance,
       c.name,
       c.address,
       c.role COLLATE "C" AS role,
       c.generation,
       iso_time(c.since_ms) COLLATE "C" AS since,
       iso_time(c.seen_ms) COLLATE "C" AS last_seen_at,
       c.seen_ms AS last_seen_ms
FROM (SELECT l.instance, l.name, l.address, CASE WHEN l.is_released THEN 'ended' ELSE 'active' END AS role, l.generation,
             l.taken_ms AS since_ms, l.renewed_ms AS seen_ms
      FROM zone_lease l
      UNION ALL
      SELECT s.instance, s.name, s.address, 'standby', NULL, s.since_ms, s.seen_ms
      FROM zone_standbys s) c;

COMMENT ON VIEW v_controllers IS 'The zone controllers: the one that acts or acted last, and those that stand by.';
COMMENT ON COLUMN v_controllers.instance IS 'the run of the zone controller';
COMMENT ON COLUMN v_controllers.name IS 'its name: replica.name in its configuration, or its machine''s';
COMMENT ON COLUMN v_controllers.address IS 'where its API is';
COMMENT ON COLUMN v_controllers.role IS 'active, standby, or ended: stopped in order, and nobody took over';
COMMENT ON COLUMN v_controllers.generation IS 'the generation it acts in; NULL for one that stands by';
COMMENT ON COLUMN v_controllers.since IS 'since when it acts, or stands by';
COMMENT ON COLUMN v_controllers.last_seen_at IS 'when it last renewed its lease, or said that it stands by, by the database''s clock';
COMMENT ON COLUMN v_controllers.last_seen_ms IS 'the same, milliseconds since 1970';
