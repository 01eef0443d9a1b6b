-- state.db, schema 2: the labels that clients of a zone may give. People may edit the table while the server runs:
-- docs/labels.md.

CREATE TABLE label (
    zone    TEXT NOT NULL REFERENCES zone (zone),
    name    TEXT NOT NULL,
    allowed TEXT NOT NULL DEFAULT '',
    pattern TEXT NOT NULL DEFAULT '',
    enabled INTEGER NOT NULL DEFAULT 1,
    PRIMARY KEY (zone, name)
) STRICT, WITHOUT ROWID;

CREATE VIEW label_rules AS SELECT zone, name, allowed, pattern, enabled FROM label;

CREATE TRIGGER label_rules_judge INSTEAD OF INSERT ON label_rules BEGIN
    SELECT RAISE(ABORT, 'zone must be one of the table zone: add it first, with `countersign zone add`')
    WHERE NOT EXISTS (SELECT 1 FROM zone WHERE zone = NEW.zone);
    SELECT RAISE(ABORT, 'name must have 1 to 32 of the characters a-z, 0-9, _ and -')
    WHERE coalesce(NEW.name, '') = '' OR length(NEW.name) > 32 OR NEW.name GLOB '*[^a-z0-9_-]*'
       OR instr(NEW.name, char(0)) > 0;
    SELECT RAISE(ABORT, 'allowed must be values of 1 to 64 bytes, one on a line, without control characters')
    WHERE NEW.allowed IS NULL OR instr(NEW.allowed, char(0)) > 0
       OR NEW.allowed GLOB '*[' || char(1) || '-' || char(9) || char(11) || '-' || char(31) || char(127) || ']*'
       OR EXISTS (
        WITH RECURSIVE line (value, rest) AS (
            SELECT NULL, NEW.allowed || char(10) WHERE NEW.allowed <> ''
            UNION ALL
            SELECT substr(rest, 1, instr(rest, char(10)) - 1), substr(rest, instr(rest, char(10)) + 1) FROM line
            WHERE rest <> ''
        )
        SELECT 1 FROM line WHERE value IS NOT NULL AND length(CAST(value AS BLOB)) NOT BETWEEN 1 AND 64);
    SELECT RAISE(ABORT, 'allowed must have at most 1000 values: use pattern for more')
    WHERE length(NEW.allowed) - length(replace(NEW.allowed, char(10), '')) >= 1000;
    SELECT RAISE(ABORT, 'allowed must have no mail address and no six digits in a row: such values are never recorded')
    WHERE NEW.allowed GLOB '*[^' || char(10) || ' ]@[^' || char(10) || ' ]*'
       OR NEW.allowed GLOB '*[0-9][0-9][0-9][0-9][0-9][0-9]*';
    SELECT RAISE(ABORT, 'pattern must have at most 64 bytes, at most four *, and no control characters')
    WHERE NEW.pattern IS NULL OR length(CAST(NEW.pattern AS BLOB)) > 64 OR instr(NEW.pattern, char(0)) > 0
       OR length(NEW.pattern) - length(replace(NEW.pattern, '*', '')) > 4
       OR NEW.pattern GLOB '*[' || char(1) || '-' || char(31) || char(127) || ']*';
    SELECT RAISE(ABORT, 'allowed and pattern must not both be empty: nothing would ever fit')
    WHERE NEW.allowed = '' AND NEW.pattern = '';
    SELECT RAISE(ABORT, 'enabled must be 1 or 0')
    WHERE NEW.enabled IS NULL OR NEW.enabled NOT IN (0, 1);
END;

CREATE TRIGGER label_insert BEFORE INSERT ON label BEGIN
    INSERT INTO label_rules (zone, name, allowed, pattern, enabled)
    VALUES (NEW.zone, NEW.name, NEW.allowed, NEW.pattern, NEW.enabled);
END;

CREATE TRIGGER label_update BEFORE UPDATE ON label BEGIN
    INSERT INTO label_rules (zone, name, allowed, pattern, enabled)
    VALUES (NEW.zone, NEW.name, NEW.allowed, NEW.pattern, NEW.enabled);
END;

-- A zone takes its labels along, and they go with it.
CREATE TRIGGER zone_renamed_labels AFTER UPDATE OF zone ON zone BEGIN
    UPDATE label SET zone = NEW.zone WHERE zone = OLD.zone;
END;

CREATE TRIGGER zone_deleted_labels BEFORE DELETE ON zone BEGIN
    DELETE FROM label WHERE zone = OLD.zone;
END;

PRAGMA user_version = 2;
