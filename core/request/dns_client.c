/*
 * One question to one DNS server; see dns_client.h.
 */
#include "request/dns_client.h"

#include <errno.h>
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "base/dns_packet.h"
#include "engine/timer.h"

enum { HEADER = 12, OPT = 11, QUESTION_MOST = HEADER + 255 + 4 + OPT, FALSE_ANSWERS = 100 };
enum { FLAG_TC = 0x0200, FLAG_RD = 0x0100, FLAG_AD = 0x0020, FLAG_CD = 0x0010, TYPE_OPT = 41 };

static const struct {
    int type;
    int64_t ms;
} attempts[DNS_ATTEMPTS] = { { SOCK_DGRAM, 1000 }, { SOCK_DGRAM, 2000 }, { SOCK_STREAM, 3000 } };

struct dns_query {
    struct loop *loop;
    struct dns_ask ask;
    dns_answer_fn *fn;
    void *arg;
    uint8_t name[255];
    size_t name_len;
    size_t attempt; /* the one under way */
    int fd;
    struct event *event;
    struct timer timer;
    struct cs_error err; /* why the last attempt failed */
    int false_answers;
    uint16_t id;
    uint8_t out[2 + QUESTION_MOST]; /* with the length that TCP wants */
    size_t out_len, out_at;
    size_t in_len;
    uint8_t in[2 + DNS_REPLY_MOST]; /* last: what is not read into is never touched */
};

static void attempt_start(struct dns_query *q);
static void attempt_failed(struct dns_query *q);

static uint16_t get16(const uint8_t *at)
{
    return (uint16_t)(at[0] << 8 | at[1]);
}

static void put16(uint8_t *at, uint16_t value)
{
    at[0] = (uint8_t)(value >> 8);
    at[1] = (uint8_t)value;
}

static void attempt_end(struct dns_query *q)
{
    timer_clear(&q->timer);
    if (q->event)
        event_free(q->event);
    q->event = NULL;
    if (q->fd >= 0)
        close(q->fd);
    q->fd = -1;
}

static void query_free(struct dns_query *q)
{
    attempt_end(q);
    free(q);
}

static void finish(struct dns_query *q, const struct dns_answer *answer)
{
    attempt_end(q);
    q->fn(q->arg, answer);
    query_free(q);
}

static uint16_t flags_of(const struct dns_ask *ask)
{
    return (uint16_t)((ask->recurse ? FLAG_RD : 0) | (ask->authentic ? FLAG_AD : 0) | (ask->unchecked ? FLAG_CD : 0));
}

/* RFC 6891 6.1.2: the root's name, type, size for UDP, no flags, no options. */
static void put_opt(struct dns_query *q)
{
    uint8_t *at = q->out + q->out_len;

    if (!q->ask.edns_size)
        return;
    memset(at, 0, OPT);
    put16(at + 1, TYPE_OPT);
    put16(at + 3, q->ask.edns_size);
    put16(q->out + 2 + 10, 1);
    q->out_len += OPT;
}

/* RFC 1035 4.1. */
static int put_question(struct dns_query *q)
{
    uint8_t *at = q->out + 2;

    if (getrandom(&q->id, sizeof q->id, 0) != sizeof q->id)
        return cs_fail(&q->err, CS_EINTERNAL, "no random numbers");
    memset(at, 0, HEADER);
    put16(at, q->id);
    put16(at + 2, flags_of(&q->ask));
    put16(at + 4, 1);
    memcpy(at + HEADER, q->name, q->name_len);
    put16(at + HEADER + q->name_len, q->ask.type);
    put16(at + HEADER + q->name_len + 2, 1);
    q->out_len = 2 + HEADER + q->name_len + 4;
    put_opt(q);
    put16(q->out, (uint16_t)(q->out_len - 2));
    q->out_at = 0;
    return 0;
}

/* ---- Answers ------------------------------------------------------------------------------------------------------- */

