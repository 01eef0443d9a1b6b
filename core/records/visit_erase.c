/*
 * Erasing on demand: what is in memory first, while no batch is out, then what is in the store, then the bytes in the files,
 * then the analysts' file. See visits_erase() in visits.h. No address is written anywhere, and no key is made for it.
 */
#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "engine/log.h"
#include "records/visit_tags.h"

struct erasing {
    struct visit_task task; /* of whatever it waits for */
    struct visits *visits;
    struct visits_what what; /* its strings are ours */
    struct visit_tags tags;
    struct visits_erased erased;
    int64_t in_store;
    visits_erased_fn *done;
    void *arg;
};

static void free_erasing(struct erasing *e)
{
    free((char *)e->what.zone);
    free((char *)e->what.label_name);
    free((char *)e->what.label_value);
    visit_tags_free(&e->tags);
    OPENSSL_cleanse(e, sizeof *e);
    free(e);
}

static void end(struct erasing *e, const struct cs_error *err)
{
    e->visits->calls--;
    e->done(e->arg, &e->erased, err);
    free_erasing(e);
}

/* ---- in memory --------------------------------------------------------------------------------------------------- */

static bool is_label(const struct erasing *e, const char *name, const char *value)
{
    return strcmp(name, e->what.label_name) == 0 && (!e->what.label_value || strcmp(value, e->what.label_value) == 0);
}

static bool matches(const struct erasing *e, const struct visit_record *record)
{
    if (e->what.zone && (!record->zone || strcmp(record->zone, e->what.zone) != 0))
        return false;
    return !e->what.before_day || record->v.day < e->what.before_day;
}

static bool record_matches(const struct erasing *e, const struct visit_record *record)
{
    return matches(e, record) && (!e->what.has_source || visit_tags_have(&e->tags, record));
}

static bool visit_matches(const struct erasing *e, const struct visit *visit)
{
    if (visit->record->zone)
        return record_matches(e, visit->record);
    return matches(e, visit->record) && (!e->what.has_source || visit_tags_same_source(&visit->source, &e->what.source));
}

/* True: it had the label, which is gone. */
static bool strip_record(const struct erasing *e, struct visit_record *record)
{
    const size_t before = record->v.n_labels;
    size_t kept = 0;

    for (size_t i = 0; i < before; i++) {
        if (!is_label(e, record->labels[i].name, record->labels[i].value)) {
            record->labels[kept++] = record->labels[i];
            continue;
        }
        free((char *)record->labels[i].name);
        free((char *)record->labels[i].value);
    }
    record->v.n_labels = kept;
    return kept < before;
}

static bool strip_given(const struct erasing *e, struct visit *visit)
{
    const size_t before = visit->n_given;
    size_t kept = 0;

    for (size_t i = 0; i < before; i++) {
        if (!is_label(e, visit->given[i].name, visit->given[i].value)) {
            visit->given[kept++] = visit->given[i];
            continue;
        }
        free((char *)visit->given[i].name);
        free((char *)visit->given[i].value);
    }
    visit->n_given = kept;
    return kept < before;
}

/* It never came in, so that it does not count as lost. */
static void uncount(const struct erasing *e, struct visit_day *day)
{
    day->received--;
    visit_counter_put(e->visits->counter, day->day, day->received);
    visit_day_flag(day, CS_DAY_ERASED);
}

static void erase_open(struct erasing *e, struct visit_day *day)
{
    struct visit *next;

    for (struct visit *visit = day->first; visit; visit = next) {
        next = visit->next;
        if (!visit_matches(e, visit))
            continue;
        if (e->what.label_name) {
            e->erased.requests += strip_record(e, visit->record) || strip_given(e, visit);
            continue;
        }
        visit_forget(visit);
        uncount(e, day);
        e->erased.requests++;
    }
}

static void erase_queued(struct erasing *e)
{
    struct visits *visits = e->visits;
    struct visit_record **at = &visits->first, *record;

    while ((record = *at)) {
        if (!record_matches(e, record)) {
            at = &record->next;
        } else if (e->what.label_name) {
            e->erased.requests += strip_record(e, record);
            at = &record->next;
        } else {
            *at = record->next;
            visits->n_queued--;
            record->day->unwritten--;
            uncount(e, record->day);
            visit_record_free(record);
            e->erased.requests++;
        }
    }
    visits->last = at;
}

/* ---- in the store ------------------------------------------------------------------------------------------------ */

static int note_found(void *arg, const struct cs_report_value *values, size_t n)
{
    (void)values, (void)n;
    *(bool *)arg = true;
    return 1;
}

