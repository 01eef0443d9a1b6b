/*
 * An HTTP server for tests; see web_server.h.
 */
#include "web_server.h"

#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include <openssl/ssl.h>

#define MOST_CONNECTIONS 1024
#define MOST_BYTES       65536

struct web_connection {
    struct web_server *server;
    pthread_t thread;
    int fd;
    SSL *tls;
};

struct web_server {
    web_fn *fn;
    SSL_CTX *tls;
    int fd;
    char url[64];
    pthread_t thread;
    atomic_int accepted, open;
    atomic_bool stopping;
    struct web_connection connections[MOST_CONNECTIONS];
};

static void must(bool ok, const char *what)
{
    if (ok)
        return;
    perror(what);
    abort();
}

static ssize_t read_some(struct web_connection *connection, char *to, size_t most)
{
    return connection->tls ? SSL_read(connection->tls, to, (int)most) : recv(connection->fd, to, most, 0);
}

bool web_write(struct web_connection *connection, const void *data, size_t len)
{
    const char *at = data;

    while (len > 0) {
        ssize_t n = connection->tls ? SSL_write(connection->tls, at, (int)len) : send(connection->fd, at, len, MSG_NOSIGNAL);

        if (n <= 0)
            return false;
        at += n;
        len -= (size_t)n;
    }
    return true;
}

bool web_say(struct web_connection *connection, const char *text)
{
    return web_write(connection, text, strlen(text));
}

void web_wait_for_hang_up(struct web_connection *connection)
{
    struct pollfd poll_fd = { .fd = connection->fd, .events = POLLRDHUP };
    char rest[256];

    while (!connection->server->stopping && poll(&poll_fd, 1, 50) == 0)
        continue;
    while (read_some(connection, rest, sizeof rest) > 0)
        continue;
}

static size_t body_len_of(const char *head)
{
    const char *line = strcasestr(head, "\r\nContent-Length:");
    size_t len;
    char *end;

    if (!line)
        return 0;
    len = strtoul(line + 17, &end, 10);
    must(*end == '\r', "a Content-Length that is no number");
    return len;
}

/* Reads head and body into `buffer`; false: the client is gone. */
static bool read_request(struct web_connection *connection, char *buffer, struct web_request *request)
{
    size_t len = 0, need = 0;
    char *end = NULL;

    while (!end || len < need) {
        ssize_t n = len < MOST_BYTES ? read_some(connection, buffer + len, MOST_BYTES - len) : 0;

        if (n <= 0)
            return false;
        len += (size_t)n;
        buffer[len] = '\0';
        if (!end && (end = strstr(buffer, "\r\n\r\n")))
            need = (size_t)(end - buffer) + 4 + body_len_of(buffer);
    }
    *end = '\0';
    request->head = buffer;
    request->path = strchr(buffer, ' ') ? strchr(buffer, ' ') + 1 : "";
    request->body = end + 4;
    request->body_len = need - (size_t)(end + 4 - buffer);
    return true;
}

static void *serve(void *arg)
{
    struct web_connection *connection = arg;
    char *buffer = malloc(MOST_BYTES + 1);
    struct web_request request;

    must(buffer, "malloc");
    if (connection->server->tls) {
        connection->tls = SSL_new(connection->server->tls);
        must(connection->tls && SSL_set_fd(connection->tls, connection->fd), "SSL_new");
    }
    if (!connection->tls || SSL_accept(connection->tls) == 1)
        while (read_request(connection, buffer, &request) && connection->server->fn(connection, &request))
            continue;
    if (connection->tls)
        SSL_shutdown(connection->tls);
    SSL_free(connection->tls);
    shutdown(connection->fd, SHUT_RDWR); /* closed at the end, so that the number is not used again */
    free(buffer);
    connection->server->open--;
    return NULL;
}

static void *accept_all(void *arg)
{
    struct web_server *server = arg;
    int fd;

    while ((fd = accept(server->fd, NULL, NULL)) >= 0 && server->accepted < MOST_CONNECTIONS) {
        struct web_connection *connection = &server->connections[server->accepted];

        connection->server = server;
        connection->fd = fd;
        server->open++;
        server->accepted++;
        must(pthread_create(&connection->thread, NULL, serve, connection) == 0, "pthread_create");
    }
    return NULL;
}

struct web_server *web_server_start(web_fn *fn, struct ssl_ctx_st *tls)
{
    struct web_server *server = calloc(1, sizeof *server);
    struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t len = sizeof address;

    must(server, "calloc");
    signal(SIGPIPE, SIG_IGN);
    server->fn = fn;
    server->tls = tls;
    server->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    must(bind(server->fd, (struct sockaddr *)&address, sizeof address) == 0, "bind");
    must(listen(server->fd, 512) == 0, "listen");
    must(getsockname(server->fd, (struct sockaddr *)&address, &len) == 0, "getsockname");
    snprintf(server->url, sizeof server->url, "http%s://127.0.0.1:%d", tls ? "s" : "", ntohs(address.sin_port));
    must(pthread_create(&server->thread, NULL, accept_all, server) == 0, "pthread_create");
    return server;
}

void web_server_stop(struct web_server *server)
{
    server->stopping = true;
    shutdown(server->fd, SHUT_RDWR);
    pthread_join(server->thread, NULL);
    close(server->fd);
    for (int i = 0; i < server->accepted; i++)
        shutdown(server->connections[i].fd, SHUT_RDWR);
    for (int i = 0; i < server->accepted; i++) {
        pthread_join(server->connections[i].thread, NULL);
        close(server->connections[i].fd);
    }
    free(server);
}

const char *web_server_url(const struct web_server *server)
{
    return server->url;
}

int web_server_connections(const struct web_server *server)
{
    return server->accepted;
}

int web_server_open(const struct web_server *server)
{
    return server->open;
}
