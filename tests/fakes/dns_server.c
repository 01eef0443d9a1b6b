/*
 * DNS servers that say what a test tells them to; see dns_server.h.
 */
#include "dns_server.h"

#include <arpa/inet.h>
#include <assert.h>
#include <event2/event.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/dns_packet.h"
#include "base/dns_reader.h"
#include "engine/sockets.h"

struct fake_connection {
    struct fake_connection *next;
    struct fake_server *server;
    int fd;
    struct event *event;
    uint8_t in[2 + 65535];
    size_t in_len;
};

static bool read_query(const uint8_t *packet, size_t len, struct fake_question *question)
{
    struct dns_question q;

    if (dns_check_query(packet, len, &q) != DNS_PACKET_OK || dns_name_from_wire(question->name, q.name, q.name_len) < 0)
        return false;
    question->id = q.id;
    question->flags = q.flags;
    question->type = q.type;
    question->end = q.end;
    return true;
}

/* The same without a look at what stands behind: the zone section of an update is like a question. */
static bool read_zone(const uint8_t *packet, size_t len, struct fake_question *question)
{
    struct dns_reader r = { packet, len, DNS_HEADER };
    uint8_t name[DNS_NAME_MOST];
    size_t name_len;

    if (len < DNS_HEADER || !dns_reader_name(&r, false, name, &name_len) || r.len - r.at < 4 ||
        dns_name_from_wire(question->name, name, name_len) < 0)
        return false;
    question->id = read16(packet);
    question->flags = read16(packet + 2);
    question->type = read16(packet + r.at);
    question->end = r.at + 4;
    return true;
}

static void answer(struct fake_server *server, const uint8_t *packet, size_t len, bool tcp, uint16_t port,
                   struct message *reply)
{
    struct fake_question question = { .tcp = tcp, .port = port, .packet = packet, .len = len };

    reply->len = 0;
    if (!(server->updates ? read_zone(packet, len, &question) : read_query(packet, len, &question)))
        abort(); /* the client under test sends what it must not */
    question.nth = ++server->questions;
    server->fn(server->arg, server, &question, reply);
}

static void on_datagram(evutil_socket_t fd, short what, void *arg)
{
    static struct message reply;
    struct fake_server *server = arg;
    struct sockaddr_storage from;
    socklen_t len = sizeof from;
    uint8_t packet[65536];
    ssize_t n = recvfrom(fd, packet, sizeof packet, MSG_DONTWAIT, (struct sockaddr *)&from, &len);

    (void)what;
    if (n < 0)
        return;
    answer(server, packet, (size_t)n, false, ntohs(((const struct sockaddr_in *)&from)->sin_port), &reply);
    if (reply.len > 0)
        sendto(fd, reply.at, reply.len, MSG_DONTWAIT, (struct sockaddr *)&from, len);
}

static void connection_end(struct fake_connection *c)
{
    event_free(c->event);
    close(c->fd);
    c->event = NULL;
    c->fd = -1;
}

/* Small answers to a test on this host: the socket buffer takes them whole. */
static void send_reply(struct fake_connection *c, const struct message *reply)
{
    const uint8_t head[2] = { (uint8_t)(reply->len >> 8), (uint8_t)reply->len };
    size_t piece = c->server->tcp_piece ? c->server->tcp_piece : reply->len;

    for (size_t i = 0; i < 2; i++)
        if (send(c->fd, head + i, 1, MSG_NOSIGNAL) < 0)
            return;
    for (size_t at = 0; at < reply->len; at += piece)
        if (send(c->fd, reply->at + at, reply->len - at < piece ? reply->len - at : piece, MSG_NOSIGNAL) < 0)
            return;
}

