/*
 * What comes before TLS and HTTP on a connection from a proxy: the PROXY header. See connection_parts.h; connection_events.c
 * calls it. Never a byte more is read than the header has: what follows belongs to TLS.
 */
#include <assert.h>

#include <event2/event.h>

#include "http/connection_parts.h"
#include "http/proxy_header.h"
#include "http/transport.h"

/* The socket moves over to a bufferevent that speaks TLS. */
static bool change_to_tls(struct connection *c)
{
    struct bufferevent *plain = c->bev, *tls;
    int fd = bufferevent_getfd(plain);

    bufferevent_disable(plain, EV_READ | EV_WRITE);
    bufferevent_setfd(plain, -1);
    tls = transport_new(c->service->loop, fd, c->context);
    SSL_CTX_free(c->context);
    c->context = NULL;
    if (!tls)
        return false;
    bufferevent_free(plain);
    c->bev = tls;
    c->tls = true;
    return true;
}

static void end_preface(struct connection *c)
{
    if (!c->context) {
        bufferevent_set_max_single_read(c->bev, 0);
        connection_move(c, IDLE);
        return;
    }
    if (!change_to_tls(c)) {
        service_count_connection(c->service, "refused");
        connection_close(c);
        return;
    }
    connection_move(c, HANDSHAKE);
    connection_start(c);
}

/* As the listener asks about others: now it is known who it is. */
static bool is_welcome(struct connection *c)
{
    const struct service *service = c->service;

    if (!service->limits || limits_connect(service->limits, &c->peer, service->proxies, &c->place))
        return true;
    service_count_connection(c->service, "limited");
    return false;
}

void connection_begin_preface(struct connection *c)
{
    bufferevent_set_max_single_read(c->bev, PROXY_HEADER_FIRST);
    connection_move(c, PREFACE);
}

void connection_read_preface(struct connection *c)
{
    struct evbuffer *in = connection_input(c);
    size_t len = evbuffer_get_length(in), need = 0;
    const uint8_t *bytes = len ? evbuffer_pullup(in, -1) : NULL;

    if (!bytes)
        return;
    switch (proxy_header_read(bytes, len, &need, &c->peer)) {
    case PROXY_HEADER_MORE:
        bufferevent_set_max_single_read(c->bev, need - len);
        break;
    case PROXY_HEADER_BAD:
        service_count_connection(c->service, "no-proxy-header");
        connection_close(c);
        break;
    case PROXY_HEADER_READY:
        assert(len == need);
        evbuffer_drain(in, need);
        if (is_welcome(c))
            end_preface(c);
        else
            connection_close(c);
        break;
    }
}
