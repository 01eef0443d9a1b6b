/*
 * DNS over TCP; see tcp.h. Each question has two bytes of length before it, and so has each answer; a client may send many
 * without waiting, and gets the answers in order.
 */
#include "tcp.h"

#include <errno.h>
#include <event2/event.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

enum { ACCEPT_AT_ONCE = 16, READS_AT_ONCE = 8, OUT_ROOM = 2 * (ANSWER_TCP_MOST + 2) };

struct listener {
    struct listener *next;
    struct tcp *tcp;
    struct event *event;
};

struct connection {
    struct connection *newer, *older; /* by the last question */
    struct tcp *tcp;
    int fd;
    uint8_t client[16];
    struct event *readable, *writable;
    int64_t deadline_ms;
    unsigned queries;
    bool no_more; /* close when everything is sent */
    size_t in_len;
    uint8_t in[2 + TCP_QUERY_MOST];
    uint8_t *out; /* what could not be sent at once */
    size_t out_len, out_at;
};

struct tcp {
    struct server *server;
    struct listener *listeners;
    struct connection *newest, *oldest;
    size_t n_connections;
    struct event *tick;  /* looks for deadlines that have passed, while there are connections */
    struct event *pause; /* over when the listeners try again                                */
    uint8_t out[OUT_ROOM];
};

/* ---- The list of connections ----------------------------------------------------------------------------------------- */

static void unlink_connection(struct tcp *tcp, struct connection *c)
{
    if (tcp->newest == c)
        tcp->newest = c->older;
    else
        c->newer->older = c->older;
    if (tcp->oldest == c)
        tcp->oldest = c->newer;
    else
        c->older->newer = c->newer;
    c->newer = c->older = NULL;
}

static void link_as_newest(struct tcp *tcp, struct connection *c)
{
    c->older = tcp->newest;
    if (tcp->newest)
        tcp->newest->newer = c;
    else
        tcp->oldest = c;
    tcp->newest = c;
}

static void connection_free(struct tcp *tcp, struct connection *c)
{
    unlink_connection(tcp, c);
    tcp->n_connections--;
    if (c->readable)
        event_free(c->readable);
    if (c->writable)
        event_free(c->writable);
    close(c->fd);
    free(c->out);
    free(c);
}

static void arm_tick(struct tcp *tcp)
{
    const struct timeval second = { .tv_sec = 1 };

    event_add(tcp->tick, &second);
}

static void on_tick(evutil_socket_t fd, short what, void *arg)
{
    struct tcp *tcp = arg;
    int64_t now_ms = cs_now_ms();
    struct connection *c = tcp->oldest;

    (void)fd, (void)what;
    while (c) {
        struct connection *newer = c->newer;

        if (c->deadline_ms <= now_ms)
            connection_free(tcp, c);
        c = newer;
    }
    if (tcp->n_connections > 0)
        arm_tick(tcp);
}

/* ---- Questions and answers ------------------------------------------------------------------------------------------- */

/* Everything that is complete in c->in is answered, as far as there is room in tcp->out; returns how much was put there. */
static size_t answer_all(struct connection *c)
{
    struct tcp *tcp = c->tcp;
    const struct snapshot *snapshot = shelf_take(tcp->server->shelf);
    size_t at = 0, out = 0;

    while (!c->no_more && c->in_len - at >= 2 && OUT_ROOM - out >= 2 + ANSWER_TCP_MOST) {
        size_t len = (size_t)(c->in[at] << 8 | c->in[at + 1]);
        struct answer answer = { .at = tcp->out + out + 2, .most = ANSWER_TCP_MOST };

        if (len > TCP_QUERY_MOST)
            c->no_more = true;
        if (len > c->in_len - at - 2)
            break;
        server_answer(tcp->server, snapshot, c->in + at + 2, len, &answer);
        at += 2 + len;
        if (answer.len == 0 || ++c->queries >= TCP_QUERIES)
            c->no_more = true;
        if (answer.len == 0)
            break;
        tcp->out[out] = (uint8_t)(answer.len >> 8);
        tcp->out[out + 1] = (uint8_t)answer.len;
        out += 2 + answer.len;
    }
    shelf_give_back(tcp->server->shelf);
    memmove(c->in, c->in + at, c->in_len - at);
    c->in_len -= at;
    return out;
}

