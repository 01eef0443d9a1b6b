/*
 * One revocation, from the intent to its end; see revocation.h. Nothing that may pass ends it: the CA is asked again, by this
 * run of the server or the next, until it has confirmed, said no, or the certificate has ended.
 */
#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/revocation_reason.h"
#include "base/text.h"
#include "engine/log.h"
#include "engine/step.h"
#include "plugin/instance.h"
#include "records/outbox.h"
#include "request/counts.h"
#include "request/revocation_parts.h"
#include "request/revoked_keys.h"

#define LOG_WHO        "revocation"
#define CALL_MS        (60 * 1000)
#define PAUSE_FIRST_MS (30 * 1000)
#define PAUSE_MOST_MS  (3600 * 1000)
#define STORE_AGAIN_MS 1000
#define TURN_AGAIN_MS  200
#define MOST_AT_ONCE   4 /* calls of CAs */

static void ask_ca(void *arg);
static void store_end(void *arg);

/* ---- Who wait ------------------------------------------------------------------------------------------------------------ */

void revocation_attach(struct revocation *r, struct revocation_ask *ask)
{
    ask->of = r;
    ask->prev = NULL;
    ask->next = r->asks;
    if (r->asks)
        r->asks->prev = ask;
    r->asks = ask;
    if (r->phase == REVOCATION_WAITING && r->pause_ms) {
        struct cs_error err;

        revocation_pending(r, &err);
        revocation_answer(ask, &(struct revocation_answer){ .err = &err, .problem = r->problem });
    }
}

void revocation_leave(struct revocation_ask *ask)
{
    if (!ask->of)
        return;
    *(ask->prev ? &ask->prev->next : &ask->of->asks) = ask->next;
    if (ask->next)
        ask->next->prev = ask->prev;
    ask->of = NULL;
    ask->next = ask->prev = NULL;
}

static void tell(struct revocation *r, const struct revocation_answer *answer)
{
    while (r->asks)
        revocation_answer(r->asks, answer);
}

static void tell_error(struct revocation *r, const struct cs_error *err)
{
    tell(r, &(struct revocation_answer){ .err = err, .problem = r->problem });
}

void revocation_pending(const struct revocation *r, struct cs_error *err)
{
    const bool is_ours = r->why.code == CS_ECONFIG || r->why.code == CS_EINTERNAL;
    const char *why = r->phase != REVOCATION_WAITING || !r->pause_ms ? "the CA has not answered yet"
                      : is_ours                                      ? "the reason is in the server's log, for its operator"
                                                                     : r->why.text;
    const int64_t left_ms = r->again_ms - cs_now_ms();

    cs_fail_as(err, CS_EBUSY, "revocation-pending",
               "the revocation is written down and goes on by itself, but the CA has not confirmed it yet: %.380s", why);
    err->retry_after_ms = left_ms > 1000 ? left_ms : 5000;
}

/* ---- Beginning and end of the object ---------------------------------------------------------------------------------------
 */

struct revocation *revocation_under_way(struct revocations *all, const char *job)
{
    for (struct revocation *r = all->first; r; r = r->next)
        if (r->phase != REVOCATION_OVER && strcmp(r->certificate->job, job) == 0)
            return r;
    return NULL;
}

void revocation_free(struct revocation *r)
{
    timer_clear(&r->timer);
    *(r->prev ? &r->prev->next : &r->all->first) = r->next;
    if (r->next)
        r->next->prev = r->prev;
    r->all->n--;
    revocation_certificates_free(r->certificate);
    free(r->problem);
    free(r->event);
    free(r->stored_problem);
    free(r);
}

/* It has ended, or stays for the next run; what is still out may come back. */
static void release(struct revocation *r)
{
    assert(!r->asks);
    r->phase = REVOCATION_OVER;
    timer_clear(&r->timer);
    if (!r->op_is_out && !r->writing)
        revocation_free(r);
}

void revocation_suspend(struct revocation *r)
{
    struct cs_error err;

    cs_fail(&err, CS_ESHUTDOWN, "the server is stopping; the revocation is written down and goes on after the next start");
    tell_error(r, &err);
    release(r);
}

/* ---- Written down ----------------------------------------------------------------------------------------------------------
 */

static void write_down(struct revocation *r, store_fn *fn, cs_done_fn *done)
{
    r->writing = true;
    r->sending = true;
    store_write(r->all->heart->store, fn, r, done, r);
    r->sending = false;
}

/* False: the store had no memory to take it, and `fn` hears so in a moment, when nobody is in the middle of something. */
static bool was_sent(struct revocation *r, const struct cs_error *err, void (*fn)(void *arg))
{
    if (!r->sending)
        return true;
    r->unsent = *err;
    timer_set_in(r->all->heart->loop, &r->timer, 0, fn, r);
    return false;
}

