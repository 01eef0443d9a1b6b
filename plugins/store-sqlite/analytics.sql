-- analytics.db: docs/analytics.md. The views are for analysts and stay as they are; the tables below them may change with any
-- version. Made anew by publish.c each time and filled by publish.sql, quickly: no constraint guards what nobody edits. No row of
-- it is about one visit.

CREATE TABLE about (name TEXT PRIMARY KEY, value TEXT) WITHOUT ROWID;

-- times: as how many sources one and the same may have been counted.
CREATE TABLE base_day (day INTEGER PRIMARY KEY, date TEXT NOT NULL UNIQUE, week TEXT, monday TEXT, closed INTEGER, keys INTEGER,
    times INTEGER, received INTEGER, recorded INTEGER, flags INTEGER, k INTEGER, key_destroyed_ms INTEGER,
    rewritten INTEGER);
CREATE TABLE base_word (id INTEGER PRIMARY KEY, word TEXT UNIQUE);
CREATE TABLE base_label (id INTEGER PRIMARY KEY, name TEXT, value TEXT, UNIQUE (name, value));
-- A JSON object; NULL for the sets of too few sources, which are one.
CREATE TABLE base_label_set (id INTEGER PRIMARY KEY, labels TEXT);

-- label 0: whatever the labels; outcome 0: whatever the outcome. The columns are those of visits.db, so that SQLite copies whole
-- rows: what is known of the sources is worked out in the views. Those of a day that is open are not told (NULL).
CREATE TABLE base_total (day INTEGER, zone INTEGER, label INTEGER, outcome INTEGER, requests INTEGER, uniques INTEGER,
    uniques_most INTEGER, PRIMARY KEY (day, zone, label, outcome)) WITHOUT ROWID;
CREATE TABLE base_set_total (day INTEGER, zone INTEGER, labels INTEGER, outcome INTEGER, requests INTEGER, uniques INTEGER,
    uniques_most INTEGER, PRIMARY KEY (day, zone, labels, outcome)) WITHOUT ROWID;
CREATE TABLE base_step_total (day INTEGER, zone INTEGER, label INTEGER, outcome INTEGER, reached INTEGER, error INTEGER,
    requests INTEGER, PRIMARY KEY (day, zone, label, outcome, reached, error)) WITHOUT ROWID;
CREATE TABLE base_hour_total (day INTEGER, zone INTEGER, hour INTEGER, requests INTEGER,
    PRIMARY KEY (day, zone, hour)) WITHOUT ROWID;
-- so_far: of all calls those that took up_to_ms at most.
CREATE TABLE base_latency (day INTEGER, role INTEGER, instance INTEGER, up_to_ms REAL, so_far INTEGER, calls INTEGER,
    PRIMARY KEY (day, role, instance, up_to_ms)) WITHOUT ROWID;

-- Days come first in every view (CROSS JOIN): there are 25 months of them, and who asks for some must not read them all.
CREATE VIEW requests (day, zone, label, value, outcome, requests, at_least, at_most) AS
    SELECT d.date, z.word, l.name, l.value, o.word, t.requests, (t.uniques + d.times - 1) / d.times, t.uniques_most
    FROM base_day AS d CROSS JOIN base_total AS t ON t.day = d.day JOIN base_word AS z ON z.id = t.zone
    JOIN base_label AS l ON l.id = t.label JOIN base_word AS o ON o.id = t.outcome
    WHERE t.outcome <> 0;

CREATE VIEW sources (day, zone, label, value, requests, at_least, at_most) AS
    SELECT d.date, z.word, l.name, l.value, t.requests, (t.uniques + d.times - 1) / d.times, t.uniques_most
    FROM base_day AS d CROSS JOIN base_total AS t ON t.day = d.day JOIN base_word AS z ON z.id = t.zone
    JOIN base_label AS l ON l.id = t.label
    WHERE t.outcome = 0 AND d.closed;

CREATE VIEW label_sets (day, zone, labels, outcome, requests, at_least, at_most) AS
    SELECT d.date, z.word, s.labels, o.word, t.requests, (t.uniques + d.times - 1) / d.times, t.uniques_most
    FROM base_day AS d CROSS JOIN base_set_total AS t ON t.day = d.day JOIN base_word AS z ON z.id = t.zone
    JOIN base_label_set AS s ON s.id = t.labels JOIN base_word AS o ON o.id = t.outcome
    WHERE t.outcome <> 0;

CREATE VIEW set_sources (day, zone, labels, requests, at_least, at_most) AS
    SELECT d.date, z.word, s.labels, t.requests, (t.uniques + d.times - 1) / d.times, t.uniques_most
    FROM base_day AS d CROSS JOIN base_set_total AS t ON t.day = d.day JOIN base_word AS z ON z.id = t.zone
    JOIN base_label_set AS s ON s.id = t.labels
    WHERE t.outcome = 0;

