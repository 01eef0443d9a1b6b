-- state.db, schema 1. People may edit zone, subject and subject_ca while the server runs: docs/store.md.
--
-- The rules of those three tables stand in triggers, because a CHECK cannot say in words what is wrong. Each table has a
-- view NAME_rules: a row that is inserted into it is judged and thrown away. So a rule is written once and holds for
-- INSERT and UPDATE, and also in the sqlite3 shell, where foreign keys are off.

CREATE TABLE zone (
    zone           TEXT PRIMARY KEY NOT NULL,
    dns            TEXT NOT NULL,
    parallel       INTEGER NOT NULL DEFAULT 1,
    challenge_zone TEXT NOT NULL DEFAULT '',
    servers        TEXT NOT NULL DEFAULT '',
    visible        TEXT NOT NULL DEFAULT 'require',
    enabled        INTEGER NOT NULL DEFAULT 1
) STRICT, WITHOUT ROWID;

CREATE TABLE subject (
    subject TEXT PRIMARY KEY NOT NULL,
    zone    TEXT NOT NULL REFERENCES zone (zone),
    names   TEXT NOT NULL DEFAULT '',
    profile TEXT NOT NULL DEFAULT '',
    enabled INTEGER NOT NULL DEFAULT 1
) STRICT, WITHOUT ROWID;
CREATE INDEX subject_by_zone ON subject (zone);

CREATE TABLE subject_ca (
    subject TEXT NOT NULL REFERENCES subject (subject),
    rank    INTEGER NOT NULL,
    ca      TEXT NOT NULL,
    PRIMARY KEY (subject, rank),
    UNIQUE (subject, ca)
) STRICT, WITHOUT ROWID;

-- ---- zone

CREATE VIEW zone_rules AS SELECT zone, dns, parallel, challenge_zone, servers, visible, enabled FROM zone;

CREATE TRIGGER zone_rules_judge INSTEAD OF INSERT ON zone_rules BEGIN
    SELECT RAISE(ABORT, 'zone must be a DNS name in lower case without a trailing dot, such as lab.example')
    WHERE coalesce(NEW.zone, '') = '' OR length(NEW.zone) > 253 OR NEW.zone GLOB '*[^a-z0-9._-]*'
       OR '.' || NEW.zone || '.' GLOB '*[.][.]*' OR '.' || NEW.zone || '.' GLOB '*[.]-*' OR NEW.zone || '.' GLOB '*-[.]*';
    SELECT RAISE(ABORT, 'dns must be the name of a DNS instance of the configuration, such as builtin')
    WHERE coalesce(NEW.dns, '') = '' OR NEW.dns GLOB '*[^A-Za-z0-9_*-]*';
    SELECT RAISE(ABORT, 'parallel must be a number from 1 to 1000: how many orders of the zone may run at a time')
    WHERE (typeof(NEW.parallel) = 'integer' AND NEW.parallel BETWEEN 1 AND 1000) IS NOT TRUE;
    SELECT RAISE(ABORT, 'challenge_zone must be empty or a DNS name in lower case without a trailing dot')
    WHERE NEW.challenge_zone IS NULL OR length(NEW.challenge_zone) > 253 OR NEW.challenge_zone GLOB '*[^a-z0-9._-]*'
       OR (NEW.challenge_zone <> '' AND '.' || NEW.challenge_zone || '.' GLOB '*[.][.]*');
    SELECT RAISE(ABORT,
        'challenge_zone must be empty, the zone itself, or another one of this table: add that one first, with `countersign zone add`')
    WHERE NEW.challenge_zone NOT IN ('', NEW.zone) AND NOT EXISTS (SELECT 1 FROM zone WHERE zone = NEW.challenge_zone);
    SELECT RAISE(ABORT, 'servers must be empty or addresses separated by spaces, such as 192.0.2.53 [2001:db8::53]:5353')
    WHERE NEW.servers IS NULL OR NEW.servers GLOB '*[^]0-9a-fA-F.:[ ]*';
    SELECT RAISE(ABORT, 'visible must be require, warn or off')
    WHERE NEW.visible IS NULL OR NEW.visible NOT IN ('require', 'warn', 'off');
    SELECT RAISE(ABORT, 'enabled must be 1 or 0')
    WHERE NEW.enabled IS NULL OR NEW.enabled NOT IN (0, 1);
END;

CREATE TRIGGER zone_insert BEFORE INSERT ON zone BEGIN
    INSERT INTO zone_rules (zone, dns, parallel, challenge_zone, servers, visible, enabled)
    VALUES (NEW.zone, NEW.dns, NEW.parallel, NEW.challenge_zone, NEW.servers, NEW.visible, NEW.enabled);
END;

CREATE TRIGGER zone_update BEFORE UPDATE ON zone BEGIN
    INSERT INTO zone_rules (zone, dns, parallel, challenge_zone, servers, visible, enabled)
    VALUES (NEW.zone, NEW.dns, NEW.parallel, NEW.challenge_zone, NEW.servers, NEW.visible, NEW.enabled);
    SELECT RAISE(ABORT, 'this zone still has subjects: give them another zone or remove them first')
    WHERE NEW.zone <> OLD.zone AND EXISTS (SELECT 1 FROM subject WHERE zone = OLD.zone);
    SELECT RAISE(ABORT, 'this zone takes challenges: change challenge_zone of those that name it first')
    WHERE NEW.zone <> OLD.zone AND EXISTS (SELECT 1 FROM zone WHERE challenge_zone = OLD.zone);
