/*
 * Listening sockets: made here, or by the service manager (inherited.c). Used by listens.c and command/serve_listeners.c before
 * privileges drop.
 */
#include "engine/sockets.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "engine/inherited.h"

static int turn_on(int fd, int level, int option)
{
    const int on = 1;

    return setsockopt(fd, level, option, &on, sizeof on);
}

/* For sockets made here and inherited ones. UDP answers must leave from the address that was asked. */
static int tune(int fd, int family, int type)
{
    if (family == AF_UNIX)
        return 0;
    if (type == SOCK_STREAM)
        return turn_on(fd, IPPROTO_TCP, TCP_NODELAY);
    return family == AF_INET ? turn_on(fd, IPPROTO_IP, IP_PKTINFO) : turn_on(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO);
}

/* SO_REUSEADDR on a UDP socket would let two servers have one port. */
static int prepare(int fd, int family, int type)
{
    if (family == AF_INET6 && turn_on(fd, IPPROTO_IPV6, IPV6_V6ONLY) < 0)
        return -1;
    if (family != AF_UNIX && type == SOCK_STREAM && turn_on(fd, SOL_SOCKET, SO_REUSEADDR) < 0)
        return -1;
    return 0;
}

/* A socket's file that nobody answers at is a left-over of a server that was killed. `setting`: what to change otherwise. */
static int clear_stale(const struct sockaddr *address, socklen_t len, int type, const char *setting, struct cs_error *err)
{
    const char *path = ((const struct sockaddr_un *)(const void *)address)->sun_path;
    struct stat st;
    int fd, refused;

    if (lstat(path, &st) < 0)
        return 0;
    if (!S_ISSOCK(st.st_mode))
        return cs_fail(err, CS_ECONFIG, "%s is there already and is not a socket: remove it or change `%s`", path, setting);
    fd = socket(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return cs_fail(err, CS_ECONFIG, "cannot make a socket: %s", strerror(errno));
    refused = connect(fd, address, len) < 0 && errno == ECONNREFUSED;
    close(fd);
    if (!refused)
        return cs_fail(err, CS_ECONFIG, "%s is in use: stop the other server or change `%s`", path, setting);
    if (unlink(path) < 0)
        return cs_fail(err, CS_ECONFIG, "cannot remove the stale socket %s: %s", path, strerror(errno));
    return 0;
}

static int why_not(const struct sockaddr *address, socklen_t len, int type, int error, struct cs_error *err)
{
    const char *kind = address->sa_family == AF_UNIX ? "" : type == SOCK_DGRAM ? "UDP " : "TCP ";
    char text[128];

    address_text(text, address, len);
    if (error == EADDRINUSE)
        return cs_fail(err, CS_ECONFIG, "%s%s is in use: stop the other server or change `listen`", kind, text);
    if (error == EACCES && address->sa_family != AF_UNIX)
        return cs_fail_as(err, CS_ECONFIG, SOCKET_PRIVILEGED,
                          "%s%s needs root or CAP_NET_BIND_SERVICE: ports below 1024 are privileged", kind, text);
    if (error == EPERM && address->sa_family == AF_UNIX)
        return cs_fail(err, CS_ECONFIG,
                       "%s cannot be given to its `group`: only root can, or a member of it; start the server as root, or with "
                       "that group (SupplementaryGroups= of the unit)", text);
    if (error == EADDRNOTAVAIL)
        return cs_fail(err, CS_ECONFIG, "%s%s is not an address of this machine: change `listen`", kind, text);
    if (error == EAFNOSUPPORT)
        return cs_fail(err, CS_ECONFIG, "%s%s: this machine has no such protocol: change `listen`", kind, text);
    return cs_fail(err, CS_ECONFIG, "cannot listen on %s%s: %s", kind, text, strerror(error));
}

/* Whoever connects may be believed to be a proxy, so it is not for everybody. Nobody gets in before listen(). */
static int let_in(const struct sockaddr *address, gid_t group)
{
    const char *path = ((const struct sockaddr_un *)(const void *)address)->sun_path;

    if (group != (gid_t)-1 && lchown(path, (uid_t)-1, group) < 0)
        return -1;
    return chmod(path, 0660);
}

static int bind_and_listen(int fd, const struct sockaddr *address, socklen_t len, int type, gid_t group)
{
    if (prepare(fd, address->sa_family, type) < 0 || tune(fd, address->sa_family, type) < 0 || bind(fd, address, len) < 0)
        return -1;
    if (address->sa_family == AF_UNIX && let_in(address, group) < 0)
        return -1;
    return type == SOCK_STREAM ? listen(fd, SOMAXCONN) : 0;
}

int socket_listen(const struct sockaddr *address, socklen_t len, int type, struct cs_error *err)
{
    return socket_listen_for(address, len, type, (gid_t)-1, err);
}

int socket_listen_for(const struct sockaddr *address, socklen_t len, int type, gid_t group, struct cs_error *err)
{
    int fd;

    if (inherited_take(address, len, type, &fd, err) < 0)
        return -1;
    if (fd >= 0) {
        (void)tune(fd, address->sa_family, type);
        return fd;
    }
    if (address->sa_family == AF_UNIX && clear_stale(address, len, type, "listen", err) < 0)
        return -1;
    fd = socket(address->sa_family, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return why_not(address, len, type, errno, err);
    if (bind_and_listen(fd, address, len, type, group) < 0) {
        int error = errno;

        close(fd);
        return why_not(address, len, type, error, err);
    }
    return fd;
}

/* The mode that the socket has when it is bound is that of its file. */
static int bind_private(int fd, const struct sockaddr *address, socklen_t len)
{
    return fchmod(fd, 0600) < 0 || bind(fd, address, len) < 0 ? -1 : listen(fd, SOMAXCONN);
}

int socket_listen_private(const char *path, struct cs_error *err)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    int fd;

    if (strlen(path) >= sizeof address.sun_path)
        return cs_fail(err, CS_ECONFIG,
                       "%s is too long for a socket's path, %zu bytes are possible: give `runtime` a shorter one", path,
                       sizeof address.sun_path - 1);
    memcpy(address.sun_path, path, strlen(path));
    if (clear_stale((const struct sockaddr *)&address, sizeof address, SOCK_STREAM, "runtime", err) < 0)
        return -1;
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd >= 0 && bind_private(fd, (const struct sockaddr *)&address, sizeof address) == 0)
        return fd;
    cs_fail(err, CS_ECONFIG, "cannot listen on %s: %s", path, strerror(errno));
    if (fd >= 0)
        close(fd);
    return -1;
}
