/*
 * Takes up what an earlier run left behind; see resume.h. Everything is read in one snapshot and copied; then, on the loop, the
 * jobs come first, as a value is set again only for a job that goes on. The values follow in the same turn of the loop, all
 * those of an owner name in one change, before dns-builtin answers any question.
 */
#include "request/resume.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "engine/log.h"
#include "engine/step.h"
#include "request/challenge.h"
#include "request/job.h"
#include "request/order_limits.h"

#define LOG_WHO "resume"

struct old_job {
    struct old_job *next;
    struct cs_job stored; /* its strings are in `texts` */
    char *texts[9];
    uint8_t *csr, *data;
    struct subject_row *row;
    bool revived;
};

struct old_value {
    struct old_value *next;
    struct cs_job_challenge stored;
    char *texts[6];
};

struct resume {
    struct heart *heart;
    struct old_job *jobs, **last_job;
    struct old_value *values;
    bool no_memory;
    cs_done_fn *done;
    void *arg;
};

/* ---- Copies, in a reader's thread ---- */

static const char *copy_into(char **slot, const char *from, bool *no_memory)
{
    *slot = text_copy(from);
    *no_memory |= !*slot;
    return *slot;
}

static uint8_t *copy_bytes(const void *from, size_t len, bool *no_memory)
{
    uint8_t *copy = malloc(len ? len : 1);

    if (copy && len)
        memcpy(copy, from, len);
    *no_memory |= !copy;
    return copy;
}

static int copy_job(void *arg, const struct cs_job *from)
{
    struct resume *r = arg;
    struct old_job *job = calloc(1, sizeof *job);

    if (!job) {
        r->no_memory = true;
        return 1;
    }
    memcpy(&job->stored, from, from->size < sizeof *from ? from->size : sizeof *from);
    job->stored.id = copy_into(&job->texts[0], from->id, &r->no_memory);
    job->stored.subject = copy_into(&job->texts[1], from->subject, &r->no_memory);
    job->stored.zone = copy_into(&job->texts[2], from->zone, &r->no_memory);
    job->stored.ca = copy_into(&job->texts[3], from->ca, &r->no_memory);
    job->stored.names = copy_into(&job->texts[4], from->names, &r->no_memory);
    job->stored.profile = copy_into(&job->texts[5], from->profile, &r->no_memory);
    job->stored.step = copy_into(&job->texts[6], from->step, &r->no_memory);
    job->stored.client = copy_into(&job->texts[7], job->stored.client ? job->stored.client : "", &r->no_memory);
    job->stored.size = sizeof job->stored;
    job->stored.problem = copy_into(&job->texts[8], from->problem, &r->no_memory);
    job->stored.csr = job->csr = copy_bytes(from->csr, from->csr_len, &r->no_memory);
    job->stored.data = job->data = copy_bytes(from->data, from->data_len, &r->no_memory);
    *r->last_job = job;
    r->last_job = &job->next;
    return r->no_memory;
}

static int copy_value(void *arg, const struct cs_job_challenge *from)
{
    struct resume *r = arg;
    struct old_value *value = calloc(1, sizeof *value);

    if (!value) {
        r->no_memory = true;
        return 1;
    }
    value->stored = *from;
    value->stored.job = copy_into(&value->texts[0], from->job, &r->no_memory);
    value->stored.name = copy_into(&value->texts[1], from->name, &r->no_memory);
    value->stored.dns = copy_into(&value->texts[2], from->dns, &r->no_memory);
    value->stored.owner = copy_into(&value->texts[3], from->owner, &r->no_memory);
    value->stored.zone = copy_into(&value->texts[4], from->zone, &r->no_memory);
    value->stored.value = copy_into(&value->texts[5], from->value, &r->no_memory);
    value->next = r->values;
    r->values = value;
    return r->no_memory;
}

static int read_all(const struct store_conn *c, void *arg, struct cs_error *err)
{
    struct resume *r = arg;

    if (c->ops->job_list_open(c->conn, copy_job, r, err) < 0 || c->ops->challenge_list(c->conn, copy_value, r, err) < 0)
        return -1;
    if (r->no_memory)
        return cs_fail(err, CS_EBUSY, "out of memory");
    for (struct old_job *job = r->jobs; job; job = job->next)
        if (subject_row_read(c, job->stored.subject, &job->row, err) < 0)
            return -1;
    return 0;
}

