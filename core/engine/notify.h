/*
 * What the service manager is told: ready, reloading, stopping, alive, and one line for `systemctl status`. The protocol of
 * sd_notify(3): a datagram of KEY=VALUE lines to $NOTIFY_SOCKET. Where there is no such variable nothing is sent, and every
 * function is still allowed. Used by command/serve.c. Loop thread only.
 */
#ifndef ENGINE_NOTIFY_H
#define ENGINE_NOTIFY_H

#include <sys/socket.h>
#include <sys/un.h>

#include "engine/timer.h"

struct notify {
    int fd; /* -1: nobody listens */
    struct sockaddr_un to;
    socklen_t to_len;
    int64_t watchdog_ms; /* 0: none is wanted */
    struct loop *loop;
    struct timer ping, extend;
    int64_t rest_ms; /* when a stop is over, at the latest */
};

/* Reads NOTIFY_SOCKET (a path, or a name after "@"), WATCHDOG_USEC and WATCHDOG_PID, and takes them out of the environment, so
 * that no child answers for us. While there is one thread. CS_ECONFIG: there is a NOTIFY_SOCKET, but it is none. */
int notify_open(struct notify *notify, struct cs_error *err);

/* READY=1; from now on also WATCHDOG=1, twice in each period, from a timer of the loop: a loop that hangs is silent. After a
 * reload, too. */
void notify_ready(struct notify *notify, struct loop *loop, const char *status);
/* RELOADING=1 with the monotonic time that Type=notify-reload wants; notify_ready() must follow, whatever became of it. */
void notify_reloading(struct notify *notify, const char *status);
/* STOPPING=1; the pings go on. The loop comes to rest within `most_ms`, and until then EXTEND_TIMEOUT_USEC says every 20 s
 * that it takes up to a minute more: however short the manager's own patience is (TimeoutStopSec), requests may finish. A
 * second call counts anew. */
void notify_stopping(struct notify *notify, struct loop *loop, int64_t most_ms, const char *status);
/* A line for `systemctl status`; also of a start that failed. */
void notify_status(struct notify *notify, const char *status);

void notify_close(struct notify *notify); /* one that was never opened is allowed, if its fd is -1 */

#endif
