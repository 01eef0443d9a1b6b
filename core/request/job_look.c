/*
 * Looks for a chain that was issued before for the same wish; see job.h. Called by job.c.
 */
#include <stdlib.h>
#include <string.h>

#include "engine/step.h"
#include "request/job.h"

/* A chain that was issued before for the same wish, by the same CA: a staging CA's chain is no answer for production. */
struct look {
    struct job *job;
    const char *ca;
    uint8_t key[32];
    char *pem;
    size_t pem_len;
    char id[JOB_ID_LEN + 1];
    int64_t not_before_ms, not_after_ms;
};

static int keep_chain(void *arg, const struct cs_certificate *row)
{
    struct look *look = arg;

    if (strcmp(row->ca, look->ca) != 0)
        return 1;
    look->pem = text_copy_n(row->pem, row->pem_len);
    look->pem_len = look->pem ? strlen(look->pem) : 0;
    look->not_before_ms = row->not_before_ms;
    look->not_after_ms = row->not_after_ms;
    memcpy(look->id, row->job, strnlen(row->job, JOB_ID_LEN));
    return 1;
}

static int read_newest(const struct store_conn *c, void *arg, struct cs_error *err)
{
    struct look *look = arg;

    return c->ops->certificate_newest(c->conn, look->key, keep_chain, look, err);
}

/* Good for an answer while more than a third of its life is left. */
static bool is_good(const struct look *look)
{
    const int64_t life_ms = look->not_after_ms - look->not_before_ms;

    return look->pem && look->not_after_ms - cs_wall_ms() > life_ms / 3;
}

static void on_looked(void *arg, const struct cs_error *err)
{
    struct look *look = arg;
    struct job *job = look->job;

    job->writes--;
    if (err) {
        job_end_unstored(job, err);
    } else if (!job->fresh && is_good(look)) {
        job_tell(job, &(struct job_news){ .job = look->id, .chain = look->pem, .chain_len = look->pem_len, .is_old = true });
        job_end(job);
    } else if (job->heart->stopping) {
        job_suspend(job);
    } else {
        job_store(job);
    }
    free(look->pem);
    free(look);
}

int job_look(struct job *job, struct cs_error *err)
{
    struct look *look = calloc(1, sizeof *look);

    if (!look)
        return cs_fail(err, CS_EBUSY, "out of memory");
    look->job = job;
    look->ca = job->ca_name;
    memcpy(look->key, job->key, sizeof look->key);
    step_reached(STEP_LOOKING, job->id);
    job->phase = JOB_LOOKING;
    job->writes++;
    store_read(job->heart->store, read_newest, look, on_looked, look);
    return 0;
}