/* ---- A job that cannot go on ---- */

static bool finalize_was_sent(const struct old_job *job)
{
    return strncmp(job->stored.step, "finalize", strlen("finalize")) == 0;
}

struct closing {
    struct cs_job row;
    bool was_ordered; /* the CA had it */
    char *texts[8];
    uint8_t *csr, *data;
    char *problem, *event;
};

static void free_closing(struct closing *closing)
{
    for (size_t i = 0; i < sizeof closing->texts / sizeof *closing->texts; i++)
        free(closing->texts[i]);
    free(closing->csr);
    free(closing->data);
    free(closing->problem);
    free(closing->event);
    free(closing);
}

static int write_closed(const struct store_conn *c, void *arg, struct cs_error *err)
{
    const struct closing *closing = arg;

    if (c->ops->job_put(c->conn, &closing->row, closing->row.version, err) < 0)
        return -1;
    if (!closing->was_ordered && order_limits_give_back(c, &closing->row, err) < 0)
        return -1;
    if (outbox_add(c, "failed", closing->event, strlen(closing->event), err) < 0)
        return -1;
    step_written(STEP_SAVED_FAILURE, closing->row.id);
    return 0;
}

static char *closing_event(const struct cs_job *row, const struct cs_error *why)
{
    json_t *event = json_pack("{s:s, s:s, s:s, s:s, s:s}", "job", row->id, "zone", row->zone, "subject", row->subject, "ca",
                              row->ca, "reason", error_reason(why));
    char *text = event ? json_dumps(event, JSON_COMPACT | JSON_SORT_KEYS) : NULL;

    json_decref(event);
    return text;
}

static void on_closed(void *arg, const struct cs_error *err)
{
    struct closing *closing = arg;

    if (err)
        log_line(CS_LOG_ERROR, LOG_WHO, closing->row.id, "could not be written down as failed: %s", err->text);
    free_closing(closing);
}

/* What the CA's plugin has saved, for the log: ca-acme saves the order's URL. */
static void log_what_may_be_issued(const struct old_job *job)
{
    struct text saved = TEXT_MAX(400);

    for (size_t i = 0; i < job->stored.data_len && i < 300; i++)
        text_add_char(&saved, job->data[i] >= ' ' && job->data[i] <= '~' ? (char)job->data[i] : '?');
    log_line(CS_LOG_WARN, LOG_WHO, job->stored.id,
             "the CA may have a certificate of it: the next request for it asks the CA for that first ca=%s saved=%s",
             job->stored.ca, text_of(&saved));
    text_free(&saved);
}

static void close_job(struct heart *heart, const struct old_job *job, const struct cs_error *why)
{
    struct closing *closing = calloc(1, sizeof *closing);
    const bool may_be_issued = finalize_was_sent(job);
    bool no_memory = false;

    log_line(CS_LOG_WARN, LOG_WHO, job->stored.id, "order cannot go on zone=%s: %s", job->stored.zone, why->text);
    if (may_be_issued)
        log_what_may_be_issued(job);
    if (!closing)
        return;
    closing->row = job->stored;
    closing->row.id = copy_into(&closing->texts[0], job->stored.id, &no_memory);
    closing->row.subject = copy_into(&closing->texts[1], job->stored.subject, &no_memory);
    closing->row.zone = copy_into(&closing->texts[2], job->stored.zone, &no_memory);
    closing->row.ca = copy_into(&closing->texts[3], job->stored.ca, &no_memory);
    closing->row.names = copy_into(&closing->texts[4], job->stored.names, &no_memory);
    closing->row.profile = copy_into(&closing->texts[5], job->stored.profile, &no_memory);
    closing->row.client = copy_into(&closing->texts[6], job->stored.client, &no_memory);
    closing->was_ordered = job->stored.step[0] != '\0';
    closing->row.step = copy_into(&closing->texts[7], may_be_issued ? job->stored.step : "", &no_memory);
    closing->row.data_len = may_be_issued ? job->stored.data_len : 0;
    closing->row.data = closing->data = copy_bytes(job->data, closing->row.data_len, &no_memory);
    closing->row.csr = closing->csr = copy_bytes(job->csr, job->stored.csr_len, &no_memory);
    closing->row.problem = closing->problem = job_problem_write(why, NULL, job_problem_bad_since(job->stored.problem));
    closing->event = closing_event(&job->stored, why);
    closing->row.state = CS_JOB_FAILED;
    closing->row.updated_ms = cs_wall_ms();
    closing->row.keep_until_ms = cs_wall_ms() + JOB_FAILED_KEEP_MS;
    if (no_memory || !closing->problem || !closing->event)
        free_closing(closing);
    else
        store_write(heart->store, write_closed, closing, on_closed, closing);
}

