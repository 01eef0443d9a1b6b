-- What an open day tells, hours, latencies and words. `fresh` has the days that are written. (IN rather than a join where the table is
-- one of ours: for a join SQLite may read all of it, to make a Bloom filter.) See publish.sql.

INSERT INTO base_total
    SELECT day, zone, label, outcome, requests, NULL, NULL FROM visits.open_total WHERE label = 0 AND outcome <> 0;
INSERT INTO base_step_total
    SELECT day, zone, label, outcome, reached, error, requests FROM visits.open_step_total WHERE label = 0;

INSERT INTO base_hour_total
    SELECT t.day, t.zone, t.hour, t.requests
    FROM temp.fresh AS d CROSS JOIN visits.hour_total AS t ON t.day = d.day WHERE t.requests > 0;

-- 2^(bucket/4), of which SQLite need not have the function.
INSERT INTO base_latency
    SELECT t.day, t.role, t.instance,
           round((1 << min(t.bucket / 4, 50)) * CASE t.bucket % 4 WHEN 0 THEN 1 WHEN 1 THEN 1.189207115 WHEN 2 THEN 1.414213562
                 ELSE 1.681792831 END, 2),
           sum(t.n) OVER (PARTITION BY t.day, t.role, t.instance ORDER BY t.bucket),
           sum(t.n) OVER (PARTITION BY t.day, t.role, t.instance)
    FROM temp.fresh AS d CROSS JOIN visits.latency AS t ON t.day = d.day;

-- Only the words that something above has. Those of other days are there already, and none of them has gone: publish.c.
INSERT INTO base_label
    SELECT id, name, value FROM visits.label WHERE id NOT IN (SELECT id FROM base_label) AND (id = 0 OR id IN (
        SELECT label FROM base_total WHERE day IN temp.fresh AND outcome = 0))
    ORDER BY id;
INSERT INTO base_label_set
    SELECT id, CASE id WHEN 1 THEN NULL ELSE labels_as_json(labels) END
    FROM visits.label_set WHERE id NOT IN (SELECT id FROM base_label_set) AND id IN (
        SELECT labels FROM base_set_total WHERE day IN temp.fresh AND outcome = 0)
    ORDER BY id;
INSERT INTO base_word
    WITH step AS MATERIALIZED (
        SELECT zone, outcome, reached, error FROM base_step_total
        WHERE day IN temp.fresh AND zone IN (SELECT id FROM visits.word) AND label = 0),
    call AS MATERIALIZED (SELECT role, instance FROM base_latency WHERE day IN temp.fresh)
    SELECT id, word FROM visits.word WHERE id NOT IN (SELECT id FROM base_word) AND (id = 0 OR id IN (
        SELECT zone FROM step UNION SELECT outcome FROM step UNION SELECT reached FROM step UNION SELECT error FROM step
        UNION SELECT role FROM call UNION SELECT instance FROM call))
    ORDER BY id;

INSERT INTO about SELECT 'first_day', date FROM base_day ORDER BY day LIMIT 1;
INSERT INTO about SELECT 'last_closed_day', date FROM base_day WHERE closed ORDER BY day DESC LIMIT 1;
INSERT INTO about SELECT 'k', k FROM base_day WHERE k > 0 ORDER BY day DESC LIMIT 1;
