/*
 * What happens by itself: visits, labels and totals are forgotten when their time has passed, the files are scrubbed of them,
 * and the analysts' file is written. Also what a restart must know: when the server last ran, and which proxies it trusted. See
 * visit_parts.h.
 */
#include <inttypes.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "engine/log.h"
#include "records/visit_parts.h"

#define LOG_WHO      "visits"
#define KEPT_BY      "core", "visits"
#define TRUSTED_MS   (48 * 3600 * INT64_C(1000)) /* a clock that is so far ahead of the last recorded time is not trusted */
#define NOTE_TIME_MS (3600 * 1000)
#define HASH_HEX     64

enum { SCRUB_FIRST_MS = 1000, SCRUB_MOST_MS = 10 * 60 * 1000, SCRUB_WRITTEN_MS = 60 * 1000 };

static void run_all(struct visit_task **tasks)
{
    struct visit_task *task = *tasks, *next;

    *tasks = NULL;
    for (; task; task = next) {
        next = task->next;
        task->run(task);
    }
}

/* ---- what is kept in the state ----------------------------------------------------------------------------------- */

struct note {
    struct visits *visits;
    const char *key;
    char value[HASH_HEX + 1];
    cs_done_fn *done;
    void *arg;
};

static int write_note(const struct store_conn *c, void *arg, struct cs_error *err)
{
    const struct note *note = arg;

    return c->ops->keep_put(c->conn, KEPT_BY, note->key, note->value, strlen(note->value), err);
}

static void on_noted(void *arg, const struct cs_error *err)
{
    struct note *note = arg;

    note->visits->calls--;
    if (note->done)
        note->done(note->arg, err);
    free(note);
}

static void keep(struct visits *visits, const char *key, const char *value, cs_done_fn *done, void *arg)
{
    struct note *note = calloc(1, sizeof *note);

    if (!note) {
        if (done)
            done(arg, &(struct cs_error){ .code = CS_EINTERNAL, .text = "out of memory" });
        return;
    }
    *note = (struct note){ .visits = visits, .key = key, .done = done, .arg = arg };
    snprintf(note->value, sizeof note->value, "%s", value);
    visits->calls++;
    if (done)
        store_write(visits->with.state, write_note, note, on_noted, note);
    else
        store_write_lazily(visits->with.state, write_note, note, on_noted, note);
}

/* ---- the clock --------------------------------------------------------------------------------------------------- */

static void keep_time(struct visits *visits, cs_done_fn *done, void *arg)
{
    char text[32];

    visits->recorded_ms = cs_wall_ms();
    snprintf(text, sizeof text, "%" PRId64, visits->recorded_ms);
    keep(visits, "clock", text, done, arg);
}

/* A clock that is behind is no danger: nothing is purged too early. */
static bool is_far_ahead(const struct visits *visits)
{
    return visits->recorded_ms && cs_wall_ms() > visits->recorded_ms + TRUSTED_MS;
}

static void doubt_clock(struct visits *visits)
{
    char text[DAY_TEXT];

    visits->must_confirm = true;
    day_text(text, day_of_ms(visits->recorded_ms));
    log_line(
        CS_LOG_WARN, LOG_WHO, "",
        "the clock is more than 48 h ahead of the time that was recorded last, on %s: nothing is purged until somebody who has "
        "looked at the clock runs `countersign privacy confirm`",
        text);
}

/* Not while the clock is doubted: the next start must doubt it, too. */
void visit_upkeep_note_time(struct visits *visits)
{
    if (!visits->must_confirm && is_far_ahead(visits))
        doubt_clock(visits);
    if (!visits->must_confirm)
        keep_time(visits, NULL, NULL);
}

bool visits_may_purge(struct visits *visits)
{
    if (!visits)
        return true;
    visit_upkeep_note_time(visits);
    return !visits->must_confirm;
}

void visits_confirm(struct visits *visits, cs_done_fn *done, void *arg)
{
    if (visits->must_confirm)
        log_line(CS_LOG_INFO, LOG_WHO, "", "the clock was confirmed: purging goes on");
    visits->must_confirm = false;
    keep_time(visits, done, arg);
    visit_upkeep_purge(visits);
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

static void on_published(void *arg, const struct cs_error *err)
{
    struct publication *p = arg;
    struct visits *visits = p->visits;

    visits->publishing = false;
    visits->published = !err;
    visits->calls--;
    if (err)
        log_line(CS_LOG_WARN, LOG_WHO, "", "the analysts' file cannot be written: %s", err->text);
    else
        visits->published_ms = cs_wall_ms();
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
    timer_set_in(visits->with.loop, &visits->publish, visits->with.settings->publish_ms, on_publish_due, visits);
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
        visit_upkeep_scrub(visits, NULL);
    }
    free(p);
    if (again)
        visit_upkeep_purge(visits);
}

