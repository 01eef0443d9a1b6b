/*
 * The way to the syslog server; see link.h. Every socket is non-blocking: it is poll() that waits, and knows when to give up.
 */
#include "link.h"

#include <errno.h>
#include <linux/sockios.h>
#include <openssl/err.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "tls.h"

enum { SETTLE_MOST_MS = 50 };

static int fail(const struct link *link, const char *what, const char *why, struct cs_error *err)
{
    const bool path = link->server->kind == SERVER_UNIX;

    return cs_fail(err, CS_EUPSTREAM, "cannot %s the syslog server %s%s%s: %s", what, link->server->host, path ? "" : " port ",
                   path ? "" : link->server->port, why);
}

static int fail_errno(const struct link *link, const char *what, struct cs_error *err)
{
    return fail(link, what, strerrordesc_np(errno), err);
}

/* -1 with errno, ETIMEDOUT after the deadline. */
static int wait_for(int fd, short events, int64_t deadline_ms)
{
    for (;;) {
        const int64_t left_ms = deadline_ms - cs_now_ms();
        struct pollfd ask = { .fd = fd, .events = events };
        int n = poll(&ask, 1, left_ms > 0 ? (int)left_ms : 0);

        if (n > 0)
            return 0;
        if (n < 0 && errno != EINTR)
            return -1;
        if (n == 0 && left_ms <= 0) {
            errno = ETIMEDOUT;
            return -1;
        }
    }
}

/* ---- Opening --------------------------------------------------------------------------------------------------------- */

static int socket_error(int fd)
{
    int error = 0;
    socklen_t len = sizeof error;

    if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) < 0)
        error = errno;
    return error;
}

/* The socket, or -1 with errno. */
static int connected(int family, int type, const struct sockaddr *address, socklen_t len, int64_t deadline_ms)
{
    int fd = socket(family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), error = 0;

    if (fd < 0)
        return -1;
    if (connect(fd, address, len) < 0) {
        error = errno;
        if (error == EINPROGRESS || error == EINTR)
            error = wait_for(fd, POLLOUT, deadline_ms) < 0 ? errno : socket_error(fd);
    }
    if (!error)
        return fd;
    close(fd);
    errno = error;
    return -1;
}

/* A datagram socket as syslogd has it, or a stream. */
static int open_path(struct link *link, int64_t deadline_ms, struct cs_error *err)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };

    memcpy(address.sun_path, link->server->host, strnlen(link->server->host, sizeof address.sun_path - 1));
    link->stream = false;
    link->fd = connected(AF_UNIX, SOCK_DGRAM, (const struct sockaddr *)&address, sizeof address, deadline_ms);
    if (link->fd < 0 && errno == EPROTOTYPE) {
        link->stream = true;
        link->fd = connected(AF_UNIX, SOCK_STREAM, (const struct sockaddr *)&address, sizeof address, deadline_ms);
    }
    return link->fd < 0 ? fail_errno(link, "reach", err) : 0;
}

/* Each address gets its share of what is left. */
static int open_one_of(struct link *link, const struct addrinfo *first, int64_t deadline_ms, struct cs_error *err)
{
    int64_t n = 0;

    for (const struct addrinfo *at = first; at; at = at->ai_next)
        n++;
    for (const struct addrinfo *at = first; at; at = at->ai_next, n--) {
        const int64_t now_ms = cs_now_ms();

        link->fd = connected(at->ai_family, at->ai_socktype, at->ai_addr, at->ai_addrlen, now_ms + (deadline_ms - now_ms) / n);
        if (link->fd >= 0)
            return 0;
    }
    return fail_errno(link, "reach", err);
}

