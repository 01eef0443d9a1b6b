/*
 * A few threads that run what may block. Each blocking plugin instance has a pool of its own (its max_parallel), so that
 * none waits for another's. Threads start when there is work for them.
 */
#ifndef ENGINE_WORKERS_H
#define ENGINE_WORKERS_H

#include "engine/loop.h"

struct workers;
/* `name` (copied, at most 15 bytes shown) names the threads. 1 to 256 threads. */
struct workers *workers_new(const char *name, size_t threads, struct cs_error *err);
/* Queue; from any thread. fn(arg) runs once in a worker. -1: no memory or no thread could be started. */
int workers_run(struct workers *workers, void (*fn)(void *arg), void *arg, struct cs_error *err);
/* Is anything queued or running? NULL: no. */
bool workers_are_busy(struct workers *workers);
/* Waits for what is queued and running, then joins the threads. NULL is allowed. */
void workers_free(struct workers *workers);

#endif
