/*
 * What the parts of a connection share: connection.c (its life and its answers), connection_events.c (what arrives, and what
 * does not) and connection_preface.c (what a proxy says first). Nobody else includes this.
 */
#ifndef HTTP_CONNECTION_PARTS_H
#define HTTP_CONNECTION_PARTS_H

#include <event2/bufferevent.h>

#include "engine/timer.h"
#include "http/connection.h"
#include "http/exchange.h"

enum connection_state {
    PREFACE = 1, /* the PROXY header, before anything else */
    HANDSHAKE,
    IDLE,    /* nothing of a request is there */
    HEAD,    /* some of a request's head is */
    BODY,
    WAITING, /* for the handler's answer */
    WRITING,
    LINGER,  /* after the last answer, until the client has closed: a reset would take the answer away from it */
    CLOSED   /* connection_leave() frees it */
};

struct connection {
    struct service_link link; /* the first member */
    struct service_link idle_link;
    struct service_list *idle_in; /* of its service; NULL: it is not idle */
    struct service *service;
    struct bufferevent *bev;
    struct peer peer;
    struct limits_place place;
    SSL_CTX *context; /* of a TLS listener, during the preface */
    struct trust *trust;                    /* of its listener */
    struct client_certificate *certificate; /* once somebody has looked; NULL: nobody has, or there is none */
    bool tls;
    bool ended;  /* the client will send nothing more */
    bool last;   /* no request is read after this one */
    bool paused; /* enough of further requests has come in */
    enum connection_state state;
    unsigned entered;
    int64_t header_by_ms; /* 0: counts from the first byte */
    struct timer deadline, probe;
    unsigned probes;
    size_t discarded;
    struct exchange *exchange;
};

/* Every callback enters before it touches the connection, and leaves at its end: leaving frees a closed one. */
struct connection *connection_enter(void *arg);
void connection_leave(struct connection *c);

/* The one setter of the state. It sets the state's deadline, too, but that of HEAD and WAITING. */
void connection_move(struct connection *c, enum connection_state state);
void connection_close(struct connection *c);

struct evbuffer *connection_input(const struct connection *c);
struct evbuffer *connection_output(const struct connection *c);
bool connection_has_input(const struct connection *c);

/* It is unfinished: false when its source has too many such, and it must be closed. */
bool connection_is_unfinished(struct connection *c);

/* Answer what cannot be read: where the next request would begin is not known, so the connection ends. */
void connection_refuse(struct connection *c, int status, const char *detail);
/* Answer in the handler's place; the handler is told. */
void connection_give_up(struct connection *c, enum cs_code code, const char *detail);

/* connection_preface.c */
void connection_begin_preface(struct connection *c);
void connection_read_preface(struct connection *c); /* bytes have come */

/* connection_events.c */
void connection_start(struct connection *c);
void connection_on_deadline(void *arg);
/* Look now and then whether the client of a waiting request is still there, because reading does not tell. */
void connection_start_probing(struct connection *c);

#endif
