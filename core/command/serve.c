/*
 * `countersign serve`: puts the server together in the start order, runs it, and takes it apart in reverse.
 *
 * Start: read the file, bind every `listen`, become `user`, lock the state folder (all with one thread); then load the plugins,
 * read TLS keys, open the store, audit, dns, ca, start each, take up the jobs of an earlier run, accept.
 * Stop, in three phases: requests under way may finish (`stop`); then orders are suspended at their saved step and those who
 * wait get a retryable answer; then everything is closed. A second signal skips the first phase.
 */
#include <event2/event.h>
#include <inttypes.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "command/command.h"
#include "command/descriptors.h"
#include "command/gauges.h"
#include "command/serve_control.h"
#include "command/serve_keys.h"
#include "command/serve_records.h"
#include "command/setup.h"
#include "engine/http_client.h"
#include "engine/log.h"
#include "engine/timer.h"
#include "engine/wait.h"
#include "http/server.h"
#include "request/heart.h"

#define LOG_WHO       "serve"
#define CLOSING_MS    (10 * 1000) /* for plugins to finish, once they were told to */
#define LOOK_AGAIN_MS 20

enum phase { STARTING, SERVING, DRAINING, CLOSING };

struct server {
    struct setup setup;
    struct loop *loop;
    struct http_client *client;
    struct instances *instances;
    struct records records;
    struct metrics *metrics;
    struct serve_keys *blocked_keys;
    struct heart *heart;
    struct http_server *http;
    int *listen_fds; /* bound, one for each `listen` */
    SSL_CTX **tls;   /* one for each `listen`, NULL where it is plain, and one more for `admin` */
    int admin_fd;
    struct event *signals[3];
    struct timer look, limit;
    enum phase phase;
    bool controlled; /* the control socket's file is ours */
    bool failed;
    bool gave_up; /* a plugin has not finished: its threads still use what close_all() would release */
};

/* ---- Start: while there is one thread ---- */

static int bind_one(const struct listen_settings *l, int *fd, struct cs_error *err)
{
    struct sockaddr_storage address;
    socklen_t len;
    char text[128];

    if (address_parse(l->address, (uint16_t)l->port, &address, &len, err) < 0)
        return -1;
    *fd = socket_listen((const struct sockaddr *)&address, len, SOCK_STREAM, err);
    if (*fd < 0)
        return -1;
    address_text(text, (const struct sockaddr *)&address, len);
    log_line(CS_LOG_INFO, LOG_WHO, "", "listening on=%s tls=%s", text, l->certificate ? "yes" : "no");
    return 0;
}

static int bind_all(struct server *s, struct cs_error *err)
{
    const struct settings *settings = &s->setup.settings;

    s->listen_fds = calloc(settings->n_listen + 1, sizeof *s->listen_fds);
    if (!s->listen_fds)
        return cs_fail(err, CS_EINTERNAL, "out of memory");
    for (size_t i = 0; i < settings->n_listen; i++)
        s->listen_fds[i] = -1;
    for (size_t i = 0; i < settings->n_listen; i++)
        if (bind_one(&settings->listen[i], &s->listen_fds[i], err) < 0)
            return -1;
    if (settings->admin.address && bind_one(&settings->admin, &s->admin_fd, err) < 0)
        return -1;
    return instances_bind(s->instances, err);
}

/* A second server on the same state meets its own port first: then the pid says more than the port. */
static int bind_or_say_who_runs(struct server *s, struct cs_error *err)
{
    struct cs_error why = { 0 };
    char holder[32];

    if (bind_all(s, &why) == 0)
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
    s->instances = instances_new(s->loop, s->client, &s->setup.settings, s->setup.config, err);
    return s->instances ? 0 : -1;
}

/* ---- Start: as `user` ---- */

static int read_key(const struct listen_settings *l, SSL_CTX **tls, struct cs_error *err)
{
    if (!l->certificate)
        return 0;
    *tls = tls_context_new(l->certificate, l->key, err);
    return *tls ? 0 : -1;
}

