/*
 * `countersign serve`: puts the server together in the start order, runs it, and takes it apart in reverse.
 *
 * Start: read the file, bind every `listen`, become `user`, lock the state folder, load the plugins, give up the files that
 * nobody named (all with one thread); then read TLS keys, open the store, audit, dns, ca, start each, give up the system calls
 * that nobody needs, take up the jobs of an earlier run, accept, and tell the service manager.
 * What listens is in serve_listeners.c, SIGHUP in serve_reload.c, the stop in serve_stop.c.
 */
#include <event2/event.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "command/command.h"
#include "command/descriptors.h"
#include "command/serve_control.h"
#include "command/serve_reload.h"
#include "command/serve_stop.h"
#include "engine/log.h"
#include "engine/wait.h"
#include "http/server.h"

#define LOG_WHO SERVE_LOG_WHO

/* ---- Start: while there is one thread ---- */

/* A second server on the same state meets its own port first: then the pid says more than the port. */
static int bind_or_say_who_runs(struct server *s, struct cs_error *err)
{
    struct cs_error why = { 0 };
    char holder[32];

    if (serve_listeners_bind(s->listeners, &why) == 0 && instances_bind(s->instances, &why) == 0 &&
        inherited_check_none_left(&why) == 0 && inherited_list(&s->inherited, &why) == 0)
        return 0;
    *err = why;
    setup_state_holder(&s->setup, holder);
    if (*holder)
        cs_fail_as(err, why.code, why.reason, "%.350s (a server runs on %.100s already: process %s)", why.text,
                   s->setup.settings.state, holder);
    return -1;
}

static int make_parts(struct server *s, struct cs_error *err)
{
    s->loop = loop_new(err);
    if (!s->loop)
        return -1;
    s->client = http_client_new(s->loop, "countersign/" CS_VERSION, DESCRIPTORS_TRANSFERS, err);
    if (!s->client)
        return -1;
    s->metrics = metrics_new();
    if (!s->metrics)
        return cs_fail(err, CS_EINTERNAL, "out of memory");
    s->listeners = serve_listeners_new(&s->setup.settings, err);
    if (!s->listeners)
        return -1;
    s->instances = instances_new(s->loop, s->client, &s->setup.settings, s->setup.config, err);
    return s->instances ? 0 : -1;
}

/* ---- Start: as `user` ---- */

/* Before any order is taken up: a key that cannot be read stops the start. */
static int read_keys(struct server *s, struct cs_error *err)
{
    struct blocked_keys *list;

    s->self = serve_self_open(s->loop, &s->setup.settings, err);
    if (!s->self || serve_listeners_read_keys(s->listeners, NULL, err) < 0 ||
        serve_self_show(s->self, s->listeners, err) < 0)
        return -1;
    s->blocked_keys = serve_keys_new(err);
    list = s->blocked_keys ? serve_keys_read_wait(&s->setup.settings, err) : NULL;
    if (!list)
        return -1;
    serve_keys_take(s->blocked_keys, list, s->setup.settings.n_blocked_keys);
    return 0;
}

static int load_plugins(struct server *s, struct cs_error *err)
{
    if (instances_load(s->instances, s->setup.user, s->setup.starter, err) == 0)
        return 0;
    if (config_complaint_count(s->setup.config))
        fputs(config_complaints(s->setup.config), stderr);
    return -1;
}

static int open_records(struct server *s, struct cs_error *err)
{
    return records_open(&s->records, s->loop, s->instances, s->metrics, &s->setup.settings, err);
}

static int open_heart(struct server *s, struct cs_error *err)
{
    const struct heart with = {
        .loop = s->loop,
        .store = s->records.store,
        .instances = s->instances,
        .outbox = s->records.outbox,
        .visits = s->records.visits,
        .metrics = s->metrics,
        .settings = &s->setup.settings,
        .blocked_keys = serve_keys_list(s->blocked_keys),
        .is_listener_key = serve_listeners_hold_key,
        .listeners = s->listeners,
        .breakers = true,
    };

    if (instances_open(s->instances, ROLE_DNS, err) < 0 || instances_open(s->instances, ROLE_CA, err) < 0)
        return -1;
    if (instances_start(s->instances, err) < 0)
        return -1;
    s->heart = heart_new(&with, err);
    return s->heart ? 0 : -1;
}

