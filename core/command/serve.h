/*
 * A running server: what serve.c puts together, and what serve_stop.c takes apart in phases. Only the files serve*.c know it.
 */
#ifndef COMMAND_SERVE_H
#define COMMAND_SERVE_H

#include "command/gauges.h"
#include "command/sandbox.h"
#include "command/serve_keys.h"
#include "command/serve_listeners.h"
#include "command/serve_records.h"
#include "command/serve_self.h"
#include "command/setup.h"
#include "engine/http_client.h"
#include "engine/inherited.h"
#include "engine/notify.h"
#include "engine/timer.h"
#include "request/heart.h"

#define SERVE_LOG_WHO    "serve"
#define SERVE_CLOSING_MS (10 * 1000) /* for plugins to finish, once they were told to */

enum serve_phase { SERVE_STARTING, SERVE_SERVING, SERVE_DRAINING, SERVE_CLOSING };

struct server {
    struct setup setup;
    struct loop *loop;
    struct http_client *client;
    struct instances *instances;
    struct records records;
    struct metrics *metrics;
    struct serve_keys *blocked_keys;
    struct serve_self *self;
    struct heart *heart;
    struct http_server *http;
    struct serve_listeners *listeners;
    const char *config_path;
    struct serve_reload *reload;
    struct notify notify; /* the service manager */
    struct inherited_list inherited; /* its sockets */
    struct sandbox sandbox;
    struct event *signals[3];
    struct timer look, limit;
    enum serve_phase phase;
    bool controlled; /* the control socket's file is ours */
    bool failed;
    bool gave_up; /* a plugin has not finished: its threads still use what close_all() would release */
};

/* serve.c: figures for /metrics. */
struct gauges serve_gauges(const struct server *server);
/* serve.c: clients get what the server itself does not need, whatever the settings say. CS_ECONFIG when that is nothing. */
int serve_share_descriptors(struct settings *settings, struct cs_error *err);

#endif
