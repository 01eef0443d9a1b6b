/*
 * Posts from one source, as many as the server takes or so many a second, for bench/abuse, which starts it:
 *
 *     flood-client PORT SOURCE REQUEST CONNECTIONS RATE SECONDS
 *
 * REQUEST is a file with a whole HTTP request, head and body, that the server keeps the connection open after. It is sent from
 * the loopback address SOURCE over so many kept connections, each of which waits for its answer before it sends again; RATE 0
 * is as fast as that goes. At the end it prints "SECONDS ANSWERS" and then "STATUS=COUNT" for each status that came.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define MOST_CONNECTIONS 256
#define ANSWER_MOST      8192
#define STATUSES         600
#define TICK_MS          2 /* between two looks at the clock, when there is a rate */

struct connection {
    int fd;
    char answer[ANSWER_MOST + 1];
    size_t len;
    bool waits;
};

static struct connection connections[MOST_CONNECTIONS];
static char request[65536];
static size_t request_len;
static unsigned long counts[STATUSES], sent, answered;

static void fail(const char *format, ...) __attribute__((noreturn, format(printf, 1, 2)));
static void fail(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
    exit(1);
}

static double now_s(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static unsigned long number(const char *text, unsigned long most)
{
    char *end;
    unsigned long n = strtoul(text, &end, 10);

    if (!*text || *end || n > most)
        fail("%s is no number up to %lu", text, most);
    return n;
}

static void read_request(const char *path)
{
    FILE *file = fopen(path, "rb");

    request_len = file ? fread(request, 1, sizeof request, file) : 0;
    if (!file || !request_len || request_len == sizeof request)
        fail("cannot read a request from %s", path);
    fclose(file);
}

static void connect_from(struct connection *c, const char *source, uint16_t port)
{
    struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    struct sockaddr_in from = { .sin_family = AF_INET };
    const int on = 1;

    c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (c->fd < 0 || inet_pton(AF_INET, source, &from.sin_addr) != 1 ||
        bind(c->fd, (struct sockaddr *)&from, sizeof from) < 0 ||
        connect(c->fd, (struct sockaddr *)&to, sizeof to) < 0)
        fail("cannot connect from %s to port %u: %s", source, port, strerror(errno));
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    fcntl(c->fd, F_SETFL, O_NONBLOCK);
}

/* Requests are short, and the one before was answered: the socket takes it whole. */
static void send_one(struct connection *c)
{
    if (send(c->fd, request, request_len, MSG_NOSIGNAL) != (ssize_t)request_len)
        fail("the server takes no request: %s", strerror(errno));
    c->waits = true;
    c->len = 0;
    sent++;
}

/* The answer's length once its head is there, otherwise 0. */
static size_t whole_length(const char *answer)
{
    const char *end = strstr(answer, "\r\n\r\n"), *length = strcasestr(answer, "\r\nContent-Length:");
    char *length_end = NULL;
    unsigned long n;

    if (!end)
        return 0;
    n = length && length < end ? strtoul(length + strlen("\r\nContent-Length:"), &length_end, 10) : 0;
    if (!length_end || *length_end != '\r')
        fail("an answer has no length:\n%s", answer);
    return (size_t)(end + 4 - answer) + n;
}

static void receive(struct connection *c)
{
    ssize_t n = recv(c->fd, c->answer + c->len, ANSWER_MOST - c->len, 0);
    size_t whole;
    unsigned long status;
    char *end;

    if (n <= 0) {
        if (n < 0 && errno == EAGAIN)
            return;
        fail("the server closed a connection after %lu answers", answered);
    }
    c->len += (size_t)n;
    c->answer[c->len] = '\0';
    whole = whole_length(c->answer);
    if (!whole || c->len < whole)
        return;
    status = strtoul(c->answer + strlen("HTTP/1.1 "), &end, 10);
    if (c->len > whole || strncmp(c->answer, "HTTP/1.1 ", strlen("HTTP/1.1 ")) != 0 || *end != ' ')
        fail("that is not one answer:\n%s", c->answer);
    counts[status < STATUSES ? status : 0]++;
    answered++;
    c->waits = false;
}

/* Who is free sends, but no more than the rate allows by now. */
static void send_more(size_t n, unsigned long rate, double since_s)
{
    static size_t next; /* who was free longest goes first, more or less */

    for (size_t i = 0; i < n && (!rate || (double)sent < (double)rate * since_s); i++, next++)
        if (!connections[next % n].waits)
            send_one(&connections[next % n]);
}

static double run(size_t n, unsigned long rate, double seconds)
{
    struct epoll_event events[MOST_CONNECTIONS];
    const int poll = epoll_create1(EPOLL_CLOEXEC);
    const double began_s = now_s();

    for (size_t i = 0; i < n; i++) {
        struct epoll_event event = { .events = EPOLLIN, .data.ptr = &connections[i] };

        if (poll < 0 || epoll_ctl(poll, EPOLL_CTL_ADD, connections[i].fd, &event) < 0)
            fail("epoll: %s", strerror(errno));
    }
    while (now_s() - began_s < seconds) {
        int ready;

        send_more(n, rate, now_s() - began_s);
        ready = epoll_wait(poll, events, MOST_CONNECTIONS, rate ? TICK_MS : 1000);
        for (int i = 0; i < ready; i++)
            receive(events[i].data.ptr);
    }
    close(poll);
    return now_s() - began_s;
}

int main(int argc, char **argv)
{
    unsigned long port, n, rate;
    double seconds;

    if (argc != 7)
        fail("flood-client PORT SOURCE REQUEST CONNECTIONS RATE SECONDS");
    port = number(argv[1], 65535);
    read_request(argv[3]);
    n = number(argv[4], MOST_CONNECTIONS);
    rate = number(argv[5], 1000000);
    for (size_t i = 0; i < n; i++)
        connect_from(&connections[i], argv[2], (uint16_t)port);
    seconds = run(n, rate, (double)number(argv[6], 3600));
    printf("%.6f %lu", seconds, answered);
    for (size_t status = 0; status < STATUSES; status++)
        if (counts[status])
            printf(" %zu=%lu", status, counts[status]);
    putchar('\n');
    return 0;
}