/* Some servers answer what they do not like with a header alone. */
static bool is_bare_error(const struct dns_query *q, const uint8_t *packet, size_t len)
{
    return len == HEADER && get16(packet) == q->id && (get16(packet + 2) & 0xf800) == 0x8000 && (packet[3] & 15) != 0 &&
           get16(packet + 4) == 0;
}

/* False: not an answer to our question. Otherwise `q` has moved on, or is gone. */
static bool take_answer(struct dns_query *q, const uint8_t *packet, size_t len)
{
    struct dns_answer answer = { 0 };
    ldns_pkt *pkt = NULL;

    if (is_bare_error(q, packet, len)) {
        answer.rcode = packet[3] & 15u;
        finish(q, &answer);
        return true;
    }
    if (dns_check_reply(packet, len, q->id, q->name, q->name_len, q->ask.type, &q->err) < 0)
        return false;
    if (get16(packet + 2) & FLAG_TC && attempts[q->attempt].type == SOCK_DGRAM && !q->ask.udp) {
        cs_fail(&q->err, CS_EUPSTREAM, "truncated answer");
        q->attempt = DNS_ATTEMPTS - 2; /* so that TCP is next */
        attempt_failed(q);
        return true;
    }
    if (ldns_wire2pkt(&pkt, packet, len) != LDNS_STATUS_OK) {
        cs_fail(&q->err, CS_EUPSTREAM, "malformed answer");
        return false;
    }
    answer.rcode = packet[3] & 15u;
    answer.pkt = pkt;
    finish(q, &answer);
    ldns_pkt_free(pkt);
    return true;
}

static void socket_failed(struct dns_query *q, const char *what)
{
    cs_fail(&q->err, CS_EUPSTREAM, "%s: %s", what, strerror(errno));
    attempt_failed(q);
}

static void read_udp(struct dns_query *q)
{
    for (;;) {
        ssize_t n = recv(q->fd, q->in, sizeof q->in, MSG_DONTWAIT);

        if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR))
            return;
        if (n < 0) {
            socket_failed(q, "UDP");
            return;
        }
        if (take_answer(q, q->in, (size_t)n))
            return;
        if (++q->false_answers >= FALSE_ANSWERS) {
            attempt_failed(q);
            return;
        }
    }
}

static void read_tcp(struct dns_query *q)
{
    size_t want = q->in_len < 2 ? 2 : 2 + (size_t)get16(q->in);
    ssize_t n;

    if (want > sizeof q->in) {
        cs_fail(&q->err, CS_EUPSTREAM, "an answer of more than %d bytes", DNS_REPLY_MOST);
        attempt_failed(q);
        return;
    }
    n = recv(q->fd, q->in + q->in_len, want - q->in_len, MSG_DONTWAIT);
    if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR))
        return;
    if (n < 0) {
        socket_failed(q, "TCP");
        return;
    }
    q->in_len += (size_t)n;
    if (n == 0) {
        cs_fail(&q->err, CS_EUPSTREAM, "TCP: closed without an answer");
        attempt_failed(q);
    } else if (q->in_len > 2 && q->in_len == 2 + (size_t)get16(q->in) && !take_answer(q, q->in + 2, q->in_len - 2)) {
        attempt_failed(q);
    }
}

static int watch(struct dns_query *q, short what, event_callback_fn fn)
{
    if (q->event)
        event_free(q->event);
    q->event = event_new(loop_base(q->loop), q->fd, what | EV_PERSIST, fn, q);
    if (!q->event || event_add(q->event, NULL) < 0)
        return cs_fail(&q->err, CS_EBUSY, "no memory");
    return 0;
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
    struct dns_query *q = arg;
    int64_t began_us = loop_call_begin();

    (void)fd, (void)what;
    if (attempts[q->attempt].type == SOCK_DGRAM)
        read_udp(q);
    else
        read_tcp(q);
    loop_call_end("DNS answer", began_us);
}

