/*
 * A pending call into a plugin: its life from op_new() to the quarantine. Called by plugin/instance.c. How it ends stands in
 * op_finish.c, what a plugin may ask of it meanwhile in op_services.c.
 */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/text.h"
#include "engine/log.h"
#include "engine/op_parts.h"
#include "engine/wait.h"

/* The memory of the last ops stays, so that a plugin that finishes one a second time is caught and named instead of writing
 * into somebody else's memory. 64 of them are some 80 KiB: always on. */
#define QUARANTINE 64

static pthread_mutex_t quarantine_lock = PTHREAD_MUTEX_INITIALIZER;
static struct cs_op *quarantine[QUARANTINE];
static size_t quarantine_next;

static void bury(struct cs_op *op)
{
    struct cs_op *oldest;

    pthread_mutex_lock(&quarantine_lock);
    oldest = quarantine[quarantine_next];
    quarantine[quarantine_next] = op;
    quarantine_next = (quarantine_next + 1) % QUARANTINE;
    pthread_mutex_unlock(&quarantine_lock);
    free(oldest);
}

void op_hold(struct cs_op *op)
{
    op->refs++;
}

void op_drop(struct cs_op *op)
{
    if (--op->refs > 0)
        return;
    if (op->setup.free_inputs)
        op->setup.free_inputs(op->setup.inputs);
    op->setup.inputs = NULL;
    op_result_free(op);
    pthread_mutex_destroy(&op->lock);
    bury(op);
}

/* `done` first: the core acts on the end before the plugin hears of it. */
static void on_deadline(void *arg)
{
    struct cs_op *op = arg;
    struct cs_error err = { 0 };
    struct op_result result = { .err = &err, .cancelled = true };
    char *problem;

    if (op_is_finished(op))
        return;
    loop_blame(op->who);
    op->cancelled = (int)op->why;
    if (op->why == CS_SHUTDOWN)
        cs_fail(&err, CS_ESHUTDOWN, "the server is stopping");
    else if (op->starved)
        cs_fail(&err, CS_EBUSY, "no memory for what %s needs", op->who);
    else
        cs_fail(&err, CS_ETIMEDOUT, "%s did not finish in time", op->who);
    pthread_mutex_lock(&op->lock);
    problem = op->problem ? text_copy(op->problem) : NULL;
    pthread_mutex_unlock(&op->lock);
    result.problem = problem;
    op->setup.done(op->setup.arg, &result);
    free(problem);
    waits_cancel(op, &err);
    op_tell_cancel(op);
}

struct cs_op *op_new(const struct op_setup *setup, struct cs_error *err)
{
    struct cs_op *op = calloc(1, sizeof *op);

    assert(on_loop_thread());
    if (!op) {
        if (setup->free_inputs)
            setup->free_inputs(setup->inputs);
        cs_fail(err, CS_EBUSY, "no memory for a call to %s", setup->who);
        return NULL;
    }
    op->setup = *setup;
    snprintf(op->who, sizeof op->who, "%s", setup->who);
    snprintf(op->about, sizeof op->about, "%s", setup->about);
    op->setup.who = op->who;
    op->setup.about = op->about;
    op->refs = 1;
    op->why = CS_DEADLINE;
    pthread_mutex_init(&op->lock, NULL);
    if (setup->deadline_ms != INT64_MAX)
        timer_set_at(setup->loop, &op->timer, setup->deadline_ms, on_deadline, op);
    return op;
}

static void not_started(struct cs_op *op)
{
    struct cs_error err = { 0 };

    if (op->cancelled == CS_SHUTDOWN)
        cs_fail(&err, CS_ESHUTDOWN, "the server is stopping");
    else
        cs_fail(&err, CS_ETIMEDOUT, "%s was not asked: no worker was free in time (`max_parallel`)", op->who);
    op_finish_err(op, "the core", &err);
}

static void in_worker(void *arg)
{
    struct cs_op *op = arg;

    if (op_cancelled(op))
        not_started(op);
    else
        op->call(op, op->setup.inputs);
    op_drop(op);
}

void op_run(struct cs_op *op, struct workers *workers, void (*call)(struct cs_op *op, void *inputs))
{
    struct cs_error err = { 0 };

    op->call = call;
    op_hold(op);
    if (!workers) {
        assert(on_loop_thread());
        loop_blame(op->who);
        call(op, op->setup.inputs);
        op_drop(op);
    } else if (workers_run(workers, in_worker, op, &err) < 0) {
        op_finish_err(op, "the core", &err);
        op_drop(op);
    }
}

void op_cancel(struct cs_op *op, enum cs_cancel why)
{
    assert(on_loop_thread());
    if (op_is_finished(op) || op_cancelled(op) || op->cancel_asked)
        return;
    op->cancel_asked = true;
    op->why = why;
    timer_set_in(op->setup.loop, &op->timer, 0, on_deadline, op);
}

void op_starve(struct cs_op *op)
{
    if (op_is_finished(op) || op_cancelled(op) || op->cancel_asked)
        return;
    op->starved = true;
    op_cancel(op, CS_DEADLINE);
}

void op_on_finished(struct mail *mail)
{
    struct cs_op *op = (struct cs_op *)((char *)mail - offsetof(struct cs_op, mail));
    struct op_result result = {
        .err = op->failed ? &op->err : NULL,
        .chain = op->chain,
        .data = op->data,
        .len = op->len,
        .late = op->cancelled != 0,
    };

    char *problem;

    loop_blame(op->who);
    op->delivered = true;
    timer_clear(&op->timer);
    op_services_end(op);
    waits_forget(op);
    pthread_mutex_lock(&op->lock);
    problem = op->problem;
    op->problem = NULL;
    pthread_mutex_unlock(&op->lock);
    result.problem = problem;
    op->setup.done(op->setup.arg, &result);
    free(problem);
    op_drop(op);
}

void *op_owner(const struct cs_op *op)
{
    return op->setup.owner;
}

struct loop *op_loop(const struct cs_op *op)
{
    return op->setup.loop;
}

void *op_inputs(const struct cs_op *op)
{
    return op->setup.inputs;
}

bool op_is_finished(const struct cs_op *op)
{
    return op->finished_by != NULL;
}

int op_cancelled(const struct cs_op *op)
{
    return op->cancelled;
}