/* ---- The end ---------------------------------------------------------------------------------------------------------------
 */

static void on_end_stored(void *arg, const struct cs_error *err);

static void on_end_unsent(void *arg)
{
    struct revocation *r = arg;
    const struct cs_error err = r->unsent;

    on_end_stored(r, &err);
}

static void on_end_stored(void *arg, const struct cs_error *err)
{
    struct revocation *r = arg;
    const struct revocation_certificate *of = r->certificate;

    if (!was_sent(r, err, on_end_unsent))
        return;
    r->writing = false;
    if (err && r->all->heart->stopping) {
        revocation_suspend(r);
        return;
    }
    if (err) {
        if (!r->told_unsaved)
            log_line(CS_LOG_ERROR, LOG_WHO, of->job, "the end of a revocation is not stored, trying again serial=%s: %s",
                     of->serial, err->text);
        r->told_unsaved = true;
        timer_set_in(r->all->heart->loop, &r->timer, STORE_AGAIN_MS, store_end, r);
        return;
    }
    counts_revocation(r->all->heart->metrics, of->ca, r->failed ? &r->why : NULL);
    outbox_wake(r->all->heart->outbox);
    if (r->failed)
        tell_error(r, &r->why);
    else
        tell(r, &(struct revocation_answer){ .serial = of->serial, .reason = of->reason, .revoked_ms = of->ended_ms });
    release(r);
}

static void store_end(void *arg)
{
    struct revocation *r = arg;

    free(r->event);
    r->event = revocation_event(r);
    if (r->failed && !r->stored_problem)
        r->stored_problem = job_problem_write(&r->why, r->problem, 0);
    if (!r->event || (r->failed && !r->stored_problem)) {
        timer_set_in(r->all->heart->loop, &r->timer, STORE_AGAIN_MS, store_end, r);
        return;
    }
    write_down(r, revocation_write_end, on_end_stored);
}

static void end(struct revocation *r, const struct cs_error *err)
{
    struct revocation_certificate *of = r->certificate;

    timer_clear(&r->timer); /* when a late answer comes, the next question is waiting there */
    r->phase = REVOCATION_COMMITTING;
    r->failed = err != NULL;
    of->ended_ms = cs_wall_ms();
    if (err) {
        r->why = *err;
        log_line(CS_LOG_ERROR, LOG_WHO, of->job, "certificate not revoked zone=%s ca=%s serial=%s error=%s: %s", of->zone,
                 of->ca, of->serial, error_reason(err), err->text);
    } else {
        log_line(CS_LOG_INFO, LOG_WHO, of->job, "certificate revoked zone=%s ca=%s serial=%s reason=%s", of->zone, of->ca,
                 of->serial, revocation_reason_word(of->reason));
    }
    store_end(r);
}

/* ---- Not now ---------------------------------------------------------------------------------------------------------------
 */

/* A refusal without the CA's own words may be that of a proxy in between, and pass. */
static bool is_final(const struct op_result *result)
{
    const enum cs_code code = result->err->code;

    if (code == CS_EREFUSED)
        return result->problem || strcmp(result->err->reason, "ca-no-revocation") == 0;
    return code == CS_EINPUT || code == CS_EDENIED || code == CS_ENOTFOUND || code == CS_ECONFLICT;
}

static void later(struct revocation *r, const struct cs_error *err)
{
    const struct revocation_certificate *of = r->certificate;
    int64_t pause_ms = r->pause_ms ? 2 * r->pause_ms : PAUSE_FIRST_MS;
    struct cs_error pending;

    if (pause_ms > PAUSE_MOST_MS)
        pause_ms = PAUSE_MOST_MS;
    r->pause_ms = pause_ms;
    if (pause_ms < err->retry_after_ms)
        pause_ms = err->retry_after_ms < REVOCATION_CLOCK_MS ? err->retry_after_ms : REVOCATION_CLOCK_MS;
    r->why = *err;
    r->phase = REVOCATION_WAITING;
    r->again_ms = cs_now_ms() + pause_ms;
    log_line(CS_LOG_WARN, LOG_WHO, of->job,
             "revocation waits, the CA is asked again zone=%s ca=%s serial=%s in_s=%" PRId64 ": %s", of->zone, of->ca,
             of->serial, pause_ms / 1000, err->text);
    timer_set_at(r->all->heart->loop, &r->timer, r->again_ms, ask_ca, r);
    revocation_pending(r, &pending);
    tell_error(r, &pending);
}

/* ---- The CA is asked -------------------------------------------------------------------------------------------------------
 */

static void keep_problem(struct revocation *r, const char *problem)
{
    free(r->problem);
    r->problem = problem ? text_copy(problem) : NULL;
}

