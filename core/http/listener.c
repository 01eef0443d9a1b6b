/*
 * Accepts clients; see listener.h. Called by server.c.
 */
#include "http/listener.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <event2/listener.h>

#include "engine/log.h"
#include "engine/timer.h"
#include "http/connection.h"
#include "http/trust.h"

#define REST_MS     100   /* after a failed accept() */
#define MOST_IN_A_TURN 32 /* turned away, before something else gets its turn */
#define SAY_AGAIN_MS 10000 /* a failure that goes on is logged no more often */

struct listener {
    struct service *service;
    struct evconnlistener *events;
    struct connection_entry entry; /* its peer is each client's */
    bool full; /* accepts again when a connection has ended */
    struct timer rest;
    int64_t said_ms;
    unsigned turned_away;
};

static bool is_full(const struct service *service)
{
    return service->n_connections >= service->max_connections;
}

/* Of a unix socket the family is enough. */
static struct peer peer_of(const struct sockaddr *address, int len)
{
    struct peer peer = { 0 };

    if (len <= 0 || (size_t)len > sizeof peer.address) {
        peer.address.any.sa_family = len > 0 ? address->sa_family : AF_UNSPEC;
        peer.len = sizeof peer.address.any.sa_family;
        return peer;
    }
    memcpy(&peer.address, address, (size_t)len);
    peer.len = (socklen_t)len;
    return peer;
}

static void on_rested(void *arg)
{
    struct listener *listener = arg;

    if (!listener->full)
        evconnlistener_enable(listener->events);
}

/* What was closed gives its descriptor back at the end of this turn of the loop: the next client waits for that. */
static void pause_this_turn(struct listener *listener)
{
    evconnlistener_disable(listener->events);
    timer_set_in(listener->service->loop, &listener->rest, 0, on_rested, listener);
}

/* Behind a PROXY header is somebody else: connection_preface.c asks about him. */
static bool is_welcome(struct listener *listener)
{
    const struct service *service = listener->service;

    listener->entry.place = (struct limits_place){ 0 };
    return !service->limits || listener->entry.proxy_header ||
           limits_connect(service->limits, &listener->entry.peer, service->proxies, &listener->entry.place);
}

/* With a reset, which leaves nothing behind in the kernel. Whoever comes in such numbers that they are turned away lets others
 * have their turn of the loop. */
static void turn_away(struct listener *listener, int fd)
{
    const struct linger at_once = { .l_onoff = 1 };

    service_count_connection(listener->service, "limited");
    (void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    close(fd);
    if (++listener->turned_away % MOST_IN_A_TURN == 0)
        pause_this_turn(listener);
}

/* A full service closes a connection that only waits for a next request; when there is none, this client is the last one. */
static void on_client(struct evconnlistener *events, int fd, struct sockaddr *address, int len, void *arg)
{
    struct listener *listener = arg;
    struct service *service = listener->service;
    const bool was_full = is_full(service);
    bool none_to_close;

    if (service->admit && !service->admit(fd)) {
        service_count_connection(service, "denied");
        close(fd);
        return;
    }
    listener->entry.peer = peer_of(address, len);
    if (!is_welcome(listener)) {
        turn_away(listener, fd);
        return;
    }
    none_to_close = was_full && !connection_close_idle(service);
    connection_new(service, fd, &listener->entry);
    if (!was_full)
        return;
    if (!none_to_close) {
        pause_this_turn(listener);
        return;
    }
    listener->full = true;
    evconnlistener_disable(events);
    service_count_connection(service, "full");
}

static void on_failure(struct evconnlistener *events, void *arg)
{
    struct listener *listener = arg;
    int number = errno;
    int64_t now_ms = cs_now_ms();

    service_count_connection(listener->service, "accept-failed");
    if (!listener->said_ms || now_ms - listener->said_ms >= SAY_AGAIN_MS) {
        listener->said_ms = now_ms;
        log_line(CS_LOG_WARN, "http", "", "cannot accept clients, trying again: %s listener=%s connections=%zu",
                 strerror(number), listener->service->name, listener->service->n_connections);
    }
    evconnlistener_disable(events);
    timer_set_in(listener->service->loop, &listener->rest, REST_MS, on_rested, listener);
}

struct listener *listener_new(struct service *service, int fd, SSL_CTX *tls, struct cs_error *err)
{
    struct listener *listener = calloc(1, sizeof *listener);

    if (listener)
        listener->entry.trust = trust_new();
    if (listener && listener->entry.trust)
        listener->events = evconnlistener_new(loop_base(service->loop), on_client, listener,
                                              LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC, 0, fd);
    if (!listener || !listener->events) {
        cs_fail(err, CS_EBUSY, "cannot listen: no memory");
        if (listener)
            trust_release(listener->entry.trust);
        free(listener);
        close(fd);
        return NULL;
    }
    evconnlistener_set_error_cb(listener->events, on_failure);
    listener->service = service;
    listener->entry.tls = tls;
    if (tls)
        SSL_CTX_up_ref(tls);
    return listener;
}

void listener_expect_proxy_header(struct listener *listener, bool expected)
{
    listener->entry.proxy_header = expected;
}

int listener_fd(const struct listener *listener)
{
    return evconnlistener_get_fd(listener->events);
}

void listener_set_tls(struct listener *listener, SSL_CTX *tls)
{
    if (tls)
        SSL_CTX_up_ref(tls);
    SSL_CTX_free(listener->entry.tls);
    listener->entry.tls = tls;
}

void listener_set_client_ca(struct listener *listener, struct client_ca *ca, bool believes_client_cert)
{
    trust_set(listener->entry.trust, ca, believes_client_cert);
}

void listener_room(struct listener *listener)
{
    if (!listener->full || is_full(listener->service))
        return;
    listener->full = false;
    if (!timer_is_set(&listener->rest))
        evconnlistener_enable(listener->events);
}

void listener_free(struct listener *listener)
{
    if (!listener)
        return;
    timer_clear(&listener->rest);
    evconnlistener_free(listener->events);
    SSL_CTX_free(listener->entry.tls);
    trust_release(listener->entry.trust);
    free(listener);
}

void listener_give_up(struct listener *listener)
{
    trust_end(listener->entry.trust);
    listener_free(listener);
}
