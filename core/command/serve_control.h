/*
 * The control socket of a server that runs: bound at the end of the start, removed at the stop. Called by serve.c.
 */
#ifndef COMMAND_SERVE_CONTROL_H
#define COMMAND_SERVE_CONTROL_H

#include "http/server.h"
#include "plugin/settings.h"
#include "records/visits.h"

/* Listen on RUNTIME/control.sock, as the server's user; that of a server which is gone is replaced. `visits` NULL: none
 * are recorded. -1: CS_ECONFIG with what to do. */
int serve_control_open(struct http_server *http, const struct settings *settings, struct heart *heart, struct visits *visits,
                       struct cs_error *err);

/* Remove the socket's file, if that is ours: serve_control_open() worked. */
void serve_control_remove(const struct settings *settings);

#endif
