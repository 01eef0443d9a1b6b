/*
 * The stop of a running server, in three phases: requests under way may finish (`stop`); then orders are suspended at their
 * saved step and those who wait get a retryable answer; then everything is closed. Called by serve.c. Loop thread only.
 */
#ifndef COMMAND_SERVE_STOP_H
#define COMMAND_SERVE_STOP_H

#include "command/serve.h"

/* A signal says so: begin with the first phase. A second one, or one before the server serves, skips it. */
void serve_stop(struct server *server, int signal);

/* The second phase at once. The loop ends when everything came to rest, or after SERVE_CLOSING_MS with `gave_up`. */
void serve_stop_now(struct server *server);

#endif
