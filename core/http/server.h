/*
 * The HTTP server as command/serve.c sees it: listeners, the public API, the admin pages and the control
 * socket, the graceful stop.
 *
 *     tls = tls_context_new(certificate, key, &err);                   as soon as the server runs as its user
 *     server = http_server_new(loop, heart, metrics, &settings, &err);
 *     http_server_listen(server, fd, tls, HTTP_PUBLIC, &err);                the last step of the start
 *     …
 *     http_server_drain(server, deadline_ms, done, arg);               on SIGTERM
 *     http_server_free(server);                                        before the heart goes
 *
 * Loop thread only. The process ignores SIGPIPE.
 */
#ifndef HTTP_SERVER_H
#define HTTP_SERVER_H

#include "engine/loop.h"
#include "engine/metrics.h"
#include "http/admin.h"
#include "http/control.h"
#include "http/listener.h"
#include "http/proxies.h"
#include "http/tls.h"
#include "request/request.h"

/* What is behind a listening socket. */
enum http_listen {
    HTTP_PUBLIC = 1,    /* the API */
    HTTP_PROXY_HEADERS, /* the API, behind proxies that begin every connection with a PROXY header, version 2 */
    HTTP_ADMIN          /* /healthz, /readyz and /metrics, nothing else */
};

struct http_settings {
    int64_t wait_ms;        /* how long a client of /v1/sign waits by default, and at most */
    size_t max_connections; /* of all public listeners together; admin and control have 64 and 16 of their own */
    struct visits *visits; /* NULL: none are recorded */
    bool visits_are_lost;  /* though they should be */
    const char *const *proxies; /* networks, or "unix": whose Forwarded and X-Forwarded-For are believed */
    size_t n_proxies;
    const struct limits_settings *limits; /* by source; NULL: none */
    const struct service_deadlines *deadlines; /* NULL: service_usual_deadlines */
};

struct http_server;

/* `heart` and `metrics` live longer. NULL and *err: CS_EINTERNAL without memory, CS_ECONFIG for what is no network. */
struct http_server *http_server_new(struct loop *loop, struct heart *heart, struct metrics *metrics,
                                    const struct http_settings *settings, struct cs_error *err);

/* Other limits by source from now on; what was used counts. -1 and CS_ECONFIG or CS_EBUSY: nothing has changed. */
int http_server_set_limits(struct http_server *server, const struct limits_settings *limits, struct cs_error *err);

/* What /readyz asks. Until this is called, the server is ready. While it drains, it is not. */
void http_server_on_ready(struct http_server *server, admin_ready_fn *ask, void *arg);

/* Accept clients on a bound, listening socket, which is the server's from now on, even on failure. `tls` NULL: plain HTTP;
 * the server takes a reference of its own. The listener lives until http_server_unlisten(), http_server_drain() or
 * http_server_free(). NULL: no memory. */
struct listener *http_server_listen(struct http_server *server, int fd, SSL_CTX *tls, enum http_listen what,
                                    struct cs_error *err);

/* Takes no more clients there, and closes the socket. What is under way there is answered; each connection ends with its next
 * answer, and no client certificate counts on it. */
void http_server_unlisten(struct http_server *server, struct listener *listener);

/* How many connections there may ever be: the limits by source have room for no more (limits.h). */
size_t http_server_most_connections(const struct http_server *server);

/* Other settings, from now on: as in struct http_settings, `max_connections` at most http_server_most_connections(). Takes what
 * the proxies hold. */
void http_server_change(struct http_server *server, int64_t wait_ms, size_t max_connections, struct proxies *proxies);

/* The same as http_server_listen() for the control socket; `control` is copied, its `arg` lives until the server is freed. */
int http_server_control(struct http_server *server, int fd, const struct control *control, struct cs_error *err);

/* Close the listening sockets and the connections that wait for a request. Those with a request under way get its answer; at
 * `deadline_ms` (on cs_now_ms()) a 503 to try again, for which they have 2 s, and their request is detached. `done` is called
 * once, later, when no connection is left. */
void http_server_drain(struct http_server *server, int64_t deadline_ms, void (*done)(void *arg), void *arg);

size_t http_server_connections(const struct http_server *server);

/* Closes what is left at once and detaches its requests. NULL is allowed. */
void http_server_free(struct http_server *server);

#endif
