-- visits.db, schema 2: totals of days that are open stand in tables of their own. Publishing copies those of closed days as whole
-- tables then, without a look at each row: publish.sql; and what it must not tell of today is in none that it copies. Everything
-- is counted in the open tables, and moved when the day is closed: settle.c. For reading, each pair is a view.

CREATE TABLE closed_total (
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

CREATE TABLE closed_set_total (
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

CREATE TABLE closed_step_total (
    day      INTEGER NOT NULL,
    zone     INTEGER NOT NULL,
    label    INTEGER NOT NULL,
    outcome  INTEGER NOT NULL,
    reached  INTEGER NOT NULL,
    error    INTEGER NOT NULL,
    requests INTEGER NOT NULL CHECK (requests > 0),
    PRIMARY KEY (day, zone, label, outcome, reached, error)
) STRICT, WITHOUT ROWID;

CREATE TABLE open_total (
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

CREATE TABLE open_set_total (
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

CREATE TABLE open_step_total (
    day      INTEGER NOT NULL,
    zone     INTEGER NOT NULL,
    label    INTEGER NOT NULL,
    outcome  INTEGER NOT NULL,
    reached  INTEGER NOT NULL,
    error    INTEGER NOT NULL,
    requests INTEGER NOT NULL CHECK (requests > 0),
    PRIMARY KEY (day, zone, label, outcome, reached, error)
) STRICT, WITHOUT ROWID;

-- 32: the day is closed.
INSERT INTO closed_total SELECT * FROM total WHERE day IN (SELECT day FROM day_note WHERE flags & 32);
INSERT INTO closed_set_total SELECT * FROM set_total WHERE day IN (SELECT day FROM day_note WHERE flags & 32);
INSERT INTO closed_step_total SELECT * FROM step_total WHERE day IN (SELECT day FROM day_note WHERE flags & 32);
INSERT INTO open_total SELECT * FROM total WHERE day NOT IN (SELECT day FROM day_note WHERE flags & 32);
INSERT INTO open_set_total SELECT * FROM set_total WHERE day NOT IN (SELECT day FROM day_note WHERE flags & 32);
INSERT INTO open_step_total SELECT * FROM step_total WHERE day NOT IN (SELECT day FROM day_note WHERE flags & 32);

-- A request whose source was not known flagged its day (1) and counted for no source: each may have been one more.
UPDATE closed_total SET uniques_most = requests WHERE day IN (SELECT day FROM day_note WHERE flags & 1);
UPDATE closed_set_total SET uniques_most = requests WHERE day IN (SELECT day FROM day_note WHERE flags & 1);

DROP TABLE total;
DROP TABLE set_total;
DROP TABLE step_total;

CREATE VIEW total (day, zone, label, outcome, requests, uniques, uniques_most) AS
    SELECT day, zone, label, outcome, requests, uniques, uniques_most FROM closed_total
    UNION ALL SELECT day, zone, label, outcome, requests, uniques, uniques_most FROM open_total;

CREATE VIEW set_total (day, zone, labels, outcome, requests, uniques, uniques_most) AS
    SELECT day, zone, labels, outcome, requests, uniques, uniques_most FROM closed_set_total
    UNION ALL SELECT day, zone, labels, outcome, requests, uniques, uniques_most FROM open_set_total;

CREATE VIEW step_total (day, zone, label, outcome, reached, error, requests) AS
    SELECT day, zone, label, outcome, reached, error, requests FROM closed_step_total
    UNION ALL SELECT day, zone, label, outcome, reached, error, requests FROM open_step_total;

-- How often the list of trusted proxies changed on a day; that it did so at all is all that is known of earlier ones (4).
ALTER TABLE day_note ADD COLUMN proxy_changes INTEGER NOT NULL DEFAULT 0 CHECK (proxy_changes >= 0);
UPDATE day_note SET proxy_changes = 1 WHERE flags & 4;

-- How often something of the day was taken back after it was published: who publishes again needs to look at such a day once more.
ALTER TABLE day_note ADD COLUMN rewritten INTEGER NOT NULL DEFAULT 0;

-- As how many sources one and the same may have been counted: another one with each new key, and behind each new list of proxies.
CREATE VIEW day_times (day, times) AS SELECT day, max(keys, 1) + proxy_changes FROM day_note;

PRAGMA user_version = 2;
