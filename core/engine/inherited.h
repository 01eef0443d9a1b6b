/*
 * Listening sockets that the service manager made before us (sd_listen_fds(3): LISTEN_FDS, LISTEN_PID, LISTEN_FDNAMES). Each is
 * handed out once, to the `listen` that has its type and address. Used by sockets.c and command/serve.c, before any thread.
 */
#ifndef ENGINE_INHERITED_H
#define ENGINE_INHERITED_H

#include <stddef.h>
#include <sys/socket.h>

#include <countersign/plugin.h>

/* *out: one that is still free and has that type and address, now with close-on-exec and non-blocking; -1 when there is none.
 * CS_ECONFIG: there is one, but it will not do. */
int inherited_take(const struct sockaddr *address, socklen_t len, int type, int *out, struct cs_error *err);

/* When every `listen` has its socket: is one left? Who connects there would wait for ever, since the manager keeps it open:
 * CS_ECONFIG names it, and what to do. Closes nothing. */
int inherited_check_none_left(struct cs_error *err);

struct inherited {
    struct sockaddr_storage at;
    socklen_t len;
    int type;
    char unit[80]; /* "countersign.socket" */
};

struct inherited_list {
    struct inherited *v; /* free() it */
    size_t n;
};

/* All that were handed out, so that a server which gets another configuration knows what the manager keeps open. Once each has
 * its `listen`, and before any of them is closed. */
int inherited_list(struct inherited_list *list, struct cs_error *err);

#endif
