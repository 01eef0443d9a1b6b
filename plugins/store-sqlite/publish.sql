-- From `visits` (visits.db, attached) into the tables of analytics.sql, each in the order of its key, which is the quick way and tells
-- nothing.
--
-- What is told of a day that is not closed yet: requests of zones, by hour, outcome and step, and how long calls took. Who compares
-- the copies of two hours learns what came between them; nothing of that may tell one visit from another of its zone and outcome.
-- Labels, label sets and numbers of sources do, so they wait until the day is closed: then they come all at once.

-- A day that the server passed over, because it did not run, is closed, too, with nothing on it: otherwise its week would never have
-- all its days. Only in weeks of which something is known: the clock may have jumped far. 1970-01-01 was a Thursday; 32: closed.
-- In an ISO week the Thursday decides about the year.
INSERT INTO base_day
    WITH weekday (n) AS (VALUES (0), (1), (2), (3), (4), (5), (6)),
    passed (day) AS (
        SELECT monday + n FROM (SELECT DISTINCT day - (day + 3) % 7 AS monday FROM visits.day_note) JOIN weekday
        WHERE monday + n > (SELECT min(day) FROM visits.day_note) AND monday + n < (SELECT max(day) FROM visits.day_note)
        EXCEPT SELECT day FROM visits.day_note),
    every AS (
        SELECT day, keys, times, received, recorded, flags, k, key_destroyed_ms
        FROM visits.day_note JOIN visits.day_times USING (day)
        UNION ALL SELECT day, 0, 1, 0, 0, 32, 0, 0 FROM passed)
    SELECT day, date(day * 86400, 'unixepoch'),
           printf('%s-W%02d', strftime('%Y', day * 86400, 'unixepoch', 'weekday 0', '-3 days'),
                  (strftime('%j', day * 86400, 'unixepoch', 'weekday 0', '-3 days') - 1) / 7 + 1),
           date(day * 86400, 'unixepoch', 'weekday 0', '-6 days'), (flags & 32) <> 0, keys,
           times, received, recorded, flags, k, key_destroyed_ms
    FROM every ORDER BY day;

-- Spelled so that SQLite copies whole rows without looking into them: half the time.
INSERT INTO base_total SELECT * FROM visits.closed_total;
INSERT INTO base_set_total SELECT * FROM visits.closed_set_total;
INSERT INTO base_step_total SELECT * FROM visits.closed_step_total;

INSERT INTO base_total
    SELECT day, zone, label, outcome, requests, NULL, NULL FROM visits.open_total WHERE label = 0 AND outcome <> 0;
INSERT INTO base_step_total
    SELECT day, zone, label, outcome, reached, error, requests FROM visits.open_step_total WHERE label = 0;

INSERT INTO base_hour_total
    SELECT t.day, t.zone, t.hour, t.requests
    FROM base_day AS d CROSS JOIN visits.hour_total AS t ON t.day = d.day WHERE t.requests > 0;

-- 2^(bucket/4), of which SQLite need not have the function.
INSERT INTO base_latency
    SELECT t.day, t.role, t.instance,
           round((1 << min(t.bucket / 4, 50)) * CASE t.bucket % 4 WHEN 0 THEN 1 WHEN 1 THEN 1.189207115 WHEN 2 THEN 1.414213562
                 ELSE 1.681792831 END, 2),
           sum(t.n) OVER (PARTITION BY t.day, t.role, t.instance ORDER BY t.bucket),
           sum(t.n) OVER (PARTITION BY t.day, t.role, t.instance)
    FROM base_day AS d CROSS JOIN visits.latency AS t ON t.day = d.day;

-- Only the words that something above has.
INSERT INTO base_label
    SELECT id, name, value FROM visits.label WHERE id = 0 OR id IN (SELECT label FROM base_total WHERE outcome = 0) ORDER BY id;
INSERT INTO base_label_set
    SELECT id, CASE id WHEN 1 THEN NULL ELSE labels_as_json(labels) END
    FROM visits.label_set WHERE id IN (SELECT labels FROM base_set_total WHERE outcome = 0) ORDER BY id;
INSERT INTO base_word
    WITH step AS MATERIALIZED (
        SELECT t.zone, t.outcome, t.reached, t.error
        FROM base_day AS d CROSS JOIN visits.word AS w CROSS JOIN base_step_total AS t
        ON t.day = d.day AND t.zone = w.id AND t.label = 0)
    SELECT id, word FROM visits.word WHERE id = 0 OR id IN (
        SELECT zone FROM step UNION SELECT outcome FROM step UNION SELECT reached FROM step UNION SELECT error FROM step
        UNION SELECT role FROM base_latency UNION SELECT instance FROM base_latency)
    ORDER BY id;

INSERT INTO about SELECT 'first_day', date FROM base_day ORDER BY day LIMIT 1;
INSERT INTO about SELECT 'last_closed_day', date FROM base_day WHERE closed ORDER BY day DESC LIMIT 1;
INSERT INTO about SELECT 'k', k FROM base_day WHERE k > 0 ORDER BY day DESC LIMIT 1;
