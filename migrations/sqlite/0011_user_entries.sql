-- Version 11: who takes the name of a removed user is told apart from them: the broker and the API know certificates by their
-- common names, and a removed user's may not be over yet.

ALTER TABLE api_users ADD COLUMN entry TEXT; -- NULL = the first of this name

DROP VIEW v_users;

CREATE VIEW v_users AS
SELECT u.name,
       u.role,
       u.sha256 IS NOT NULL AS has_token,
       strftime('%Y-%m-%dT%H:%M:%fZ', u.created_ms / 1000.0, 'unixepoch') AS created_at,
       u.created_by,
       strftime('%Y-%m-%dT%H:%M:%fZ', u.changed_ms / 1000.0, 'unixepoch') AS changed_at,
       u.changed_by,
       strftime('%Y-%m-%dT%H:%M:%fZ', u.removed_ms / 1000.0, 'unixepoch') AS removed_at,
       u.removed_by,
       u.entry
FROM api_users u;
