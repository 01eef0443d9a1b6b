/*
 * An order that failed though its CA may have a certificate of it: a chain that is not what was asked for, a CA that was out
 * for too long, or was not in the configuration. And one that its CA wanted to be asked for later than it could wait. Its row
 * keeps what the plugin saved, and the next request for the same goes on with that order before anything is ordered anew: the
 * CA's limits count certificates. See job.h; called by job_look.c and job_run.c.
 */
#include <stdlib.h>
#include <string.h>

#include "engine/log.h"
#include "request/counts.h"
#include "request/job.h"
#include "request/order_limits.h"

#define LOG_WHO       "job"
#define HOUR_MS       (3600 * INT64_C(1000))
#define ANEW_AFTER_MS (36 * HOUR_MS) /* Let's Encrypt gives one certificate in 34 h back, for one set of names */

/* Its CA, or what it needs, was not done with it, and said when it will be: the order is as good as new then. */
static bool is_to_come_back(const struct cs_job *failed, const struct cs_error *why)
{
    return failed->step[0] && why->code == CS_EBUSY && why->retry_after_ms > 0;
}

bool job_may_be_taken_up(const struct cs_job *failed)
{
    struct cs_error why;
    char *upstream;

    job_problem_read(failed->problem, 0, &why, &upstream);
    free(upstream);
    if (strncmp(failed->step, "finalize", strlen("finalize")) != 0)
        return is_to_come_back(failed, &why);
    return why.code != CS_EREFUSED && strcmp(why.reason, "ca-order-gone") != 0 && strcmp(why.reason, "order-lost") != 0;
}

int job_take_up(struct job *job, const struct cs_job *failed, struct cs_error *err)
{
    void *data = malloc(failed->data_len ? failed->data_len : 1);

    if (!data)
        return cs_fail(err, CS_EBUSY, "out of memory");
    if (failed->data_len)
        memcpy(data, failed->data, failed->data_len);
    job->data = data;
    job->data_len = failed->data_len;
    memcpy(job->step, failed->step, strnlen(failed->step, sizeof job->step - 1));
    job->was_ordered = job->again = true;
    job->bad_since_ms = job_problem_bad_since(failed->problem);
    log_line(CS_LOG_INFO, LOG_WHO, job->id,
             "the CA is asked for an order that failed before anything is ordered zone=%s ca=%s failed=%s", job->row->zone,
             job->ca_name, failed->id);
    return 0;
}

bool job_again_is_over(const struct job *job, const struct cs_error *err)
{
    return job->again && !job_may_pass(err);
}

/* ---- There is no certificate of it that would do ---- */

/* Until here it counted as no order. One that may not be made leaves the old order in the row: the next request asks for that
 * first, which costs nothing. */
static void on_counted(void *arg, const struct cs_error *err)
{
    struct job *job = arg;
    const struct cs_error why = job->error;

    if (err) {
        counts_limit(job->heart->metrics, order_limits_word(err));
        job_fail(job, err);
        return;
    }
    job->again = job->was_ordered = false;
    job->bad_since_ms = 0;
    job_forget_step(job);
    if (job->heart->stopping)
        job_suspend(job);
    else
        job_start_anew(job, &why);
}

void job_order_anew(struct job *job, const struct cs_error *why)
{
    struct cs_error err;

    if (job_source_take(job, &err) < 0) {
        job_fail(job, &err);
        return;
    }
    job->error = *why;
    job->created_ms = cs_wall_ms(); /* from when on it counts */
    job_save_anew(job, on_counted);
}

/* ---- Its chain is not what was asked for ---- */

/* The certificate counts at the CA. It is downloaded again as often as a client likes, since our clock or the CA's chain may be
 * mended; a new one is ordered when that has not helped for long. */
void job_refuse_chain(struct job *job, const struct cs_error *err)
{
    const int64_t now_ms = cs_wall_ms();
    struct cs_error told = *err;
    int64_t age_ms;

    if (err->code != CS_EUPSTREAM) {
        job_give_up(job, err);
        return;
    }
    if (!job->bad_since_ms || job->bad_since_ms > now_ms)
        job->bad_since_ms = now_ms;
    age_ms = now_ms - job->bad_since_ms;
    if (job->again && age_ms >= ANEW_AFTER_MS && job->phase == JOB_SIGNING) {
        job_start_anew(job, err);
        return;
    }
    told.retry_after_ms = age_ms < HOUR_MS ? HOUR_MS : age_ms < ANEW_AFTER_MS ? age_ms : ANEW_AFTER_MS;
    job_fail(job, &told);
}
