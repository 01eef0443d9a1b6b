-- From `visits` (visits.db, attached) into a new file of the same schema: what a backup has of the record of requests. Counts of the
-- days that are closed, and what was released; no visit, no zone's number, and of the open day not even a label that came in, since
-- who keeps the backups of a day could tell when it came.

INSERT INTO day_note SELECT * FROM visits.day_note WHERE flags & 32 ORDER BY day;

INSERT INTO total SELECT t.* FROM day_note AS d CROSS JOIN visits.total AS t ON t.day = d.day;
INSERT INTO set_total SELECT t.* FROM day_note AS d CROSS JOIN visits.set_total AS t ON t.day = d.day;
INSERT INTO step_total SELECT t.* FROM day_note AS d CROSS JOIN visits.step_total AS t ON t.day = d.day;
INSERT INTO hour_total SELECT t.* FROM day_note AS d CROSS JOIN visits.hour_total AS t ON t.day = d.day;
INSERT INTO latency SELECT t.* FROM day_note AS d CROSS JOIN visits.latency AS t ON t.day = d.day;
INSERT INTO release SELECT * FROM visits.release ORDER BY zone, week;

INSERT OR IGNORE INTO word SELECT * FROM visits.word WHERE id IN (
    SELECT zone FROM total UNION SELECT outcome FROM total
    UNION SELECT zone FROM set_total UNION SELECT outcome FROM set_total
    UNION SELECT zone FROM step_total UNION SELECT outcome FROM step_total
    UNION SELECT reached FROM step_total UNION SELECT error FROM step_total
    UNION SELECT zone FROM hour_total UNION SELECT role FROM latency UNION SELECT instance FROM latency) ORDER BY id;
INSERT OR IGNORE INTO label_set SELECT * FROM visits.label_set WHERE id IN (SELECT labels FROM set_total) ORDER BY id;
INSERT OR IGNORE INTO label SELECT * FROM visits.label WHERE id IN (
    SELECT label FROM total UNION SELECT label FROM step_total
    UNION SELECT label FROM visits.set_label WHERE labels IN (SELECT labels FROM set_total)) ORDER BY id;
