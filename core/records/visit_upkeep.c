/*
 * What happens by itself: visits, labels and totals are forgotten when their time has passed, the files are scrubbed of them,
 * and the analysts' file is written. See visit_parts.h.
 */
#include <inttypes.h>
#include <stdlib.h>

#include "engine/log.h"
#include "records/visit_parts.h"

#define LOG_WHO "visits"

enum { SCRUB_FIRST_MS = 1000, SCRUB_MOST_MS = 10 * 60 * 1000, SCRUB_WRITTEN_MS = 60 * 1000, NOTE_TIME_MS = 3600 * 1000,
       PUBLISH_AGAIN_MS = 60 * 1000 };

static void run_all(struct visit_task **tasks)
{
    struct visit_task *task = *tasks, *next;

    *tasks = NULL;
    for (; task; task = next) {
        next = task->next;
        task->run(task);
    }
}

/* ---- scrub ------------------------------------------------------------------------------------------------------- */

struct scrub {
    struct visits *visits;
    struct visit_task *waiters;
    bool done;
};

static int scrub(const struct store_conn *c, void *arg, struct cs_error *err)
{
    return c->ops->scrub(c->conn, &((struct scrub *)arg)->done, err);
}

static void start_scrub(struct visits *visits);

static void on_scrub_due(void *arg)
{
    start_scrub(arg);
}

static void scrub_later(struct visits *visits, const struct cs_error *err)
{
    if (err)
        log_line(CS_LOG_WARN, LOG_WHO, "", "what was forgotten cannot be scrubbed from the files yet: %s", err->text);
    visits->scrub_pause_ms = visits->scrub_pause_ms ? visits->scrub_pause_ms * 2 : SCRUB_FIRST_MS;
    if (visits->scrub_pause_ms > SCRUB_MOST_MS)
        visits->scrub_pause_ms = SCRUB_MOST_MS;
    if (!visits->stopping)
        timer_set_in(visits->with.loop, &visits->scrub, visits->scrub_pause_ms, on_scrub_due, visits);
}

/* A purge is done when its bytes are gone, not before. */
static void note_scrubbed(struct visits *visits)
{
    visits->scrubbed = true;
    visits->scrub_pause_ms = 0;
    if (visits->unscrubbed_ms)
        visits->purged_ms = visits->unscrubbed_ms;
    visits->unscrubbed_ms = 0;
}

static void on_scrubbed(void *arg, const struct cs_error *err)
{
    struct scrub *s = arg;
    struct visits *visits = s->visits;

    visits->scrubbing = false;
    visits->calls--;
    if (visits->scrub_again) {
        start_scrub(visits);
    } else if (!err && s->done) {
        note_scrubbed(visits);
    } else {
        scrub_later(visits, err);
    }
    run_all(&s->waiters);
    free(s);
}

static void start_scrub(struct visits *visits)
{
    struct scrub *s = calloc(1, sizeof *s);

    timer_clear(&visits->scrub);
    visits->scrub_again = false;
    if (!s) {
        scrub_later(visits, NULL);
        run_all(&visits->scrub_waiters);
        return;
    }
    *s = (struct scrub){ .visits = visits, .waiters = visits->scrub_waiters };
    visits->scrub_waiters = NULL;
    visits->scrubbing = true;
    visits->calls++;
    store_write_alone(visits->store, scrub, s, on_scrubbed, s);
}

void visit_upkeep_scrub(struct visits *visits, struct visit_task *task)
{
    if (task) {
        task->next = visits->scrub_waiters;
        visits->scrub_waiters = task;
    }
    visits->scrubbed = false;
    if (visits->scrubbing)
        visits->scrub_again = true;
    else
        start_scrub(visits);
}

void visit_upkeep_written(struct visits *visits)
{
    if (!visits->stopping && !visits->scrubbing && !timer_is_set(&visits->scrub))
        timer_set_in(visits->with.loop, &visits->scrub, SCRUB_WRITTEN_MS, on_scrub_due, visits);
}

/* ---- publish ----------------------------------------------------------------------------------------------------- */

struct publication {
    struct visits *visits;
    struct visit_task *waiters;
};

static int publish(const struct store_conn *c, void *arg, struct cs_error *err)
{
    (void)arg;
    return c->ops->publish(c->conn, err);
}

static void start_publish(struct visits *visits);
static void publish_in(struct visits *visits, int64_t ms);

static void on_published(void *arg, const struct cs_error *err)
{
    struct publication *p = arg;
    struct visits *visits = p->visits;

    visits->publishing = false;
    visits->published = !err;
    visits->calls--;
    if (err) {
        log_line(CS_LOG_WARN, LOG_WHO, "", "the analysts' file cannot be written, trying again within a minute: %s", err->text);
        if (!visits->stopping)
            publish_in(visits, PUBLISH_AGAIN_MS);
    } else {
        visits->published_ms = cs_wall_ms();
    }
    if (visits->publish_again)
        start_publish(visits);
    run_all(&p->waiters);
    free(p);
}

