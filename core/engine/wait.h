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
 * done with it. */
int wait_for(struct loop *loop, struct cs_op *op, void (*start)(void *arg, struct wait *wait), void *arg,
             void (*free_arg)(void *arg), struct cs_error *err);

/* On the loop, once. Fits as a cs_done_fn with the wait as its argument. */
void wait_done(void *wait, const struct cs_error *err);

#endif
