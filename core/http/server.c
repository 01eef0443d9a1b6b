/*
 * Joins listeners, connections and handlers to a server, and stops them; see server.h. Called by command/serve.c.
 */
#include "http/server.h"

#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

#include "engine/timer.h"
#include "http/api.h"
#include "http/connection.h"
#include "http/listener.h"

#define ADMIN_CONNECTIONS   64
#define CONTROL_CONNECTIONS 16
#define LAST_WORDS_MS       2000

struct http_server {
    struct loop *loop;
    struct api api;
    struct admin admin;
    struct control control;
    struct service public_service, admin_service, control_service;
    struct listener **listeners;
    size_t n_listeners;
    admin_ready_fn *ask;
    void *ask_arg;
    bool draining, cut;
    struct timer limit, report;
    void (*done)(void *arg);
    void *done_arg;
};

static void on_drained(void *arg)
{
    struct http_server *server = arg;

    timer_clear(&server->limit);
    server->done(server->done_arg);
}

static void on_room(void *arg)
{
    struct http_server *server = arg;

    for (size_t i = 0; i < server->n_listeners; i++)
        listener_room(server->listeners[i]);
    if (server->draining && http_server_connections(server) == 0)
        timer_set_in(server->loop, &server->report, 0, on_drained, server);
}

static void tell_ready(void *arg, struct admin_ready *ready)
{
    struct http_server *server = arg;

    if (server->draining)
        admin_not_ready(ready, "http", "the server is stopping");
    if (server->ask)
        server->ask(server->ask_arg, ready);
}

static int set_up_limits(struct http_server *server, const struct http_settings *settings, struct cs_error *err)
{
    if (!settings->limits)
        return 0;
    server->api.limits = limits_new(server->loop, server->api.metrics, settings->limits, settings->max_connections, err);
    return server->api.limits ? 0 : -1;
}

int http_server_set_limits(struct http_server *server, const struct limits_settings *limits, struct cs_error *err)
{
    return server->api.limits ? limits_set(server->api.limits, limits, err) : 0;
}

size_t http_server_most_connections(const struct http_server *server)
{
    return server->api.limits ? limits_most_connections(server->api.limits) : SIZE_MAX / 2;
}

struct http_server *http_server_new(struct loop *loop, struct heart *heart, struct metrics *metrics,
                                    const struct http_settings *settings, struct cs_error *err)
{
    struct http_server *server = calloc(1, sizeof *server);
    struct service service = { .loop = loop,
                               .metrics = metrics,
                               .deadlines = settings->deadlines ? *settings->deadlines : service_usual_deadlines,
                               .on_room = on_room,
                               .room = server };

    if (!server) {
        cs_fail(err, CS_EBUSY, "cannot make the HTTP server: no memory");
        return NULL;
    }
    server->loop = loop;
    server->api = (struct api){
        .heart = heart, .metrics = metrics, .visits = settings->visits, .visits_are_lost = settings->visits_are_lost,
        .wait_ms = settings->wait_ms
    };
    if (proxies_read(&server->api.proxies, settings->proxies, settings->n_proxies, err) < 0 ||
        set_up_limits(server, settings, err) < 0) {
        proxies_clear(&server->api.proxies);
        free(server);
        return NULL;
    }
    server->admin = (struct admin){ .metrics = metrics, .ask = tell_ready, .arg = server };
    service_declare(metrics);
    server->public_service = server->admin_service = server->control_service = service;
    server->public_service.name = "public";
    server->public_service.max_connections = settings->max_connections;
    server->public_service.limits = server->api.limits;
    server->public_service.proxies = &server->api.proxies;
    server->public_service.check = api_check;
    server->public_service.handle = api_handle;
    server->public_service.handler = &server->api;
    server->admin_service.name = "admin";
    server->admin_service.max_connections = ADMIN_CONNECTIONS;
    server->admin_service.check = admin_check;
    server->admin_service.handle = admin_handle;
    server->admin_service.handler = &server->admin;
    server->control_service.name = "control";
    server->control_service.max_connections = CONTROL_CONNECTIONS;
    server->control_service.admit = control_admit;
    server->control_service.check = control_check;
    server->control_service.handle = control_handle;
    server->control_service.handler = &server->control;
    return server;
}