static void start_publish(struct visits *visits)
{
    struct publication *p = calloc(1, sizeof *p);

    visits->publish_again = false;
    if (!p) {
        run_all(&visits->publish_waiters);
        return;
    }
    *p = (struct publication){ .visits = visits, .waiters = visits->publish_waiters };
    visits->publish_waiters = NULL;
    visits->publishing = true;
    visits->calls++;
    store_read_alone(visits->store, publish, p, on_published, p);
}

void visit_upkeep_publish(struct visits *visits, struct visit_task *task)
{
    if (task) {
        task->next = visits->publish_waiters;
        visits->publish_waiters = task;
    }
    if (visits->publishing)
        visits->publish_again = true;
    else
        start_publish(visits);
}

static void on_publish_due(void *arg)
{
    struct visits *visits = arg;

    visit_upkeep_publish(visits, NULL);
    publish_in(visits, visits->with.settings->publish_ms);
}

static void publish_in(struct visits *visits, int64_t ms)
{
    timer_set_in(visits->with.loop, &visits->publish, ms, on_publish_due, visits);
}

/* ---- purge ------------------------------------------------------------------------------------------------------- */

struct purge {
    struct visits *visits;
    struct cs_visits_retention keep;
    int64_t n;
};

static int purge(const struct store_conn *c, void *arg, struct cs_error *err)
{
    struct purge *p = arg;

    return c->ops->visits_purge(c->conn, &p->keep, &p->n, err);
}

static void on_purged(void *arg, const struct cs_error *err)
{
    struct purge *p = arg;
    struct visits *visits = p->visits;
    const bool again = visits->purge_again;

    visits->purging = visits->purge_again = false;
    visits->calls--;
    if (err) {
        log_line(CS_LOG_WARN, LOG_WHO, "", "what is over cannot be purged, trying again within the hour: %s", err->text);
    } else {
        visits->unscrubbed_ms = cs_wall_ms();
        log_line(CS_LOG_INFO, LOG_WHO, "", "purged days=%" PRId64, p->n);
        visit_aside_look(visits);
    }
    visit_upkeep_scrub(visits, NULL); /* after a failure, too: an earlier run may have left something */
    free(p);
    if (again)
        visit_upkeep_purge(visits);
}

/* No day that is not closed is touched. Age is counted from the day that it is, which after a clock that stood ahead is earlier
 * than the accounting day. */
static struct cs_visits_retention retention(const struct visits *visits)
{
    const struct visits_settings *settings = visits->with.settings;
    const int64_t wall_day = day_of_ms(cs_wall_ms());
    const int64_t today = wall_day < visits->days->day ? wall_day : visits->days->day;
    int64_t open = today;

    for (const struct visit_day *day = visits->days; day; day = day->next)
        open = day->day < open ? day->day : open;
    return (struct cs_visits_retention){
        .size = sizeof(struct cs_visits_retention),
        .visits_before = today - settings->keep_days < open ? today - settings->keep_days : open,
        .labels_before = today - settings->label_days < open ? today - settings->label_days : open,
        .totals_before = day_months_before(today, settings->total_months),
        .k = settings->k,
    };
}

void visit_upkeep_purge(struct visits *visits)
{
    struct purge *p;

    if (visit_kept_doubts(visits) || visits->stopping)
        return;
    if (visits->purging) {
        visits->purge_again = true;
        return;
    }
    p = calloc(1, sizeof *p);
    if (!p)
        return; /* within the hour */
    *p = (struct purge){ .visits = visits, .keep = retention(visits) };
    visits->purging = true;
    visits->calls++;
    store_write(visits->store, purge, p, on_purged, p);
}

/* Is it long ago, has it failed, or did the clock stand ahead at that time? */
static bool is_purge_due(const struct visits *visits)
{
    const int64_t now_ms = cs_wall_ms();

    return now_ms - visits->purged_ms > DAY_MS || now_ms < visits->purged_ms;
}

static void on_upkeep_due(void *arg)
{
    struct visits *visits = arg;

    visit_kept_note_time(visits);
    if (is_purge_due(visits))
        visit_upkeep_purge(visits);
    timer_set_in(visits->with.loop, &visits->upkeep, NOTE_TIME_MS, on_upkeep_due, visits);
}

/* ---- the start --------------------------------------------------------------------------------------------------- */

int visit_upkeep_start(struct visits *visits, struct cs_error *err)
{
    if (visit_kept_start(visits, err) < 0)
        return -1;
    visit_upkeep_purge(visits);
    if (visits->must_confirm)
        visit_upkeep_scrub(visits, NULL); /* what an earlier run did not get done */
    on_publish_due(visits);
    timer_set_in(visits->with.loop, &visits->upkeep, NOTE_TIME_MS, on_upkeep_due, visits);
    return 0;
}

void visit_upkeep_stop(struct visits *visits)
{
    timer_clear(&visits->upkeep);
    timer_clear(&visits->scrub);
    timer_clear(&visits->publish);
    visit_kept_note_time(visits);
}
