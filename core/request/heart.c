/*
 * Puts the parts of request/ together; see heart.h. Also forgets, once an hour, what the store need not keep any longer.
 */
#include "request/heart.h"

#include <inttypes.h>
#include <stdlib.h>

#include "engine/log.h"
#include "engine/timer.h"
#include "request/ca_gate.h"
#include "request/challenge.h"
#include "request/challenge_place.h"
#include "request/counts.h"
#include "request/issuers.h"
#include "request/job.h"
#include "request/resume.h"
#include "request/revocation.h"
#include "request/revoked_keys.h"
#include "request/shared_primes.h"
#include "request/subject.h"
#include "request/visible.h"
#include "request/turn.h"

#define PURGE_EVERY_MS (3600 * 1000)
#define PURGE_DOUBT_MS 5000 /* somebody may have confirmed the clock */
#define PURGE_MOST     1000 /* rows in one transaction */

struct whole_heart {
    struct heart heart; /* first */
    struct timer purge;
    int64_t purged;
    bool purging;
    cs_done_fn *resumed; /* of heart_resume() */
    void *resumed_arg;
};

static int purge_rows(const struct store_conn *c, void *arg, struct cs_error *err)
{
    struct whole_heart *whole = arg;

    return c->ops->purge(c->conn, cs_wall_ms(), PURGE_MOST, &whole->purged, err);
}

static void purge(void *arg);

static void on_purged(void *arg, const struct cs_error *err)
{
    struct whole_heart *whole = arg;

    whole->purging = false;
    if (err)
        log_line(CS_LOG_WARN, "store", "", "old rows could not be removed: %s", err->text);
    else if (whole->purged)
        log_line(CS_LOG_INFO, "store", "", "old jobs and certificates removed rows=%" PRId64, whole->purged);
    if (whole->heart.stopping)
        return;
    if (whole->purged < PURGE_MOST)
        shared_primes_load(whole->heart.shared_primes); /* and forgets, too */
    timer_set_in(whole->heart.loop, &whole->purge, whole->purged < PURGE_MOST ? PURGE_EVERY_MS : 1000, purge, whole);
}

/* A clock that jumped must not cost the records of years. */
static void purge(void *arg)
{
    struct whole_heart *whole = arg;

    if (!visits_may_purge(whole->heart.visits)) {
        timer_set_in(whole->heart.loop, &whole->purge, PURGE_DOUBT_MS, purge, whole);
        return;
    }
    whole->purged = 0;
    whole->purging = true;
    store_write(whole->heart.store, purge_rows, whole, on_purged, whole);
}

struct heart *heart_new(const struct heart *with, struct cs_error *err)
{
    struct whole_heart *whole = calloc(1, sizeof *whole);
    struct heart *heart = (struct heart *)whole;

    if (!whole) {
        cs_fail(err, CS_EBUSY, "out of memory");
        return NULL;
    }
    *heart = *with;
    counts_declare(heart->metrics);
    heart->visible =
        visible_new(heart->loop, (const char *const *)heart->settings->resolvers, heart->settings->n_resolvers, err);
    heart->subjects = subjects_new(heart);
    heart->gates = ca_gates_new(heart);
    heart->name_turns = turns_new(heart->loop);
    heart->zone_turns = turns_new(heart->loop);
    heart->places = challenge_places_new(heart);
    heart->challenges = challenges_new(heart);
    heart->jobs = jobs_new(heart);
    heart->issuers = issuers_new();
    heart->revocations = revocations_new(heart);
    heart->revoked_keys = revoked_keys_new();
    heart->shared_primes = shared_primes_new(heart, err);
    if (heart->visible && heart->subjects && heart->gates && heart->name_turns && heart->zone_turns && heart->places &&
        heart->challenges && heart->jobs && heart->issuers && heart->revocations && heart->revoked_keys &&
        heart->shared_primes)
        return heart;
    if (heart->visible)
        cs_fail(err, CS_EBUSY, "out of memory");
    heart_free(heart);
    return NULL;
}

/* A job of an earlier run must not go on with a key that is refused. */
static void on_revocations_resumed(void *arg, const struct cs_error *err)
{
    struct whole_heart *whole = arg;

    if (err)
        whole->resumed(whole->resumed_arg, err);
    else
        resume_all(&whole->heart, whole->resumed, whole->resumed_arg);
}

void heart_resume(struct heart *heart, cs_done_fn *done, void *arg)
{
    struct whole_heart *whole = (struct whole_heart *)heart;

    timer_set_in(heart->loop, &whole->purge, PURGE_EVERY_MS / 60, purge, whole);
    whole->resumed = done;
    whole->resumed_arg = arg;
    revocations_resume(heart->revocations, on_revocations_resumed, whole);
    shared_primes_load(heart->shared_primes);
}

static void suspend(struct job *job, void *arg)
{
    (void)arg;
    if (job->phase == JOB_QUEUED)
        job_suspend(job);
}

void heart_stop(struct heart *heart)
{
    struct whole_heart *whole = (struct whole_heart *)heart;

    heart->stopping = true;
    timer_clear(&whole->purge);
    store_hurry(heart->store);
    ca_gates_stop(heart->gates);
    revocations_stop(heart->revocations);
    jobs_each(heart->jobs, suspend, NULL);
}

size_t heart_orders(const struct heart *heart)
{
    return jobs_count(heart->jobs);
}

size_t heart_busy(const struct heart *heart)
{
    const struct whole_heart *whole = (const struct whole_heart *)heart;

    return jobs_count(heart->jobs) + heart->in_flight + challenges_busy(heart->challenges) +
           challenge_places_busy(heart->places) + revocations_busy(heart->revocations) +
           shared_primes_busy(heart->shared_primes) + whole->purging;
}

void heart_free(struct heart *heart)
{
    if (!heart)
        return;
    timer_clear(&((struct whole_heart *)heart)->purge);
    jobs_free(heart->jobs);
    shared_primes_free(heart->shared_primes);
    issuers_free(heart->issuers);
    revocations_free(heart->revocations);
    revoked_keys_free(heart->revoked_keys);
    challenges_free(heart->challenges);
    challenge_places_free(heart->places);
    turns_free(heart->zone_turns);
    turns_free(heart->name_turns);
    ca_gates_free(heart->gates);
    subjects_free(heart->subjects);
    visible_free(heart->visible);
    free(heart);
}
