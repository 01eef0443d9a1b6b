/*
 * Not now, though the CA may have issued: an order whose finalize was sent stays open, and its CA is asked for it again after a
 * pause; see job.h. Called by job_run.c.
 */
#include <inttypes.h>
#include <stdlib.h>

#include "engine/log.h"
#include "request/challenge.h"
#include "request/counts.h"
#include "request/job.h"

#define LOG_WHO        "job"
#define PAUSE_FIRST_MS 1000
#define PAUSE_MOST_MS  (5 * 60 * 1000)
#define JITTER_PART    5 /* of a Retry-After */

/* By a Retry-After the plugin says that the order is worth asking for again; a refusal is none the less one. */
bool job_may_pass(const struct cs_error *err)
{
    switch (err->code) {
    case CS_EBUSY:
    case CS_ETIMEDOUT:
        return true;
    case CS_EUPSTREAM:
    case CS_ELIMIT:
    case CS_ECONFIG:
    case CS_EINTERNAL:
        return err->retry_after_ms > 0;
    case CS_OK:
    case CS_EINPUT:
    case CS_EDENIED:
    case CS_ENOTFOUND:
    case CS_ECONFLICT:
    case CS_ESHUTDOWN:
    case CS_EREFUSED:
    case CS_ERESTART:
    case CS_ECREDENTIAL:
        return false;
    }
    return false;
}

static int64_t up_to(int64_t most_ms)
{
    return (int64_t)arc4random_uniform((uint32_t)most_ms + 1);
}

/* Full jitter, and a little of it behind a Retry-After: what one fault of the CA has stopped does not come back at once. */
static int64_t next_pause_ms(struct job *job, const struct cs_error *err)
{
    const int64_t most_ms = job->pause_ms ? 2 * job->pause_ms : PAUSE_FIRST_MS;
    int64_t pause_ms;

    job->pause_ms = most_ms < PAUSE_MOST_MS ? most_ms : PAUSE_MOST_MS;
    pause_ms = up_to(job->pause_ms);
    if (pause_ms > err->retry_after_ms)
        return pause_ms;
    return err->retry_after_ms + up_to(err->retry_after_ms / JITTER_PART);
}

/* As after a start, with a deadline of its own. To ask once more is no new beginning. */
static void ask_again(void *arg)
{
    struct job *job = arg;
    const int64_t most_ms = job->heart->settings->job_deadline_ms;
    struct cs_error err;
    int rc;

    job->pausing = false;
    job->attempts -= job->attempts > 0;
    job->deadline_ms = cs_wall_ms() + most_ms;
    job->end_by_ms = cs_now_ms() + most_ms;
    if (job->op_is_out)
        rc = cs_fail(&err, CS_ETIMEDOUT, "the CA's plugin has not finished the call that was cancelled");
    else
        rc = job_line_rejoin(job, &err);
    if (rc < 0)
        job_give_up(job, &err);
}

bool job_stays_open(struct job *job, const struct cs_error *err)
{
    const int64_t latest_ms = job->began_ms + job->heart->settings->outage_wait_ms;
    int64_t pause_ms;

    if (!job_finalize_was_sent(job) || !job_may_pass(err))
        return false;
    pause_ms = next_pause_ms(job, err);
    if (cs_now_ms() + pause_ms >= latest_ms)
        return false;
    log_line(CS_LOG_WARN, LOG_WHO, job->id, "order stays open, the CA is asked for it again zone=%s in_s=%" PRId64 ": %s",
             job->row->zone, pause_ms / 1000, err->text);
    job_step_aside(job);
    challenges_release(job->heart->challenges, job);
    job->phase = JOB_QUEUED;
    job->pausing = true;
    job->pause_ends_ms = cs_now_ms() + pause_ms;
    job->progress[0] = '\0';
    counts_step(job, NULL);
    timer_set_in(job->heart->loop, &job->timer, pause_ms, ask_again, job);
    return true;
}
