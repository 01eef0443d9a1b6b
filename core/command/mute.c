/*
 * The busy and the mute back end; see mute.h. The mute one needs no code: the kernel takes connections as long as somebody
 * listens, and keeps datagrams until somebody reads them.
 */
#include "command/mute.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

enum { TRIES = 20, BACKLOG = 128 };

static int bind_to(int type, uint16_t port)
{
    const struct sockaddr_in at = { .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);

    if (fd >= 0 && bind(fd, (const struct sockaddr *)&at, sizeof at) == 0 && (type != SOCK_STREAM || listen(fd, BACKLOG) == 0))
        return fd;
    if (fd >= 0)
        close(fd);
    return -1;
}

static uint16_t port_of(int fd)
{
    struct sockaddr_in at = { 0 };
    socklen_t len = sizeof at;

    return getsockname(fd, (struct sockaddr *)&at, &len) == 0 ? ntohs(at.sin_port) : 0;
}

/* The same free port for both. */
static int bind_both(int *tcp, int *udp, uint16_t *port, struct cs_error *err)
{
    for (int i = 0; i < TRIES; i++) {
        *tcp = bind_to(SOCK_STREAM, 0);
        *port = *tcp < 0 ? 0 : port_of(*tcp);
        *udp = *tcp < 0 ? -1 : bind_to(SOCK_DGRAM, *port);
        if (*udp >= 0)
            return 0;
        if (*tcp >= 0)
            close(*tcp);
    }
    *tcp = *udp = -1;
    return cs_fail(err, CS_EBUSY, "no port is free on 127.0.0.1: %s", strerror(errno));
}

static void answer(int fd)
{
    static const char busy[] = "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
    const struct timeval patience = { .tv_sec = 1 };
    char bytes[4096];
    size_t len = strlen(busy);

    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    if (recv(fd, bytes, sizeof bytes, 0) > 0 && send(fd, busy, len, MSG_NOSIGNAL) == (ssize_t)len)
        shutdown(fd, SHUT_WR);
    while (recv(fd, bytes, sizeof bytes, 0) > 0)
        continue;
    close(fd);
}

static void serve(int tcp)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    for (;;) {
        struct sockaddr_storage who;
        socklen_t len = sizeof who;
        int fd = accept4(tcp, (struct sockaddr *)&who, &len, SOCK_CLOEXEC);

        if (fd >= 0)
            answer(fd);
        else if (errno != EINTR && errno != ECONNABORTED)
            _exit(1);
    }
}

static int find_spare(uint16_t *port, struct cs_error *err)
{
    int tcp, udp;

    if (bind_both(&tcp, &udp, port, err) < 0)
        return -1;
    close(tcp);
    close(udp);
    return 0;
}

int mute_open(struct mute *mute, struct cs_error *err)
{
    *mute = (struct mute){ .busy_tcp = -1, .busy_udp = -1, .mute_tcp = -1, .mute_udp = -1 };
    if (bind_both(&mute->busy_tcp, &mute->busy_udp, &mute->busy_port, err) < 0)
        return -1;
    if (bind_both(&mute->mute_tcp, &mute->mute_udp, &mute->mute_port, err) < 0 || find_spare(&mute->spare_port, err) < 0) {
        mute_close(mute);
        return -1;
    }
    mute->child = fork();
    if (mute->child == 0)
        serve(mute->busy_tcp);
    if (mute->child > 0)
        return 0;
    cs_fail(err, CS_EBUSY, "no process can be made: %s", strerror(errno));
    mute_close(mute);
    return -1;
}

void mute_close(struct mute *mute)
{
    const int fds[] = { mute->busy_tcp, mute->busy_udp, mute->mute_tcp, mute->mute_udp };

    if (mute->child > 0) {
        kill(mute->child, SIGKILL);
        while (waitpid(mute->child, NULL, 0) < 0 && errno == EINTR)
            continue;
    }
    for (size_t i = 0; i < sizeof fds / sizeof *fds; i++)
        if (fds[i] >= 0)
            close(fds[i]);
}
