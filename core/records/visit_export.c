/*
 * What is held about a source, counted: in the store, in the queue, and under way. See visits_export() in visits.h.
 */
#include <inttypes.h>
#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "records/visit_tags.h"

struct export_row {
    struct export_row *next;
    const char *zone; /* a tag's */
    int64_t day, requests;
    char outcome[VISIT_WORD + 1];
};

struct export
{
    struct visit_task task;
    struct visits *visits;
    struct source source;
    struct visit_tags tags;
    struct export_row *rows;
    size_t n;
    const struct visit_tag *reading;
    bool no_memory;
    visits_counts_fn *done;
    void *arg;
};

static void free_export(struct export *e)
{
    struct export_row *next;

    for (struct export_row *row = e->rows; row; row = next) {
        next = row->next;
        free(row);
    }
    visit_tags_free(&e->tags);
    OPENSSL_cleanse(&e->source, sizeof e->source);
    free(e);
}

static void end(struct export *e, const struct cs_error *err)
{
    struct visits_count *counts = calloc(e->n + 1, sizeof *counts);
    const struct cs_error no_memory = { .code = CS_EBUSY, .text = "out of memory" };
    size_t n = 0;

    if (!counts || e->no_memory)
        err = err ? err : &no_memory;
    for (const struct export_row *row = err ? NULL : e->rows; row; row = row->next)
        counts[n++] = (struct visits_count){ row->day, row->zone, row->outcome, row->requests };
    e->visits->calls--;
    e->done(e->arg, counts, n, e->tags.days, err ? 0 : e->tags.n_days, err);
    free(counts);
    free_export(e);
}

static void count(struct export *e, int64_t day, const char *zone, const char *outcome, int64_t requests)
{
    struct export_row *row = e->rows;

    while (row && (row->day != day || strcmp(row->zone, zone) != 0 || strcmp(row->outcome, outcome) != 0))
        row = row->next;
    if (!row) {
        row = calloc(1, sizeof *row);
        e->no_memory = e->no_memory || !row;
        if (!row)
            return;
        row->next = e->rows;
        row->day = day;
        row->zone = zone;
        memcpy(row->outcome, outcome, strnlen(outcome, VISIT_WORD));
        e->rows = row;
        e->n++;
    }
    row->requests += requests;
}

/* The zone's name as long as the tags live. */
static const char *zone_of(const struct export *e, const struct visit_record *record)
{
    for (size_t i = 0; i < e->tags.n; i++)
        if (e->tags.at[i].src == record->v.src && e->tags.at[i].day == record->v.day)
            return e->tags.at[i].zone;
    return "";
}

static void count_memory(struct export *e)
{
    for (const struct visit_day *day = e->visits->days; day; day = day->next)
        for (const struct visit *visit = day->first; visit; visit = visit->next) {
            if (visit->record->zone ? visit_tags_have(&e->tags, visit->record)
                                    : visit_tags_same_source(&visit->source, &e->source))
                count(e, day->day, visit->record->zone ? zone_of(e, visit->record) : "", "", 1);
        }
    for (const struct visit_record *record = e->visits->first; record; record = record->next)
        if (visit_tags_have(&e->tags, record))
            count(e, record->v.day, zone_of(e, record), record->v.outcome, 1);
}

/* ---- in a reader's thread ---------------------------------------------------------------------------------------- */

static int take_row(void *arg, const struct cs_report_value *values, size_t n)
{
    struct export *e = arg;
    char *last = NULL;
    int64_t requests;

    if (n < 2 || !values[0].text || !values[1].text)
        return 0;
    requests = strtoll(values[1].text, &last, 10);
    if (*values[1].text && !*last)
        count(e, e->reading->day, e->reading->zone, values[0].text, requests);
    return 0;
}

static int read_tags(const struct store_conn *c, void *arg, struct cs_error *err)
{
    struct export *e = arg;

    for (size_t i = 0; i < e->tags.n; i++) {
        e->reading = &e->tags.at[i];
        if (c->ops->visits_of(c->conn, e->reading->day, e->reading->zone, e->reading->src, take_row, e, err) < 0)
            return -1;
    }
    return 0;
}

/* ---- on the loop ------------------------------------------------------------------------------------------------- */

static void on_read(void *arg, const struct cs_error *err)
{
    visit_batch_let_go(((struct export *)arg)->visits);
    end(arg, err);
}

static void start(struct visit_task *task)
{
    struct export *e = (struct export *)task;
    struct cs_error err;

    if (visit_tags_make(&e->tags, e->visits, &e->source, NULL, &err) < 0) {
        end(e, &err);
        return;
    }
    count_memory(e);
    visit_batch_hold(e->visits);
    store_read(e->visits->store, read_tags, e, on_read, e);
}

void visits_export(struct visits *visits, const struct source *source, visits_counts_fn *done, void *arg)
{
    struct export *e = calloc(1, sizeof *e);

    if (!e) {
        done(arg, NULL, 0, NULL, 0, &(struct cs_error){ .code = CS_EBUSY, .text = "out of memory" });
        return;
    }
    *e = (struct export){ .task.run = start, .visits = visits, .source = *source, .done = done, .arg = arg };
    visits->calls++;
    visit_batch_task(visits, &e->task);
}
