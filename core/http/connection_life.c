/*
 * How long a connection lives: who is at work on it holds it, and only connection_leave() frees, so that a callback may end the
 * connection at any place. Called by everything that happens on a connection; see connection_parts.h.
 */
#include <stdlib.h>

#include "http/connection_parts.h"
#include "http/transport.h"
#include "http/trust.h"

static void destroy(struct connection *c)
{
    struct service *service = c->service;

    exchange_free(c->exchange);
    transport_free(c->bev);
    SSL_CTX_free(c->context);
    trust_release(c->trust);
    client_certificate_release(c->certificate);
    limits_disconnect(&c->place);
    service_remove(service, &c->link);
    free(c);
}

struct connection *connection_enter(void *arg)
{
    struct connection *c = arg;

    c->entered++;
    return c;
}

void connection_leave(struct connection *c)
{
    if (--c->entered == 0 && c->state == CLOSED)
        destroy(c);
}
