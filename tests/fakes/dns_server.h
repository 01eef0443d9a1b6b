/*
 * DNS servers on loopback that say what a test tells them to, on the test's own loop; for tests of request/dns_client.c,
 * name_servers.c and visible.c, and of dns-rfc2136. They put answers together byte by byte, so that they can be wrong.
 */
#ifndef FAKES_DNS_SERVER_H
#define FAKES_DNS_SERVER_H

#include <sys/socket.h>

#include "dns_message.h"
#include "engine/loop.h"

struct fake_question {
    bool tcp;
    char name[1024];
    unsigned id, flags, type, nth; /* nth: 1 for the first question that this server got */
    uint16_t port;                 /* the asker's */
    const uint8_t *packet;
    size_t len, end; /* end: behind the question */
};

struct fake_server;
/* Fill `reply`; leave its len 0 to say nothing. */
typedef void fake_answer_fn(void *arg, struct fake_server *server, const struct fake_question *question, struct message *reply);

struct fake_server {
    char address[64]; /* "127.0.0.2:5301" */
    struct sockaddr_storage at;
    socklen_t at_len;
    struct loop *loop;
    fake_answer_fn *fn;
    void *arg;
    unsigned questions;
    int udp, tcp;
    struct event *udp_event, *tcp_event;
    struct fake_connection *connections;
    size_t tcp_piece; /* not 0: a TCP answer leaves in pieces of so many bytes */
    bool tcp_closes;  /* TCP connections end without an answer */
    bool updates;     /* it takes updates and TSIGs, too: what it is sent is not checked by dns_check_query() */
};

/* Binds `ip`, `port` (0: a free one) by UDP and TCP. */
void fake_server_start(struct fake_server *server, struct loop *loop, const char *ip, uint16_t port, fake_answer_fn *fn,
                       void *arg);
void fake_server_stop(struct fake_server *server);
uint16_t fake_server_port(const struct fake_server *server);

/* The header and the question of the answer; flags: QR is added. */
void fake_reply(struct message *reply, const struct fake_question *question, unsigned flags, unsigned answers,
                unsigned authority);
void fake_txt(struct message *reply, const char *owner, const char *value);
void fake_name(struct message *reply, const char *owner, unsigned type, const char *target); /* NS or CNAME */

#endif
