/*
 * The dry run of the role `audit`: batches, one of them twice; then with a back end that never answers.
 */
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#include "command/dryrun.h"
#include "engine/wait.h"

enum { EVENTS = 3, LATE_MS = 5000, GIVES_UP_MS = 70000 /* a sink is asked by itself, so it may take its time */ };

/* What the loop's thread and the one that calls share. */
struct batch {
    struct instance *instance;
    int64_t first;
    int rc;
    struct cs_error err;
    atomic_bool done;
};

/* As the core does: one call at a time, in a thread of its own. */
static void *append(void *arg)
{
    static const char json[] = "{\"job\":\"countersign-plugin-check\",\"names\":[\"check.example\"]}";
    struct batch *batch = arg;
    struct cs_event events[EVENTS];

    for (size_t i = 0; i < EVENTS; i++)
        events[i] = (struct cs_event){ .size = sizeof events[i],
                                       .number = batch->first + (int64_t)i,
                                       .time_ms = cs_wall_ms(),
                                       .kind = i ? "issued" : "started",
                                       .json = json,
                                       .json_len = strlen(json) };
    batch->rc = instance_append(batch->instance, events, EVENTS, &batch->err);
    batch->done = true;
    return NULL;
}

static bool is_done(void *arg)
{
    return ((const struct batch *)arg)->done;
}

/* `until_ms`: how long to let the loop turn. False: it is still at it. */
static bool wait_in_thread(struct dryrun *run, struct batch *batch, pthread_t *thread, int64_t until_ms)
{
    batch->instance = run->instance;
    if (pthread_create(thread, NULL, append, batch) != 0)
        return false;
    return dryrun_wait(run->setup.loop, is_done, batch, until_ms);
}

/* 0; 1: it failed, as it may; -1: it is stuck. */
static int take(struct dryrun *run, int64_t first)
{
    struct batch batch = { .first = first };
    pthread_t thread;

    verdict_enter(run->verdicts, "append", GIVES_UP_MS + LATE_MS);
    if (!wait_in_thread(run, &batch, &thread, GIVES_UP_MS)) {
        verdict_fail(run->verdicts, "append", "it had not returned after %d s", GIVES_UP_MS / 1000);
        return -1;
    }
    pthread_join(thread, NULL);
    if (batch.rc == 0)
        return 0;
    dryrun_judge_error(run, "append", &batch.err);
    return 1;
}

static int answered(struct dryrun *run)
{
    static const int64_t firsts[] = { 1, 1, 1 + EVENTS };

    for (size_t i = 0; i < sizeof firsts / sizeof *firsts; i++) {
        const int rc = take(run, firsts[i]);

        if (rc)
            return rc < 0 ? -1 : 0;
    }
    verdict_pass(run->verdicts, "append", "took %d events, and the first of them twice", 2 * EVENTS);
    return 0;
}

/* A call that waits for the loop is woken when the server stops; one that waits by itself must know when to give up. */
static int mute(struct dryrun *run)
{
    struct batch batch = { .first = 1 + 2 * EVENTS };
    const int64_t began_ms = cs_now_ms();
    pthread_t thread;

    verdict_enter(run->verdicts, "stop", 500 + 3 * LATE_MS);
    if (!wait_in_thread(run, &batch, &thread, 500))
        waits_end(run->setup.loop);
    if (!dryrun_wait(run->setup.loop, is_done, &batch, 2 * LATE_MS)) {
        verdict_fail(run->verdicts, "stop",
                     "append had not returned %d s after the server began to stop: give each wait an end", 2 * LATE_MS / 1000);
        return -1;
    }
    pthread_join(thread, NULL);
    verdict_pass(run->verdicts, "stop", "append returned after %" PRId64 " ms when the server stopped", cs_now_ms() - began_ms);
    return 0;
}

int dryrun_audit(struct dryrun *run)
{
    return run->mute ? mute(run) : answered(run);
}
