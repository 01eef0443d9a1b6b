/*
 * The sockets on which a running server takes clients: `listen` and `admin` of the configuration, with the certificate of each.
 * Bound while that may need privileges, handed to the HTTP server as the last step of the start. Called by serve.c and
 * serve_stop.c. Loop thread only.
 */
#ifndef COMMAND_SERVE_LISTENERS_H
#define COMMAND_SERVE_LISTENERS_H

#include "http/server.h"
#include "plugin/settings.h"

struct serve_listeners;

struct serve_listeners *serve_listeners_new(struct cs_error *err); /* NULL: no memory */

/* Bind each; CS_ECONFIG with what to do. The settings outlive them. */
int serve_listeners_bind(struct serve_listeners *all, const struct settings *settings, struct cs_error *err);

/* As the server's user: read certificates and keys. CS_ECONFIG with the file and what to do. */
int serve_listeners_read_keys(struct serve_listeners *all, struct cs_error *err);

/* Take clients from now on. -1: no memory. */
int serve_listeners_accept(struct serve_listeners *all, struct http_server *http, struct cs_error *err);

/* Clients that come from now on to listener number `index` (of `listen`; behind the last one: `admin`) get this certificate;
 * connections that are there keep theirs. Takes a reference of its own. For a listener that has TLS already. -1: no memory, and
 * it has the old one. */
int serve_listeners_set_tls(struct serve_listeners *all, size_t index, SSL_CTX *tls, struct cs_error *err);

/* Read the certificate that the server has got for itself anew, for all listeners with that name. -1: some keep the old one. */
int serve_listeners_renew(struct serve_listeners *all, const char *self_name, struct cs_error *err);

/* The HTTP server is about to close them all. */
void serve_listeners_gone(struct serve_listeners *all);

/* Closes those that were never handed over, too; NULL is allowed. */
void serve_listeners_free(struct serve_listeners *all);

#endif
