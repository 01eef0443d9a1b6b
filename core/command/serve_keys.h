/*
 * The list of blocked keys of a server that runs: read at the start, and again when SIGHUP says that its files have changed.
 * Called by serve.c. Loop thread only.
 */
#ifndef COMMAND_SERVE_KEYS_H
#define COMMAND_SERVE_KEYS_H

#include "engine/loop.h"
#include "plugin/settings.h"
#include "request/blocked_keys.h"

struct serve_keys;

/* Waits for the disk. CS_ECONFIG "FILE:LINE: …". The settings outlive it. */
struct serve_keys *serve_keys_open(struct loop *loop, const struct settings *settings, struct cs_error *err);

/* For struct heart: where the list of now is. */
const struct blocked_keys *const *serve_keys_list(const struct serve_keys *keys);

/* Read the files in a thread of its own; a list with a fault changes nothing, and the log says which it is. */
void serve_keys_reload(struct serve_keys *keys);

void serve_keys_free(struct serve_keys *keys); /* waits for such a thread, before loop_free(); NULL is allowed */

#endif
