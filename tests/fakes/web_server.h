/*
 * An HTTP server for tests: a thread for each connection, and a function of the test that writes whatever bytes it likes, well
 * formed or not. On a free port of 127.0.0.1, plain or TLS.
 */
#ifndef FAKES_WEB_SERVER_H
#define FAKES_WEB_SERVER_H

#include <stdbool.h>
#include <stddef.h>

struct ssl_ctx_st;
struct web_server;
struct web_connection;

struct web_request {
    const char *head; /* request line and headers, NUL-terminated */
    const char *path;
    const char *body; /* NUL-terminated behind its length */
    size_t body_len;
};

/* In the connection's thread. False: close the connection. */
typedef bool web_fn(struct web_connection *connection, const struct web_request *request);

struct web_server *web_server_start(web_fn *fn, struct ssl_ctx_st *tls); /* tls NULL: plain; never NULL */
void web_server_stop(struct web_server *server);
const char *web_server_url(const struct web_server *server); /* "http://127.0.0.1:PORT" */
int web_server_connections(const struct web_server *server); /* since the start */
int web_server_open(const struct web_server *server);        /* now */

bool web_write(struct web_connection *connection, const void *data, size_t len);
bool web_say(struct web_connection *connection, const char *text);
void web_wait_for_hang_up(struct web_connection *connection);

#endif