static int open_host(struct link *link, int64_t deadline_ms, struct cs_error *err)
{
    const int type = link->server->kind == SERVER_UDP ? SOCK_DGRAM : SOCK_STREAM, on = 1;
    struct addrinfo *found = NULL;
    const char *why;
    int rc;

    if (lookup_host(&link->lookup, link->server->host, link->server->port, type, deadline_ms, &found, &why) < 0)
        return fail(link, "find", why, err);
    link->stream = link->server->kind != SERVER_UDP;
    rc = open_one_of(link, found, deadline_ms, err);
    freeaddrinfo(found);
    if (rc == 0 && link->stream)
        setsockopt(link->fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
    return rc;
}

/* After a call of OpenSSL that gave `rc`: 1 to go on, 0 to call again, -1 and *err. */
static int tls_again(struct link *link, int rc, int64_t deadline_ms, const char *what, struct cs_error *err)
{
    const int why = rc > 0 ? SSL_ERROR_NONE : SSL_get_error(link->ssl, rc);

    if (why == SSL_ERROR_NONE)
        return 1;
    if (why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE)
        return wait_for(link->fd, why == SSL_ERROR_WANT_READ ? POLLIN : POLLOUT, deadline_ms) < 0 ? fail_errno(link, what, err)
                                                                                                  : 0;
    return fail(link, what, tls_reason(link->ssl), err);
}

static int shake_hands(struct link *link, int64_t deadline_ms, struct cs_error *err)
{
    int rc = 0;

    link->ssl = tls_client(link->tls, link->fd, link->name);
    if (!link->ssl)
        return cs_fail(err, CS_EINTERNAL, "no memory for TLS");
    while (rc == 0) {
        ERR_clear_error();
        rc = tls_again(link, SSL_connect(link->ssl), deadline_ms, "speak TLS to", err);
    }
    return rc > 0 ? 0 : -1;
}

/* A syslog server sends nothing; what it sends all the same (TLS tickets) is read and forgotten. */
static bool has_hung_up(struct link *link)
{
    char bytes[512];
    ssize_t n;

    if (!link->stream)
        return false;
    do {
        ERR_clear_error();
        n = link->ssl ? SSL_read(link->ssl, bytes, sizeof bytes) : recv(link->fd, bytes, sizeof bytes, MSG_DONTWAIT);
    } while (n > 0);
    if (link->ssl)
        return SSL_get_error(link->ssl, (int)n) != SSL_ERROR_WANT_READ;
    return n == 0 || (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR);
}

int link_open(struct link *link, int64_t deadline_ms, bool *fresh, struct cs_error *err)
{
    if (link->fd >= 0 && has_hung_up(link))
        link_close(link);
    *fresh = link->fd < 0;
    if (link->fd >= 0)
        return 0;
    if ((link->server->kind == SERVER_UNIX ? open_path : open_host)(link, deadline_ms, err) < 0)
        return -1;
    if (link->server->kind != SERVER_TLS || shake_hands(link, deadline_ms, err) == 0)
        return 0;
    link_close(link);
    return -1;
}

/* ---- Sending --------------------------------------------------------------------------------------------------------- */

static int send_datagram(struct link *link, const char *message, size_t len, int64_t deadline_ms, struct cs_error *err)
{
    while (send(link->fd, message, len, MSG_NOSIGNAL) < 0) {
        if (errno == EINTR)
            continue;
        if ((errno != EAGAIN && errno != EWOULDBLOCK) || wait_for(link->fd, POLLOUT, deadline_ms) < 0)
            return fail_errno(link, "send to", err);
    }
    return 0;
}

/* How many bytes went; 0: try again; -1 and *err. */
static ssize_t send_some(struct link *link, const char *data, size_t len, int64_t deadline_ms, struct cs_error *err)
{
    ssize_t n;

    if (link->ssl) {
        ERR_clear_error();
        n = SSL_write(link->ssl, data, (int)len);
        return n > 0 ? n : tls_again(link, (int)n, deadline_ms, "send to", err);
    }
    n = send(link->fd, data, len, MSG_NOSIGNAL);
    if (n >= 0 || errno == EINTR)
        return n < 0 ? 0 : n;
    if ((errno == EAGAIN || errno == EWOULDBLOCK) && wait_for(link->fd, POLLOUT, deadline_ms) == 0)
        return 0;
    return fail_errno(link, "send to", err);
}

static int send_stream(struct link *link, const char *data, size_t len, int64_t deadline_ms, struct cs_error *err)
{
    while (len) {
        const ssize_t n = send_some(link, data, len, deadline_ms, err);

        if (n < 0)
            return -1;
        data += n;
        len -= (size_t)n;
    }
    return 0;
}

int link_send(struct link *link, const char *message, size_t len, int64_t deadline_ms, struct cs_error *err)
{
    if (!link->stream)
        return send_datagram(link, message, len, deadline_ms, err);
    text_clear(&link->frame);
    if (link->server->kind != SERVER_UNIX)
        text_addf(&link->frame, "%zu ", len);
    text_add_n(&link->frame, message, len);
    if (link->server->kind == SERVER_UNIX)
        text_add_char(&link->frame, '\n');
    if (text_failed(&link->frame))
        return cs_fail(err, CS_EINTERNAL, "no memory for a syslog message");
    return send_stream(link, link->frame.at, link->frame.len, deadline_ms, err);
}

int link_settle(struct link *link, int64_t deadline_ms, struct cs_error *err)
{
    int unseen = 0;

    for (int64_t pause_ms = 1;; pause_ms = pause_ms < SETTLE_MOST_MS ? pause_ms * 2 : SETTLE_MOST_MS) {
        errno = socket_error(link->fd);
        if (errno)
            return fail_errno(link, "send to", err);
        if (has_hung_up(link))
            return fail(link, "send to", "it hung up", err);
        if (!link->stream || link->server->kind == SERVER_UNIX || ioctl(link->fd, SIOCOUTQ, &unseen) < 0 || unseen == 0)
            return 0;
        if (cs_now_ms() >= deadline_ms)
            return fail(link, "send to", "it does not take what was sent", err);
        nanosleep(&(struct timespec){ .tv_nsec = pause_ms * 1000000 }, NULL);
    }
}

void link_close(struct link *link)
{
    if (link->ssl)
        SSL_shutdown(link->ssl);
    SSL_free(link->ssl);
    link->ssl = NULL;
    if (link->fd >= 0)
        close(link->fd);
    link->fd = -1;
}
