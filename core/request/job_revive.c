/*
 * A job of an earlier run, made of its stored row; see job.h. Called by resume.c.
 */
#include <stdlib.h>
#include <string.h>

#include "engine/log.h"
#include "engine/step.h"
#include "request/counts.h"
#include "request/job.h"

#define LOG_WHO "job"

static void take_stored(struct job *job, const struct cs_job *stored)
{
    memcpy(job->id, stored->id, strnlen(stored->id, JOB_ID_LEN));
    if (stored->size > offsetof(struct cs_job, client) && stored->client)
        memcpy(job->client, stored->client, strnlen(stored->client, sizeof job->client - 1));
    job->version = stored->version;
    memcpy(job->step, stored->step, strnlen(stored->step, sizeof job->step - 1));
    job->attempts = stored->attempts;
    job->created_ms = stored->created_ms;
    job->deadline_ms = stored->deadline_ms;
    job->keep_until_ms = stored->keep_until_ms;
    job->ca_was_asked = true; /* who knows */
    job->was_ordered = job->step[0] != '\0';
    job->again = job_problem_again(stored->problem);
    job->bad_since_ms = job_problem_bad_since(stored->problem);
}

/* ---- Its CSR ---- */

static int split_names(struct csr *csr, const char *names)
{
    csr->names = calloc(CSR_MAX_NAMES, sizeof *csr->names);
    for (const char *at = names; csr->names && *at && csr->n_names < CSR_MAX_NAMES; at += strspn(at, " ")) {
        const size_t len = strcspn(at, " ");

        csr->names[csr->n_names] = text_copy_n(at, len);
        if (!csr->names[csr->n_names++])
            return -1;
        at += len;
    }
    return csr->names ? 0 : -1;
}

/* As the row has it, though our rules have become stricter since: the CA has it, and may have issued. */
static int take_as_it_was(struct csr *csr, const struct cs_job *stored, struct cs_error *err)
{
    if (err->code != CS_EINPUT || strncmp(stored->step, "finalize", strlen("finalize")) != 0)
        return -1;
    log_line(CS_LOG_WARN, LOG_WHO, stored->id,
             "order goes on, since the CA may have issued, though its CSR would be refused by now zone=%s: %s", stored->zone,
             err->text);
    csr->key_type = "";
    csr->len = stored->csr_len;
    csr->der = malloc(stored->csr_len ? stored->csr_len : 1);
    memcpy(csr->spki_sha256, stored->spki_sha256, sizeof csr->spki_sha256);
    if (!csr->der || split_names(csr, stored->names) < 0) {
        csr_free(csr);
        return cs_fail(err, CS_EBUSY, "out of memory");
    }
    memcpy(csr->der, stored->csr, stored->csr_len);
    return 0;
}

/* ---- Its row ---- */

static int take_data(struct job *job, const struct cs_job *stored, struct cs_error *err)
{
    job->data = stored->data_len ? malloc(stored->data_len) : NULL;
    if (stored->data_len && !job->data)
        return cs_fail(err, CS_EBUSY, "out of memory");
    if (stored->data_len)
        memcpy(job->data, stored->data, job->data_len = stored->data_len);
    return 0;
}

/* An order that the CA has gets the whole time anew: a certificate may lie there already, and it may have waited for its CA
 * when the server went down. Another one gets what was left, a minute at least. Never more than a new one, whatever the wall
 * clock says by now; from here on it counts no more. */
#define REVIVED_MIN_MS (60 * 1000)

static void take_time(struct job *job)
{
    const int64_t wall_ms = cs_wall_ms(), now_ms = cs_now_ms(), most_ms = job->heart->settings->job_deadline_ms;
    int64_t left_ms = job->deadline_ms - wall_ms, age_ms = wall_ms - job->created_ms;

    left_ms = left_ms < most_ms && !job->step[0] ? left_ms : most_ms;
    left_ms = left_ms > REVIVED_MIN_MS ? left_ms : REVIVED_MIN_MS;
    job->deadline_ms = wall_ms + left_ms;
    job->end_by_ms = now_ms + left_ms;
    job->began_ms = now_ms - (age_ms > 0 ? age_ms : 0);
}

int job_revive(struct heart *heart, const struct cs_job *stored, struct subject_row *row, struct cs_error *err)
{
    struct instance *ca = instances_find(heart->instances, ROLE_CA, stored->ca);
    struct csr csr = { 0 };
    struct job *job;

    if (!ca)
        return cs_fail(err, CS_ECONFIG, "its CA \"%s\" is not in the configuration any more", stored->ca);
    if (csr_read(&csr, stored->csr, stored->csr_len, err) < 0 && take_as_it_was(&csr, stored, err) < 0)
        return -1;
    job = job_make(heart, row, ca, stored->profile, &csr, err);
    if (!job)
        return -1;
    take_stored(job, stored);
    take_time(job);
    if (take_data(job, stored, err) < 0 || job_hold_primes(job, err) < 0 || job_add(job, err) < 0) {
        job_free(job);
        return -1;
    }
    log_line(CS_LOG_INFO, LOG_WHO, job->id, "order taken up again zone=%s ca=%s step=%s", row->zone, ca->in.name,
             job->step[0] ? job->step : "none");
    step_reached(STEP_RESUMING, job->id);
    job->phase = JOB_QUEUED;
    counts_step(job, NULL);
    if (job_line_rejoin(job, err) < 0)
        job_give_up(job, err);
    return 0;
}
