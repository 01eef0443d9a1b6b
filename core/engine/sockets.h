/*
 * Listening sockets: bound at the start, before privileges drop, and kept. Those that the service manager made are taken where
 * type and address fit (inherited.h). Used by command/serve_listeners.c and serve_control.c, and behind
 * cs_listen().
 */
#ifndef ENGINE_SOCKETS_H
#define ENGINE_SOCKETS_H

#include <sys/socket.h>

#include <countersign/plugin.h>

#include "base/address.h"

#define SOCKET_PRIVILEGED "privileged-port" /* the reason of such an error */

/* Bind (and for SOCK_STREAM listen on) an address: non-blocking, close-on-exec, TCP_NODELAY, REUSEADDR, v6only, PKTINFO for
 * UDP, a stale unix socket replaced. Takes an inherited socket when one fits. Returns the fd or -1 and CS_ECONFIG with what to
 * do (in use, no permission, no such address). The file of a unix socket has mode 0660: whoever may write to it may connect. */
int socket_listen(const struct sockaddr *address, socklen_t len, int type, struct cs_error *err);
/* The same with the group of a unix socket's file, which root may choose, and others among their own; (gid_t)-1: as it is made.
 * That of an inherited one stays. */
int socket_listen_for(const struct sockaddr *address, socklen_t len, int type, gid_t group, struct cs_error *err);

/* A unix socket for SOCK_STREAM that only its owner can connect to (mode 0600 from its first moment on); that of a server which
 * is gone is replaced. Returns the fd or -1 and CS_ECONFIG with what to do. */
int socket_listen_private(const char *path, struct cs_error *err);

/* The sockets of one block. */
struct listens;
struct listens *listens_new(void);
void listens_free(struct listens *listens); /* closes them; NULL is allowed */
/* Bind one entry of `listen`, for UDP, TCP or both. */
int listens_add(struct listens *listens, const char *text, uint16_t default_port, bool udp, bool tcp, struct cs_error *err);
/* The same sockets as entry `index` of `from`, which may be closed before or after these. */
int listens_share(struct listens *listens, const struct listens *from, size_t index, struct cs_error *err);
int listens_fd(const struct listens *listens, size_t index, int type); /* -1: none */

#endif
