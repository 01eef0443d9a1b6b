-- The totals of all days that are closed. See publish.sql.

CREATE TEMP TABLE fresh AS SELECT day FROM base_day ORDER BY day;

-- Spelled so that SQLite copies whole rows without looking into them: half the time.
INSERT INTO base_total SELECT * FROM visits.closed_total;
INSERT INTO base_set_total SELECT * FROM visits.closed_set_total;
INSERT INTO base_step_total SELECT * FROM visits.closed_step_total;
