/* The core as dns-builtin sees it; see dns_host.h. For tests and run_dns_builtin. */
#include "dns_host.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static atomic_llong moved_ms;

struct cs_timer {
    struct cs_instance *in;
    int64_t at_ms;
    cs_timer_fn *fn;
    void *arg;
};

static int64_t clock_ms(clockid_t id)
{
    struct timespec t;

    clock_gettime(id, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000 + atomic_load(&moved_ms);
}

int64_t cs_now_ms(void)
{
    return clock_ms(CLOCK_MONOTONIC);
}

int64_t cs_wall_ms(void)
{
    return clock_ms(CLOCK_REALTIME);
}

void host_move_clock(int64_t ms)
{
    atomic_fetch_add(&moved_ms, ms);
}

int cs_listen(struct cs_instance *in, size_t index, int type)
{
    if (index >= in->n)
        return -1;
    return type == SOCK_DGRAM ? in->udp[index] : in->tcp[index];
}

const char *cs_instance_name(const struct cs_instance *in)
{
    (void)in;
    return "builtin";
}

void cs_log(struct cs_instance *in, enum cs_log_level level, const char *format, ...)
{
    va_list args;

    (void)level;
    if (!in->log)
        return;
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
}

void cs_op_ok(struct cs_op *op)
{
    if (op->done)
        abort();
    op->done = true;
}

void cs_op_err(struct cs_op *op, const struct cs_error *err)
{
    cs_op_ok(op);
    op->failed = true;
    op->err = *err;
}

struct cs_timer *cs_timer_start(struct cs_instance *in, int64_t ms, cs_timer_fn *fn, void *arg)
{
    for (size_t i = 0; i < HOST_TIMERS; i++) {
        if (in->timers[i])
            continue;
        in->timers[i] = malloc(sizeof *in->timers[i]);
        if (in->timers[i])
            *in->timers[i] = (struct cs_timer){ in, cs_now_ms() + ms, fn, arg };
        return in->timers[i];
    }
    return NULL;
}

void cs_timer_stop(struct cs_timer *timer)
{
    for (size_t i = 0; timer && i < HOST_TIMERS; i++)
        if (timer->in->timers[i] == timer)
            timer->in->timers[i] = NULL;
    free(timer);
}

size_t host_run_timers(struct cs_instance *in)
{
    struct cs_timer *due[HOST_TIMERS];
    size_t n = 0;

    for (size_t i = 0; i < HOST_TIMERS; i++) {
        if (!in->timers[i] || in->timers[i]->at_ms > cs_now_ms())
            continue;
        due[n++] = in->timers[i];
        in->timers[i] = NULL;
    }
    for (size_t i = 0; i < n; i++) {
        due[i]->fn(due[i]->arg);
        free(due[i]);
    }
    return n;
}

/* ---- Sockets --------------------------------------------------------------------------------------------------------- */

static socklen_t address_of(struct sockaddr_storage *out, const char *text, uint16_t port)
{
    struct sockaddr_in *four = (struct sockaddr_in *)out;
    struct sockaddr_in6 *six = (struct sockaddr_in6 *)out;

    memset(out, 0, sizeof *out);
    if (inet_pton(AF_INET, text, &four->sin_addr) == 1) {
        four->sin_family = AF_INET;
        four->sin_port = htons(port);
        return sizeof *four;
    }
    if (inet_pton(AF_INET6, text, &six->sin6_addr) != 1)
        return 0;
    six->sin6_family = AF_INET6;
    six->sin6_port = htons(port);
    return sizeof *six;
}

static int bound(const char *text, uint16_t port, int type)
{
    struct sockaddr_storage address;
    socklen_t len = address_of(&address, text, port);
    const int on = 1;
    int fd = socket(address.ss_family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (address.ss_family == AF_INET6)
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
    if (type == SOCK_DGRAM && address.ss_family == AF_INET6)
        setsockopt(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, &on, sizeof on);
    if (type == SOCK_DGRAM && address.ss_family == AF_INET)
        setsockopt(fd, IPPROTO_IP, IP_PKTINFO, &on, sizeof on);
    if (type == SOCK_STREAM)
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (len > 0 && bind(fd, (struct sockaddr *)&address, len) == 0 && (type == SOCK_DGRAM || listen(fd, 512) == 0))
        return fd;
    close(fd);
    return -1;
}

static uint16_t port_of(int fd)
{
    struct sockaddr_storage own;
    socklen_t len = sizeof own;

    getsockname(fd, (struct sockaddr *)&own, &len);
    return ntohs(own.ss_family == AF_INET6 ? ((const struct sockaddr_in6 *)&own)->sin6_port
                                           : ((const struct sockaddr_in *)&own)->sin_port);
}

int host_listen(struct cs_instance *in, const char *address, uint16_t port)
{
    for (int attempt = 0; attempt < 20 && in->n < HOST_LISTENS; attempt++) {
        int tcp = bound(address, port, SOCK_STREAM), udp;

        if (tcp < 0)
            return -1;
        udp = bound(address, port_of(tcp), SOCK_DGRAM);
        if (udp < 0) {
            close(tcp);
            continue;
        }
        in->udp[in->n] = udp;
        in->tcp[in->n] = tcp;
        in->port[in->n++] = port_of(tcp);
        return 0;
    }
    return -1;
}

void host_close(struct cs_instance *in)
{
    for (size_t i = 0; i < in->n; i++) {
        close(in->udp[i]);
        close(in->tcp[i]);
    }
    in->n = 0;
}

/* ---- Settings -------------------------------------------------------------------------------------------------------- */

static void *field(const struct cs_plugin *plugin, void *settings, const char *name)
{
    for (const struct cs_option *o = plugin->settings; o->type != CS_OPTION_END; o++)
        if (strcmp(o->name, name) == 0)
            return (char *)settings + o->offset;
    fprintf(stderr, "there is no setting %s\n", name);
    abort();
}

void host_set_list(const struct cs_plugin *plugin, void *settings, const char *name, struct cs_strings list)
{
    *(struct cs_strings *)field(plugin, settings, name) = list;
}

void host_set_string(const struct cs_plugin *plugin, void *settings, const char *name, const char *value)
{
    *(const char **)field(plugin, settings, name) = value;
}

void host_set_int(const struct cs_plugin *plugin, void *settings, const char *name, int64_t value)
{
    *(int64_t *)field(plugin, settings, name) = value;
}

static int64_t number(const char *text)
{
    char *end;
    int64_t value = strtoll(text, &end, 10);

    if (*end)
        abort();
    return value;
}

void *host_settings(const struct cs_plugin *plugin)
{
    void *settings = calloc(1, plugin->settings_size);

    for (const struct cs_option *o = plugin->settings; settings && o->type != CS_OPTION_END; o++) {
        if (!o->fallback)
            continue;
        if (o->type == CS_OPTION_STRING)
            host_set_string(plugin, settings, o->name, o->fallback);
        if (o->type == CS_OPTION_INT)
            host_set_int(plugin, settings, o->name, number(o->fallback));
        if (o->type == CS_OPTION_SECONDS)
            host_set_int(plugin, settings, o->name, number(o->fallback) * 1000);
    }
    return settings;
}
