/*
 * Runs dns-builtin on loopback sockets and asks it, for tests of the whole plugin. Needs cmocka.h before it, and dns_host.c.
 */
#ifndef FAKES_DNS_RUNNING_H
#define FAKES_DNS_RUNNING_H

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "dns_host.h"
#include "dns_message.h"

enum { A = 1, TXT = 16, NOERROR = 0, NXDOMAIN = 3, REFUSED = 5 };

extern const struct cs_plugin cs_plugin;

struct running {
    struct cs_instance in;
    void *settings, *self;
};

/* It has not caught up yet: no question is answered. */
static inline void begin_on(struct running *r, const char *address)
{
    static const char *const zones[] = { "go.example" }, *const ns[] = { "ns1.go.example 127.0.0.1" };
    struct cs_error err = { 0 };

    *r = (struct running){ 0 };
    assert_int_equal(host_listen(&r->in, address, 0), 0);
    r->settings = host_settings(&cs_plugin);
    host_set_list(&cs_plugin, r->settings, "zones", (struct cs_strings){ zones, 1 });
    if (strcmp(address, "0.0.0.0") == 0)
        host_set_list(&cs_plugin, r->settings, "ns", (struct cs_strings){ ns, 1 });
    if (cs_plugin.open(&r->in, r->settings, &r->self, &err) < 0 || cs_plugin.start(r->self, &err) < 0)
        fail_msg("%s", err.text);
}

static inline void start_on(struct running *r, const char *address)
{
    begin_on(r, address);
    cs_plugin.dns->caught_up(r->self);
}

static inline void stop(struct running *r)
{
    cs_plugin.close(r->self);
    free(r->settings);
    host_close(&r->in);
    for (size_t i = 0; i < HOST_TIMERS; i++)
        assert_null(r->in.timers[i]);
}

static inline int set_txt(struct running *r, const char *owner, const char *want, const char *gone, int64_t expires_ms,
                   struct cs_error *err)
{
    struct cs_op op = { 0 };
    const struct cs_txt_change change = { .size = sizeof change, .zone = "go.example.", .owner = owner, .want = &want,
                                          .n_want = want ? 1 : 0, .gone = &gone, .n_gone = gone ? 1 : 0, .ttl = 60,
                                          .expires_ms = expires_ms };

    cs_plugin.dns->set_txt(r->self, &change, &op);
    assert_true(op.done);
    if (err)
        *err = op.err;
    return op.failed ? -1 : 0;
}

/* A socket that hears only the address it asked. */
static inline int connected(const char *address, uint16_t port, int type)
{
    struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(port) };
    struct sockaddr_in6 to6 = { .sin6_family = AF_INET6, .sin6_port = htons(port) };
    const struct timeval limit = { .tv_sec = 5 };
    bool four = inet_pton(AF_INET, address, &to.sin_addr) == 1;
    int fd = socket(four ? AF_INET : AF_INET6, type, 0);

    inet_pton(AF_INET6, address, &to6.sin6_addr);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    if (four)
        assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof to), 0);
    else
        assert_int_equal(connect(fd, (struct sockaddr *)&to6, sizeof to6), 0);
    return fd;
}

static inline void question(struct message *m, const char *name, unsigned id)
{
    put_header(m, id, 0, 1, 0, 0, 0);
    put_question(m, name, TXT, 1);
}

struct reply {
    uint8_t at[65536];
    ssize_t len;
};

static inline unsigned rcode(const struct reply *r)
{
    return r->at[3] & 15u;
}

static inline unsigned answers(const struct reply *r)
{
    return read16(r->at + 6);
}

static inline void ask_udp(int fd, const char *name, struct reply *r)
{
    static struct message m;

    question(&m, name, 77);
    assert_int_equal(send(fd, m.at, m.len, 0), (ssize_t)m.len);
    r->len = recv(fd, r->at, sizeof r->at, 0);
    assert_true(r->len >= 12);
    assert_int_equal(read16(r->at), 77);
}

static inline bool receive_all(int fd, uint8_t *at, size_t n)
{
    while (n > 0) {
        ssize_t got = recv(fd, at, n, 0);

        if (got <= 0)
            return false;
        at += got;
        n -= (size_t)got;
    }
    return true;
}

/* False when the connection was closed. */
static inline bool receive_tcp(int fd, struct reply *r)
{
    uint8_t len[2];

    if (!receive_all(fd, len, 2))
        return false;
    r->len = (ssize_t)read16(len);
    return receive_all(fd, r->at, (size_t)r->len);
}

static inline void send_tcp(int fd, const struct message *m)
{
    uint8_t bytes[2 + 512] = { (uint8_t)(m->len >> 8), (uint8_t)m->len };

    assert_true(m->len <= 512);
    memcpy(bytes + 2, m->at, m->len);
    assert_int_equal(send(fd, bytes, 2 + m->len, MSG_NOSIGNAL), (ssize_t)(2 + m->len));
}

#endif
