-- Version 5: who may join, who is who, and what was done by whom.
--
-- What must be shown to nobody, digests of tokens, stands in tables whose names nobody can mention in a question of
-- their own: join_tokens and api_users. The views leave the digests out.

-- ---------------------------------------------------------------------------------------------------------------
-- Facts
-- ---------------------------------------------------------------------------------------------------------------

-- Tokens to join with. Each is used once.
CREATE TABLE join_tokens (
    token         TEXT    NOT NULL PRIMARY KEY, -- short public id: the beginning of its digest
    sha256        TEXT    NOT NULL UNIQUE,
    kind          TEXT    NOT NULL CHECK (kind IN ('node', 'group', 'checkin')),
    name          TEXT,                         -- only for somebody of this name
    place         TEXT,                         -- only for somebody at this place
    created_ms    INTEGER NOT NULL,
    created_by    TEXT    NOT NULL,
    not_before_ms INTEGER NOT NULL,
    expires_ms    INTEGER NOT NULL,
    used_ms       INTEGER,
    used_by       TEXT,                         -- a principal
    revoked_ms    INTEGER,
    revoked_by    TEXT,
    CHECK (name IS NOT NULL OR place IS NOT NULL),
    CHECK ((used_ms IS NULL) = (used_by IS NULL)),
    CHECK ((revoked_ms IS NULL) = (revoked_by IS NULL)),
    CHECK (used_ms IS NULL OR revoked_ms IS NULL)
) STRICT;
CREATE INDEX join_tokens_by_end ON join_tokens (expires_ms);

-- Requests to join without a token, and what was decided on them.
CREATE TABLE join_requests (
    join_id      TEXT    NOT NULL PRIMARY KEY,
    principal    TEXT    NOT NULL,
    name         TEXT    NOT NULL,
    place        TEXT,
    address      TEXT,
    origin       TEXT    NOT NULL,             -- where it came from
    key_sha256   TEXT    NOT NULL,
    csr          TEXT    NOT NULL,             -- PEM
    requested_ms INTEGER NOT NULL,
    state        TEXT    NOT NULL CHECK (state IN ('pending', 'approved', 'denied', 'issued')),
    decided_ms   INTEGER,
    decided_by   TEXT,
    reason       TEXT,
    CHECK (state = 'pending' OR decided_ms IS NOT NULL)
) STRICT;
CREATE INDEX join_requests_by_time ON join_requests (requested_ms);

-- Certificates, and those of the last thirty days.
CREATE TABLE certificates (
    serial     TEXT    NOT NULL PRIMARY KEY,
    principal  TEXT    NOT NULL,
    user_name  TEXT    NOT NULL,               -- common name, and user at the broker
    name       TEXT    NOT NULL,               -- for people
    place      TEXT,
    issued_ms  INTEGER NOT NULL,
    expires_ms INTEGER NOT NULL,
    key_sha256 TEXT    NOT NULL,
    issued_by  TEXT    NOT NULL,               -- 'token …', 'approval …', 'renewal of …', 'group …'
    revoked_ms INTEGER,
    revoked_by TEXT,
    reason     TEXT,
    CHECK ((revoked_ms IS NULL) = (revoked_by IS NULL))
) STRICT;
CREATE INDEX certificates_of_principal ON certificates (principal, issued_ms);
CREATE INDEX certificates_by_end ON certificates (expires_ms);
CREATE INDEX certificates_by_issue ON certificates (issued_ms);

-- Who was thrown out, and is kept out until lifted.
CREATE TABLE revoked_principals (
    principal TEXT    NOT NULL PRIMARY KEY,
    name      TEXT    NOT NULL,                -- a token for this name lifts it
    since_ms  INTEGER NOT NULL,
    by        TEXT    NOT NULL,
    reason    TEXT    NOT NULL
) STRICT;

-- Users of the API. A removed one stays, for its history.
CREATE TABLE api_users (
    name       TEXT    NOT NULL PRIMARY KEY,
    role       TEXT    NOT NULL CHECK (role IN ('viewer', 'operator', 'administrator')),
    sha256     TEXT    UNIQUE,                 -- of the token; NULL = by certificate only
    created_ms INTEGER NOT NULL,
    created_by TEXT    NOT NULL,
    changed_ms INTEGER,
    changed_by TEXT,
    removed_ms INTEGER,
    removed_by TEXT
) STRICT;

-- ---------------------------------------------------------------------------------------------------------------
-- The audit log: rows are only ever added, and each holds the digest of all before it
-- ---------------------------------------------------------------------------------------------------------------