/* No day that is not closed is touched. */
static struct cs_visits_retention retention(const struct visits *visits)
{
    const struct visits_settings *settings = visits->with.settings;
    const int64_t today = visits->days->day;
    int64_t open = today;

    for (const struct visit_day *day = visits->days; day; day = day->next)
        open = day->day;
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

    if (visits->must_confirm || visits->stopping)
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

/* Is it long ago, or has it failed? */
static bool is_purge_due(const struct visits *visits)
{
    return cs_wall_ms() - visits->purged_ms > DAY_MS;
}

static void on_upkeep_due(void *arg)
{
    struct visits *visits = arg;

    visit_upkeep_note_time(visits);
    if (is_purge_due(visits))
        visit_upkeep_purge(visits);
    timer_set_in(visits->with.loop, &visits->upkeep, NOTE_TIME_MS, on_upkeep_due, visits);
}

/* ---- the proxies ------------------------------------------------------------------------------------------------- */

static int hash_proxies(const struct visits *visits, char out[HASH_HEX + 1])
{
    static const char digits[] = "0123456789abcdef";
    struct text all = TEXT_MAX(1 << 20);
    unsigned char hash[HASH_HEX / 2] = { 0 };
    int ok;

    for (size_t i = 0; i < visits->with.n_proxies; i++)
        text_addf(&all, "%s\n", visits->with.proxies[i]);
    ok = !text_failed(&all) && EVP_Digest(text_of(&all), all.len, hash, NULL, EVP_sha256(), NULL) == 1;
    text_free(&all);
    for (size_t i = 0; i < sizeof hash; i++) {
        out[2 * i] = digits[hash[i] >> 4];
        out[2 * i + 1] = digits[hash[i] & 15];
    }
    out[HASH_HEX] = '\0';
    return ok ? 0 : -1;
}

/* Behind another list the same client may be another address. */
static void look_at_proxies(struct visits *visits, const char *kept)
{
    char now[HASH_HEX + 1];

    if (hash_proxies(visits, now) < 0 || strcmp(now, kept) == 0)
        return;
    if (*kept)
        visit_day_flag(visits->days, CS_DAY_PROXIES);
    keep(visits, "proxies", now, NULL, NULL);
    visit_batch_soon(visits);
}

/* ---- the start --------------------------------------------------------------------------------------------------- */

struct kept {
    char clock[32], proxies[HASH_HEX + 1];
};

struct place {
    char *at;
    size_t room;
};

static int take_text(void *arg, const void *data, size_t len)
{
    const struct place *place = arg;

    if (len < place->room)
        memcpy(place->at, data, len);
    return 1;
}

static int read_kept(const struct store_conn *c, void *arg, struct cs_error *err)
{
    struct kept *kept = arg;
    struct place clock = { kept->clock, sizeof kept->clock }, proxies = { kept->proxies, sizeof kept->proxies };

    if (c->ops->keep_get(c->conn, KEPT_BY, "clock", take_text, &clock, err) < 0)
        return -1;
    return c->ops->keep_get(c->conn, KEPT_BY, "proxies", take_text, &proxies, err);
}

/* The beginning of the newest earlier day says something, too, should the state have been replaced. */
static void take_clock(struct visits *visits, const char *clock)
{
    const struct visit_day *earlier = visits->days->next;
    char *end;

    visits->recorded_ms = strtoll(clock, &end, 10);
    if (!*clock || *end)
        visits->recorded_ms = 0;
    if (earlier && day_start_ms(earlier->day) > visits->recorded_ms)
        visits->recorded_ms = day_start_ms(earlier->day);
}

int visit_upkeep_start(struct visits *visits, struct cs_error *err)
{
    struct kept kept = { 0 };

    if (store_with(visits->with.plugin, CS_STATE_READER, read_kept, &kept, err) < 0)
        return -1;
    take_clock(visits, kept.clock);
    visit_upkeep_note_time(visits);
    look_at_proxies(visits, kept.proxies);
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
    visit_upkeep_note_time(visits);
}