-- Who reached a step has passed all those before it. Where they stayed (8 posted, 9 subject, 10 csr, 1 issued: visits.sql) is added
-- up in the order of the key before any name is looked up: by name, all would have to be sorted.
CREATE VIEW funnel (day, zone, label, value, posted, subject, csr, challenge, issued) AS
    SELECT f.date, z.word, l.name, l.value, f.posted, f.posted - f.first, f.posted - f.first - f.second,
           f.posted - f.first - f.second - f.third, f.issued
    FROM (
        SELECT d.date, t.zone, t.label, sum(t.requests) AS posted,
               coalesce(sum(t.requests) FILTER (WHERE t.reached = 8), 0) AS first,
               coalesce(sum(t.requests) FILTER (WHERE t.reached = 9), 0) AS second,
               coalesce(sum(t.requests) FILTER (WHERE t.reached = 10), 0) AS third,
               coalesce(sum(t.requests) FILTER (WHERE t.reached = 1), 0) AS issued
        FROM base_day AS d CROSS JOIN base_step_total AS t ON t.day = d.day GROUP BY d.date, t.zone, t.label
    ) AS f JOIN base_word AS z ON z.id = f.zone JOIN base_label AS l ON l.id = f.label;

CREATE VIEW failures (day, zone, label, value, outcome, reached, reason, requests) AS
    SELECT d.date, z.word, l.name, l.value, o.word, r.word, e.word, t.requests
    FROM base_day AS d CROSS JOIN base_step_total AS t ON t.day = d.day JOIN base_word AS z ON z.id = t.zone
    JOIN base_label AS l ON l.id = t.label JOIN base_word AS o ON o.id = t.outcome JOIN base_word AS r ON r.id = t.reached
    JOIN base_word AS e ON e.id = t.error
    WHERE o.word NOT IN ('issued', 'stored');

CREATE VIEW latencies (day, role, instance, calls, p50_ms, p90_ms, p99_ms) AS
    SELECT d.date, r.word, i.word, t.calls, min(t.up_to_ms) FILTER (WHERE t.so_far * 100 >= t.calls * 50),
           min(t.up_to_ms) FILTER (WHERE t.so_far * 100 >= t.calls * 90),
           min(t.up_to_ms) FILTER (WHERE t.so_far * 100 >= t.calls * 99)
    FROM base_day AS d CROSS JOIN base_latency AS t ON t.day = d.day JOIN base_word AS r ON r.id = t.role
    JOIN base_word AS i ON i.id = t.instance
    GROUP BY d.date, r.word, i.word, t.calls;

CREATE VIEW hours (day, zone, hour, requests) AS
    SELECT d.date, z.word, t.hour, t.requests
    FROM base_day AS d CROSS JOIN base_hour_total AS t ON t.day = d.day JOIN base_word AS z ON z.id = t.zone;

-- A source may come on several days of a week: the largest day is the least, the sum is the most.
CREATE VIEW weeks (week, monday, days, zone, label, value, requests, at_least, at_most) AS
    SELECT d.week, d.monday, w.days, z.word, l.name, l.value, sum(t.requests),
           max((t.uniques + d.times - 1) / d.times), sum(t.uniques_most)
    FROM base_day AS d JOIN (SELECT week, count(*) AS days FROM base_day WHERE closed GROUP BY week) AS w ON w.week = d.week
    CROSS JOIN base_total AS t ON t.day = d.day JOIN base_word AS z ON z.id = t.zone
    JOIN base_label AS l ON l.id = t.label
    WHERE t.outcome = 0 AND d.closed
    GROUP BY d.week, d.monday, z.word, l.name, l.value;

CREATE VIEW days (day, closed, received, recorded, lost, flags, keys, key_destroyed, k) AS
    SELECT date, closed, received, recorded, CASE WHEN closed THEN received - recorded END,
           substr(CASE WHEN flags & 1 THEN ', at least' ELSE '' END || CASE WHEN flags & 2 THEN ', two keys' ELSE '' END ||
                  CASE WHEN flags & 4 THEN ', proxies changed' ELSE '' END || CASE WHEN flags & 8 THEN ', clock' ELSE '' END ||
                  CASE WHEN flags & 16 THEN ', erased' ELSE '' END, 3),
           keys, CASE WHEN key_destroyed_ms > 0 THEN strftime('%Y-%m-%dT%H:%M:%SZ', key_destroyed_ms / 1000, 'unixepoch') END, k
    FROM base_day;

-- What the planner should take for granted: few days, many labels. Words are few, too, but most are no zones, so trying each as one is
-- slow: hence many.
ANALYZE base_word;
INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES
    ('base_day', 'sqlite_autoindex_base_day_1', '60 1'), ('base_word', 'sqlite_autoindex_base_word_1', '2000 1'),
    ('base_label', 'sqlite_autoindex_base_label_1', '300 30 1'), ('base_label_set', NULL, '1000'),
    ('base_total', 'base_total', '200000 3300 660 7 1'), ('base_set_total', 'base_set_total', '100000 1700 340 4 1'),
    ('base_step_total', 'base_step_total', '200000 3300 660 7 2 1 1'), ('base_hour_total', 'base_hour_total', '7200 120 24 1'),
    ('base_latency', 'base_latency', '6000 100 50 25 1');

PRAGMA application_id = 1131631969;
PRAGMA user_version = 1;