/* Returns how much was sent, or -1 when the client is gone. */
static ssize_t send_some(int fd, const uint8_t *bytes, size_t n)
{
    ssize_t sent = send(fd, bytes, n, MSG_NOSIGNAL | MSG_DONTWAIT);

    if (sent < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR))
        return 0;
    return sent;
}

static int keep_rest(struct connection *c, const uint8_t *bytes, size_t n)
{
    c->out = malloc(n);
    if (!c->out)
        return -1;
    memcpy(c->out, bytes, n);
    c->out_len = n;
    c->out_at = 0;
    event_del(c->readable);
    return event_add(c->writable, NULL);
}

/* Answer what is there and send it. -1: the connection is to be closed. */
static int serve(struct connection *c)
{
    size_t n;

    while (!c->out && (n = answer_all(c)) > 0) {
        ssize_t sent = send_some(c->fd, c->tcp->out, n);

        if (sent < 0)
            return -1;
        c->deadline_ms = cs_now_ms() + TCP_DEADLINE_MS;
        unlink_connection(c->tcp, c);
        link_as_newest(c->tcp, c);
        if ((size_t)sent < n && keep_rest(c, c->tcp->out + sent, n - (size_t)sent) < 0)
            return -1;
    }
    return c->no_more && !c->out ? -1 : 0;
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
    struct connection *c = arg;

    (void)what;
    for (int i = 0; i < READS_AT_ONCE && !c->out; i++) {
        ssize_t n = recv(fd, c->in + c->in_len, sizeof c->in - c->in_len, MSG_DONTWAIT);

        if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR))
            return;
        if (n > 0)
            c->in_len += (size_t)n;
        if (n <= 0 || serve(c) < 0) {
            connection_free(c->tcp, c);
            return;
        }
    }
}

static void on_writable(evutil_socket_t fd, short what, void *arg)
{
    struct connection *c = arg;
    ssize_t n = send_some(fd, c->out + c->out_at, c->out_len - c->out_at);

    (void)what;
    if (n >= 0)
        c->out_at += (size_t)n;
    if (n >= 0 && c->out_at < c->out_len)
        return;
    if (n >= 0) {
        free(c->out);
        c->out = NULL;
        event_del(c->writable);
        c->deadline_ms = cs_now_ms() + TCP_DEADLINE_MS;
    }
    if (n < 0 || event_add(c->readable, NULL) < 0 || serve(c) < 0)
        connection_free(c->tcp, c);
}

/* ---- New connections ------------------------------------------------------------------------------------------------- */

static void client_of(uint8_t client[16], const struct sockaddr_storage *peer)
{
    memset(client, 0, 16);
    if (peer->ss_family == AF_INET6) {
        memcpy(client, &((const struct sockaddr_in6 *)peer)->sin6_addr, 8);
    } else if (peer->ss_family == AF_INET) {
        client[15] = 4;
        memcpy(client, &((const struct sockaddr_in *)peer)->sin_addr, 4);
    }
}

static size_t connections_of(const struct tcp *tcp, const uint8_t client[16])
{
    size_t n = 0;

    for (const struct connection *c = tcp->newest; c; c = c->older)
        n += memcmp(c->client, client, 16) == 0;
    return n;
}

