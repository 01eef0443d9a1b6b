/*
 * Listening sockets: made, or inherited by LISTEN_FDS (sd_listen_fds(3)). Used by plugin/instance.c and command/serve.c
 * before privileges drop, and by plugins through cs_listen().
 */
#include "engine/sockets.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "engine/host.h"

#define FIRST_INHERITED_FD  3
#define MOST_INHERITED      128
#define LISTENS_MAX         256
#define SAME_PORT_ATTEMPTS  20

static int number_of(const char *name)
{
    const char *text = getenv(name);
    char *end;
    long n;

    if (!text || !*text)
        return -1;
    errno = 0;
    n = strtol(text, &end, 10);
    return errno || *end || n < 0 || n > INT32_MAX ? -1 : (int)n;
}

static bool same_address(const struct sockaddr *a, socklen_t a_len, const struct sockaddr *b, socklen_t b_len)
{
    char a_text[128], b_text[128];

    if (a->sa_family != b->sa_family)
        return false;
    address_text(a_text, a, a_len);
    address_text(b_text, b, b_len);
    return strcmp(a_text, b_text) == 0;
}

static int option_of(int fd, int option)
{
    int value = -1;
    socklen_t len = sizeof value;

    return getsockopt(fd, SOL_SOCKET, option, &value, &len) < 0 ? -1 : value;
}

/* One that was handed out has close-on-exec; one that is still free has not. */
static bool inherited_fits(int fd, const struct sockaddr *address, socklen_t len, int type)
{
    struct sockaddr_storage bound = { 0 };
    socklen_t bound_len = sizeof bound;
    int flags = fcntl(fd, F_GETFD);

    if (flags < 0 || (flags & FD_CLOEXEC) || option_of(fd, SO_TYPE) != type)
        return false;
    if (type == SOCK_STREAM && option_of(fd, SO_ACCEPTCONN) != 1)
        return false;
    if (getsockname(fd, (struct sockaddr *)&bound, &bound_len) < 0)
        return false;
    return same_address(address, len, (const struct sockaddr *)&bound, bound_len);
}

static int take_inherited(const struct sockaddr *address, socklen_t len, int type)
{
    int n = number_of("LISTEN_FDS");

    if (number_of("LISTEN_PID") != (int)getpid() || n < 1 || n > MOST_INHERITED)
        return -1;
    for (int fd = FIRST_INHERITED_FD; fd < FIRST_INHERITED_FD + n; fd++) {
        if (!inherited_fits(fd, address, len, type))
            continue;
        if (fcntl(fd, F_SETFD, FD_CLOEXEC) < 0 || fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK) < 0)
            return -1;
        return fd;
    }
    return -1;
}

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

