/*
 * SIGHUP: the whole configuration is read anew while the server runs, and taken as a whole or not at all (docs/reload.md).
 * Called by serve.c. Loop thread only.
 */
#ifndef COMMAND_SERVE_RELOAD_H
#define COMMAND_SERVE_RELOAD_H

#include "command/serve.h"

struct serve_reload;
struct serve_reload *serve_reload_new(struct server *server, struct cs_error *err); /* NULL: no memory */

/* SIGHUP came. During the start or another reload that is remembered; when the server stops, it is not done. */
void serve_reload(struct serve_reload *reload);
/* The server serves now: what came before is done. */
void serve_reload_begin(struct serve_reload *reload);

/* Its thread reads; nothing that it uses may go. NULL is allowed. */
bool serve_reload_busy(const struct serve_reload *reload);
void serve_reload_free(struct serve_reload *reload); /* when it is not busy; NULL is allowed */

#endif