static void connection_new(struct tcp *tcp, int fd, const struct sockaddr_storage *peer)
{
    struct connection *c;
    uint8_t client[16];

    client_of(client, peer);
    if (connections_of(tcp, client) >= TCP_CONNECTIONS_OF_ONE) {
        close(fd);
        return;
    }
    if (tcp->n_connections >= TCP_CONNECTIONS && tcp->oldest)
        connection_free(tcp, tcp->oldest); /* it asked longest ago */
    c = calloc(1, sizeof *c);
    if (!c) {
        close(fd);
        return;
    }
    c->tcp = tcp;
    c->fd = fd;
    c->deadline_ms = cs_now_ms() + TCP_DEADLINE_MS;
    memcpy(c->client, client, 16);
    link_as_newest(tcp, c);
    if (tcp->n_connections++ == 0)
        arm_tick(tcp);
    c->readable = event_new(tcp->server->base, fd, EV_READ | EV_PERSIST, on_readable, c);
    c->writable = event_new(tcp->server->base, fd, EV_WRITE | EV_PERSIST, on_writable, c);
    if (!c->readable || !c->writable || event_add(c->readable, NULL) < 0)
        connection_free(tcp, c);
}

static void on_pause_over(evutil_socket_t fd, short what, void *arg)
{
    struct tcp *tcp = arg;

    (void)fd, (void)what;
    for (struct listener *l = tcp->listeners; l; l = l->next)
        event_add(l->event, NULL);
}

/* Out of descriptors or memory: the connection would be offered again at once and without end. */
static void pause_listeners(struct tcp *tcp)
{
    const struct timeval tenth = { .tv_usec = 100000 };

    for (struct listener *l = tcp->listeners; l; l = l->next)
        event_del(l->event);
    event_add(tcp->pause, &tenth);
}

static void on_connection(evutil_socket_t listening, short what, void *arg)
{
    struct listener *l = arg;

    (void)what;
    for (int i = 0; i < ACCEPT_AT_ONCE; i++) {
        struct sockaddr_storage peer = { 0 };
        socklen_t len = sizeof peer;
        int fd = accept4(listening, (struct sockaddr *)&peer, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);

        if (fd >= 0)
            connection_new(l->tcp, fd, &peer);
        else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)
            pause_listeners(l->tcp);
        if (fd < 0 && errno != EINTR && errno != ECONNABORTED)
            return;
    }
}

static int make_tcp(struct server *server, struct cs_error *err)
{
    if (server->tcp)
        return 0;
    server->tcp = calloc(1, sizeof *server->tcp);
    if (!server->tcp)
        return cs_fail(err, CS_EBUSY, "no memory");
    server->tcp->server = server;
    server->tcp->tick = event_new(server->base, -1, 0, on_tick, server->tcp);
    server->tcp->pause = event_new(server->base, -1, 0, on_pause_over, server->tcp);
    if (!server->tcp->tick || !server->tcp->pause)
        return cs_fail(err, CS_EBUSY, "no memory");
    return 0;
}

int tcp_add(struct server *server, int fd, struct cs_error *err)
{
    struct listener *l;

    if (make_tcp(server, err) < 0)
        return -1;
    l = calloc(1, sizeof *l);
    if (!l)
        return cs_fail(err, CS_EBUSY, "no memory");
    l->tcp = server->tcp;
    l->next = server->tcp->listeners;
    server->tcp->listeners = l;
    l->event = event_new(server->base, fd, EV_READ | EV_PERSIST, on_connection, l);
    if (!l->event || event_add(l->event, NULL) < 0)
        return cs_fail(err, CS_EBUSY, "no memory");
    return 0;
}

void tcp_free(struct server *server)
{
    struct tcp *tcp = server->tcp;

    if (!tcp)
        return;
    while (tcp->newest)
        connection_free(tcp, tcp->newest);
    while (tcp->listeners) {
        struct listener *l = tcp->listeners;

        tcp->listeners = l->next;
        if (l->event)
            event_free(l->event);
        free(l);
    }
    if (tcp->tick)
        event_free(tcp->tick);
    if (tcp->pause)
        event_free(tcp->pause);
    free(tcp);
    server->tcp = NULL;
}