CREATE TABLE audit (
    seq     INTEGER NOT NULL PRIMARY KEY,
    at_ms   INTEGER NOT NULL,
    who     TEXT    NOT NULL,
    origin  TEXT    NOT NULL,
    action  TEXT    NOT NULL,
    subject TEXT    NOT NULL,
    before  TEXT    NOT NULL CHECK (json_valid(before)),
    after   TEXT    NOT NULL CHECK (json_valid(after)),
    hash    TEXT    NOT NULL
) STRICT;
CREATE INDEX audit_by_time ON audit (at_ms);
CREATE INDEX audit_by_subject ON audit (subject, seq);

CREATE TRIGGER audit_rows_stay BEFORE DELETE ON audit
BEGIN
    SELECT raise(ABORT, 'the audit log is append-only');
END;

CREATE TRIGGER audit_rows_stay_as_they_are BEFORE UPDATE ON audit
BEGIN
    SELECT raise(ABORT, 'the audit log is append-only');
END;

-- Also keeps INSERT OR REPLACE from writing over a row, which no trigger on DELETE would notice.
CREATE TRIGGER audit_rows_are_numbered_without_gaps BEFORE INSERT ON audit
WHEN new.seq IS NOT (SELECT coalesce(max(seq), 0) + 1 FROM audit)
BEGIN
    SELECT raise(ABORT, 'the audit log is append-only');
END;

-- ---------------------------------------------------------------------------------------------------------------
-- Views
-- ---------------------------------------------------------------------------------------------------------------

CREATE VIEW v_tokens AS
SELECT t.token,
       t.kind,
       t.name,
       t.place,
       CASE WHEN t.used_ms IS NOT NULL THEN 'used'
            WHEN t.revoked_ms IS NOT NULL THEN 'revoked'
            WHEN t.expires_ms <= unixepoch() * 1000 THEN 'expired'
            -- The clock here counts whole seconds: what begins within this one has begun.
            WHEN t.not_before_ms >= (unixepoch() + 1) * 1000 THEN 'not_yet_valid'
            ELSE 'open' END AS state,
       strftime('%Y-%m-%dT%H:%M:%fZ', t.created_ms / 1000.0, 'unixepoch')    AS created_at,
       t.created_by,
       strftime('%Y-%m-%dT%H:%M:%fZ', t.not_before_ms / 1000.0, 'unixepoch') AS not_before,
       strftime('%Y-%m-%dT%H:%M:%fZ', t.expires_ms / 1000.0, 'unixepoch')    AS expires_at,
       strftime('%Y-%m-%dT%H:%M:%fZ', t.used_ms / 1000.0, 'unixepoch')       AS used_at,
       t.used_by,
       strftime('%Y-%m-%dT%H:%M:%fZ', t.revoked_ms / 1000.0, 'unixepoch')    AS revoked_at,
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
       strftime('%Y-%m-%dT%H:%M:%fZ', j.requested_ms / 1000.0, 'unixepoch') AS requested_at,
       strftime('%Y-%m-%dT%H:%M:%fZ', j.decided_ms / 1000.0, 'unixepoch')   AS decided_at,
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
            WHEN c.expires_ms <= unixepoch() * 1000 THEN 'expired'
            ELSE 'valid' END AS state,
       strftime('%Y-%m-%dT%H:%M:%fZ', c.issued_ms / 1000.0, 'unixepoch')  AS issued_at,
       strftime('%Y-%m-%dT%H:%M:%fZ', c.expires_ms / 1000.0, 'unixepoch') AS expires_at,
       c.issued_by,
       c.key_sha256,
       strftime('%Y-%m-%dT%H:%M:%fZ', c.revoked_ms / 1000.0, 'unixepoch') AS revoked_at,
       c.revoked_by,
       c.reason
FROM certificates c;

CREATE VIEW v_revoked AS
SELECT r.principal,
       r.name,
       strftime('%Y-%m-%dT%H:%M:%fZ', r.since_ms / 1000.0, 'unixepoch') AS since,
       r.by AS revoked_by,
       r.reason
FROM revoked_principals r;

CREATE VIEW v_users AS
SELECT u.name,
       u.role,
       u.sha256 IS NOT NULL AS has_token,
       strftime('%Y-%m-%dT%H:%M:%fZ', u.created_ms / 1000.0, 'unixepoch') AS created_at,
       u.created_by,
       strftime('%Y-%m-%dT%H:%M:%fZ', u.changed_ms / 1000.0, 'unixepoch') AS changed_at,
       u.changed_by,
       strftime('%Y-%m-%dT%H:%M:%fZ', u.removed_ms / 1000.0, 'unixepoch') AS removed_at,
       u.removed_by
FROM api_users u;

-- Every administrative act, in the order it was saved; before and after are JSON.
CREATE VIEW v_audit AS
SELECT a.seq,
       strftime('%Y-%m-%dT%H:%M:%fZ', a.at_ms / 1000.0, 'unixepoch') AS at,
       a.who,
       a.origin,
       a.action,
       a.subject,
       a.before,
       a.after,
       a.at_ms,
       a.hash
FROM audit a;
