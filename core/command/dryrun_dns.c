/*
 * The dry run of the role `dns`: changes one after another and many at once; then with a back end that never answers: the end
 * of a call at its deadline, and at a stop of the server.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "command/dryrun.h"

enum {
    CROWD = 16,
    TTL = 10,
    SHORT_MS = 1000, /* deadline of a call that gets no answer */
    LONG_MS = 3000,  /* of the one that the stop ends before */
    LOOP_MS = 250    /* so long a function on the loop may take, at the very most */
};

struct call {
    bool told, finished, failed;
    struct cs_error err;
    int64_t began_ms, told_ms, finished_ms;
};

struct calls {
    struct dryrun *run;
    struct call call[CROWD];
    size_t n;
    int64_t held_ms; /* the longest that the loop was held */
};

/* Twice after a deadline or a stop: once when the core gave up, once when the plugin has finished. */
static void on_set(void *arg, const struct op_result *result)
{
    struct call *call = arg;

    if (!result->late) {
        call->told = true;
        call->told_ms = cs_now_ms();
        call->failed = result->err != NULL;
        if (result->err)
            call->err = *result->err;
    }
    if (result->late || !result->cancelled) {
        call->finished = true;
        call->finished_ms = cs_now_ms();
    }
}

static void set(struct calls *calls, size_t i, const char *value, bool want, int64_t deadline_in_ms)
{
    struct dryrun *run = calls->run;
    const bool blocking = run->plugin.dns.blocking;
    struct text owner = TEXT_MAX(300), zone = TEXT_MAX(300);
    struct call *call = &calls->call[i];
    int64_t held_ms;

    text_addf(&zone, "%s.", run->plan->zone);
    text_addf(&owner, "_acme-challenge.check%zu.%s.", i, run->plan->zone);
    *call = (struct call){ .began_ms = cs_now_ms() };
    instance_set_txt(run->instance,
                     &(struct cs_txt_change){ .size = sizeof(struct cs_txt_change),
                                              .zone = text_of(&zone),
                                              .owner = text_of(&owner),
                                              .want = &value,
                                              .n_want = want,
                                              .gone = &value,
                                              .n_gone = !want,
                                              .ttl = TTL,
                                              .expires_ms = cs_wall_ms() + 60000 },
                     "", cs_now_ms() + deadline_in_ms, on_set, call);
    held_ms = cs_now_ms() - call->began_ms;
    if (!blocking && held_ms > calls->held_ms)
        calls->held_ms = held_ms;
    run->held += !blocking && held_ms > LOOP_MS;
    calls->n = i + 1;
    text_free(&owner);
    text_free(&zone);
}

static bool all_finished(void *arg)
{
    const struct calls *calls = arg;

    for (size_t i = 0; i < calls->n; i++)
        if (!calls->call[i].finished)
            return false;
    return true;
}

static bool wait_all(struct calls *calls, int64_t ms)
{
    return dryrun_wait(calls->run->setup.loop, all_finished, calls, ms);
}

/* ---- With answers ---- */

static const struct cs_error *first_error(const struct calls *calls)
{
    for (size_t i = 0; i < calls->n; i++)
        if (calls->call[i].failed)
            return &calls->call[i].err;
    return NULL;
}

/* `n` owners at once get the value, or lose it; *err has the first error of all. -1: a verdict said what went wrong. */
static int change(struct dryrun *run, const char *value, bool want, size_t n, struct cs_error *err)
{
    const int64_t wait_ms = run->plan->wait_ms;
    struct calls calls = { .run = run };

    verdict_enter(run->verdicts, "set_txt", 3 * wait_ms);
    for (size_t i = 0; i < n; i++)
        set(&calls, i, value, want, wait_ms);
    if (!wait_all(&calls, 2 * wait_ms)) {
        verdict_fail(run->verdicts, "set_txt",
                     "a call was not finished %" PRId64 " s after its deadline: each path must end in "
                     "one cs_op_ok() or cs_op_err()",
                     run->plan->wait_ms / 1000);
        return -1;
    }
    if (run->held > 1) {
        verdict_fail(run->verdicts, "set_txt",
                     "it held the loop for %" PRId64 " ms, and with it the whole server: return at "
                     "once and finish later, or say .blocking = true",
                     calls.held_ms);
        return -1;
    }
    if (first_error(&calls) && first_error(&calls)->code == CS_OK) {
        dryrun_judge_error(run, "set_txt", first_error(&calls));
        return -1;
    }
    if (first_error(&calls) && !err->code)
        *err = *first_error(&calls);
    return 0;
}

