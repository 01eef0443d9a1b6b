/*
 * One client: reads its requests one after another, has each handled by the service, writes the answers in order. Made by
 * listener.c; the handlers (api.c, admin.c) answer through it.
 */
#ifndef HTTP_CONNECTION_H
#define HTTP_CONNECTION_H

#include <openssl/ssl.h>

#include "http/limits.h"
#include "http/peer.h"
#include "http/problem.h"
#include "http/service.h"
#include "request/client_certificate.h"

struct client_ca;
struct trust;

/* How a client has come in. */
struct connection_entry {
    SSL_CTX *tls;      /* NULL: plain */
    struct trust *trust; /* the listener's */
    bool proxy_header; /* it must begin with a PROXY header, version 2 */
    struct peer peer;  /* as the socket has it */
    struct limits_place place; /* where it counts; nowhere before a PROXY header */
};

/* Takes the fd (closed when there is no memory). Begins to read; the connection frees itself when it ends. */
void connection_new(struct service *service, int fd, const struct connection_entry *entry);

/* Who is at its other end, as far as socket and PROXY header tell. */
const struct peer *connection_peer(const struct connection *c);

/* The certificate that it has shown in the TLS handshake, good at this moment: *out gets a reference. One that has become bad
 * since sets *bad; nothing is set when there is none, or when the listener asks for none any more. -1: CS_EBUSY. */
int connection_certificate(struct connection *c, struct client_certificate **out, bool *bad, struct cs_error *err);
/* Who verifies what a listed proxy hands on here; NULL: its listener believes no proxy's Client-Cert. */
struct client_ca *connection_client_cert_ca(const struct connection *c);

/* Answer the request that the service handles: exactly once. Copies. */
void connection_answer(struct connection *c, const struct reply *reply);

/* The same with a problem document as its body; `reply` has the other fields. */
void connection_answer_problem(struct connection *c, const struct problem *problem, const struct reply *reply);

/* The answer comes later. `gone` is called at most once, when it is no longer wanted: the client hung up, or `deadline_ms`
 * passed (on cs_now_ms(); the connection then answers by itself), or the server stops. After it, connection_answer() must not
 * be called. */
void connection_wait(struct connection *c, int64_t deadline_ms, void (*gone)(void *arg), void *arg);

/* Of all connections of a service: close those that wait for a request, let the others end after their answer. */
void connection_drain_all(struct service *service);
/* Answer what is still under way with a retryable problem; writing it may take `write_ms`. */
void connection_cut_all(struct service *service, int64_t write_ms);
/* Close at once. */
void connection_close_all(struct service *service);

/* Close the connection that has waited longest for a next request, to make room: one of a source that has more than a tenth of
 * all that there may be, if such waits; otherwise of them all. False: none waits. */
bool connection_close_idle(struct service *service);

#endif