END;

CREATE TRIGGER zone_delete BEFORE DELETE ON zone BEGIN
    SELECT RAISE(ABORT, 'this zone still has subjects: give them another zone or remove them first')
    WHERE EXISTS (SELECT 1 FROM subject WHERE zone = OLD.zone);
    SELECT RAISE(ABORT, 'this zone takes challenges: change challenge_zone of those that name it first')
    WHERE EXISTS (SELECT 1 FROM zone WHERE challenge_zone = OLD.zone AND zone <> OLD.zone);
END;

-- ---- subject

CREATE VIEW subject_rules AS SELECT subject, zone, names, profile, enabled FROM subject;

CREATE TRIGGER subject_rules_judge INSTEAD OF INSERT ON subject_rules BEGIN
    SELECT RAISE(ABORT, 'subject must not be empty')
    WHERE coalesce(NEW.subject, '') = '';
    SELECT RAISE(ABORT,
        'subject must be in the RFC 4514 form, such as CN=a.lab.example,O=Lab,C=IT; `countersign subject add` converts /C=IT/O=Lab/CN=a.lab.example')
    WHERE NEW.subject GLOB '/*' OR NEW.subject NOT GLOB '?*=*' OR instr(NEW.subject, char(0)) > 0
       OR NEW.subject GLOB '*[' || char(1) || '-' || char(31) || ']*';
    SELECT RAISE(ABORT, 'subject must have no space beside a comma: CN=a.lab.example,O=Lab')
    WHERE replace(replace(NEW.subject, '\,', ''), '\ ', '') GLOB '*, *'
       OR replace(replace(NEW.subject, '\,', ''), '\ ', '') GLOB '* ,*' OR NEW.subject GLOB ' *';
    SELECT RAISE(ABORT, 'zone must be one of the table zone: add it first, with `countersign zone add`')
    WHERE NOT EXISTS (SELECT 1 FROM zone WHERE zone = NEW.zone);
    SELECT RAISE(ABORT, 'names must be empty (then only the CN is allowed) or names in lower case, separated by spaces: a.x, *.x, or .x for any name below x')
    WHERE NEW.names IS NULL OR NEW.names GLOB '*[^a-z0-9.* -]*' OR NEW.names GLOB '*[.][.]*'
       OR ' ' || NEW.names || ' ' GLOB '*[.] *' OR replace(' ' || NEW.names, ' *.', ' ') GLOB '*[*]*';
    SELECT RAISE(ABORT, 'names must all lie in the zone of the subject')
    WHERE EXISTS (
        WITH RECURSIVE word (entry, rest) AS (
            SELECT '', NEW.names || ' '
            UNION ALL
            SELECT substr(rest, 1, instr(rest, ' ') - 1), substr(rest, instr(rest, ' ') + 1) FROM word WHERE rest <> ''
        )
        SELECT 1 FROM word
        WHERE entry <> '' AND substr('.' || ltrim(entry, '*.'), -length('.' || NEW.zone)) <> '.' || NEW.zone);
    SELECT RAISE(ABORT, 'names is empty, so the subject must have a CN that lies in its zone')
    WHERE trim(NEW.names) = '' AND NOT EXISTS (
        WITH written (text) AS (SELECT ',' || replace(NEW.subject, '+', ',') || ','),
             tail (text) AS (SELECT substr(text, instr(text, ',CN=') + 4) FROM written WHERE instr(text, ',CN=') > 0)
        SELECT 1 FROM tail
        WHERE substr('.' || ltrim(lower(substr(text, 1, instr(text, ',') - 1)), '*.'), -length('.' || NEW.zone)) = '.' || NEW.zone);
    SELECT RAISE(ABORT, 'profile must be empty or one word: a profile that the CA offers')
    WHERE NEW.profile IS NULL OR NEW.profile GLOB '*[^!-~]*';
    SELECT RAISE(ABORT, 'enabled must be 1 or 0')
    WHERE NEW.enabled IS NULL OR NEW.enabled NOT IN (0, 1);
END;

CREATE TRIGGER subject_insert BEFORE INSERT ON subject BEGIN
    INSERT INTO subject_rules (subject, zone, names, profile, enabled)
    VALUES (NEW.subject, NEW.zone, NEW.names, NEW.profile, NEW.enabled);
END;

CREATE TRIGGER subject_update BEFORE UPDATE ON subject BEGIN
    INSERT INTO subject_rules (subject, zone, names, profile, enabled)
    VALUES (NEW.subject, NEW.zone, NEW.names, NEW.profile, NEW.enabled);
END;

-- A subject takes its list of CAs along.
CREATE TRIGGER subject_renamed AFTER UPDATE OF subject ON subject BEGIN
    UPDATE subject_ca SET subject = NEW.subject WHERE subject = OLD.subject;
