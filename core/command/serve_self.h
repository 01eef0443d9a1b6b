/*
 * Certificates that the server gets for its own listeners, `certificate = "self:NAME"`: docs/self.md. Kept by serve.c; one for
 * each name, however many listeners have it. Orders go through request_submit(), as everybody's. Loop thread only.
 */
#ifndef COMMAND_SERVE_SELF_H
#define COMMAND_SERVE_SELF_H

#include "command/serve_listeners.h"
#include "request/heart.h"

struct serve_self;

/* As the server's user, before the listeners have certificates: what is stored is looked at, or something put there that
 * stands in. NULL: CS_ECONFIG with the file and what to do. The settings outlive it. */
struct serve_self *serve_self_open(struct loop *loop, const struct settings *settings, struct cs_error *err);

/* At the start, when the listeners have their client CAs: they show what is stored. CS_ECONFIG with the file. */
int serve_self_show(const struct serve_self *self, struct serve_listeners *listeners, struct cs_error *err);

/* A new configuration: are the names of its own certificates the same? Otherwise a restart is needed. Any thread. */
bool serve_self_fits(const struct serve_self *self, const struct settings *settings);

/* The server takes requests: order what is due, now and later. New certificates go to the listeners that have that name. */
void serve_self_begin(struct serve_self *self, struct heart *heart, struct serve_listeners *listeners);

/* No new orders: the heart is about to stop. */
void serve_self_stop(struct serve_self *self);

/* Why a listener has nothing that clients could believe; NULL: each has. For /readyz. */
const char *serve_self_trouble(const struct serve_self *self);

/* Before /metrics is written. */
void serve_self_measure(const struct serve_self *self, struct metrics *metrics);

void serve_self_free(struct serve_self *self); /* before the heart; NULL is allowed */

#endif
