-- From `visits` (visits.db, attached) into the tables of analytics.sql, each in the order of its key, which is the quick way and tells
-- nothing. publish.c runs it in parts: this one has the days, publish-whole.sql or publish-again.sql the totals of those that are
-- closed, publish-rest.sql what follows from both.
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
        SELECT day, keys, times, received, recorded, flags, k, key_destroyed_ms, rewritten
        FROM visits.day_note JOIN visits.day_times USING (day)
        UNION ALL SELECT day, 0, 1, 0, 0, 32, 0, 0, NULL FROM passed)
    SELECT day, date(day * 86400, 'unixepoch'),
           printf('%s-W%02d', strftime('%Y', day * 86400, 'unixepoch', 'weekday 0', '-3 days'),
                  (strftime('%j', day * 86400, 'unixepoch', 'weekday 0', '-3 days') - 1) / 7 + 1),
           date(day * 86400, 'unixepoch', 'weekday 0', '-6 days'), (flags & 32) <> 0, keys,
           times, received, recorded, flags, k, key_destroyed_ms, rewritten
    FROM every ORDER BY day;