/* ---- The admin listener's questions ---- */

static void tell_ready(void *arg, struct admin_ready *ready)
{
    const struct server *s = arg;
    const char *trouble = store_trouble(s->records.store), *certificate = serve_self_trouble(s->self);

    if (s->phase != SERVE_SERVING)
        admin_not_ready(ready, "server", "it is stopping");
    if (trouble)
        admin_not_ready(ready, "store", trouble);
    if (certificate)
        admin_not_ready(ready, "certificate", certificate);
}

struct gauges serve_gauges(const struct server *s)
{
    const struct records *r = &s->records;

    return (struct gauges){ .metrics = s->metrics, .settings = &s->setup.settings, .instances = s->instances, .store = r->store,
                            .visits = r->visits, .outbox = r->outbox, .ledger = r->ledger, .heart = s->heart,
                            .visits_are_lost = r->visits_are_lost };
}

static void refresh_metrics(void *arg)
{
    const struct gauges gauges = serve_gauges(arg);

    gauges_refresh(&gauges);
    serve_self_measure(((struct server *)arg)->self, gauges.metrics);
}

static void begin_metrics(struct server *s)
{
    const struct gauges gauges = serve_gauges(s);

    gauges_begin(&gauges);
    sandbox_measure(&s->sandbox, s->metrics);
    metrics_on_write(s->metrics, refresh_metrics, s);
}

/* ---- Accept ---- */

static int open_http(struct server *s, struct cs_error *err)
{
    const struct settings *settings = &s->setup.settings;
    const struct http_settings with = { .wait_ms = settings->wait_ms,
                                        .max_connections = (size_t)settings->max_connections,
                                        .visits = s->records.visits,
                                        .visits_are_lost = s->records.visits_are_lost,
                                        .proxies = settings->proxies,
                                        .n_proxies = settings->n_proxies,
                                        .limits = &settings->limits };

    s->http = http_server_new(s->loop, s->heart, s->metrics, &with, err);
    if (!s->http)
        return -1;
    http_server_on_ready(s->http, tell_ready, s);
    begin_metrics(s);
    if (serve_control_open(s->http, settings, s->heart, s->records.visits, err) < 0)
        return -1;
    s->controlled = true;
    return serve_listeners_accept(s->listeners, s->http, err);
}

static void tell_sinks(struct server *s, const char *kind)
{
    static const char version[] = "{\"version\":\"" CS_VERSION "\"}";

    outbox_tell(s->records.outbox, kind, version, strlen(version));
}

static void say_why_not(struct server *s, const struct cs_error *err)
{
    struct text status = TEXT_MAX(600);

    log_line(CS_LOG_ERROR, LOG_WHO, "", "cannot start: %s", err->text);
    text_addf(&status, "cannot start: %s", err->text);
    notify_status(&s->notify, text_of(&status));
    text_free(&status);
    s->failed = true;
}

/* Orders of an earlier run may be under way already: they are suspended again before anything is taken apart. */
static void on_resumed(void *arg, const struct cs_error *err)
{
    struct server *s = arg;
    struct cs_error failure;

    if (s->phase != SERVE_STARTING)
        return;
    if (!err && open_http(s, &failure) == 0) {
        s->phase = SERVE_SERVING;
        serve_self_begin(s->self, s->heart, s->listeners);
        tell_sinks(s, "started");
        log_line(CS_LOG_INFO, LOG_WHO, "", "ready version=%s", CS_VERSION);
        notify_ready(&s->notify, s->loop, "serving");
        serve_reload_begin(s->reload);
        return;
    }
    say_why_not(s, err ? err : &failure);
    serve_stop_now(s);
}

/* ---- Signals ---- */

static void on_stop_signal(evutil_socket_t number, short events, void *arg)
{
    (void)events;
    serve_stop(arg, (int)number);
}

static void on_hangup(evutil_socket_t number, short events, void *arg)
{
    const struct server *s = arg;

    (void)number, (void)events;
    if (s->reload)
        serve_reload(s->reload);
}

