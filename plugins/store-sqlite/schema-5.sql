-- state.db, schema 5: orders that count against the limits of their subject, client and zone, and the renewals among them that
-- were let past (docs/limits.md). Not for editing, but rows may be deleted: who is counted in them may then order so many more.
-- And what people may edit (docs/store.md): the types of key that a zone takes, whether a key is for one set of names there, names that follow from
-- the CSR's key, and when a subject's clients get a new certificate by asking with Cache-Control: no-cache (docs/limits.md).

ALTER TABLE zone ADD COLUMN keys TEXT NOT NULL DEFAULT '';

CREATE TRIGGER zone_keys_insert BEFORE INSERT ON zone BEGIN
    SELECT RAISE(ABORT, 'keys must be empty (then all types are taken) or some of rsa2048 rsa3072 rsa4096 p256 p384, separated by spaces')
    WHERE NEW.keys IS NULL OR trim(replace(replace(replace(replace(replace(' ' || replace(NEW.keys, ' ', '  ') || ' ',
        ' rsa2048 ', ''), ' rsa3072 ', ''), ' rsa4096 ', ''), ' p256 ', ''), ' p384 ', ''), ' ') <> '';
END;

CREATE TRIGGER zone_keys_update BEFORE UPDATE OF keys ON zone BEGIN
    SELECT RAISE(ABORT, 'keys must be empty (then all types are taken) or some of rsa2048 rsa3072 rsa4096 p256 p384, separated by spaces')
    WHERE NEW.keys IS NULL OR trim(replace(replace(replace(replace(replace(' ' || replace(NEW.keys, ' ', '  ') || ' ',
        ' rsa2048 ', ''), ' rsa3072 ', ''), ' rsa4096 ', ''), ' p256 ', ''), ' p384 ', ''), ' ') <> '';
END;

ALTER TABLE zone ADD COLUMN bind_keys INTEGER NOT NULL DEFAULT 0;

CREATE TRIGGER zone_bind_keys_insert BEFORE INSERT ON zone BEGIN
    SELECT RAISE(ABORT, 'bind_keys must be 1 or 0')
    WHERE NEW.bind_keys IS NULL OR NEW.bind_keys NOT IN (0, 1);
END;

CREATE TRIGGER zone_bind_keys_update BEFORE UPDATE OF bind_keys ON zone BEGIN
    SELECT RAISE(ABORT, 'bind_keys must be 1 or 0')
    WHERE NEW.bind_keys IS NULL OR NEW.bind_keys NOT IN (0, 1);
END;

-- Which names has a key?
CREATE INDEX certificate_by_spki ON certificate (spki_sha256);

ALTER TABLE subject ADD COLUMN no_cache TEXT NOT NULL DEFAULT 'aged';

CREATE TRIGGER subject_no_cache_insert BEFORE INSERT ON subject BEGIN
    SELECT RAISE(ABORT, 'no_cache must be aged, never or always')
    WHERE NEW.no_cache IS NULL OR NEW.no_cache NOT IN ('aged', 'never', 'always');
END;

CREATE TRIGGER subject_no_cache_update BEFORE UPDATE OF no_cache ON subject BEGIN
    SELECT RAISE(ABORT, 'no_cache must be aged, never or always')
    WHERE NEW.no_cache IS NULL OR NEW.no_cache NOT IN ('aged', 'never', 'always');
END;

-- {key}.x: the name below x that follows from the CSR's key (docs/csr.md). In all else it is judged as a name.
DROP TRIGGER subject_insert;
DROP TRIGGER subject_update;

CREATE TRIGGER subject_insert BEFORE INSERT ON subject BEGIN
    SELECT RAISE(ABORT, 'names may have {key} only as the whole first label of a name, such as {key}.x')
    WHERE replace(' ' || NEW.names, ' {key}.', ' key.') GLOB '*[{}]*';
    INSERT INTO subject_rules (subject, zone, names, profile, enabled)
    VALUES (NEW.subject, NEW.zone, replace(NEW.names, '{key}.', 'key.'), NEW.profile, NEW.enabled);
END;

CREATE TRIGGER subject_update BEFORE UPDATE ON subject BEGIN
    SELECT RAISE(ABORT, 'names may have {key} only as the whole first label of a name, such as {key}.x')
    WHERE replace(' ' || NEW.names, ' {key}.', ' key.') GLOB '*[{}]*';
    INSERT INTO subject_rules (subject, zone, names, profile, enabled)
    VALUES (NEW.subject, NEW.zone, replace(NEW.names, '{key}.', 'key.'), NEW.profile, NEW.enabled);
END;

CREATE TABLE counted_order (
    scope TEXT NOT NULL CHECK (scope IN ('subject', 'client', 'zone', 'renewal')),
    name  TEXT NOT NULL,
    at_ms INTEGER NOT NULL,
    job   TEXT NOT NULL,
    PRIMARY KEY (scope, name, at_ms, job)
) STRICT, WITHOUT ROWID;

-- Those of the last days count from the first start on.
INSERT INTO counted_order (scope, name, at_ms, job)
SELECT 'subject', subject, created_ms, id FROM job WHERE state <> 'failed' OR step <> ''
UNION ALL
SELECT 'zone', zone, created_ms, id FROM job WHERE state <> 'failed' OR step <> '';

-- Is a certificate due for renewal?
CREATE INDEX certificate_by_names ON certificate (zone, subject, names, issued_ms);

-- Has its CA a certificate of an order that failed?
CREATE INDEX job_failed ON job (key) WHERE state = 'failed';

PRAGMA user_version = 5;
