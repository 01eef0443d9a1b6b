/*
 * One transport to one server; see attempt.h.
 */
#include "attempt.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/dns_reader.h"

enum { UDP_MOST = 4096, TCP_MOST = 2 + 65535 };

void attempt_end(struct attempt *a)
{
    if (!a->open)
        return;
    a->open = false;
    cs_watch_end(a->watch);
    cs_timer_stop(a->timer);
    if (a->fd >= 0)
        close(a->fd);
    free(a->received);
    a->watch = NULL;
    a->timer = NULL;
    a->received = NULL;
}

static void give_up(struct attempt *a)
{
    attempt_end(a);
    a->over(a->arg);
}

static void socket_failed(struct attempt *a)
{
    cs_fail(&a->err, CS_EUPSTREAM, "%s: %s%s", a->tcp ? "TCP" : "UDP", strerror(errno),
            errno == ECONNREFUSED ? ": is the server running, are address and port right?" : "");
    give_up(a);
}

static bool must_wait(void)
{
    return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR;
}

/* ---- Time ---------------------------------------------------------------------------------------------------------- */

static void on_time(void *arg);

static int wait_for(struct attempt *a, int64_t ms)
{
    const int64_t left_ms = a->until_ms - cs_now_ms();

    if (left_ms < ms)
        ms = left_ms > 0 ? left_ms : 0;
    a->timer = cs_timer_start(a->in, ms, on_time, a);
    return a->timer ? 0 : cs_fail(&a->err, CS_EBUSY, "no memory");
}

static void no_answer(struct attempt *a)
{
    if (a->false_answers == 0)
        cs_fail(&a->err, CS_ETIMEDOUT, "no answer by %s", a->tcp ? "TCP" : "UDP");
    give_up(a);
}

static int send_datagram(struct attempt *a)
{
    a->sends++;
    return send(a->fd, a->out + 2, a->out_len - 2, MSG_NOSIGNAL) < 0 ? -1 : 0;
}

static void on_time(void *arg)
{
    struct attempt *a = arg;

    a->timer = NULL;
    if (a->tcp || a->sends >= ATTEMPT_SENDS || cs_now_ms() >= a->until_ms)
        no_answer(a);
    else if (send_datagram(a) < 0)
        socket_failed(a);
    else if (wait_for(a, a->patience_ms) < 0)
        give_up(a);
}

/* ---- Answers ------------------------------------------------------------------------------------------------------- */

static void read_datagrams(struct attempt *a)
{
    uint8_t packet[UDP_MOST];

    for (;;) {
        ssize_t n = recv(a->fd, packet, sizeof packet, MSG_DONTWAIT);

        if (n < 0 && must_wait())
            return;
        if (n < 0) {
            socket_failed(a);
            return;
        }
        if (a->take(a->arg, packet, (size_t)n, &a->err))
            return;
        if (++a->false_answers >= ATTEMPT_FALSE_ANSWERS) {
            give_up(a);
            return;
        }
    }
}

static void read_stream(struct attempt *a)
{
    const size_t want = a->received_len < 2 ? 2 : 2 + (size_t)dns_reader_get16(a->received);
    ssize_t n = recv(a->fd, a->received + a->received_len, want - a->received_len, MSG_DONTWAIT);

    if (n < 0 && must_wait())
        return;
    if (n < 0) {
        socket_failed(a);
        return;
    }
    if (n == 0) {
        cs_fail(&a->err, CS_EUPSTREAM, "TCP: closed without an answer");
        give_up(a);
        return;
    }
    a->received_len += (size_t)n;
    if (a->received_len < 2 || a->received_len < 2 + (size_t)dns_reader_get16(a->received))
        return;
    if (!a->take(a->arg, a->received + 2, a->received_len - 2, &a->err)) {
        a->false_answers++;
        give_up(a);
    }
}

static void on_readable(void *arg, int fd, int events)
{
    struct attempt *a = arg;

    (void)fd, (void)events;
    if (a->tcp)
        read_stream(a);
    else
        read_datagrams(a);
}

/* ---- Sending ------------------------------------------------------------------------------------------------------- */

static int watch(struct attempt *a, int events, cs_watch_fn *fn)
{
    cs_watch_end(a->watch);
    a->watch = cs_watch_fd(a->in, a->fd, events, fn, a);
    return a->watch ? 0 : cs_fail(&a->err, CS_EBUSY, "no memory");
}

/* The connection stands, or failed: sending tells. */
static void on_writable(void *arg, int fd, int events)
{
    struct attempt *a = arg;
    ssize_t n = send(fd, a->out + a->out_at, a->out_len - a->out_at, MSG_NOSIGNAL | MSG_DONTWAIT);

    (void)events;
    if (n < 0 && must_wait())
        return;
    if (n < 0) {
        socket_failed(a);
        return;
    }
    a->out_at += (size_t)n;
    if (a->out_at == a->out_len && watch(a, CS_READ, on_readable) < 0)
        give_up(a);
}

static int open_socket(struct attempt *a)
{
    a->fd = socket(a->server->at.ss_family, (a->tcp ? SOCK_STREAM : SOCK_DGRAM) | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (a->fd < 0)
        return -1;
    if (connect(a->fd, (const struct sockaddr *)&a->server->at, a->server->at_len) < 0 && errno != EINPROGRESS)
        return -1;
    return a->tcp ? 0 : send_datagram(a);
}

void attempt_start(struct attempt *a)
{
    a->open = true;
    a->fd = -1;
    a->watch = NULL;
    a->timer = NULL;
    a->sends = a->false_answers = 0;
    a->out_at = a->received_len = 0;
    a->err = (struct cs_error){ .code = CS_OK };
    a->received = a->tcp ? malloc(TCP_MOST) : NULL;
    if (a->tcp && !a->received) {
        cs_fail(&a->err, CS_EBUSY, "no memory");
        give_up(a);
    } else if (open_socket(a) < 0) {
        socket_failed(a);
    } else if (watch(a, a->tcp ? CS_WRITE : CS_READ, a->tcp ? on_writable : on_readable) < 0 ||
               wait_for(a, a->tcp ? a->until_ms - cs_now_ms() : a->patience_ms) < 0) {
        give_up(a);
    }
}
