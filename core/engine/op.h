/*
 * A pending call into a plugin: finished exactly once, from any thread; continued later, on the loop. It owns copies of the
 * call's inputs until it is finished, even after its deadline. Made by plugin/instance.c; the cs_op_* services that need
 * nothing from further right stand in op.c.
 */
#ifndef ENGINE_OP_H
#define ENGINE_OP_H

#include <countersign/ca.h>

#include "engine/loop.h"
#include "engine/workers.h"

struct op_result {
    const struct cs_error *err;   /* NULL: it worked */
    const struct cs_chain *chain; /* of cs_op_ok_chain(), else NULL */
    const void *data;             /* of cs_op_ok_data() */
    size_t len;
    const char *problem;          /* of cs_op_problem(), or NULL */
    bool cancelled; /* the op was cancelled (deadline or shutdown) before the plugin finished: `done` will run once more */
    bool late; /* an earlier call of `done` said CS_ETIMEDOUT or CS_ESHUTDOWN; now the plugin has finished */
};

/* On the loop. Called once with late = false. If that was the deadline or a shutdown, called once more with late = true when
 * the plugin has finished: only then are inputs and owner no longer used. All of result is valid inside the call only. */
typedef void op_done_fn(void *arg, const struct op_result *result);

struct op_setup {
    struct loop *loop;
    const char *who;   /* for the log and for aborts; copied */
    const char *about; /* job, for the log; copied; may be "" */
    void *inputs;      /* owned by the op from here on: until it is finished and `call` of op_run() has returned */
    void (*free_inputs)(void *inputs); /* any thread; may be NULL */
    void *owner;            /* what cs_op_save() and cs_challenge_put() look for: a struct job, or NULL */
    int64_t deadline_ms;    /* on the clock of cs_now_ms(); INT64_MAX: none */
    void (*on_step)(void *arg, const char *step); /* optional; on the loop, until the plugin has finished */
    op_done_fn *done;
    void *arg;
};

/* NULL and *err without memory; the inputs are then released. */
struct cs_op *op_new(const struct op_setup *setup, struct cs_error *err);

/* Make the call: call(op, inputs), in `workers`, or at once on the loop when that is NULL. A call that is cancelled before a
 * worker was free is not made: it is finished with an error. The op may be finished inside the call, so don't touch it after
 * this; `done` runs later all the same. */
void op_run(struct cs_op *op, struct workers *workers, void (*call)(struct cs_op *op, void *inputs));

/* As if the deadline had come (CS_DEADLINE) or the server stops (CS_SHUTDOWN): `done` runs later with the error, then the
 * plugin's cancel function. Harmless when finished or cancelled already. */
void op_cancel(struct cs_op *op, enum cs_cancel why);

/* There is no memory for what the plugin relies on: it will not come. As op_cancel(CS_DEADLINE), but `done` of the op hears
 * CS_EBUSY. */
void op_starve(struct cs_op *op);

/* There is no memory for what `done` waits for: it hears CS_EBUSY, later and on the loop, unless the op is finished before. An
 * op has room for one such answer; when that is taken, or `done` is NULL, it is starved. Loop only. */
void op_tell_no_memory(struct cs_op *op, cs_done_fn *done, void *arg);

void *op_owner(const struct cs_op *op);
struct loop *op_loop(const struct cs_op *op);
void *op_inputs(const struct cs_op *op);
bool op_is_finished(const struct cs_op *op); /* any thread */
int op_cancelled(const struct cs_op *op); /* enum cs_cancel, or 0: neither has come; any thread */

/* A callback that belongs to an op and must not run once it is finished (save done, challenge published). Take a ticket when
 * the work starts; when it ends, op_ticket_use() says whether the op still waits for it, and gives the ticket back. */
struct op_ticket;
struct op_ticket *op_ticket_new(struct cs_op *op);  /* NULL: no memory. Loop only. */
struct cs_op *op_ticket_use(struct op_ticket *ticket); /* the op, or NULL when it is gone or finished. Frees the ticket. */

#endif
