-- From `visits` (visits.db, attached) into a new file of the same schema: what a backup has of the record of requests. Counts of the
-- days that are closed, and what was released; no visit, no zone's number, and of the open day not even a label that came in, since
-- who keeps the backups of a day could tell when it came.

INSERT INTO day_note SELECT * FROM visits.day_note WHERE flags & 32 ORDER BY day;

INSERT INTO closed_total SELECT * FROM visits.closed_total;
INSERT INTO closed_set_total SELECT * FROM visits.closed_set_total;
INSERT INTO closed_step_total SELECT * FROM visits.closed_step_total;
INSERT INTO hour_total SELECT t.* FROM day_note AS d CROSS JOIN visits.hour_total AS t ON t.day = d.day;
INSERT INTO latency SELECT t.* FROM day_note AS d CROSS JOIN visits.latency AS t ON t.day = d.day;
INSERT INTO release SELECT * FROM visits.release ORDER BY zone, week;

INSERT OR IGNORE INTO word SELECT * FROM visits.word WHERE id IN (
    SELECT zone FROM closed_total UNION SELECT outcome FROM closed_total
    UNION SELECT zone FROM closed_set_total UNION SELECT outcome FROM closed_set_total
    UNION SELECT zone FROM closed_step_total UNION SELECT outcome FROM closed_step_total
    UNION SELECT reached FROM closed_step_total UNION SELECT error FROM closed_step_total
    UNION SELECT zone FROM hour_total UNION SELECT role FROM latency UNION SELECT instance FROM latency) ORDER BY id;
INSERT OR IGNORE INTO label_set SELECT * FROM visits.label_set WHERE id IN (SELECT labels FROM closed_set_total) ORDER BY id;
INSERT OR IGNORE INTO label SELECT * FROM visits.label WHERE id IN (
    SELECT label FROM closed_total UNION SELECT label FROM closed_step_total
    UNION SELECT label FROM visits.set_label WHERE labels IN (SELECT labels FROM closed_set_total)) ORDER BY id;
