-- state.db, schema 3: who may ask. People may edit client, client_subject and subject.access while the server runs:
-- docs/access.md, docs/store.md.

ALTER TABLE subject ADD COLUMN access TEXT NOT NULL DEFAULT 'open';
ALTER TABLE job ADD COLUMN client TEXT NOT NULL DEFAULT '';

CREATE TRIGGER subject_access_insert BEFORE INSERT ON subject BEGIN
    SELECT RAISE(ABORT, 'access must be open, token or certificate')
    WHERE NEW.access IS NULL OR NEW.access NOT IN ('open', 'token', 'certificate');
END;

CREATE TRIGGER subject_access_update BEFORE UPDATE OF access ON subject BEGIN
    SELECT RAISE(ABORT, 'access must be open, token or certificate')
    WHERE NEW.access IS NULL OR NEW.access NOT IN ('open', 'token', 'certificate');
END;

-- Times are text, so that people can write them.
CREATE TABLE client (
    client           TEXT PRIMARY KEY NOT NULL,
    kind             TEXT NOT NULL,
    token_sha256     TEXT NOT NULL DEFAULT '',
    old_token_sha256 TEXT NOT NULL DEFAULT '',
    old_token_until  TEXT NOT NULL DEFAULT '',
    spki_sha256      TEXT NOT NULL DEFAULT '',
    issuer           TEXT NOT NULL DEFAULT '',
    name             TEXT NOT NULL DEFAULT '',
    expires          TEXT NOT NULL DEFAULT '',
    enabled          INTEGER NOT NULL DEFAULT 1
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX client_by_token ON client (token_sha256) WHERE token_sha256 <> '';
CREATE UNIQUE INDEX client_by_old_token ON client (old_token_sha256) WHERE old_token_sha256 <> '';
CREATE UNIQUE INDEX client_by_key ON client (spki_sha256) WHERE spki_sha256 <> '';
CREATE UNIQUE INDEX client_by_name ON client (issuer, name) WHERE issuer <> '';

CREATE TABLE client_subject (
    client  TEXT NOT NULL REFERENCES client (client),
    subject TEXT NOT NULL REFERENCES subject (subject),
    PRIMARY KEY (client, subject)
) STRICT, WITHOUT ROWID;
CREATE INDEX client_subject_by_subject ON client_subject (subject);

-- ---- client

CREATE VIEW client_rules AS
    SELECT client, kind, token_sha256, old_token_sha256, old_token_until, spki_sha256, issuer, name, expires, enabled FROM client;

CREATE TRIGGER client_rules_judge INSTEAD OF INSERT ON client_rules BEGIN
    SELECT RAISE(ABORT, 'client must have 1 to 64 of the characters a-z, A-Z, 0-9, dot, _ and -')
    WHERE coalesce(NEW.client, '') = '' OR length(NEW.client) > 64 OR NEW.client GLOB '*[^a-zA-Z0-9._-]*'
       OR instr(NEW.client, char(0)) > 0;
    SELECT RAISE(ABORT, 'kind must be token or certificate')
    WHERE NEW.kind IS NULL OR NEW.kind NOT IN ('token', 'certificate');
    SELECT RAISE(ABORT,
        'a client of kind token needs token_sha256, 64 hexadecimal digits in lower case: `countersign client add` makes a token and its hash')
    WHERE NEW.kind = 'token'
      AND (coalesce(length(NEW.token_sha256), 0) <> 64 OR NEW.token_sha256 GLOB '*[^0-9a-f]*'
           OR instr(NEW.token_sha256, char(0)) > 0);
    SELECT RAISE(ABORT, 'a client of kind token must have no spki_sha256, issuer or name')
    WHERE NEW.kind = 'token' AND (NEW.spki_sha256 <> '' OR NEW.issuer <> '' OR NEW.name <> '') IS NOT FALSE;
    SELECT RAISE(ABORT, 'old_token_sha256 and old_token_until belong together: both empty, or the hash of a token and a time in UTC such as 2027-01-31T00:00:00Z')
    WHERE NEW.old_token_sha256 IS NULL OR NEW.old_token_until IS NULL
       OR (NEW.old_token_sha256 = '') <> (NEW.old_token_until = '')
       OR (NEW.old_token_sha256 <> '' AND (length(NEW.old_token_sha256) <> 64 OR NEW.old_token_sha256 GLOB '*[^0-9a-f]*'
           OR strftime('%Y-%m-%dT%H:%M:%SZ', NEW.old_token_until, '+0 days') IS NOT NEW.old_token_until));
    SELECT RAISE(ABORT, 'a client of kind certificate must have no token')
    WHERE NEW.kind = 'certificate' AND (NEW.token_sha256 <> '' OR NEW.old_token_sha256 <> '') IS NOT FALSE;
    SELECT RAISE(ABORT, 'a client of kind certificate needs either spki_sha256, or issuer and name')
    WHERE NEW.kind = 'certificate'
      AND (NEW.spki_sha256 <> '') + 2 * (NEW.issuer <> '') + 4 * (NEW.name <> '') NOT IN (1, 6) IS NOT FALSE;
    SELECT RAISE(ABORT, 'spki_sha256 must be 64 hexadecimal digits in lower case: the SHA-256 of the public key (SubjectPublicKeyInfo)')
    WHERE NEW.spki_sha256 <> ''
      AND (length(NEW.spki_sha256) <> 64 OR NEW.spki_sha256 GLOB '*[^0-9a-f]*' OR instr(NEW.spki_sha256, char(0)) > 0);
    SELECT RAISE(ABORT, 'issuer must be a name in the RFC 4514 form, such as CN=Lab CA,O=Lab')
    WHERE NEW.issuer <> '' AND (NEW.issuer NOT GLOB '[A-Za-z0-9]*=*' OR instr(NEW.issuer, char(0)) > 0
       OR NEW.issuer GLOB '*[' || char(1) || '-' || char(31) || ']*');
    SELECT RAISE(ABORT, 'name must be a subject in the RFC 4514 form, such as CN=robot,O=Lab, or one of DNS:a.x, URI:spiffe://x/a, email:a@x')
    WHERE NEW.name <> '' AND (instr(NEW.name, char(0)) > 0 OR NEW.name GLOB '*[' || char(1) || '-' || char(31) || ']*'
       OR NOT (NEW.name GLOB '[A-Za-z0-9]*=*' OR NEW.name GLOB 'DNS:?*' OR NEW.name GLOB 'URI:?*' OR NEW.name GLOB 'email:?*'));
    SELECT RAISE(ABORT, 'expires must be empty or a time in UTC such as 2027-01-31T00:00:00Z')
    WHERE NEW.expires IS NULL OR (NEW.expires <> '' AND strftime('%Y-%m-%dT%H:%M:%SZ', NEW.expires, '+0 days') IS NOT NEW.expires);
    SELECT RAISE(ABORT, 'enabled must be 1 or 0')
    WHERE NEW.enabled IS NULL OR NEW.enabled NOT IN (0, 1);
END;

CREATE TRIGGER client_insert BEFORE INSERT ON client BEGIN
    INSERT INTO client_rules (client, kind, token_sha256, old_token_sha256, old_token_until, spki_sha256, issuer, name,
                              expires, enabled)
    VALUES (NEW.client, NEW.kind, NEW.token_sha256, NEW.old_token_sha256, NEW.old_token_until, NEW.spki_sha256, NEW.issuer,
            NEW.name, NEW.expires, NEW.enabled);
END;

CREATE TRIGGER client_update BEFORE UPDATE ON client BEGIN
    INSERT INTO client_rules (client, kind, token_sha256, old_token_sha256, old_token_until, spki_sha256, issuer, name,
                              expires, enabled)
    VALUES (NEW.client, NEW.kind, NEW.token_sha256, NEW.old_token_sha256, NEW.old_token_until, NEW.spki_sha256, NEW.issuer,
            NEW.name, NEW.expires, NEW.enabled);
END;

-- ---- client_subject: rows follow their client and their subject, and go with them.

CREATE VIEW client_subject_rules AS SELECT client, subject FROM client_subject;

CREATE TRIGGER client_subject_rules_judge INSTEAD OF INSERT ON client_subject_rules BEGIN
    SELECT RAISE(ABORT, 'client must be one of the table client: add it first, with `countersign client add`')
    WHERE NOT EXISTS (SELECT 1 FROM client WHERE client = NEW.client);
    SELECT RAISE(ABORT, 'subject must be one of the table subject: add it first, with `countersign subject add`')
    WHERE NOT EXISTS (SELECT 1 FROM subject WHERE subject = NEW.subject);
END;

CREATE TRIGGER client_subject_insert BEFORE INSERT ON client_subject BEGIN
    INSERT INTO client_subject_rules (client, subject) VALUES (NEW.client, NEW.subject);
END;

CREATE TRIGGER client_subject_update BEFORE UPDATE ON client_subject BEGIN
    INSERT INTO client_subject_rules (client, subject) VALUES (NEW.client, NEW.subject);
END;

CREATE TRIGGER client_renamed AFTER UPDATE OF client ON client BEGIN
    UPDATE client_subject SET client = NEW.client WHERE client = OLD.client;
END;

CREATE TRIGGER client_deleted BEFORE DELETE ON client BEGIN
    DELETE FROM client_subject WHERE client = OLD.client;
END;

CREATE TRIGGER subject_renamed_clients AFTER UPDATE OF subject ON subject BEGIN
    UPDATE client_subject SET subject = NEW.subject WHERE subject = OLD.subject;
END;

CREATE TRIGGER subject_deleted_clients BEFORE DELETE ON subject BEGIN
    DELETE FROM client_subject WHERE subject = OLD.subject;
END;

PRAGMA user_version = 3;