END;

CREATE TRIGGER subject_deleted BEFORE DELETE ON subject BEGIN
    DELETE FROM subject_ca WHERE subject = OLD.subject;
END;

-- ---- subject_ca

CREATE VIEW subject_ca_rules AS SELECT subject, rank, ca FROM subject_ca;

CREATE TRIGGER subject_ca_rules_judge INSTEAD OF INSERT ON subject_ca_rules BEGIN
    SELECT RAISE(ABORT, 'subject must be one of the table subject: add it first, with `countersign subject add`')
    WHERE NOT EXISTS (SELECT 1 FROM subject WHERE subject = NEW.subject);
    SELECT RAISE(ABORT, 'rank must be a number from 1 to 100: the CA with the lowest is asked first')
    WHERE (typeof(NEW.rank) = 'integer' AND NEW.rank BETWEEN 1 AND 100) IS NOT TRUE;
    SELECT RAISE(ABORT, 'ca must be the name of a CA instance of the configuration, such as le')
    WHERE coalesce(NEW.ca, '') = '' OR NEW.ca GLOB '*[^A-Za-z0-9_*-]*';
END;

CREATE TRIGGER subject_ca_insert BEFORE INSERT ON subject_ca BEGIN
    INSERT INTO subject_ca_rules (subject, rank, ca) VALUES (NEW.subject, NEW.rank, NEW.ca);
END;

CREATE TRIGGER subject_ca_update BEFORE UPDATE ON subject_ca BEGIN
    INSERT INTO subject_ca_rules (subject, rank, ca) VALUES (NEW.subject, NEW.rank, NEW.ca);
END;

-- ---- what the server writes; not for editing

CREATE TABLE job (
    id            TEXT PRIMARY KEY NOT NULL CHECK (length(id) BETWEEN 1 AND 64),
    key           BLOB NOT NULL CHECK (length(key) = 32),
    version       INTEGER NOT NULL CHECK (version >= 1),
    subject       TEXT NOT NULL,
    zone          TEXT NOT NULL,
    ca            TEXT NOT NULL,
    names         TEXT NOT NULL,
    profile       TEXT NOT NULL,
    csr           BLOB NOT NULL,
    spki_sha256   BLOB NOT NULL CHECK (length(spki_sha256) = 32),
    state         TEXT NOT NULL CHECK (state IN ('open', 'done', 'failed')),
    step          TEXT NOT NULL,
    data          BLOB NOT NULL,
    attempts      INTEGER NOT NULL,
    problem       TEXT NOT NULL,
    created_ms    INTEGER NOT NULL,
    updated_ms    INTEGER NOT NULL,
    deadline_ms   INTEGER NOT NULL,
    keep_until_ms INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX job_open ON job (key) WHERE state = 'open';
CREATE INDEX job_open_by_age ON job (created_ms) WHERE state = 'open';
CREATE INDEX job_over ON job (keep_until_ms) WHERE state <> 'open';

CREATE TABLE job_challenge (
    job        TEXT NOT NULL REFERENCES job (id),
    name       TEXT NOT NULL,
    dns        TEXT NOT NULL,
    owner      TEXT NOT NULL,
    zone       TEXT NOT NULL,
    value      TEXT NOT NULL,
    expires_ms INTEGER NOT NULL,
    PRIMARY KEY (job, name, dns, owner, value)
) STRICT, WITHOUT ROWID;

CREATE TABLE certificate (
    job           TEXT PRIMARY KEY NOT NULL,
    key           BLOB NOT NULL CHECK (length(key) = 32),
    zone          TEXT NOT NULL,
    subject       TEXT NOT NULL,
    names         TEXT NOT NULL,
    ca            TEXT NOT NULL,
    profile       TEXT NOT NULL,
    serial        TEXT NOT NULL,
    not_before_ms INTEGER NOT NULL,
    not_after_ms  INTEGER NOT NULL,
    issued_ms     INTEGER NOT NULL,
    pem           TEXT NOT NULL,
    url           TEXT NOT NULL,
    spki_sha256   BLOB NOT NULL CHECK (length(spki_sha256) = 32)
) STRICT;
CREATE INDEX certificate_by_key ON certificate (key, issued_ms);
CREATE INDEX certificate_by_end ON certificate (not_after_ms);

CREATE TABLE keep (
    role     TEXT NOT NULL,
    instance TEXT NOT NULL,
    key      TEXT NOT NULL,
    value    BLOB NOT NULL,
    PRIMARY KEY (role, instance, key)
) STRICT, WITHOUT ROWID;

-- AUTOINCREMENT: a number is never used again, even when the outbox ran empty.
CREATE TABLE outbox (
    number  INTEGER PRIMARY KEY AUTOINCREMENT,
    time_ms INTEGER NOT NULL,
    kind    TEXT NOT NULL,
    json    TEXT NOT NULL
) STRICT;

CREATE TABLE cursor (
    sink   TEXT PRIMARY KEY NOT NULL,
    number INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

PRAGMA application_id = 1131627618;
PRAGMA user_version = 1;