/* An answer that was not expected any more. */
static void on_asked_late(struct revocation *r, const struct op_result *result)
{
    r->op_is_out = false;
    if (r->phase == REVOCATION_OVER)
        release(r);
    else if (r->phase == REVOCATION_WAITING && !result->err)
        end(r, NULL);
}

static void on_asked(void *arg, const struct op_result *result)
{
    struct revocation *r = arg;

    if (result->late) {
        on_asked_late(r, result);
        return;
    }
    r->all->n_asking--;
    r->op_is_out = result->cancelled;
    keep_problem(r, result->problem);
    if (!result->err)
        end(r, NULL);
    else if (r->all->heart->stopping)
        revocation_suspend(r);
    else if (is_final(result))
        end(r, result->err);
    else
        later(r, result->err);
}

static void call(struct revocation *r)
{
    const struct revocation_certificate *of = r->certificate;
    struct instance *ca = instances_find(r->all->heart->instances, ROLE_CA, of->ca);
    struct cs_error err;

    if (!ca) {
        cs_fail(&err, CS_ECONFIG, "the configuration has no CA \"%s\", which issued the certificate", of->ca);
        later(r, &err);
        return;
    }
    if (!ca->plugin.ca.revoke) {
        cs_fail_as(&err, CS_EREFUSED, "ca-no-revocation", "the CA \"%s\" cannot revoke certificates", of->ca);
        end(r, &err);
        return;
    }
    step_reached(STEP_REVOKING, of->job);
    r->phase = REVOCATION_ASKING;
    r->op_is_out = true;
    r->all->n_asking++;
    if (instance_revoke(ca,
                        &(struct revoke_call){ .pem = of->pem,
                                               .reason = of->reason,
                                               .about = of->job,
                                               .deadline_ms = cs_now_ms() + CALL_MS,
                                               .done = on_asked,
                                               .arg = r },
                        &err) == 0)
        return;
    r->op_is_out = false;
    r->all->n_asking--;
    later(r, &err);
}

static void ask_ca(void *arg)
{
    struct revocation *r = arg;
    struct cs_error err;

    if (r->all->heart->stopping) {
        revocation_suspend(r);
    } else if (r->certificate->not_after_ms <= cs_wall_ms()) {
        cs_fail_as(&err, CS_EINPUT, "certificate-ended", "the certificate ended before the CA could be told");
        end(r, &err);
    } else if (r->op_is_out) {
        cs_fail(&err, CS_ETIMEDOUT, "the CA's plugin has not finished the call that was cancelled");
        later(r, &err);
    } else if (r->all->n_asking >= MOST_AT_ONCE) {
        r->phase = REVOCATION_WAITING;
        timer_set_in(r->all->heart->loop, &r->timer, TURN_AGAIN_MS, ask_ca, r);
    } else {
        call(r);
    }
}

/* ---- The intent ------------------------------------------------------------------------------------------------------------
 */

static void on_intent_stored(void *arg, const struct cs_error *err);

static void on_intent_unsent(void *arg)
{
    struct revocation *r = arg;
    const struct cs_error err = r->unsent;

    on_intent_stored(r, &err);
}

static void on_intent_stored(void *arg, const struct cs_error *err)
{
    struct revocation *r = arg;
    const struct revocation_certificate *of = r->certificate;

    if (!was_sent(r, err, on_intent_unsent))
        return;
    r->writing = false;
    if (err) {
        tell_error(r, err);
        release(r);
        return;
    }
    if (r->done_before) {
        tell(r, &(struct revocation_answer){
                    .serial = of->serial, .reason = of->reason, .revoked_ms = of->ended_ms, .again = true });
        release(r);
        return;
    }
    if (revoked_keys_add(r->all->heart->revoked_keys, of->spki_sha256) < 0)
        log_line(CS_LOG_ERROR, LOG_WHO, of->job, "no memory: the key of this revocation is refused from the next start on");
    ask_ca(r);
}

struct revocation *revocation_begin(struct revocations *all, struct revocation_certificate *certificate, bool is_stored)
{
    struct revocation *r = calloc(1, sizeof *r);

    certificate->next = NULL;
    if (!r) {
        revocation_certificates_free(certificate);
        return NULL;
    }
    *r = (struct revocation){ .all = all, .certificate = certificate, .next = all->first, .phase = REVOCATION_STORING };
    if (all->first)
        all->first->prev = r;
    all->first = r;
    all->n++;
    if (is_stored) {
        r->phase = REVOCATION_WAITING;
        timer_set_in(all->heart->loop, &r->timer, 0, ask_ca, r);
        return r;
    }
    step_reached(STEP_RECORDING_REVOCATION, certificate->job);
    write_down(r, revocation_write_intent, on_intent_stored);
    return r;
}
