/*
 * What stands behind listeners of one kind, the public API, the admin pages or the control socket: its handler, its limits, and
 * the list of its connections. Made by server.c; connections and listeners belong to one.
 */
#ifndef HTTP_SERVICE_H
#define HTTP_SERVICE_H

#include "engine/loop.h"
#include "engine/metrics.h"
#include "http/message.h"
#include "http/reply.h"

struct connection;
struct limits;
struct proxies;

/* A place in one of a service's lists. */
struct service_link {
    struct service_link *next, *previous;
};
struct service_list {
    struct service_link *first, *last; /* newest first */
};

/* Absolute, each from its beginning, not renewed by bytes that drip in. */
struct service_deadlines {
    int64_t preface_ms;   /* the PROXY header */
    int64_t handshake_ms; /* TLS */
    int64_t header_ms;    /* from the first byte of a request; of the first request: from the connection's beginning */
    int64_t body_ms;      /* from the end of the header */
    int64_t idle_ms;      /* from one answer to the next request */
    int64_t write_ms;     /* until the client has taken an answer */
    int64_t linger_ms;    /* after the last answer, until the client has closed */
};
extern const struct service_deadlines service_usual_deadlines;

/* A request, complete. Answer with connection_answer(), now or (after connection_wait()) later. All of it is valid inside the
 * call only. */
typedef void service_handle_fn(void *arg, struct connection *c, const struct message *m, const char *body, size_t body_len);

/* A request whose client waits for "100 Continue": true lets the body come; false: it has been answered already. */
typedef bool service_check_fn(void *arg, struct connection *c, const struct message *m);

struct service {
    struct loop *loop;
    struct metrics *metrics;
    const char *name; /* "public", "admin", "control": for the metrics */
    struct service_deadlines deadlines;
    size_t max_connections;
    bool (*admit)(int fd); /* optional: may this client, just accepted, speak to us at all? */
    struct limits *limits; /* of connections, by source; NULL: none */
    const struct proxies *proxies; /* for the limits */
    service_check_fn *check;
    service_handle_fn *handle;
    void *handler;
    void (*on_room)(void *arg); /* optional: a connection has ended */
    void *room;

    struct service_list all;           /* its connections */
    struct service_list idle, crowded; /* those that wait for a next request; of sources that have many, at that moment */
    size_t n_connections;
    bool draining; /* every connection ends after its answer */
    char date[REPLY_DATE_SIZE];
    int64_t date_s;
};

void service_list_add(struct service_list *list, struct service_link *link); /* as the newest */
void service_list_remove(struct service_list *list, struct service_link *link);

/* That there are such metrics, before anything has been counted. */
void service_declare(struct metrics *metrics);

void service_add(struct service *service, struct service_link *link);
void service_remove(struct service *service, struct service_link *link);

/* The Date of an answer that leaves now. Valid until the next call. */
const char *service_date(struct service *service);

/* "accepted", "no-proxy-header" (it is missing or wrong), "tls", "tls-failed", "refused" (no memory), "denied" (not admitted),
 * "limited" (too many of its source), "full" (the next one waits), "accept-failed". */
void service_count_connection(struct service *service, const char *event);
void service_count_timeout(struct service *service, const char *phase);      /* "header", "body", … */
void service_count_answer(struct service *service, const char *route, int status);

#endif