static int erase_one(const struct store_conn *c, struct erasing *e, const struct cs_visits_erasure *what, struct cs_error *err)
{
    int64_t n = 0;

    if (c->ops->visits_erase(c->conn, what, &n, err) < 0)
        return -1;
    e->in_store += n;
    return 0;
}

/* To look is cheap; to erase makes the store build the day's table anew. */
static int erase_tag(const struct store_conn *c, struct erasing *e, const struct visit_tag *tag, struct cs_error *err)
{
    const struct cs_visits_erasure what = { .size = sizeof what,
                                            .day = tag->day,
                                            .zone = tag->zone,
                                            .has_src = true,
                                            .src = tag->src,
                                            .label_name = e->what.label_name,
                                            .label_value = e->what.label_value,
                                            .before_day = e->what.before_day };
    bool found = false;

    if (c->ops->visits_of(c->conn, tag->day, tag->zone, tag->src, note_found, &found, err) < 0)
        return -1;
    return found ? erase_one(c, e, &what, err) : 0;
}

static int erase_stored(const struct store_conn *c, void *arg, struct cs_error *err)
{
    struct erasing *e = arg;
    const struct cs_visits_erasure what = { .size = sizeof what,
                                            .day = -1,
                                            .zone = e->what.zone,
                                            .label_name = e->what.label_name,
                                            .label_value = e->what.label_value,
                                            .before_day = e->what.before_day };

    e->in_store = 0;
    if (!e->what.has_source)
        return erase_one(c, e, &what, err);
    for (size_t i = 0; i < e->tags.n; i++)
        if (erase_tag(c, e, &e->tags.at[i], err) < 0)
            return -1;
    return 0;
}

/* ---- one after the other ----------------------------------------------------------------------------------------- */

static void erase_in_memory(struct erasing *e)
{
    for (struct visit_day *day = e->visits->days; day; day = day->next)
        erase_open(e, day);
    erase_queued(e);
}

static void on_published(struct visit_task *task)
{
    struct erasing *e = (struct erasing *)task;

    e->erased.published = e->visits->published;
    end(e, NULL);
}

static void on_scrubbed(struct visit_task *task)
{
    struct erasing *e = (struct erasing *)task;

    e->erased.scrubbed = e->visits->scrubbed;
    e->task.run = on_published;
    visit_upkeep_publish(e->visits, &e->task);
}

/* A zone whose visits are all gone has another id from now on. Those that came in while the store was at it have the old one,
 * which nobody would find again: they go, too. */
static void forget_zone(struct erasing *e)
{
    if (!e->what.zone || e->what.has_source || e->what.label_name || e->what.before_day)
        return;
    erase_in_memory(e);
    visit_zones_forget(e->visits->zones, e->what.zone);
}

static void on_erased(void *arg, const struct cs_error *err)
{
    struct erasing *e = arg;

    if (!err)
        forget_zone(e);
    visit_batch_let_go(e->visits);
    if (err) {
        end(e, err);
        return;
    }
    e->erased.requests += e->in_store;
    e->task.run = on_scrubbed;
    visit_upkeep_scrub(e->visits, &e->task);
}

static void start(struct visit_task *task)
{
    struct erasing *e = (struct erasing *)task;
    struct cs_error err;

    if (e->what.has_source && visit_tags_make(&e->tags, e->visits, &e->what.source, e->what.zone, &err) < 0) {
        end(e, &err);
        return;
    }
    memcpy(e->erased.days, e->tags.days, sizeof e->erased.days);
    e->erased.n_days = e->tags.n_days;
    erase_in_memory(e);
    visit_batch_hold(e->visits);
    store_write(e->visits->store, erase_stored, e, on_erased, e);
}

static char *copy_of(const char *text, bool *ok)
{
    char *copy = text ? text_copy(text) : NULL;

    *ok = *ok && (!text || copy);
    return copy;
}

void visits_erase(struct visits *visits, const struct visits_what *what, visits_erased_fn *done, void *arg)
{
    struct erasing *e = calloc(1, sizeof *e);
    const struct visits_erased nothing = { 0 };
    bool ok = e != NULL;

    if (e) {
        *e = (struct erasing){ .task.run = start, .visits = visits, .what = *what, .done = done, .arg = arg };
        e->what.zone = copy_of(what->zone, &ok);
        e->what.label_name = copy_of(what->label_name, &ok);
        e->what.label_value = copy_of(what->label_value, &ok);
    }
    if (!ok) {
        if (e)
            free_erasing(e);
        done(arg, &nothing, &(struct cs_error){ .code = CS_EBUSY, .text = "out of memory" });
        return;
    }
    visits->calls++;
    visit_batch_task(visits, &e->task);
}