void http_server_on_ready(struct http_server *server, admin_ready_fn *ask, void *arg)
{
    server->ask = ask;
    server->ask_arg = arg;
}

static struct listener *listen_for(struct http_server *server, struct service *service, int fd, SSL_CTX *tls,
                                   struct cs_error *err)
{
    struct listener **more = realloc(server->listeners, (server->n_listeners + 1) * sizeof *more);
    struct listener *listener;

    if (!more) {
        close(fd);
        cs_fail(err, CS_EBUSY, "cannot listen: no memory");
        return NULL;
    }
    server->listeners = more;
    listener = listener_new(service, fd, tls, err);
    if (listener)
        more[server->n_listeners++] = listener;
    return listener;
}

struct listener *http_server_listen(struct http_server *server, int fd, SSL_CTX *tls, enum http_listen what,
                                    struct cs_error *err)
{
    struct service *service = what == HTTP_ADMIN ? &server->admin_service : &server->public_service;
    struct listener *listener = listen_for(server, service, fd, tls, err);

    if (listener && what == HTTP_PROXY_HEADERS)
        listener_expect_proxy_header(listener, true);
    return listener;
}

void http_server_unlisten(struct http_server *server, struct listener *listener)
{
    size_t i = 0;

    while (server->listeners[i] != listener)
        i++;
    server->listeners[i] = server->listeners[--server->n_listeners];
    listener_give_up(listener);
}

int http_server_control(struct http_server *server, int fd, const struct control *control, struct cs_error *err)
{
    server->control = *control;
    return listen_for(server, &server->control_service, fd, NULL, err) ? 0 : -1;
}

void http_server_change(struct http_server *server, int64_t wait_ms, size_t max_connections, struct proxies *proxies)
{
    server->api.wait_ms = wait_ms;
    assert(max_connections <= http_server_most_connections(server));
    server->public_service.max_connections = max_connections;
    proxies_clear(&server->api.proxies);
    server->api.proxies = *proxies;
    *proxies = (struct proxies){ 0 };
    for (size_t i = 0; i < server->n_listeners; i++)
        listener_room(server->listeners[i]);
}

static void close_listeners(struct http_server *server)
{
    for (size_t i = 0; i < server->n_listeners; i++)
        listener_free(server->listeners[i]);
    free(server->listeners);
    server->listeners = NULL;
    server->n_listeners = 0;
}

static void on_limit(void *arg)
{
    struct http_server *server = arg;

    if (!server->cut) {
        server->cut = true;
        timer_set_in(server->loop, &server->limit, 2 * LAST_WORDS_MS, on_limit, server);
        connection_cut_all(&server->public_service, LAST_WORDS_MS);
        connection_cut_all(&server->admin_service, LAST_WORDS_MS);
        connection_cut_all(&server->control_service, LAST_WORDS_MS);
        return;
    }
    connection_close_all(&server->public_service);
    connection_close_all(&server->admin_service);
    connection_close_all(&server->control_service);
}

void http_server_drain(struct http_server *server, int64_t deadline_ms, void (*done)(void *arg), void *arg)
{
    server->done = done;
    server->done_arg = arg;
    server->draining = true;
    close_listeners(server);
    timer_set_at(server->loop, &server->limit, deadline_ms, on_limit, server);
    connection_drain_all(&server->public_service);
    connection_drain_all(&server->admin_service);
    connection_drain_all(&server->control_service);
    if (http_server_connections(server) == 0)
        timer_set_in(server->loop, &server->report, 0, on_drained, server);
}

size_t http_server_connections(const struct http_server *server)
{
    return server->public_service.n_connections + server->admin_service.n_connections + server->control_service.n_connections;
}

void http_server_free(struct http_server *server)
{
    if (!server)
        return;
    server->draining = false;
    close_listeners(server);
    connection_close_all(&server->public_service);
    connection_close_all(&server->admin_service);
    connection_close_all(&server->control_service);
    timer_clear(&server->limit);
    timer_clear(&server->report);
    limits_free(server->api.limits);
    proxies_clear(&server->api.proxies);
    free(server);
}