static void on_bytes(evutil_socket_t fd, short what, void *arg)
{
    static struct message reply;
    struct fake_connection *c = arg;
    ssize_t n = recv(fd, c->in + c->in_len, sizeof c->in - c->in_len, MSG_DONTWAIT);

    (void)what;
    if (n <= 0 || c->server->tcp_closes) {
        connection_end(c);
        return;
    }
    c->in_len += (size_t)n;
    if (c->in_len < 2 || c->in_len < 2 + (size_t)read16(c->in))
        return;
    answer(c->server, c->in + 2, read16(c->in), true, 0, &reply);
    c->in_len = 0;
    if (reply.len > 0)
        send_reply(c, &reply);
}

static void on_connection(evutil_socket_t listening, short what, void *arg)
{
    struct fake_server *server = arg;
    struct fake_connection *c = calloc(1, sizeof *c);

    (void)what;
    assert(c);
    c->server = server;
    c->fd = accept4(listening, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    c->next = server->connections;
    server->connections = c;
    c->event = event_new(loop_base(server->loop), c->fd, EV_READ | EV_PERSIST, on_bytes, c);
    event_add(c->event, NULL);
}

static bool bind_both(struct fake_server *server)
{
    const int on = 1;

    server->tcp = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    server->udp = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    setsockopt(server->tcp, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(server->tcp, (struct sockaddr *)&server->at, server->at_len) == 0 && listen(server->tcp, 64) == 0 &&
        getsockname(server->tcp, (struct sockaddr *)&server->at, &server->at_len) == 0 &&
        bind(server->udp, (struct sockaddr *)&server->at, server->at_len) == 0)
        return true;
    close(server->tcp);
    close(server->udp);
    return false;
}

void fake_server_start(struct fake_server *server, struct loop *loop, const char *ip, uint16_t port, fake_answer_fn *fn,
                       void *arg)
{
    struct sockaddr_in at = { .sin_family = AF_INET, .sin_port = htons(port) };
    bool bound = false;

    *server = (struct fake_server){ .loop = loop, .fn = fn, .arg = arg };
    inet_pton(AF_INET, ip, &at.sin_addr);
    for (int i = 0; i < 1000 && !bound; i++) { /* a free TCP port may be taken as a UDP port, a given one for a moment */
        memcpy(&server->at, &at, sizeof at);
        server->at_len = sizeof at;
        bound = bind_both(server);
        if (!bound)
            usleep(port ? 10000 : 0);
    }
    if (!bound)
        abort();
    snprintf(server->address, sizeof server->address, "%s:%u", ip, fake_server_port(server));
    server->udp_event = event_new(loop_base(loop), server->udp, EV_READ | EV_PERSIST, on_datagram, server);
    server->tcp_event = event_new(loop_base(loop), server->tcp, EV_READ | EV_PERSIST, on_connection, server);
    event_add(server->udp_event, NULL);
    event_add(server->tcp_event, NULL);
}

uint16_t fake_server_port(const struct fake_server *server)
{
    return ntohs(((const struct sockaddr_in *)&server->at)->sin_port);
}

void fake_server_stop(struct fake_server *server)
{
    while (server->connections) {
        struct fake_connection *c = server->connections;

        server->connections = c->next;
        if (c->event)
            connection_end(c);
        free(c);
    }
    event_free(server->udp_event);
    event_free(server->tcp_event);
    close(server->udp);
    close(server->tcp);
}

void fake_reply(struct message *reply, const struct fake_question *question, unsigned flags, unsigned answers,
                unsigned authority)
{
    put_header(reply, question->id, 0x8000 | flags, 1, answers, authority, 0);
    put_bytes(reply, question->packet + 12, question->end - 12);
}

void fake_txt(struct message *reply, const char *owner, const char *value)
{
    struct message rdata = { .len = 0 };

    put8(&rdata, (unsigned)strlen(value));
    put_bytes(&rdata, value, strlen(value));
    put_record(reply, owner, 16, 1, 5, rdata.at, rdata.len);
}

void fake_name(struct message *reply, const char *owner, unsigned type, const char *target)
{
    struct message rdata = { .len = 0 };

    put_name(&rdata, target);
    put_record(reply, owner, type, 1, 5, rdata.at, rdata.len);
}