/* A socket's file that nobody answers at is a left-over of a server that was killed. */
static int clear_stale(const struct sockaddr *address, socklen_t len, int type, struct cs_error *err)
{
    const char *path = ((const struct sockaddr_un *)(const void *)address)->sun_path;
    struct stat st;
    int fd, refused;

    if (lstat(path, &st) < 0)
        return 0;
    if (!S_ISSOCK(st.st_mode))
        return cs_fail(err, CS_ECONFIG, "%s is there already and is not a socket: remove it or change `listen`", path);
    fd = socket(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return cs_fail(err, CS_ECONFIG, "cannot make a socket: %s", strerror(errno));
    refused = connect(fd, address, len) < 0 && errno == ECONNREFUSED;
    close(fd);
    if (!refused)
        return cs_fail(err, CS_ECONFIG, "%s is in use: stop the other server or change `listen`", path);
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
        return cs_fail(err, CS_ECONFIG, "%s%s needs root or CAP_NET_BIND_SERVICE: ports below 1024 are privileged", kind, text);
    if (error == EADDRNOTAVAIL)
        return cs_fail(err, CS_ECONFIG, "%s%s is not an address of this machine: change `listen`", kind, text);
    if (error == EAFNOSUPPORT)
        return cs_fail(err, CS_ECONFIG, "%s%s: this machine has no such protocol: change `listen`", kind, text);
    return cs_fail(err, CS_ECONFIG, "cannot listen on %s%s: %s", kind, text, strerror(error));
}

static int bind_and_listen(int fd, const struct sockaddr *address, socklen_t len, int type)
{
    if (prepare(fd, address->sa_family, type) < 0 || tune(fd, address->sa_family, type) < 0 || bind(fd, address, len) < 0)
        return -1;
    if (address->sa_family == AF_UNIX && chmod(((const struct sockaddr_un *)(const void *)address)->sun_path, 0666) < 0)
        return -1;
    return type == SOCK_STREAM ? listen(fd, SOMAXCONN) : 0;
}

int socket_listen(const struct sockaddr *address, socklen_t len, int type, struct cs_error *err)
{
    int fd = take_inherited(address, len, type);

    if (fd >= 0) {
        (void)tune(fd, address->sa_family, type);
        return fd;
    }
    if (address->sa_family == AF_UNIX && clear_stale(address, len, type, err) < 0)
        return -1;
    fd = socket(address->sa_family, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return why_not(address, len, type, errno, err);
    if (bind_and_listen(fd, address, len, type) < 0) {
        int error = errno;

        close(fd);
        return why_not(address, len, type, error, err);
    }
    return fd;
}

/* ---- the sockets of one block ------------------------------------------------------------------------------------ */

struct listens {
    size_t n;
    struct {
        int udp, tcp;
    } at[LISTENS_MAX];
};

struct listens *listens_new(void)
{
    return calloc(1, sizeof(struct listens));
}

void listens_free(struct listens *listens)
{
    if (!listens)
        return;
    for (size_t i = 0; i < listens->n; i++) {
        if (listens->at[i].udp >= 0)
            close(listens->at[i].udp);
        if (listens->at[i].tcp >= 0)
            close(listens->at[i].tcp);
    }
    free(listens);
}

static void take_port(struct sockaddr_storage *address, int fd)
{
    struct sockaddr_storage bound = { 0 };
    socklen_t len = sizeof bound;

    if (getsockname(fd, (struct sockaddr *)&bound, &len) == 0)
        *address = bound;
}

static bool any_port(const struct sockaddr_storage *address)
{
    return (address->ss_family == AF_INET && ((const struct sockaddr_in *)(const void *)address)->sin_port == 0) ||
           (address->ss_family == AF_INET6 && ((const struct sockaddr_in6 *)(const void *)address)->sin6_port == 0);
}

/* TCP first; with port 0 UDP then takes the port that TCP got, which may be taken there. */
static int bind_both(struct sockaddr_storage address, socklen_t len, int *udp, int *tcp, struct cs_error *err)
{
    *tcp = socket_listen((const struct sockaddr *)&address, len, SOCK_STREAM, err);
    if (*tcp < 0)
        return -1;
    take_port(&address, *tcp);
    *udp = socket_listen((const struct sockaddr *)&address, len, SOCK_DGRAM, err);
    if (*udp >= 0)
        return 0;
    close(*tcp);
    *tcp = -1;
    return -1;
}

int listens_add(struct listens *listens, const char *text, uint16_t default_port, bool udp, bool tcp, struct cs_error *err)
{
    struct sockaddr_storage address;
    int udp_fd = -1, tcp_fd = -1, attempts;
    socklen_t len;

    if (address_parse(text, default_port, &address, &len, err) < 0)
        return -1;
    if (listens->n == LISTENS_MAX)
        return cs_fail(err, CS_ECONFIG, "more than %d entries in one `listen`", LISTENS_MAX);
    if (address.ss_family == AF_UNIX && udp)
        return cs_fail(err, CS_ECONFIG, "\"%s\": only IP addresses will do here", text);
    if (udp && tcp) {
        for (attempts = any_port(&address) ? SAME_PORT_ATTEMPTS : 1; attempts > 0; attempts--)
            if (bind_both(address, len, &udp_fd, &tcp_fd, err) == 0)
                break;
    } else if (udp) {
        udp_fd = socket_listen((const struct sockaddr *)&address, len, SOCK_DGRAM, err);
    } else if (tcp) {
        tcp_fd = socket_listen((const struct sockaddr *)&address, len, SOCK_STREAM, err);
    }
    if ((udp && udp_fd < 0) || (tcp && tcp_fd < 0))
        return -1;
    listens->at[listens->n].udp = udp_fd;
    listens->at[listens->n].tcp = tcp_fd;
    listens->n++;
    return 0;
}

int listens_fd(const struct listens *listens, size_t index, int type)
{
    if (!listens || index >= listens->n)
        return -1;
    return type == SOCK_DGRAM ? listens->at[index].udp : type == SOCK_STREAM ? listens->at[index].tcp : -1;
}

int cs_listen(struct cs_instance *in, size_t index, int type)
{
    return listens_fd(in->listens, index, type);
}
