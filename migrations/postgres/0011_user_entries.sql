-- Version 11: who takes the name of a removed user is told apart from them: the broker and the API know certificates by their
-- common names, and a removed user's may not be over yet.

ALTER TABLE api_users ADD COLUMN entry TEXT COLLATE "C"; -- NULL = the first of this name

CREATE OR REPLACE VIEW v_users AS
SELECT u.name,
       u.role,
       u.sha256 IS NOT NULL AS has_token,
       iso_time(u.created_ms) COLLATE "C" AS created_at,
       u.created_by,
       iso_time(u.changed_ms) COLLATE "C" AS changed_at,
       u.changed_by,
       iso_time(u.removed_ms) COLLATE "C" AS removed_at,
       u.removed_by,
       u.entry
FROM api_users u;

COMMENT ON COLUMN v_users.entry IS 'ends the common name of their certificates where the name was a removed user''s before; NULL for the first of a name';