/* ---- On the loop ---- */

/* Of an order whose finalize was sent the CA may have a certificate: it goes on to that, so that there is a record by which it
 * can be revoked. */
static int go_on_all_the_same(struct old_job *job, struct cs_error *err)
{
    struct subject_row *bare;

    if (!finalize_was_sent(job))
        return -1;
    log_line(CS_LOG_WARN, LOG_WHO, job->stored.id,
             "order goes on, since the CA may have issued, but only to have that on record zone=%s: %s", job->stored.zone,
             err->text);
    bare = subject_row_bare(job->stored.subject, job->stored.zone);
    if (!bare)
        return cs_fail(err, CS_EBUSY, "out of memory");
    subject_row_release(job->row);
    job->row = bare;
    return 0;
}

/* A trouble of our own, such as no memory, ends no order: the next start tries again. */
static int revive(struct resume *r, struct old_job *job, struct cs_error *err)
{
    job->revived = (grant_holds(job->row, job->stored.zone, err) == 0 || go_on_all_the_same(job, err) == 0) &&
                   job_revive(r->heart, &job->stored, job->row, err) == 0;
    if (job->revived)
        return 0;
    if (err->code == CS_EBUSY || err->code == CS_EINTERNAL)
        return -1;
    close_job(r->heart, job, err);
    return 0;
}

/* Those first whose order the CA has: they had the turn of their names, and another job for the same names would be given that
 * order by the CA, and finalize it with its own key. */
static int revive_jobs(struct resume *r, struct cs_error *err)
{
    for (struct old_job *job = r->jobs; job; job = job->next)
        if (job->stored.step[0] && revive(r, job, err) < 0)
            return -1;
    for (struct old_job *job = r->jobs; job; job = job->next)
        if (!job->stored.step[0] && revive(r, job, err) < 0)
            return -1;
    return 0;
}

static bool is_open(const struct resume *r, const char *id)
{
    for (const struct old_job *job = r->jobs; job; job = job->next)
        if (job->revived && strcmp(job->stored.id, id) == 0)
            return true;
    return false;
}

static void free_resume(struct resume *r)
{
    struct old_job *next_job;
    struct old_value *next_value;

    for (struct old_job *job = r->jobs; job; job = next_job) {
        next_job = job->next;
        for (size_t i = 0; i < sizeof job->texts / sizeof *job->texts; i++)
            free(job->texts[i]);
        free(job->csr);
        free(job->data);
        subject_row_release(job->row);
        free(job);
    }
    for (struct old_value *value = r->values; value; value = next_value) {
        next_value = value->next;
        for (size_t i = 0; i < sizeof value->texts / sizeof *value->texts; i++)
            free(value->texts[i]);
        free(value);
    }
    free(r);
}

static void on_read(void *arg, const struct cs_error *err)
{
    struct resume *r = arg;
    struct cs_error failure;

    if (!err && !r->heart->stopping && revive_jobs(r, &failure) < 0)
        err = &failure;
    if (!err && !r->heart->stopping) {
        for (struct old_value *value = r->values; value; value = value->next)
            challenges_revive(r->heart->challenges, &value->stored, is_open(r, value->stored.job));
        for (struct old_value *value = r->values; value; value = value->next)
            challenges_push_revived(r->heart->challenges, &value->stored);
        instances_caught_up(r->heart->instances);
    }
    r->done(r->arg, err);
    free_resume(r);
}

void resume_all(struct heart *heart, cs_done_fn *done, void *arg)
{
    struct resume *r = calloc(1, sizeof *r);

    if (!r) {
        done(arg, &(struct cs_error){ .code = CS_EBUSY, .text = "out of memory" });
        return;
    }
    r->heart = heart;
    r->last_job = &r->jobs;
    r->done = done;
    r->arg = arg;
    store_read(heart->store, read_all, r, on_read, r);
}
