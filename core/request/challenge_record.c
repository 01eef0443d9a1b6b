/*
 * Challenge values on their way into the store and out of it; see challenge_record.h.
 */
#include "request/challenge_record.h"

#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "engine/log.h"
#include "engine/step.h"
#include "engine/timer.h"

#define LOG_WHO  "challenge"
#define AGAIN_MS 1000 /* between two tries to write a row down */

struct challenge_records {
    struct heart *heart;
    challenge_recorded_fn *recorded;
    void *arg;
    size_t busy;
    struct record *removals; /* on their way */
};

/* One row, with texts of its own: a value may go before its row does. */
struct record {
    struct challenge_records *all;
    struct cs_job_challenge row;
    char *job, *name, *dns, *owner, *zone, *text;
    bool remove;
    struct record *next_removal;
    bool overtaken;      /* a removal: the job has set the value anew, and its row is on its way in */
    struct value *value; /* of a row on its way in */
    struct timer again;
};

static void free_record(struct record *r)
{
    timer_clear(&r->again);
    free(r->job);
    free(r->name);
    free(r->dns);
    free(r->owner);
    free(r->zone);
    free(r->text);
    free(r);
}

static struct record *make_record(struct challenge_records *all, const struct value *value)
{
    struct record *r = calloc(1, sizeof *r);

    if (!r)
        return NULL;
    r->all = all;
    r->job = text_copy(value->job);
    r->name = text_copy(value->name);
    r->dns = text_copy(owner_dns(value->owner));
    r->owner = text_copy(owner_name(value->owner));
    r->zone = text_copy(owner_zone(value->owner));
    r->text = text_copy(value->text);
    r->row = (struct cs_job_challenge){ .size = sizeof r->row,
                                        .job = r->job,
                                        .name = r->name,
                                        .dns = r->dns,
                                        .owner = r->owner,
                                        .zone = r->zone,
                                        .value = r->text,
                                        .expires_ms = value->expires_ms };
    if (r->job && r->name && r->dns && r->owner && r->zone && r->text)
        return r;
    free_record(r);
    return NULL;
}

static int write_record(const struct store_conn *c, void *arg, struct cs_error *err)
{
    const struct record *r = arg;
    int (*write)(void *conn, const struct cs_job_challenge *row, struct cs_error *err) =
        r->remove ? c->ops->challenge_remove : c->ops->challenge_put;

    if (write(c->conn, &r->row, err) < 0)
        return -1;
    step_written(r->remove ? STEP_SAVED_WITHDRAWAL : STEP_SAVED_CHALLENGE, r->job);
    return 0;
}

/* ---- Out of the store ---- */

static void remove_again(void *arg);

static void forget_removal(struct record *r)
{
    struct record **at = &r->all->removals;

    while (*at != r)
        at = &(*at)->next_removal;
    *at = r->next_removal;
    r->all->busy--;
}

static void on_removed(void *arg, const struct cs_error *err)
{
    struct record *r = arg;

    if (err && err->code == CS_EBUSY && !r->overtaken && !r->all->heart->stopping) {
        timer_set_in(r->all->heart->loop, &r->again, AGAIN_MS, remove_again, r);
        return;
    }
    forget_removal(r);
    if (err && !r->overtaken)
        log_line(CS_LOG_WARN, LOG_WHO, r->job, "a challenge stays in the store until the next start: %s", err->text);
    free_record(r);
}

static void remove_again(void *arg)
{
    struct record *r = arg;

    if (r->overtaken) {
        forget_removal(r);
        free_record(r);
        return;
    }
    store_write_lazily(r->all->heart->store, write_record, r, on_removed, r);
}

void challenge_record_remove(struct challenge_records *records, const struct value *value)
{
    struct record *r = make_record(records, value);

    if (!r)
        return;
    r->remove = true;
    r->next_removal = records->removals;
    records->removals = r;
    records->busy++;
    remove_again(r);
}

static bool is_same_row(const struct record *a, const struct record *b)
{
    return strcmp(a->job, b->job) == 0 && strcmp(a->name, b->name) == 0 && strcmp(a->dns, b->dns) == 0 &&
           strcmp(a->owner, b->owner) == 0 && strcmp(a->text, b->text) == 0;
}

/* A removal that the store has in its queue comes before what is written now; one that is tried again would come after it. */
static void overtake_removal(struct record *r)
{
    for (struct record *removal = r->all->removals; removal; removal = removal->next_removal)
        removal->overtaken |= is_same_row(removal, r);
}

/* ---- Into the store ---- */

static void put_again(void *arg);

static void on_put(void *arg, const struct cs_error *err)
{
    struct record *r = arg;
    struct challenge_records *all = r->all;
    struct value *value = r->value;

    if (err && err->code == CS_EBUSY && value->waiting && !all->heart->stopping) {
        timer_set_in(all->heart->loop, &r->again, AGAIN_MS, put_again, r);
        return;
    }
    all->busy--;
    free_record(r);
    value->recording = false;
    all->recorded(all->arg, value, err);
}

/* While the order waits for it, a store that is locked or full is waited for; the order's own deadline bounds that. */
static void put_again(void *arg)
{
    struct record *r = arg;

    store_write(r->all->heart->store, write_record, r, on_put, r);
}

int challenge_record_put(struct challenge_records *records, struct value *value)
{
    struct record *r = make_record(records, value);

    if (!r)
        return -1;
    overtake_removal(r);
    r->value = value;
    value->recording = true;
    records->busy++;
    store_write(records->heart->store, write_record, r, on_put, r);
    return 0;
}

/* ---- All of them ---- */

size_t challenge_records_busy(const struct challenge_records *records)
{
    return records->busy;
}

struct challenge_records *challenge_records_new(struct heart *heart, challenge_recorded_fn *recorded, void *arg)
{
    struct challenge_records *records = calloc(1, sizeof *records);

    if (!records)
        return NULL;
    records->heart = heart;
    records->recorded = recorded;
    records->arg = arg;
    return records;
}

void challenge_records_free(struct challenge_records *records)
{
    free(records);
}
