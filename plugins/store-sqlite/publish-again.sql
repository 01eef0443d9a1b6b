-- The totals of days that were not closed when the file was published last, of which `before` has the days: what it told of them goes,
-- and those that are closed now come. All others stay as they are. See publish.sql.

CREATE TEMP TABLE fresh AS
    SELECT day FROM base_day WHERE day NOT IN (SELECT day FROM temp.before WHERE closed) ORDER BY day;

DELETE FROM base_total WHERE day IN (SELECT day FROM temp.before WHERE NOT closed);
DELETE FROM base_step_total WHERE day IN (SELECT day FROM temp.before WHERE NOT closed);
DELETE FROM base_hour_total WHERE day IN (SELECT day FROM temp.before WHERE NOT closed);
DELETE FROM base_latency WHERE day IN (SELECT day FROM temp.before WHERE NOT closed);
DELETE FROM about;

INSERT INTO base_total SELECT t.* FROM temp.fresh AS d CROSS JOIN visits.closed_total AS t ON t.day = d.day;
INSERT INTO base_set_total SELECT t.* FROM temp.fresh AS d CROSS JOIN visits.closed_set_total AS t ON t.day = d.day;
INSERT INTO base_step_total SELECT t.* FROM temp.fresh AS d CROSS JOIN visits.closed_step_total AS t ON t.day = d.day;
