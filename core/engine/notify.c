/*
 * Tells the service manager how the server is; see notify.h. Written here, not taken from libsystemd: it is one datagram, which
 * its manual page tells everybody to write himself, while that library would bring three compressors and a cryptography
 * library into a process that holds keys.
 */
#include "engine/notify.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/text.h"
#include "engine/log.h"

#define LOG_WHO "notify"

enum { US_PER_MS = 1000, PINGS_IN_A_PERIOD = 2 };
/* From each message on the manager waits 60 s longer; two of them may be lost. */
enum { EXTEND_AGAIN_MS = 20 * 1000 };
#define EXTEND "EXTEND_TIMEOUT_USEC=60000000\n"

/* ---- The environment ---- */

static int64_t number_of(const char *name)
{
    const char *text = getenv(name);
    char *end;
    long long n;

    if (!text || !*text)
        return -1;
    errno = 0;
    n = strtoll(text, &end, 10);
    return errno || *end || n < 0 ? -1 : n;
}

/* WATCHDOG_PID names whom it is for; without it, it is for whoever reads it. */
static int64_t read_watchdog(void)
{
    const int64_t us = number_of("WATCHDOG_USEC"), pid = number_of("WATCHDOG_PID");

    if (us < 2 * US_PER_MS || (pid >= 0 && pid != getpid()))
        return 0;
    return us / US_PER_MS;
}

static int read_address(struct notify *notify, const char *name, struct cs_error *err)
{
    const size_t len = strlen(name);

    if ((name[0] != '/' && name[0] != '@') || len < 2 || len >= sizeof notify->to.sun_path)
        return cs_fail(err, CS_ECONFIG,
                       "NOTIFY_SOCKET is \"%s\", but only a unix socket can be told: an absolute path, or a name after \"@\"; "
                       "unset it where no service manager listens", name);
    notify->to = (struct sockaddr_un){ .sun_family = AF_UNIX };
    memcpy(notify->to.sun_path, name, len);
    notify->to_len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len + (name[0] == '/'));
    if (name[0] == '@')
        notify->to.sun_path[0] = '\0';
    return 0;
}

int notify_open(struct notify *notify, struct cs_error *err)
{
    const char *name = getenv("NOTIFY_SOCKET");
    int rc = 0;

    *notify = (struct notify){ .fd = -1, .watchdog_ms = read_watchdog() };
    if (name && *name) {
        rc = read_address(notify, name, err);
        if (rc == 0)
            notify->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        if (rc == 0 && notify->fd < 0)
            rc = cs_fail(err, CS_ECONFIG, "cannot make a socket for the service manager: %s", strerror(errno));
    }
    unsetenv("NOTIFY_SOCKET");
    unsetenv("WATCHDOG_USEC");
    unsetenv("WATCHDOG_PID");
    return rc;
}

/* ---- Sending ---- */

/* Not connected: the manager may make its socket anew. It never waits: a full queue loses a message, the next ping does not. */
static void send_text(const struct notify *notify, const char *text)
{
    ssize_t n;

    if (notify->fd < 0)
        return;
    do
        n = sendto(notify->fd, text, strlen(text), MSG_NOSIGNAL | MSG_DONTWAIT, (const struct sockaddr *)&notify->to,
                   notify->to_len);
    while (n < 0 && errno == EINTR);
    if (n < 0)
        log_line(CS_LOG_WARN, LOG_WHO, "", "cannot tell the service manager: %s message=%.*s", strerror(errno),
                 (int)strcspn(text, "\n"), text);
}

/* A status of two lines would say something else. */
static void say(const struct notify *notify, const char *what, const char *status)
{
    struct text text = TEXT_MAX(1024);

    text_addf(&text, "%sSTATUS=%.*s\n", what, (int)strcspn(status, "\n"), status);
    if (!text_failed(&text))
        send_text(notify, text_of(&text));
    text_free(&text);
}

/* ---- The watchdog ---- */

static void on_ping(void *arg)
{
    struct notify *notify = arg;

    send_text(notify, "WATCHDOG=1\n");
    timer_set_in(notify->loop, &notify->ping, notify->watchdog_ms / PINGS_IN_A_PERIOD, on_ping, notify);
}

/* ---- What happens ---- */

void notify_ready(struct notify *notify, struct loop *loop, const char *status)
{
    say(notify, "READY=1\n", status);
    notify->loop = loop;
    if (notify->fd >= 0 && notify->watchdog_ms && !timer_is_set(&notify->ping))
        on_ping(notify);
}

void notify_reloading(struct notify *notify, const char *status)
{
    struct timespec now;
    char what[80];

    clock_gettime(CLOCK_MONOTONIC, &now);
    snprintf(what, sizeof what, "RELOADING=1\nMONOTONIC_USEC=%" PRId64 "\n",
             (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000);
    say(notify, what, status);
}

/* Little by little, and by the loop only: one that hangs while it stops is ended all the same. */
static void on_extend(void *arg)
{
    struct notify *notify = arg;

    if (cs_now_ms() >= notify->rest_ms)
        return;
    send_text(notify, EXTEND);
    timer_set_in(notify->loop, &notify->extend, EXTEND_AGAIN_MS, on_extend, notify);
}

void notify_stopping(struct notify *notify, struct loop *loop, int64_t most_ms, const char *status)
{
    say(notify, "STOPPING=1\n" EXTEND, status);
    notify->loop = loop;
    notify->rest_ms = cs_now_ms() + most_ms;
    if (notify->fd >= 0)
        timer_set_in(loop, &notify->extend, EXTEND_AGAIN_MS, on_extend, notify);
}

void notify_status(struct notify *notify, const char *status)
{
    say(notify, "", status);
}

void notify_close(struct notify *notify)
{
    timer_clear(&notify->ping);
    timer_clear(&notify->extend);
    if (notify->fd >= 0)
        close(notify->fd);
    notify->fd = -1;
}
