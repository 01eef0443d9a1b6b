/*
 * DNS over UDP; see udp.h. An answer leaves from the address that was asked, which matters on hosts that have several.
 */
#include "udp.h"

#include <arpa/inet.h>
#include <errno.h>
#include <event2/event.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

enum { BATCH = 32, BATCHES = 8 /* before the other sockets get their turn */, QUERY_MOST = 2048 };

struct control {
    _Alignas(struct cmsghdr) char bytes[CMSG_SPACE(sizeof(struct in6_pktinfo)) + CMSG_SPACE(sizeof(struct in_pktinfo))];
};

struct udp {
    struct udp *next;
    struct server *server;
    int fd;
    struct event *event;
    struct mmsghdr in[BATCH], out[BATCH];
    struct iovec in_iov[BATCH], out_iov[BATCH];
    struct sockaddr_storage from[BATCH];
    struct control in_control[BATCH], out_control[BATCH];
    uint8_t queries[BATCH][QUERY_MOST], replies[BATCH][ANSWER_UDP_MOST];
};

static void make_ready(struct udp *udp)
{
    for (size_t i = 0; i < BATCH; i++) {
        udp->in_iov[i] = (struct iovec){ udp->queries[i], QUERY_MOST };
        udp->in[i].msg_hdr = (struct msghdr){ .msg_name = &udp->from[i], .msg_namelen = sizeof udp->from[i],
                                              .msg_iov = &udp->in_iov[i], .msg_iovlen = 1,
                                              .msg_control = &udp->in_control[i],
                                              .msg_controllen = sizeof udp->in_control[i] };
    }
}

static void add_control(struct msghdr *to, struct control *control, int level, int type, const void *data, size_t len)
{
    struct cmsghdr *c;

    memset(control, 0, sizeof *control);
    to->msg_control = control;
    to->msg_controllen = CMSG_SPACE(len);
    c = CMSG_FIRSTHDR(to);
    c->cmsg_level = level;
    c->cmsg_type = type;
    c->cmsg_len = CMSG_LEN(len);
    memcpy(CMSG_DATA(c), data, len);
}

/* The address that was asked becomes the one that answers; the way out is the routing table's business. */
static void copy_address(struct msghdr *to, struct control *control, struct msghdr *from)
{
    for (struct cmsghdr *c = CMSG_FIRSTHDR(from); c; c = CMSG_NXTHDR(from, c)) {
        if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO) {
            struct in_pktinfo info;

            memcpy(&info, CMSG_DATA(c), sizeof info);
            info = (struct in_pktinfo){ .ipi_spec_dst = info.ipi_spec_dst };
            add_control(to, control, IPPROTO_IP, IP_PKTINFO, &info, sizeof info);
        } else if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_PKTINFO) {
            struct in6_pktinfo info;

            memcpy(&info, CMSG_DATA(c), sizeof info);
            if (IN6_IS_ADDR_MULTICAST(&info.ipi6_addr))
                continue;
            if (!IN6_IS_ADDR_LINKLOCAL(&info.ipi6_addr))
                info.ipi6_ifindex = 0;
            add_control(to, control, IPPROTO_IPV6, IPV6_PKTINFO, &info, sizeof info);
        }
    }
}

static size_t answer_batch(struct udp *udp, size_t n)
{
    const struct snapshot *snapshot = shelf_take(udp->server->shelf);
    size_t out = 0;

    for (size_t i = 0; i < n; i++) {
        struct msghdr *from = &udp->in[i].msg_hdr, *to = &udp->out[out].msg_hdr;
        struct answer answer = { .at = udp->replies[out], .most = ANSWER_UDP_MOST };

        if (from->msg_flags & MSG_TRUNC)
            continue;
        server_answer(udp->server, snapshot, udp->queries[i], udp->in[i].msg_len, &answer);
        if (answer.len == 0)
            continue;
        udp->out_iov[out] = (struct iovec){ answer.at, answer.len };
        *to = (struct msghdr){ .msg_name = from->msg_name, .msg_namelen = from->msg_namelen, .msg_iov = &udp->out_iov[out],
                               .msg_iovlen = 1 };
        copy_address(to, &udp->out_control[out], from);
        out++;
    }
    shelf_give_back(udp->server->shelf);
    return out;
}

/* A datagram that cannot be sent is lost, as datagrams are; the others still go. */
static void send_batch(struct udp *udp, size_t n)
{
    size_t sent = 0;

    while (sent < n) {
        int rc = sendmmsg(udp->fd, udp->out + sent, (unsigned)(n - sent), MSG_DONTWAIT);

        if (rc > 0)
            sent += (size_t)rc;
        else if (errno == EAGAIN || errno == EWOULDBLOCK)
            return;
        else if (errno != EINTR)
            sent++;
    }
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
    struct udp *udp = arg;

    (void)what;
    for (int i = 0; i < BATCHES; i++) {
        int n;

        make_ready(udp);
        n = recvmmsg(fd, udp->in, BATCH, MSG_DONTWAIT, NULL);
        if (n <= 0)
            return;
        send_batch(udp, answer_batch(udp, (size_t)n));
        if (n < BATCH)
            return;
    }
}

int udp_add(struct server *server, int fd, struct cs_error *err)
{
    struct udp *udp = calloc(1, sizeof *udp);

    if (!udp)
        return cs_fail(err, CS_EBUSY, "no memory");
    udp->server = server;
    udp->fd = fd;
    udp->next = server->udp;
    server->udp = udp;
    udp->event = event_new(server->base, fd, EV_READ | EV_PERSIST, on_readable, udp);
    if (!udp->event || event_add(udp->event, NULL) < 0)
        return cs_fail(err, CS_EBUSY, "no memory");
    return 0;
}

void udp_free(struct server *server)
{
    while (server->udp) {
        struct udp *udp = server->udp;

        server->udp = udp->next;
        if (udp->event)
            event_free(udp->event);
        free(udp);
    }
}
