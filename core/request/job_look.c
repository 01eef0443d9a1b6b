/*
 * Looks for a chain that was issued before for the same wish, or for an order of it that failed though its CA may have a
 * certificate; see job.h. Called by job.c.
 */
#include <stdlib.h>
#include <string.h>

#include "engine/step.h"
#include "request/job.h"

struct look {
    struct job *job;
    uint8_t key[32]; /* with the CA in it: a staging CA's chain is no answer for production */
    char *pem;
    size_t pem_len;
    char id[JOB_ID_LEN + 1];
    int64_t not_before_ms, not_after_ms, issued_ms;
    struct cs_job failed; /* its strings are in `texts`; of size 0: there is none to go on with */
    char *texts[3];
    uint8_t *data;
    bool no_memory;
};

static int keep_chain(void *arg, const struct cs_certificate *row)
{
    struct look *look = arg;

    look->pem = text_copy_n(row->pem, row->pem_len);
    look->pem_len = look->pem ? strlen(look->pem) : 0;
    look->not_before_ms = row->not_before_ms;
    look->not_after_ms = row->not_after_ms;
    look->issued_ms = row->issued_ms;
    memcpy(look->id, row->job, strnlen(row->job, JOB_ID_LEN));
    return 1;
}

static const char *copy(struct look *look, size_t at, const char *text)
{
    look->texts[at] = text_copy(text);
    look->no_memory |= !look->texts[at];
    return look->texts[at];
}

/* An order that failed before the newest certificate was issued is past. */
static int keep_failed(void *arg, const struct cs_job *row)
{
    struct look *look = arg;

    if (row->updated_ms < look->issued_ms || !job_may_be_taken_up(row))
        return 1;
    look->data = malloc(row->data_len ? row->data_len : 1);
    look->no_memory |= !look->data;
    if (look->data && row->data_len)
        memcpy(look->data, row->data, row->data_len);
    look->failed = (struct cs_job){ .size = sizeof look->failed,
                                    .id = copy(look, 0, row->id),
                                    .step = copy(look, 1, row->step),
                                    .problem = copy(look, 2, row->problem),
                                    .data = look->data,
                                    .data_len = row->data_len };
    return 1;
}

static int read_newest(const struct store_conn *c, void *arg, struct cs_error *err)
{
    struct look *look = arg;

    if (c->ops->certificate_newest(c->conn, look->key, keep_chain, look, err) < 0)
        return -1;
    if (c->ops->job_find_failed && c->ops->job_find_failed(c->conn, look->key, keep_failed, look, err) < 0)
        return -1;
    return look->no_memory ? cs_fail(err, CS_EBUSY, "out of memory") : 0;
}

/* Good for an answer while more than a third of its life is left. */
static bool is_good(const struct look *look)
{
    const int64_t life_ms = look->not_after_ms - look->not_before_ms;

    return look->pem && look->not_after_ms - cs_wall_ms() > life_ms / 3;
}

static void free_look(struct look *look)
{
    for (size_t i = 0; i < sizeof look->texts / sizeof *look->texts; i++)
        free(look->texts[i]);
    free(look->data);
    free(look->pem);
    free(look);
}

/* May a client that says no-cache have a new one, although there is a good one? */
static bool may_have_new(const struct look *look)
{
    switch (look->job->row->no_cache) {
    case CS_NO_CACHE_ALWAYS:
        return true;
    case CS_NO_CACHE_AGED:
        return cs_wall_ms() - look->not_before_ms >= (look->not_after_ms - look->not_before_ms) / 3;
    case CS_NO_CACHE_NEVER:
        break;
    }
    return false;
}

static void on_looked(void *arg, const struct cs_error *err)
{
    struct look *look = arg;
    struct job *job = look->job;
    struct cs_error failure;

    job->writes--;
    if (err) {
        job_end_unstored(job, err);
    } else if (is_good(look) && !(job->fresh && may_have_new(look))) {
        job_tell(job, &(struct job_news){ .job = look->id, .chain = look->pem, .chain_len = look->pem_len, .is_old = true });
        job_end(job);
    } else if (job->heart->stopping) {
        job_suspend(job);
    } else if (look->failed.size && job_take_up(job, &look->failed, &failure) < 0) {
        job_end_unstored(job, &failure);
    } else {
        job_examine(job);
    }
    free_look(look);
}

int job_look(struct job *job, struct cs_error *err)
{
    struct look *look = calloc(1, sizeof *look);

    if (!look)
        return cs_fail(err, CS_EBUSY, "out of memory");
    look->job = job;
    memcpy(look->key, job->key, sizeof look->key);
    step_reached(STEP_LOOKING, job->id);
    job->phase = JOB_LOOKING;
    job->writes++;
    store_read(job->heart->store, read_newest, look, on_looked, look);
    return 0;
}
