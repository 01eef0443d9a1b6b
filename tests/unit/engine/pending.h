/*
 * A call and what came of it: for the tests of op.c, op_finish.c, op_services.c and wait.c.
 */
#ifndef TESTS_PENDING_H
#define TESTS_PENDING_H

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "engine/clock.h"
#include "engine/op.h"
#include "engine/timer.h"
#include "stderr_text.h"

/* The inputs: freed memory shows under ASan, a wrong text everywhere. */
struct inputs {
    char text[16];
    struct pending *pending;
};

struct outcome {
    enum cs_code code;
    char error[512];
    char reason[40];
    char pem[64], url[64], profile[64], alternate[64];
    size_t n_alternates, len;
    char data[64];
    char problem[64];
    bool late, cancelled, had_chain, had_data;
};

struct pending {
    struct loop *loop;
    struct cs_op *op;
    int told;
    struct outcome outcome[4]; /* of each call of `done` */
    int steps;
    char step[8][32];
    atomic_int inputs_freed;
    atomic_int called;
};

static inline void pending_free_inputs(void *arg)
{
    struct inputs *inputs = arg;

    inputs->pending->inputs_freed++;
    memset(inputs, 0xee, sizeof *inputs);
    free(inputs);
}

static inline void pending_done(void *arg, const struct op_result *result)
{
    struct pending *pending = arg;
    struct outcome *out = &pending->outcome[pending->told++ % 4];

    *out = (struct outcome){ .late = result->late,
                             .cancelled = result->cancelled,
                             .had_chain = result->chain,
                             .had_data = result->data };
    if (result->err) {
        out->code = result->err->code;
        snprintf(out->error, sizeof out->error, "%s", result->err->text);
        snprintf(out->reason, sizeof out->reason, "%s", result->err->reason);
    }
    if (result->chain) {
        snprintf(out->pem, sizeof out->pem, "%.*s", (int)result->chain->len, result->chain->pem);
        snprintf(out->url, sizeof out->url, "%s", result->chain->url);
        snprintf(out->profile, sizeof out->profile, "%s", result->chain->profile);
        out->n_alternates = result->chain->n_alternates;
        if (out->n_alternates)
            snprintf(out->alternate, sizeof out->alternate, "%s", result->chain->alternates[out->n_alternates - 1]);
    }
    if (result->data) {
        snprintf(out->data, sizeof out->data, "%s", (const char *)result->data);
        out->len = result->len;
    }
    if (result->problem)
        snprintf(out->problem, sizeof out->problem, "%s", result->problem);
}

static inline void pending_step(void *arg, const char *step)
{
    struct pending *pending = arg;

    snprintf(pending->step[pending->steps++ % 8], 32, "%s", step);
}

static inline void pending_new(struct pending *pending, struct loop *loop, int64_t ms)
{
    struct inputs *inputs = calloc(1, sizeof *inputs);
    struct op_setup setup = {
        .loop = loop,
        .who = "ca.test",
        .about = "job7",
        .inputs = inputs,
        .free_inputs = pending_free_inputs,
        .owner = pending,
        .deadline_ms = cs_now_ms() + ms,
        .on_step = pending_step,
        .done = pending_done,
        .arg = pending,
    };

    *pending = (struct pending){ .loop = loop };
    snprintf(inputs->text, sizeof inputs->text, "the inputs");
    inputs->pending = pending;
    pending->op = op_new(&setup, NULL);
}

/* The loop runs until `done` was called `times` times, 10 s of real time at most. */
static inline void pending_wait(struct pending *pending, int times)
{
    for (int i = 0; i < 1000 && pending->told < times; i++)
        loop_run_once(pending->loop, 10);
}

static inline int loop_begin(void **state)
{
    *state = loop_new(NULL);
    return *state ? 0 : -1;
}

static inline int loop_end(void **state)
{
    loop_free(*state);
    return 0;
}

/* What `faulty` writes to stderr in a child that it must abort; "" when it did not abort. */
static inline const char *last_words(void (*faulty)(void *arg), void *arg)
{
    static struct stderr_text seen;
    const char *words;
    int status = 0;
    pid_t child;

    stderr_watch(&seen);
    child = fork();
    if (child == 0) {
        faulty(arg);
        _exit(0);
    }
    waitpid(child, &status, 0);
    words = stderr_seen(&seen);
    return WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT ? words : "";
}

#endif