/* Before any order is taken up: a key that cannot be read stops the start. */
static int read_keys(struct server *s, struct cs_error *err)
{
    const struct settings *settings = &s->setup.settings;

    s->tls = calloc(settings->n_listen + 1, sizeof *s->tls);
    if (!s->tls)
        return cs_fail(err, CS_EINTERNAL, "out of memory");
    for (size_t i = 0; i < settings->n_listen; i++)
        if (read_key(&settings->listen[i], &s->tls[i], err) < 0)
            return -1;
    if (read_key(&settings->admin, &s->tls[settings->n_listen], err) < 0)
        return -1;
    s->blocked_keys = serve_keys_open(s->loop, settings, err);
    return s->blocked_keys ? 0 : -1;
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
    const char *trouble = store_trouble(s->records.store);

    if (s->phase != SERVING)
        admin_not_ready(ready, "server", "it is stopping");
    if (trouble)
        admin_not_ready(ready, "store", trouble);
}

static struct gauges gauges_of(const struct server *s)
{
    const struct records *r = &s->records;

    return (struct gauges){ .metrics = s->metrics, .settings = &s->setup.settings, .instances = s->instances, .store = r->store,
                            .visits = r->visits, .outbox = r->outbox, .ledger = r->ledger, .heart = s->heart,
                            .visits_are_lost = r->visits_are_lost };
}

static void refresh_metrics(void *arg)
{
    const struct gauges gauges = gauges_of(arg);

    gauges_refresh(&gauges);
}

static void begin_metrics(struct server *s)
{
    const struct gauges gauges = gauges_of(s);

    gauges_begin(&gauges);
    metrics_on_write(s->metrics, refresh_metrics, s);
}

/* ---- Accept ---- */

static int listen_on(struct server *s, int *fd, SSL_CTX *tls, enum http_listen what, struct cs_error *err)
{
    const int bound = *fd;

    *fd = -1;
    return http_server_listen(s->http, bound, tls, what, err);
}

static int open_http(struct server *s, struct cs_error *err)
{
    const struct settings *settings = &s->setup.settings;
    const struct http_settings with = { .wait_ms = settings->wait_ms,
                                        .max_connections = (size_t)settings->max_connections,
                                        .visits = s->records.visits,
                                        .visits_are_lost = s->records.visits_are_lost,
                                        .proxies = settings->proxies,
                                        .n_proxies = settings->n_proxies };

    s->http = http_server_new(s->loop, s->heart, s->metrics, &with, err);
    if (!s->http)
        return -1;
    http_server_on_ready(s->http, tell_ready, s);
    begin_metrics(s);
    if (serve_control_open(s->http, settings, s->records.visits, err) < 0)
        return -1;
    s->controlled = true;
    for (size_t i = 0; i < settings->n_listen; i++)
        if (listen_on(s, &s->listen_fds[i], s->tls[i],
                      settings->listen[i].proxy_protocol ? HTTP_PROXY_HEADERS : HTTP_PUBLIC, err) < 0)
            return -1;
    return settings->admin.address ? listen_on(s, &s->admin_fd, s->tls[settings->n_listen], HTTP_ADMIN, err) : 0;
}

static void close_down(void *arg);

static void tell_sinks(struct server *s, const char *kind)
{
    static const char version[] = "{\"version\":\"" CS_VERSION "\"}";

    outbox_tell(s->records.outbox, kind, version, strlen(version));
}

/* Orders of an earlier run may be under way already: they are suspended again before anything is taken apart. */
static void on_resumed(void *arg, const struct cs_error *err)
{
    struct server *s = arg;
    struct cs_error failure;

    if (s->phase != STARTING)
        return;
    if (!err && open_http(s, &failure) == 0) {
        s->phase = SERVING;
        tell_sinks(s, "started");
        log_line(CS_LOG_INFO, LOG_WHO, "", "ready version=%s", CS_VERSION);
        return;
    }
    log_line(CS_LOG_ERROR, LOG_WHO, "", "cannot start: %s", err ? err->text : failure.text);
    s->failed = true;
    close_down(s);
}

/* ---- Stop ---- */

static size_t connections(const struct server *s)
{
    return s->http ? http_server_connections(s->http) : 0;
}

/* look_whether_drained() asks for it, together with the orders. */
static void on_drained(void *arg)
{
    (void)arg;
}

static void drain_connections(struct server *s, int64_t ms)
{
    if (s->http)
        http_server_drain(s->http, cs_now_ms() + ms, on_drained, s);
}

