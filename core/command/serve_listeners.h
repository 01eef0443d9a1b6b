/*
 * The sockets on which a running server takes clients: `listen` and `admin` of the configuration, with the certificate of each.
 * Bound while that may need privileges, handed to the HTTP server as the last step of the start, and changed with each new
 * configuration. Called by serve.c, serve_reload.c and serve_stop.c. Loop thread only, unless said.
 */
#ifndef COMMAND_SERVE_LISTENERS_H
#define COMMAND_SERVE_LISTENERS_H

#include "engine/own_key.h"
#include "http/server.h"
#include "plugin/settings.h"

struct serve_listeners;

/* None is bound yet. Any thread. The words of the settings outlive it. CS_ECONFIG for what is no address. */
struct serve_listeners *serve_listeners_new(const struct settings *settings, struct cs_error *err);

/* Bind each; CS_ECONFIG with what to do. */
int serve_listeners_bind(struct serve_listeners *all, struct cs_error *err);

/* As the server's user: read certificates and keys, but the server's own. Any thread. *at (may be NULL) says whose it is that
 * CS_ECONFIG is about. */
int serve_listeners_read_keys(struct serve_listeners *all, const struct config_node **at, struct cs_error *err);

/* Take clients from now on. -1: no memory. */
int serve_listeners_accept(struct serve_listeners *all, struct http_server *http, struct cs_error *err);

/* Read the certificate that the server has got for itself, and show it on all listeners with that name: to clients that come
 * from now on. Before serve_listeners_accept(), and whenever there is another. A new configuration reads no such file: its
 * listeners go on with what is shown. -1: some keep the old one. */
int serve_listeners_show(struct serve_listeners *all, const char *self_name, struct cs_error *err);

/* Does one of them have a certificate with this key? Loop thread. For struct heart: `listeners` is a struct serve_listeners. */
bool serve_listeners_hold_key(void *listeners, const uint8_t spki_sha256[OWN_KEY_HASH]);

/* ---- A new file: `fresh` was made of it, and has its keys ---- */

/* Show the server's own certificates that `now` shows; bind what `now` has not bound; take clients there. Those are turned away
 * again by serve_listeners_drop(). */
int serve_listeners_prepare(struct serve_listeners *fresh, const struct serve_listeners *now, struct http_server *http,
                            struct cs_error *err);
struct serve_listeners_changes {
    size_t added, removed, certificates; /* certificates: that are others than before */
};
/* `now` is what `fresh` was, which is freed. Sockets that are not in it are closed; their connections end with their next
 * answer. */
void serve_listeners_switch(struct serve_listeners *now, struct serve_listeners *fresh, struct http_server *http,
                            struct serve_listeners_changes *changes);
void serve_listeners_drop(struct serve_listeners *fresh, struct http_server *http); /* NULL is allowed */

/* The HTTP server is about to close them all. */
void serve_listeners_gone(struct serve_listeners *all);

/* Closes those that were never handed over, too; NULL is allowed. */
void serve_listeners_free(struct serve_listeners *all);

#endif
