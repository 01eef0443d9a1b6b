/*
 * A job from its turn in the zone to its chain, or to the error that ends it: sign, check, and what to do when there is none
 * yet. See job.h; how its end is stored and told is job_commit.c's.
 */
#include <stdlib.h>
#include <string.h>

#include "engine/log.h"
#include "engine/step.h"
#include "request/challenge.h"
#include "request/challenge_place.h"
#include "request/counts.h"
#include "request/job.h"
#include "request/revoked_keys.h"

#define LOG_WHO         "job"
#define MAX_STARTS_ANEW 3
#define MAX_RETURNS     3 /* after outages */

static void sign(struct job *job);

bool job_finalize_was_sent(const struct job *job)
{
    return strncmp(job->step, "finalize", strlen("finalize")) == 0;
}

int job_check_key(const struct job *job, struct cs_error *err)
{
    return job_finalize_was_sent(job) ? 0 : revoked_keys_check(job->heart->revoked_keys, job->csr.spki_sha256, err);
}

/* ---- It worked ---- */

static int take_chain(struct job *job, const struct cs_chain *chain, struct cs_error *err)
{
    step_reached(STEP_CHECKING, job->id);
    if (certificate_check(&job->certificate, job->heart->issuers, chain->pem, chain->len, job->csr.spki_sha256,
                          (const char *const *)job->csr.names, job->csr.n_names, cs_wall_ms(), err) < 0)
        return -1;
    free(job->url);
    job->url = text_copy(chain->url ? chain->url : "");
    return job->url ? 0 : cs_fail(err, CS_EBUSY, "out of memory");
}

static void accept_chain(struct job *job, const struct cs_chain *chain)
{
    struct cs_error err;

    job->pausing = false;
    if (take_chain(job, chain, &err) < 0) {
        job_refuse_chain(job, &err);
        return;
    }
    step_reached(STEP_COMMITTING, job->id);
    job->phase = JOB_COMMITTING;
    job_commit_chain(job);
}

/* The deadline had passed and the job failed, or the server stops and it was suspended; now there is a chain after all. */
static void accept_late_chain(struct job *job, const struct cs_chain *chain)
{
    struct cs_error err;

    if (take_chain(job, chain, &err) < 0) {
        log_line(CS_LOG_WARN, LOG_WHO, job->id, "a chain came late and is not what was asked for: %s", err.text);
        return;
    }
    job_commit_chain(job);
}

/* ---- It did not ---- */

void job_give_up(struct job *job, const struct cs_error *err)
{
    if (!job_stays_open(job, err))
        job_fail(job, err);
}

void job_start_anew(struct job *job, const struct cs_error *why)
{
    struct cs_error err;

    if (job->again) {
        job_order_anew(job, why);
        return;
    }
    if ((job_finalize_was_sent(job) && strcmp(why->reason, CS_ORDER_TAKEN) != 0) || job->attempts > MAX_STARTS_ANEW) {
        cs_fail_as(&err, CS_EUPSTREAM, "order-lost", "the CA does not know the order any more: %s", why->text);
        job_fail(job, &err);
        return;
    }
    job_forget_step(job); /* from here on the CA cannot have issued */
    if (job_check_key(job, &err) < 0) {
        job_fail(job, &err);
        return;
    }
    log_line(CS_LOG_INFO, LOG_WHO, job->id, "order starts anew zone=%s: %s", job->row->zone, why->text);
    challenges_release(job->heart->challenges, job);
    sign(job);
}

/* ---- The call ---- */

static void on_step(void *arg, const char *step)
{
    struct job *job = arg;

    counts_step(job, job->progress);
    memcpy(job->progress, step, strnlen(step, sizeof job->progress - 1) + 1);
}

static void keep_problem(struct job *job, const char *problem)
{
    if (!problem)
        return;
    free(job->problem);
    job->problem = text_copy(problem);
}

static void on_finished_late(struct job *job, const struct op_result *result)
{
    if (result->chain && job->pausing && job->phase == JOB_QUEUED)
        accept_chain(job, result->chain);
    else if (result->chain && job->state != CS_JOB_DONE)
        accept_late_chain(job, result->chain);
    job_release(job);
}

/* Of a call that went from the beginning to its end; one that was stopped says nothing. */
static void measure(struct job *job, const struct op_result *result)
{
    if (result->cancelled)
        return;
    if (job->signing_since_ms && !job->heart->stopping)
        visits_latency(job->heart->visits, "ca", job->ca_name, cs_now_ms() - job->signing_since_ms);
    job->signing_since_ms = 0;
}