static int answered(struct dryrun *run)
{
    static const char one[] = "countersign-plugin-check-value-number-one11",
                      two[] = "countersign-plugin-check-value-number-two22";
    const struct {
        const char *value;
        bool want;
        size_t n;
    } changes[] = {
        { one, true, 1 },  { one, true, 1 },  { two, true, 1 },     { one, false, 1 },
        { two, false, 1 }, { two, false, 1 }, { one, true, CROWD }, { one, false, CROWD },
    };
    const int64_t began_ms = cs_now_ms();
    struct cs_error err = { 0 };

    for (size_t i = 0; i < sizeof changes / sizeof *changes; i++)
        if ((!err.code || changes[i].n > 1) && change(run, changes[i].value, changes[i].want, changes[i].n, &err) < 0)
            return -1;
    if (err.code) {
        dryrun_judge_error(run, "set_txt", &err);
        return 0;
    }
    verdict_pass(run->verdicts, "set_txt", "values came and went, one after another and %d owners at once, in %" PRId64 " ms",
                 CROWD, cs_now_ms() - began_ms);
    return 0;
}

/* ---- Without any ---- */

static int at_deadline(struct dryrun *run)
{
    struct calls calls = { .run = run };
    const struct call *call = &calls.call[0];

    verdict_enter(run->verdicts, "deadline", SHORT_MS + 2 * run->plan->wait_ms);
    set(&calls, 0, "countersign-plugin-check-value-that-gets-no-answer", true, SHORT_MS);
    if (!wait_all(&calls, SHORT_MS + run->plan->wait_ms)) {
        verdict_fail(run->verdicts, "deadline",
                     "a call whose back end never answers was not finished %" PRId64 " s after its "
                     "deadline: %s",
                     run->plan->wait_ms / 1000,
                     run->plugin.dns.blocking ? "wait no longer than cs_op_deadline_ms() says"
                                              : "end it in the function of cs_op_on_cancel()");
        return -1;
    }
    if (calls.held_ms > SHORT_MS / 2)
        verdict_fail(run->verdicts, "deadline", "it held the loop for %" PRId64 " ms: nothing on the loop may wait",
                     calls.held_ms);
    else if (call->finished_ms - call->began_ms < SHORT_MS)
        verdict_pass(run->verdicts, "deadline", "a call ended before its deadline: %s", call->failed ? call->err.text : "done");
    else
        verdict_pass(run->verdicts, "deadline",
                     "a call whose back end never answers was finished %" PRId64 " ms after its "
                     "deadline",
                     call->finished_ms - call->began_ms - SHORT_MS);
    return 0;
}

/* Not a worker's to know: it goes on until its deadline at most. */
static int at_stop(struct dryrun *run)
{
    struct calls calls = { .run = run };
    const int64_t more_ms = run->plugin.dns.blocking ? LONG_MS : 0;
    int64_t stopped_ms;
    bool before;

    verdict_enter(run->verdicts, "stop", LONG_MS + 2 * run->plan->wait_ms);
    set(&calls, 0, "countersign-plugin-check-value-that-a-stop-interrupts", true, LONG_MS + (more_ms ? 0 : 600000));
    before = wait_all(&calls, 200);
    stopped_ms = cs_now_ms();
    instances_stop(run->setup.instances);
    if (!wait_all(&calls, more_ms + run->plan->wait_ms)) {
        verdict_fail(run->verdicts, "stop",
                     "a call was not finished %" PRId64 " s after the server began to stop: end it in "
                     "the function of cs_op_on_cancel(), or with a worker's wait by cs_op_deadline_ms()",
                     run->plan->wait_ms / 1000);
        return -1;
    }
    if (before)
        verdict_pass(run->verdicts, "stop", "the last call had ended before the stop");
    else
        verdict_pass(run->verdicts, "stop", "a call under way was finished %" PRId64 " ms after the stop",
                     calls.call[0].finished_ms - stopped_ms);
    return 0;
}

int dryrun_dns(struct dryrun *run)
{
    if (!run->mute)
        return answered(run);
    return at_deadline(run) < 0 ? -1 : at_stop(run);
}
