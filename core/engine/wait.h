/*
 * How a worker waits for something that happens on the loop: the `_wait` form of every service is its loop form and this.
 */
#ifndef ENGINE_WAIT_H
#define ENGINE_WAIT_H

#include "engine/op.h"

struct wait;

/* In a worker: run start(arg, wait) on the loop, then sleep until wait_done(wait, err) is called there. Returns 0, or -1 and
 * what wait_done() was given. When `op` (may be NULL) is cancelled meanwhile it returns CS_ETIMEDOUT or CS_ESHUTDOWN at once;
 * `arg` must then still be usable on the loop: it is heap memory that free_arg (may be NULL) releases when both sides are
 * done with it. `start` does not run when the wait is over before. */
int wait_for(struct loop *loop, struct cs_op *op, void (*start)(void *arg, struct wait *wait), void *arg,
             void (*free_arg)(void *arg), struct cs_error *err);

/* On the loop, once. Fits as a cs_done_fn with the wait as its argument. With an `op`: not once the op is finished, for then
 * the loop's side of the wait is over by itself (a callback that goes through an op_ticket is right). */
void wait_done(void *wait, const struct cs_error *err);

/* On the loop, when the server stops and before threads are joined: every wait, now and later, fails with CS_ESHUTDOWN, so
 * that no thread sleeps for a loop that no longer runs. */
void waits_end(struct loop *loop);

/* Used by loop.c and op.c. */
struct waits;
struct waits *waits_new(void);
void waits_free(struct waits *waits);
void waits_cancel(struct cs_op *op, const struct cs_error *err); /* wake the workers that wait in this op */
void waits_forget(struct cs_op *op);                             /* it is finished: their loop's side is over */

#endif
