/*
 * Sockets made by the service manager; see inherited.h. Written here rather than taken from libsystemd for the reason that
 * notify.c gives.
 */
#include "engine/inherited.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/address.h"

#define FIRST_INHERITED_FD 3
#define MOST_INHERITED     128

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

/* How many there are; 0 when they are somebody else's. */
static int count(void)
{
    const int n = number_of("LISTEN_FDS");

    return number_of("LISTEN_PID") != (int)getpid() || n < 1 ? 0 : n < MOST_INHERITED ? n : MOST_INHERITED;
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

static int option_of(int fd, int level, int option)
{
    int value = -1;
    socklen_t len = sizeof value;

    return getsockopt(fd, level, option, &value, &len) < 0 ? -1 : value;
}

/* Close-on-exec marks those that were handed out. */
static bool is_free(int fd)
{
    const int flags = fcntl(fd, F_GETFD);

    return flags >= 0 && !(flags & FD_CLOEXEC);
}

static bool does_listen(int fd, int type)
{
    return option_of(fd, SOL_SOCKET, SO_TYPE) == type &&
           (type != SOCK_STREAM || option_of(fd, SOL_SOCKET, SO_ACCEPTCONN) == 1);
}

/* A socket of both protocols would show IPv4 clients under IPv6 addresses, and take the port of an IPv4 `listen`. */
static bool has_both_protocols(int fd)
{
    return option_of(fd, SOL_SOCKET, SO_DOMAIN) == AF_INET6 && option_of(fd, IPPROTO_IPV6, IPV6_V6ONLY) == 0;
}

static bool has_address(int fd, const struct sockaddr *address, socklen_t len)
{
    struct sockaddr_storage bound = { 0 };
    socklen_t bound_len = sizeof bound;

    return getsockname(fd, (struct sockaddr *)&bound, &bound_len) == 0 &&
           same_address(address, len, (const struct sockaddr *)&bound, bound_len);
}

/* ---- What is wrong with one ---- */

/* The names have colons between them; by default each is that of the socket unit. */
static const char *name_of(int index, int *len)
{
    const char *at = getenv("LISTEN_FDNAMES");

    for (int i = 0; at && i < index; i++) {
        at = strchr(at, ':');
        at = at ? at + 1 : NULL;
    }
    *len = at ? (int)strcspn(at, ":") : 0;
    if (*len)
        return at;
    *len = (int)strlen("the socket unit");
    return "the socket unit";
}

static int complain(int fd, struct cs_error *err)
{
    struct sockaddr_storage bound = { 0 };
    socklen_t bound_len = sizeof bound;
    const int type = option_of(fd, SOL_SOCKET, SO_TYPE);
    char text[128] = "something that is no socket";
    int name_len;
    const char *name = name_of(fd - FIRST_INHERITED_FD, &name_len);

    if (getsockname(fd, (struct sockaddr *)&bound, &bound_len) == 0)
        address_text(text, (const struct sockaddr *)&bound, bound_len);
    if (type >= 0 && has_both_protocols(fd))
        return cs_fail(err, CS_ECONFIG,
                       "%.*s hands over %s for IPv4 and IPv6 at once: write BindIPv6Only=ipv6-only there, and a line for each "
                       "protocol", name_len, name, text);
    if (type == SOCK_STREAM && !does_listen(fd, type))
        return cs_fail(err, CS_ECONFIG, "%.*s hands over a connection, not a listening socket: write Accept=no there", name_len,
                       name);
    return cs_fail(err, CS_ECONFIG,
                   "%.*s hands over %s%s, which is no `listen` of the configuration: whoever connects there would wait for "
                   "ever; add a `listen` with just that address, or take the line out of the socket unit",
                   name_len, name, type == SOCK_STREAM ? "TCP " : type == SOCK_DGRAM ? "UDP " : "", text);
}

/* ---- Handing out ---- */

int inherited_take(const struct sockaddr *address, socklen_t len, int type, int *out, struct cs_error *err)
{
    const int n = count();

    *out = -1;
    for (int fd = FIRST_INHERITED_FD; fd < FIRST_INHERITED_FD + n; fd++) {
        if (!is_free(fd) || option_of(fd, SOL_SOCKET, SO_TYPE) != type || !has_address(fd, address, len))
            continue;
        if (!does_listen(fd, type) || has_both_protocols(fd))
            return complain(fd, err);
        if (fcntl(fd, F_SETFD, FD_CLOEXEC) < 0 || fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK) < 0)
            return cs_fail(err, CS_ECONFIG, "cannot use the inherited socket %d: %s", fd, strerror(errno));
        *out = fd;
        return 0;
    }
    return 0;
}

int inherited_check_none_left(struct cs_error *err)
{
    const int n = count();

    for (int fd = FIRST_INHERITED_FD; fd < FIRST_INHERITED_FD + n; fd++)
        if (is_free(fd))
            return complain(fd, err);
    return 0;
}

static void describe(struct inherited *one, int fd)
{
    int name_len;
    const char *name = name_of(fd - FIRST_INHERITED_FD, &name_len);

    *one = (struct inherited){ .len = sizeof one->at, .type = option_of(fd, SOL_SOCKET, SO_TYPE) };
    (void)getsockname(fd, (struct sockaddr *)&one->at, &one->len);
    snprintf(one->unit, sizeof one->unit, "%.*s", name_len, name);
}

int inherited_list(struct inherited_list *list, struct cs_error *err)
{
    const int n = count();

    *list = (struct inherited_list){ 0 };
    if (!n)
        return 0;
    list->v = calloc((size_t)n, sizeof *list->v);
    if (!list->v)
        return cs_fail(err, CS_EINTERNAL, "out of memory");
    for (; list->n < (size_t)n; list->n++)
        describe(&list->v[list->n], FIRST_INHERITED_FD + (int)list->n);
    return 0;
}
