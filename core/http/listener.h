/*
 * A listening socket: accepts clients for a service. When the service is full, or the process has no file descriptors left, it
 * rests instead of spinning. Made by server.c; command/serve_listeners.c changes its certificate.
 */
#ifndef HTTP_LISTENER_H
#define HTTP_LISTENER_H

#include <openssl/ssl.h>

#include "http/service.h"

struct listener;
struct client_ca;

/* Takes the fd, which is bound, listening and non-blocking; it is closed on failure, too. Holds a reference to `tls` (NULL:
 * plain). Accepts from now on. NULL and CS_EINTERNAL without memory. */
struct listener *listener_new(struct service *service, int fd, SSL_CTX *tls, struct cs_error *err);

/* Must clients that come from now on begin with a PROXY header, version 2? Who does not is not served. */
void listener_expect_proxy_header(struct listener *listener, bool expected);

int listener_fd(const struct listener *listener); /* the listener's own */

/* Clients that come from now on get this context (NULL: plain HTTP); connections that are there keep theirs. Holds a
 * reference. */
void listener_set_tls(struct listener *listener, SSL_CTX *tls);

/* Clients are verified by it (client_ca_join() has told the context), those that are there with their next request; with
 * `believes_client_cert` what listed proxies hand on, too, which otherwise counts for nothing. NULL: nobody is, and who has
 * shown a certificate is like one who has shown none. Holds a reference. */
void listener_set_client_ca(struct listener *listener, struct client_ca *ca, bool believes_client_cert);

/* A connection of the service has ended. */
void listener_room(struct listener *listener);

void listener_free(struct listener *listener); /* closes the fd; NULL is allowed */

/* The same while the server goes on without it: who has come in here is believed nothing any more, and his connection ends with
 * its next answer. */
void listener_give_up(struct listener *listener);

#endif
