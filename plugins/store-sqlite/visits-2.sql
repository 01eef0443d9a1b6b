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

PRAGMA user_version = 2;