/* Nothing is lost yet: it goes on where it is when the CA is back. */
static bool may_wait_for_ca(const struct job *job, const struct cs_error *err)
{
    return ca_gate_is_why(job->gate, err) && (!job->unseen || strcmp(err->reason, CS_CA_OUT) == 0);
}

/* Perhaps it is this order that the CA cannot stand: it is let go often enough, after others, and no more. */
static bool returns_too_often(struct job *job)
{
    if (job->ca_place.let_go)
        job_go_behind(job);
    job->returns += job->ca_place.let_go && job->ca_place.counted;
    return job->returns > MAX_RETURNS && !job_finalize_was_sent(job);
}

static void wait_for_ca(struct job *job, const struct cs_error *why)
{
    struct cs_error err;

    if (returns_too_often(job)) {
        ca_gate_own_error(job->gate, why, &err);
        job_fail(job, &err);
        return;
    }
    log_line(CS_LOG_INFO, LOG_WHO, job->id, "order waits for its CA zone=%s ca=%s: %s", job->row->zone, job->ca_name,
             why->text);
    challenges_release(job->heart->challenges, job);
    job->attempts--;
    job_line_return(job);
}

/* With a challenge that nobody sees the trouble is the DNS's. */
static void tell_gate(struct job *job, const struct op_result *result)
{
    const int64_t took_ms = job->signing_since_ms ? cs_now_ms() - job->signing_since_ms : 0;

    if (!result->late)
        ca_gate_order(&job->ca_place, took_ms, job->unseen > 0, result->err);
}

static void on_signed(void *arg, const struct op_result *result)
{
    struct job *job = arg;

    tell_gate(job, result);
    measure(job, result);
    if (!result->late)
        counts_step(job, job->progress);
    job->op_is_out = result->cancelled;
    if (!result->cancelled)
        job->op = NULL;
    keep_problem(job, result->problem);
    if (result->late)
        on_finished_late(job, result);
    else if (result->chain)
        accept_chain(job, result->chain);
    else if (job->heart->stopping)
        job_suspend(job);
    else if (result->err && result->err->code == CS_ERESTART)
        job_start_anew(job, result->err);
    else if (result->err && !result->cancelled && may_wait_for_ca(job, result->err))
        wait_for_ca(job, result->err);
    else if (result->err && !result->cancelled && job_again_is_over(job, result->err))
        job_start_anew(job, result->err);
    else if (result->err)
        job_give_up(job, result->err);
    else
        job_fail(job, &(struct cs_error){ .code = CS_EINTERNAL, .text = "the CA plugin finished without a chain" });
}

static void sign(struct job *job)
{
    const struct cs_order order = {
        .size = sizeof order,
        .id = job->id,
        .csr = job->csr.der,
        .csr_len = job->csr.len,
        .names = (const char *const *)job->csr.names,
        .n_names = job->csr.n_names,
        .profile = job->profile,
        .replaces = "",
    };
    struct cs_order with_hash = order;
    struct cs_error err;
    struct sign_call call = {
        .order = &with_hash,
        .step = job->step[0] ? job->step : NULL,
        .data = job->data,
        .data_len = job->data_len,
        .owner = job,
        .deadline_ms = job->end_by_ms,
        .on_step = on_step,
        .done = on_signed,
        .arg = job,
    };

    step_reached(STEP_SIGNING, job->id);
    memcpy(with_hash.spki_sha256, job->csr.spki_sha256, sizeof with_hash.spki_sha256);
    job->attempts++;
    job->ca_was_asked = true;
    job->unseen = 0;
    job->progress[0] = '\0';
    job->op_is_out = true;
    job->signing_since_ms = call.step ? 0 : cs_now_ms();
    if (!call.step && job->ca->challenges)
        challenge_places_expect(job);
    job->op = instance_sign(job->ca, &call, &err);
    if (!job->op) {
        job->op_is_out = false;
        job_give_up(job, &err);
    }
}

void job_turn(void *arg)
{
    struct job *job = arg;
    struct cs_error err;

    timer_clear(&job->timer);
    if (job->heart->stopping) {
        job_suspend(job);
        return;
    }
    if (!ca_gate_has_passed(&job->ca_place)) {
        job_line_return(job);
        return;
    }
    job->phase = JOB_SIGNING;
    counts_step(job, "queued");
    if (job_check_key(job, &err) < 0) {
        job_fail(job, &err);
        return;
    }
    log_line(CS_LOG_INFO, LOG_WHO, job->id, "order started zone=%s ca=%s names=%zu", job->row->zone, job->ca_name,
             job->csr.n_names);
    sign(job);
}
