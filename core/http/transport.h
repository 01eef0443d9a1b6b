/*
 * A client's socket as a bufferevent, plain or TLS, and what the two kinds do differently at the end. Called by connection.c.
 */
#ifndef HTTP_TRANSPORT_H
#define HTTP_TRANSPORT_H

#include <event2/bufferevent.h>
#include <openssl/ssl.h>

#include "engine/loop.h"

/* Takes the fd; it is closed on failure, too. With `tls` it is a TLS server's side or nothing: never plain. NULL: failed. */
struct bufferevent *transport_new(struct loop *loop, int fd, SSL_CTX *tls);

/* Nothing more will be written: TLS says so (RFC 8446 6.1), then TCP does. Reading goes on. */
void transport_end(struct bufferevent *bev);

/* Close at once. What TLS calls a session may be resumed. */
void transport_free(struct bufferevent *bev);

/* Has the peer reset the connection, or closed it for good? A peer that has only ended its own side has not. */
bool transport_is_gone(struct bufferevent *bev);

#endif
