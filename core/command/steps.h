/*
 * `countersign plugin test INSTANCE --zone ZONE --steps -`: changes as JSON lines in, results as JSON lines out, in order; for
 * scripts that drive a plugin. Called by plugin_test.c.
 */
#ifndef COMMAND_STEPS_H
#define COMMAND_STEPS_H

#include "command/lone.h"

/* Until the end of `fd`, which is read without holding up the plugin. `zone` without a trailing dot. Returns 0, 1 when a step
 * failed, -1 and *err when `fd` cannot be read. */
int steps_run(struct lone *lone, const char *zone, int fd, struct cs_error *err);

#endif