static void look_whether_closed(void *arg)
{
    struct server *s = arg;

    if (heart_busy(s->heart) || instances_calls(s->instances) || connections(s))
        timer_set_in(s->loop, &s->look, LOOK_AGAIN_MS, look_whether_closed, s);
    else
        loop_stop(s->loop);
}

static void give_up(void *arg)
{
    struct server *s = arg;

    log_line(CS_LOG_WARN, LOG_WHO, "",
             "not everything came to rest calls=%zu busy=%zu: what is left goes on after the next start",
             instances_calls(s->instances), heart_busy(s->heart));
    s->gave_up = true;
    loop_stop(s->loop);
}

static void close_down(void *arg)
{
    struct server *s = arg;

    if (s->phase == CLOSING)
        return;
    if (s->phase == STARTING)
        drain_connections(s, CLOSING_MS / 2);
    s->phase = CLOSING;
    heart_stop(s->heart);
    instances_stop(s->instances);
    timer_set_in(s->loop, &s->limit, CLOSING_MS, give_up, s);
    timer_set_in(s->loop, &s->look, 0, look_whether_closed, s);
}

static void look_whether_drained(void *arg)
{
    struct server *s = arg;

    if (s->phase != DRAINING)
        return;
    if (heart_busy(s->heart) || connections(s))
        timer_set_in(s->loop, &s->look, LOOK_AGAIN_MS, look_whether_drained, s);
    else
        close_down(s);
}

static void on_stop_signal(evutil_socket_t number, short events, void *arg)
{
    struct server *s = arg;

    (void)events;
    log_line(CS_LOG_INFO, LOG_WHO, "", "stopping signal=%d waiting=%zu orders=%zu", (int)number, s->heart->in_flight,
             heart_orders(s->heart));
    if (s->phase != SERVING) {
        close_down(s);
        return;
    }
    s->phase = DRAINING;
    drain_connections(s, s->setup.settings.stop_ms + CLOSING_MS / 2);
    timer_set_in(s->loop, &s->limit, s->setup.settings.stop_ms, close_down, s);
    timer_set_in(s->loop, &s->look, 0, look_whether_drained, s);
}

static void on_hangup(evutil_socket_t number, short events, void *arg)
{
    struct server *s = arg;

    (void)number, (void)events;
    log_line(CS_LOG_INFO, LOG_WHO, "",
             "SIGHUP: audit sinks open their files anew, blocked keys are read; the configuration is read at the start only");
    serve_keys_reload(s->blocked_keys);
    outbox_reopen(s->records.outbox);
    ledger_reopen(s->records.ledger);
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
    heart_free(s->heart);
    serve_keys_free(s->blocked_keys);
    records_free(&s->records);
    metrics_free(s->metrics);
    for (size_t i = 0; i < sizeof s->signals / sizeof *s->signals; i++)
        if (s->signals[i])
            event_free(s->signals[i]);
    if (s->loop)
        loop_free(s->loop);
    for (size_t i = 0; s->listen_fds && i < s->setup.settings.n_listen; i++)
        if (s->listen_fds[i] >= 0)
            close(s->listen_fds[i]);
    if (s->admin_fd >= 0)
        close(s->admin_fd);
    free(s->listen_fds);
    for (size_t i = 0; s->tls && i <= s->setup.settings.n_listen; i++)
        SSL_CTX_free(s->tls[i]);
    free(s->tls);
    setup_free(&s->setup);
}

/* Clients get what the server itself does not need, whatever the settings say. */
static int share_descriptors(struct settings *settings, struct cs_error *err)
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
    if (share_descriptors(&s->setup.settings, err) < 0)
        return -1;
    if (make_parts(s, err) < 0 || bind_or_say_who_runs(s, err) < 0)
        return -1;
    if (setup_become_user(&s->setup, err) < 0 || setup_lock_state(&s->setup, err) < 0)
        return -1;
    if (load_plugins(s, err) < 0 || read_keys(s, err) < 0 || open_records(s, err) < 0 || open_heart(s, err) < 0)
        return -1;
    return watch_signals(s, err);
}

int command_serve(const struct command_line *line)
{
    struct server s = { .admin_fd = -1, .setup = { .state_lock = -1 } };
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
        log_line(CS_LOG_ERROR, LOG_WHO, "", "cannot start: %s", err.text);
        s.failed = true;
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
