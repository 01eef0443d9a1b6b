/*
 * Those who wait for a job: they join and leave, and hear how it went; see job.h. Called by request.c and the files of the job.
 */
#include <assert.h>
#include <stdlib.h>

#include "request/outcome.h"
#include "request/revoked_keys.h"

#define AFTER_PAUSE_MS 1000

enum { VISITS_KEPT = 1000 }; /* of one job: nothing else limits how many may ask for a place in it */

struct job_visit {
    struct job_visit *next;
    struct visit *visit;
};

void job_attach(struct job *job, struct job_waiter *waiter)
{
    assert(!waiter->job);
    waiter->job = job;
    waiter->next = NULL;
    waiter->prev = job->last;
    *(job->last ? &job->last->next : &job->first) = waiter;
    job->last = waiter;
    if (job->challenge_seen)
        visit_reached(waiter->visit, VISIT_CHALLENGE);
}

void job_leave(struct job_waiter *waiter)
{
    struct job *job = waiter->job;

    if (!job)
        return;
    *(waiter->prev ? &waiter->prev->next : &job->first) = waiter->next;
    *(waiter->next ? &waiter->next->prev : &job->last) = waiter->prev;
    waiter->job = NULL;
    waiter->next = waiter->prev = NULL;
}

/* ---- visits of those who need not wait --------------------------------------------------------------------------- */

void job_keep_visit(struct job *job, struct job_waiter *waiter)
{
    const bool has_room = waiter->visit && job->n_visits < VISITS_KEPT;
    struct job_visit *kept = has_room ? malloc(sizeof *kept) : NULL;

    if (!kept)
        return; /* it ends with the answer */
    *kept = (struct job_visit){ .next = job->visits, .visit = waiter->visit };
    job->visits = kept;
    job->n_visits++;
    waiter->visit = NULL;
}

static void end_kept(struct job *job, const struct job_news *news)
{
    struct job_visit *kept;

    while ((kept = job->visits)) {
        job->visits = kept->next;
        if (news)
            outcome_news(kept->visit, news);
        else
            visit_end(kept->visit, VISIT_UNFINISHED, "");
        free(kept);
    }
    job->n_visits = 0;
}

void job_drop_visits(struct job *job)
{
    end_kept(job, NULL);
}

void job_see_challenge(struct job *job)
{
    job->challenge_seen = true;
    for (const struct job_waiter *waiter = job->first; waiter; waiter = waiter->next)
        visit_reached(waiter->visit, VISIT_CHALLENGE);
    for (const struct job_visit *kept = job->visits; kept; kept = kept->next)
        visit_reached(kept->visit, VISIT_CHALLENGE);
}

/* ---- news -------------------------------------------------------------------------------------------------------- */

void job_tell(struct job *job, const struct job_news *news)
{
    struct job_news full = *news;
    struct job_waiter *waiter;
    struct cs_error revoked;

    /* The chain is recorded, but a certificate with its key was revoked meanwhile. */
    if (full.chain && revoked_keys_check(job->heart->revoked_keys, job->csr.spki_sha256, &revoked) < 0)
        full = (struct job_news){ .job = full.job, .err = &revoked };
    if (!full.job)
        full.job = job->phase > JOB_STORING ? job->id : "";
    while ((waiter = job->first)) {
        job_leave(waiter);
        waiter->hear(waiter, &full);
    }
    end_kept(job, &full);
}

void job_tell_stored(struct job *job)
{
    const struct job_news news = { .job = job->id, .running = true, .wait_ms = job_wait_ms(job) };
    struct job_waiter *next;

    for (struct job_waiter *waiter = job->first; waiter; waiter = next) {
        next = waiter->next;
        if (waiter->stored_is_enough) {
            job_keep_visit(job, waiter);
            job_leave(waiter);
            waiter->hear(waiter, &news);
        }
    }
}

/* What is left of a pause, and a little for what comes then; 0: none. */
static int64_t pause_left_ms(const struct job *job)
{
    int64_t left_ms;

    if (!job || !job->pausing)
        return 0;
    left_ms = job->pause_ends_ms - cs_now_ms();
    return (left_ms > 0 ? left_ms : 0) + AFTER_PAUSE_MS;
}

/* The names of an order that pauses stay its own: who waits for them waits for that. */
int64_t job_wait_ms(const struct job *job)
{
    const int64_t pause_ms = pause_left_ms(job->pausing ? job : turn_taker(&job->names_place));

    if (pause_ms)
        return pause_ms;
    return ca_gate_wait_ms(job->gate, job->ca_place.gate ? &job->ca_place : NULL);
}

static bool is_hopeless(const struct job_waiter *waiter, int64_t until_ms)
{
    return !waiter->stored_is_enough && !waiter->place_is_enough && waiter->deadline_ms <= until_ms;
}

void job_tell_hopeless(struct job *job)
{
    const int64_t until_ms = ca_gate_closed_until_ms(job->gate);
    const bool is_stored = job->phase > JOB_STORING;
    struct cs_error err;
    const struct job_news news = { .job = is_stored ? job->id : "", .err = &err, .running = is_stored };
    struct job_waiter *next;

    cs_fail_as(&err, CS_EBUSY, CS_CA_OUT, "%s",
               is_stored ? "the CA is out; the order keeps its place, and goes on when the CA is back"
                         : "the CA is out, and nothing was ordered; try again when it was asked anew");
    err.retry_after_ms = job_wait_ms(job);
    for (struct job_waiter *waiter = until_ms ? job->first : NULL; waiter; waiter = next) {
        next = waiter->next;
        if (!is_hopeless(waiter, until_ms))
            continue;
        job_leave(waiter);
        waiter->hear(waiter, &news);
    }
}

const char *job_step(const struct job *job)
{
    if (job->phase == JOB_QUEUED && (job->pausing || (job->ca_place.gate && !job->ca_place.passed)))
        return "waiting-for-ca";
    if (job->phase <= JOB_QUEUED)
        return "waiting-for-zone";
    if (job->state == CS_JOB_DONE)
        return "storing-chain";
    if (job->progress[0])
        return job->progress;
    return job->attempts ? "starting" : "waiting-for-zone";
}
