-- visits.db, schema 1: docs/store.md. Nothing in it is for editing; nothing in it leads to a certificate, a time of day, or the
-- order in which anything came. Every visit's day has a table of its own besides: visit-day.sql.
--
-- Days are counted from 1970-01-01, UTC. zone, outcome, reached, error, alg, client, role and instance are ids of word; label is
-- one of label, labels one of label_set. Ids are drawn at random, so that they tell nothing about who came first; those of the
-- fixed words below are small because small numbers take little room.

CREATE TABLE zone_id (
    zone TEXT PRIMARY KEY NOT NULL CHECK (length(zone) <= 253 AND zone NOT GLOB '*[^a-z0-9._-]*'),
    id   INTEGER NOT NULL UNIQUE
) STRICT, WITHOUT ROWID;

CREATE TABLE word (
    id   INTEGER PRIMARY KEY,
    word TEXT NOT NULL UNIQUE CHECK (length(word) <= 253 AND word NOT GLOB '*[^A-Za-z0-9._*-]*')
) STRICT;
INSERT INTO word (id, word) VALUES (0, ''), (1, 'issued'), (2, 'stored'), (3, 'refused'), (4, 'failed'), (5, 'late'), (6, 'left'),
    (7, 'unfinished'), (8, 'posted'), (9, 'subject'), (10, 'csr'), (11, 'challenge'), (12, 'ca'), (13, 'dns'), (14, 'none'),
    (15, 'other'), (16, 'curl'), (17, 'countersign'), (18, 'ecdsa-p256'), (19, 'ecdsa-p384'), (20, 'rsa-2048'), (21, 'rsa-3072'),
    (22, 'rsa-4096'), (23, 'ed25519'), (24, 'unknown-subject');

-- 0: whatever the labels.
CREATE TABLE label (
    id    INTEGER PRIMARY KEY,
    name  TEXT NOT NULL CHECK (id = 0 OR (length(name) BETWEEN 1 AND 32 AND name NOT GLOB '*[^a-z0-9_-]*')),
    value TEXT NOT NULL CHECK (id = 0 OR (length(CAST(value AS BLOB)) BETWEEN 1 AND 64 AND instr(value, char(127)) = 0
        AND value NOT GLOB '*[' || char(1) || '-' || char(31) || ']*')),
    UNIQUE (name, value)
) STRICT;
INSERT INTO label (id, name, value) VALUES (0, '', '');

-- NAME=VALUE by name, a newline between two. 0: no labels; 1: those of less than k sources, once a day is closed.
CREATE TABLE label_set (
    id     INTEGER PRIMARY KEY,
    labels TEXT NOT NULL UNIQUE
) STRICT;
INSERT INTO label_set (id, labels) VALUES (0, ''), (1, 'other');

-- Which labels are in which set.
CREATE VIEW set_label (labels, label) AS
    WITH RECURSIVE part (labels, text, rest) AS (
        SELECT id, '', labels || char(10) FROM label_set WHERE id > 1
        UNION ALL
        SELECT labels, substr(rest, 1, instr(rest, char(10)) - 1), substr(rest, instr(rest, char(10)) + 1) FROM part WHERE rest <> ''
    )
    SELECT part.labels, label.id FROM part
    JOIN label ON label.name = substr(text, 1, instr(text, '=') - 1) AND label.value = substr(text, instr(text, '=') + 1)
    WHERE text <> '';

-- A row with label 0 counts whatever the labels; here, and in set_total, one with outcome 0 whatever the outcome. uniques:
-- different sources, at least; uniques_most: at most. They differ only where rows were added up whose visits are gone, and on
-- an open day for what a source with very many different visits did.
CREATE TABLE total (
    day          INTEGER NOT NULL,
    zone         INTEGER NOT NULL,
    label        INTEGER NOT NULL,
    outcome      INTEGER NOT NULL,
    requests     INTEGER NOT NULL,
    uniques      INTEGER NOT NULL,
    uniques_most INTEGER NOT NULL,
    PRIMARY KEY (day, zone, label, outcome),
    CHECK (0 <= uniques AND uniques <= uniques_most AND uniques_most <= requests AND requests > 0)
) STRICT, WITHOUT ROWID;

CREATE TABLE set_total (
    day          INTEGER NOT NULL,
    zone         INTEGER NOT NULL,
    labels       INTEGER NOT NULL,
    outcome      INTEGER NOT NULL,
    requests     INTEGER NOT NULL,
    uniques      INTEGER NOT NULL,
    uniques_most INTEGER NOT NULL,
    PRIMARY KEY (day, zone, labels, outcome),
    CHECK (0 <= uniques AND uniques <= uniques_most AND uniques_most <= requests AND requests > 0)
) STRICT, WITHOUT ROWID;

CREATE TABLE step_total (
    day      INTEGER NOT NULL,
    zone     INTEGER NOT NULL,
    label    INTEGER NOT NULL,
    outcome  INTEGER NOT NULL,
    reached  INTEGER NOT NULL,
    error    INTEGER NOT NULL,
    requests INTEGER NOT NULL CHECK (requests > 0),
    PRIMARY KEY (day, zone, label, outcome, reached, error)
) STRICT, WITHOUT ROWID;

CREATE TABLE hour_total (
    day      INTEGER NOT NULL,
    zone     INTEGER NOT NULL,
    hour     INTEGER NOT NULL CHECK (hour BETWEEN 0 AND 23),
    requests INTEGER NOT NULL CHECK (requests >= 0),
    PRIMARY KEY (day, zone, hour)
) STRICT, WITHOUT ROWID;

-- Calls of an instance that took up to 2^(bucket/4) ms, and more than those of the bucket before.
CREATE TABLE latency (
    day      INTEGER NOT NULL,
    role     INTEGER NOT NULL,
    instance INTEGER NOT NULL,
    bucket   INTEGER NOT NULL CHECK (bucket BETWEEN 0 AND 200),
    n        INTEGER NOT NULL CHECK (n > 0),
    PRIMARY KEY (day, role, instance, bucket)
) STRICT, WITHOUT ROWID;

-- k: what the day's sets of labels were folded with, labels_k: its labels; 0: they are not.
CREATE TABLE day_note (
    day              INTEGER PRIMARY KEY CHECK (day >= 0),
    keys             INTEGER NOT NULL DEFAULT 0 CHECK (keys >= 0),
    received         INTEGER NOT NULL DEFAULT 0 CHECK (received >= 0),
    recorded         INTEGER NOT NULL DEFAULT 0 CHECK (recorded >= 0),
    flags            INTEGER NOT NULL DEFAULT 0,
    key_destroyed_ms INTEGER NOT NULL DEFAULT 0,
    k                INTEGER NOT NULL DEFAULT 0,
    labels_k         INTEGER NOT NULL DEFAULT 0
) STRICT;

CREATE TABLE release (
    zone TEXT NOT NULL,
    week TEXT NOT NULL CHECK (week GLOB '[0-9][0-9][0-9][0-9]-W[0-9][0-9]'),
    data BLOB NOT NULL,
    PRIMARY KEY (zone, week)
) STRICT, WITHOUT ROWID;

-- The kept days, readable, for the operator. Made anew whenever a day's table comes or goes.
CREATE VIEW visit (day, zone, src, labels, outcome, reached, error, alg, client, n) AS
    SELECT 0, '', '', '', '', '', '', '', '', 0 WHERE FALSE;

PRAGMA application_id = 1131632233;
PRAGMA user_version = 1;
