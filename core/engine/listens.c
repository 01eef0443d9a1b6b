/*
 * The sockets of one block of the configuration. Filled by plugin/instance.c; plugins get them with cs_listen().
 */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/host.h"
#include "engine/sockets.h"

#define LISTENS_MAX        256
#define SAME_PORT_ATTEMPTS 20

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

static int share(int fd)
{
    return fd < 0 ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, 0);
}

int listens_share(struct listens *listens, const struct listens *from, size_t index, struct cs_error *err)
{
    const int udp = from->at[index].udp, tcp = from->at[index].tcp;

    if (listens->n == LISTENS_MAX)
        return cs_fail(err, CS_ECONFIG, "more than %d entries in one `listen`", LISTENS_MAX);
    listens->at[listens->n].udp = share(udp);
    listens->at[listens->n].tcp = share(tcp);
    listens->n++;
    if ((udp >= 0 && listens->at[listens->n - 1].udp < 0) || (tcp >= 0 && listens->at[listens->n - 1].tcp < 0))
        return cs_fail(err, CS_EBUSY, "cannot take over a socket: %s", strerror(errno));
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
