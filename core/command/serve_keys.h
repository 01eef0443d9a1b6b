/*
 * The list of blocked keys of a server that runs: read at the start, and again with each new configuration. Called by serve.c
 * and serve_reload.c. Loop thread only, unless said.
 */
#ifndef COMMAND_SERVE_KEYS_H
#define COMMAND_SERVE_KEYS_H

#include "plugin/settings.h"
#include "request/blocked_keys.h"

struct serve_keys;

/* The files that the settings name. Waits for the disk; any thread. NULL and CS_ECONFIG "FILE:LINE: …". */
struct blocked_keys *serve_keys_read_wait(const struct settings *settings, struct cs_error *err);

struct serve_keys *serve_keys_new(struct cs_error *err); /* without a list; NULL: no memory */
/* Takes the list of `files` files; the one before is freed. */
void serve_keys_take(struct serve_keys *keys, struct blocked_keys *list, size_t files);

/* For struct heart: where the list of now is. */
const struct blocked_keys *const *serve_keys_list(const struct serve_keys *keys);

void serve_keys_free(struct serve_keys *keys); /* NULL is allowed */

#endif