/* The connection stands, or failed: sending tells. */
static void on_writable(evutil_socket_t fd, short what, void *arg)
{
    struct dns_query *q = arg;
    ssize_t n = send(fd, q->out + q->out_at, q->out_len - q->out_at, MSG_NOSIGNAL | MSG_DONTWAIT);

    (void)what;
    if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR))
        return;
    if (n < 0) {
        socket_failed(q, "TCP");
        return;
    }
    q->out_at += (size_t)n;
    if (q->out_at == q->out_len && watch(q, EV_READ, on_readable) < 0)
        attempt_failed(q);
}

/* ---- Attempts ------------------------------------------------------------------------------------------------------ */

static void on_attempt_over(void *arg)
{
    struct dns_query *q = arg;

    if (q->false_answers == 0)
        cs_fail(&q->err, CS_ETIMEDOUT, "no answer");
    attempt_failed(q);
}

static void on_failed(void *arg)
{
    struct dns_query *q = arg;
    const struct dns_answer answer = { .err = &q->err };

    finish(q, &answer);
}

/* Goes on with the next attempt, or ends the query; never inside the caller's call of dns_client_ask(). */
static void attempt_failed(struct dns_query *q)
{
    attempt_end(q);
    q->attempt++;
    if (q->attempt < (q->ask.udp ? DNS_ATTEMPTS - 1 : DNS_ATTEMPTS) && cs_now_ms() < q->ask.deadline_ms)
        attempt_start(q);
    else
        timer_set_in(q->loop, &q->timer, 0, on_failed, q);
}

static int connect_socket(struct dns_query *q)
{
    int type = attempts[q->attempt].type;

    q->fd = socket(q->ask.server.ss_family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (q->fd < 0)
        return -1;
    if (connect(q->fd, (const struct sockaddr *)&q->ask.server, q->ask.server_len) < 0 && errno != EINPROGRESS)
        return -1;
    return type == SOCK_DGRAM && send(q->fd, q->out + 2, q->out_len - 2, MSG_NOSIGNAL) < 0 ? -1 : 0;
}

static void attempt_start(struct dns_query *q)
{
    const bool udp = attempts[q->attempt].type == SOCK_DGRAM;
    int64_t until_ms = cs_now_ms() + attempts[q->attempt].ms;

    q->in_len = 0;
    q->false_answers = 0;
    timer_set_at(q->loop, &q->timer, until_ms < q->ask.deadline_ms ? until_ms : q->ask.deadline_ms, on_attempt_over, q);
    if (put_question(q) < 0) {
        attempt_failed(q);
    } else if (connect_socket(q) < 0) {
        if (errno == ENETUNREACH || errno == EHOSTUNREACH || errno == EADDRNOTAVAIL || errno == EAFNOSUPPORT)
            q->attempt = DNS_ATTEMPTS; /* the others would not get there either */
        socket_failed(q, udp ? "UDP" : "TCP");
    } else if (watch(q, udp ? EV_READ : EV_WRITE, udp ? on_readable : on_writable) < 0) {
        attempt_failed(q);
    }
}

struct dns_query *dns_client_ask(struct loop *loop, const struct dns_ask *ask, dns_answer_fn *fn, void *arg,
                                 struct cs_error *err)
{
    struct dns_query *q = malloc(sizeof *q);
    int name_len;

    if (!q) {
        cs_fail(err, CS_EBUSY, "no memory");
        return NULL;
    }
    memset(q, 0, offsetof(struct dns_query, in));
    name_len = dns_name_to_wire(q->name, ask->name);
    if (name_len < 0) {
        free(q);
        cs_fail(err, CS_EINPUT, "\"%.260s\" is not a DNS name", ask->name);
        return NULL;
    }
    q->name_len = (size_t)name_len;
    q->loop = loop;
    q->ask = *ask;
    q->ask.name = NULL;
    q->fn = fn;
    q->arg = arg;
    q->fd = -1;
    q->attempt = ask->tcp ? DNS_ATTEMPTS - 1 : 0;
    attempt_start(q);
    return q;
}

void dns_client_cancel(struct dns_query *query)
{
    if (query)
        query_free(query);
}
