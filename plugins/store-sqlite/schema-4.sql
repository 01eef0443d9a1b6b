-- state.db, schema 4: revocations, and the keys that are refused because of them. Not for editing.

CREATE TABLE revocation (
    job      TEXT PRIMARY KEY NOT NULL,
    reason   INTEGER NOT NULL,
    asker    TEXT NOT NULL CHECK (asker IN ('key-holder', 'operator')),
    state    TEXT NOT NULL CHECK (state IN ('open', 'done', 'failed')),
    asked_ms INTEGER NOT NULL,
    ended_ms INTEGER NOT NULL,
    problem  TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE revoked_key (
    spki_sha256 BLOB PRIMARY KEY NOT NULL CHECK (length(spki_sha256) = 32)
) STRICT, WITHOUT ROWID;

CREATE TRIGGER certificate_gone AFTER DELETE ON certificate BEGIN
    DELETE FROM revocation WHERE job = OLD.job;
END;

CREATE INDEX certificate_by_serial ON certificate (serial);

PRAGMA user_version = 4;
