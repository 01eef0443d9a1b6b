/*
 * From the stored job to its turn in the zone: the gate before its CA, the line of its names, the line of its zone; and the way
 * back when the CA goes out. See job.h. Called by job.c, job_run.c and ca_gate.c.
 */
#include <stdlib.h>
#include <string.h>

#include "engine/step.h"
#include "request/counts.h"
#include "request/job.h"

#define ZONE_AGAIN_MS (30 * 1000)      /* when too many wait in the zone: nobody knows when there is room */
#define GATE_LEAST_MS (10 * 60 * 1000) /* of an order that is old already: the server was down for long */

/* Two `ca` blocks may have one account. For free(); NULL: no memory. */
static char *names_key(const struct job *job)
{
    const char *account = instance_account(job->ca);
    struct text key = TEXT_MAX(SIZE_MAX);

    text_addf(&key, "%s %s", account ? account : job->ca_name, job->names);
    return text_take(&key);
}

static void on_deadline(void *arg)
{
    struct job *job = arg;
    struct cs_error err;

    cs_fail_as(&err, CS_ETIMEDOUT, "queue-timed-out",
               "the orders before this one in its zone, or for its names, took too long; try again");
    err.retry_after_ms = job_wait_ms(job);
    job_give_up(job, &err);
}

/* None that has a zone's turn waits for its names': so the two lines never wait for each other. */
static void on_names_turn(void *arg)
{
    struct job *job = arg;
    struct cs_error err;

    job->zone_place.turn = job_turn;
    job->zone_place.arg = job;
    job->zone_place.source = job->source.place;
    if (turn_join(job->heart->zone_turns, job->row->zone, job->row->parallel, &job->zone_place, &err) < 0)
        job_give_up(job, &err);
}

/* CAs hand the same order to whoever asks for the same names on one account while that is open: with two keys at once, one of
 * them would get the other's certificate. */
static int join_names(struct job *job, struct cs_error *err)
{
    char *key;
    int rc;

    step_reached(STEP_QUEUED, job->id);
    timer_set_at(job->heart->loop, &job->timer, job->end_by_ms, on_deadline, job);
    if (job->names_place.running) {
        on_names_turn(job);
        return 0;
    }
    key = names_key(job);
    if (!key)
        return cs_fail(err, CS_EBUSY, "out of memory");
    job->names_place.turn = on_names_turn;
    job->names_place.arg = job;
    job->names_place.source = job->source.place;
    rc = turn_join(job->heart->name_turns, key, 1, &job->names_place, err);
    free(key);
    return rc;
}

/* ---- The CA's gate ---- */

static void on_outage_wait_over(void *arg)
{
    struct job *job = arg;
    struct cs_error err;

    cs_fail_as(&err, CS_EBUSY, CS_CA_OUT, "the CA was out for too long%s; try again when it is back",
               job->ca_was_asked ? "" : ", and nothing was ordered");
    err.retry_after_ms = job_wait_ms(job);
    job_fail(job, &err);
}

/* The time before the gate does not count. */
static void on_passed(void *arg)
{
    struct job *job = arg;
    const int64_t most_ms = job->heart->settings->job_deadline_ms;
    struct cs_error err;

    job->deadline_ms = cs_wall_ms() + most_ms;
    job->end_by_ms = cs_now_ms() + most_ms;
    if (join_names(job, &err) < 0)
        job_give_up(job, &err);
}

/* An order that the CA has already stays for as long as the CA is out: it may have a certificate. */
static void wait_before_gate(struct job *job)
{
    const int64_t end_ms = job->began_ms + job->heart->settings->outage_wait_ms, least_ms = cs_now_ms() + GATE_LEAST_MS;

    turn_leave(&job->zone_place); /* `outage_queue` counts it here */
    if (job->step[0])
        timer_clear(&job->timer);
    else
        timer_set_at(job->heart->loop, &job->timer, end_ms > least_ms ? end_ms : least_ms, on_outage_wait_over, job);
}

int job_line_join(struct job *job, struct cs_error *err)
{
    if (ca_gate_join(job->gate, &job->ca_place, job->number, on_passed, job))
        return join_names(job, err);
    wait_before_gate(job);
    job_tell_hopeless(job);
    return 0;
}

int job_line_rejoin(struct job *job, struct cs_error *err)
{
    if (!job->step[0]) {
        ca_gate_expect(job->gate);
        return job_line_join(job, err);
    }
    ca_gate_pass(job->gate, &job->ca_place);
    return join_names(job, err);
}

void job_line_return(struct job *job)
{
    struct cs_error err;

    job_step_aside(job);
    job->phase = JOB_QUEUED;
    job->progress[0] = '\0';
    counts_step(job, NULL);
    if (job_line_join(job, &err) < 0)
        job_give_up(job, &err);
}

/* ---- The CA is out ---- */

static void on_out(struct job *job, void *arg)
{
    if (job->gate != arg)
        return;
    if (job->phase == JOB_QUEUED && job->ca_place.passed && !ca_gate_has_passed(&job->ca_place))
        job_line_return(job);
    else if (job->phase == JOB_QUEUED || job->phase == JOB_SIGNING)
        job_tell_hopeless(job);
}

void job_line_out(struct heart *heart, const struct ca_gate *gate)
{
    jobs_each(heart->jobs, on_out, (void *)(uintptr_t)gate);
}

/* It keeps the room while it stands in the line of its names. */
static bool zone_has_room(struct job *job)
{
    const size_t most = (size_t)job->heart->settings->zone_queue;
    struct cs_error err;

    if (turn_reserve(job->heart->zone_turns, job->row->zone, most, &job->zone_place))
        return true;
    cs_fail_as(&err, CS_EBUSY, "zone-queue-full",
               "as many orders as may wait for their turn in the zone of this subject (`zone_queue`); nothing was ordered");
    err.retry_after_ms = ZONE_AGAIN_MS;
    counts_limit(job->heart->metrics, "zone-queue");
    job_tell(job, &(struct job_news){ .err = &err });
    return false;
}

bool job_line_has_room(struct job *job)
{
    struct cs_error err;

    job_tell_hopeless(job);
    if (!job->first && ca_gate_is_out(job->gate))
        return false;
    if (ca_gate_reserve(job->gate, &job->ca_place))
        return zone_has_room(job);
    cs_fail_as(&err, CS_EBUSY, CS_CA_OUT,
               "the CA is out, and as many orders wait for it as may (`outage_queue`); nothing was ordered");
    err.retry_after_ms = job_wait_ms(job);
    job_tell(job, &(struct job_news){ .err = &err });
    return false;
}