static int watch_signals(struct server *s, struct cs_error *err)
{
    static const int numbers[] = { SIGTERM, SIGINT, SIGHUP };

    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        s->signals[i] = evsignal_new(loop_base(s->loop), numbers[i], numbers[i] == SIGHUP ? on_hangup : on_stop_signal, s);
        if (!s->signals[i] || event_add(s->signals[i], NULL) < 0)
            return cs_fail(err, CS_EINTERNAL, "cannot watch for signals");
    }
    return 0;
}

/* What still belongs to the store is run, and its callbacks are heard, before anything that they point to is released. */
static void close_all(struct server *s)
{
    timer_clear(&s->look);
    timer_clear(&s->limit);
    serve_reload_free(s->reload);
    s->reload = NULL; /* a SIGHUP may still come while the loop turns below */
    notify_close(&s->notify);
    http_server_free(s->http);
    if (s->controlled)
        serve_control_remove(&s->setup.settings);
    if (s->loop)
        waits_end(s->loop);
    records_close(&s->records);
    if (s->loop)
        loop_run_once(s->loop, 0);
    http_client_free(s->client);
    if (s->instances)
        instances_free(s->instances);
    serve_self_free(s->self);
    heart_free(s->heart);
    serve_keys_free(s->blocked_keys);
    records_free(&s->records);
    metrics_free(s->metrics);
    for (size_t i = 0; i < sizeof s->signals / sizeof *s->signals; i++)
        if (s->signals[i])
            event_free(s->signals[i]);
    if (s->loop)
        loop_free(s->loop);
    serve_listeners_free(s->listeners);
    sandbox_free(&s->sandbox);
    free(s->inherited.v);
    setup_free(&s->setup);
}

int serve_share_descriptors(struct settings *settings, struct cs_error *err)
{
    const int64_t limit = descriptors_limit();
    int64_t clients;

    if (descriptors_share(settings, limit, &clients, err) < 0)
        return -1;
    if (clients < settings->max_connections)
        log_line(CS_LOG_WARN, LOG_WHO, "",
                 "max_connections is lowered: too few files may be open; raise LimitNOFILE= of the unit, or lower "
                 "max_connections limit=%" PRId64 " wanted=%" PRId64 " clients=%" PRId64,
                 limit, settings->max_connections, clients);
    settings->max_connections = clients;
    return 0;
}

static int start(struct server *s, struct cs_error *err)
{
    if (notify_open(&s->notify, err) < 0 || serve_share_descriptors(&s->setup.settings, err) < 0)
        return -1;
    if (make_parts(s, err) < 0 || bind_or_say_who_runs(s, err) < 0)
        return -1;
    if (setup_become_user(&s->setup, err) < 0 || setup_lock_state(&s->setup, err) < 0)
        return -1;
    if (load_plugins(s, err) < 0)
        return -1;
    sandbox_enter_files(&s->sandbox, s->setup.config, &s->setup.settings, s->instances);
    if (read_keys(s, err) < 0 || open_records(s, err) < 0 || open_heart(s, err) < 0)
        return -1;
    s->reload = serve_reload_new(s, err);
    if (!s->reload || watch_signals(s, err) < 0)
        return -1;
    sandbox_enter_calls(&s->sandbox);
    return 0;
}

int command_serve(const struct command_line *line)
{
    struct server s = { .config_path = line->config_path, .setup = { .state_lock = -1 }, .notify = { .fd = -1 } };
    struct cs_error err = { 0 };

    if (line->argc > 1) {
        fprintf(stderr, "countersign serve takes no arguments\n");
        return 2;
    }
    if (setup_read(&s.setup, line->config_path) < 0)
        return 1;
    if (settings_check_complete(s.setup.config, &s.setup.settings) < 0) {
        fputs(config_complaints(s.setup.config), stderr);
        setup_free(&s.setup);
        return 1;
    }
    log_setup(s.setup.settings.log_level);
    setup_process();
    if (start(&s, &err) < 0) {
        say_why_not(&s, &err);
    } else {
        heart_resume(s.heart, on_resumed, &s);
        loop_run(s.loop);
        tell_sinks(&s, "stopped");
        log_line(CS_LOG_INFO, LOG_WHO, "", "stopped");
    }
    if (s.gave_up) {
        visits_close(s.records.visits); /* they need no plugin but the store, and their keys must go */
        _exit(s.failed ? 1 : 0);
    }
    close_all(&s);
    return s.failed ? 1 : 0;
}
