/*
 * The thread that answers; see server.h.
 */
#include "server.h"

#include <errno.h>
#include <event2/event.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tcp.h"
#include "udp.h"

/* There is one writer, so nothing need be locked. */
static void count(struct server *server, const struct answer *answer)
{
    atomic_int_fast64_t *at = &server->answers[dns_type_place((uint16_t)answer->type)]
                                              [dns_rcode_place(answer->len > 0 ? answer->rcode : DNS_RCODE_NONE)];

    atomic_store_explicit(at, atomic_load_explicit(at, memory_order_relaxed) + 1, memory_order_relaxed);
}

void server_answer(struct server *server, const struct snapshot *snapshot, const uint8_t *query, size_t len,
                   struct answer *answer)
{
    answer_query(snapshot, query, len, cs_wall_ms(), answer);
    count(server, answer);
}

void server_counts(const struct server *server, cs_dns_count_fn *fn, void *arg)
{
    for (size_t t = 0; t < DNS_TYPE_WORDS; t++)
        for (size_t r = 0; r < DNS_RCODE_WORDS; r++) {
            const int64_t n = atomic_load_explicit(&server->answers[t][r], memory_order_relaxed);

            if (n > 0)
                fn(arg, dns_type_word(t), dns_rcode_word(r), n);
        }
}

static void on_stop(evutil_socket_t fd, short what, void *arg)
{
    struct server *server = arg;

    (void)fd, (void)what;
    event_base_loopbreak(server->base);
}

static void *run(void *arg)
{
    struct server *server = arg;

    while (sem_wait(&server->may_answer) < 0)
        continue; /* interrupted */
    event_base_dispatch(server->base);
    return NULL;
}

void server_go(struct server *server)
{
    sem_post(&server->may_answer);
}

static int add_sockets(struct server *server, struct cs_error *err)
{
    size_t n = 0;

    for (size_t i = 0;; i++) {
        int udp = cs_listen(server->in, i, SOCK_DGRAM), tcp = cs_listen(server->in, i, SOCK_STREAM);

        if (udp < 0 && tcp < 0)
            break;
        if (udp >= 0 && udp_add(server, udp, err) < 0)
            return -1;
        if (tcp >= 0 && tcp_add(server, tcp, err) < 0)
            return -1;
        n++;
    }
    if (n == 0)
        return cs_fail(err, CS_ECONFIG, "a DNS server needs an address: set listen = ( \"0.0.0.0:53\", \"[::]:53\" )");
    return 0;
}

static int make_stop(struct server *server, struct cs_error *err)
{
    server->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (server->stop_fd < 0)
        return cs_fail(err, CS_EINTERNAL, "cannot make an eventfd: %s", strerror(errno));
    server->stop = event_new(server->base, server->stop_fd, EV_READ, on_stop, server);
    if (!server->stop || event_add(server->stop, NULL) < 0)
        return cs_fail(err, CS_EBUSY, "no memory");
    return 0;
}

/* Signals are the main thread's business. */
static int start_thread(struct server *server, struct cs_error *err)
{
    sigset_t all, before;
    int rc;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    rc = pthread_create(&server->thread, NULL, run, server);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (rc != 0)
        return cs_fail(err, CS_EINTERNAL, "cannot start the DNS thread: %s", strerror(rc));
    pthread_setname_np(server->thread, "cs-dns");
    return 0;
}

static void server_free(struct server *server)
{
    udp_free(server);
    tcp_free(server);
    if (server->stop)
        event_free(server->stop);
    if (server->stop_fd >= 0)
        close(server->stop_fd);
    event_base_free(server->base);
    sem_destroy(&server->may_answer);
    free(server);
}

struct server *server_start(struct cs_instance *in, struct shelf *shelf, struct cs_error *err)
{
    struct server *server = calloc(1, sizeof *server);

    if (server)
        server->base = event_base_new();
    if (!server || !server->base) {
        free(server);
        cs_fail(err, CS_EBUSY, "no memory");
        return NULL;
    }
    server->in = in;
    server->shelf = shelf;
    server->stop_fd = -1;
    sem_init(&server->may_answer, 0, 0);
    if (make_stop(server, err) < 0 || add_sockets(server, err) < 0 || start_thread(server, err) < 0) {
        server_free(server);
        return NULL;
    }
    return server;
}

/* All types together. */
static int64_t answered(const struct server *server, const char *rcode)
{
    int64_t n = 0;

    for (size_t t = 0; t < DNS_TYPE_WORDS; t++)
        n += atomic_load(&server->answers[t][dns_rcode_place_of(rcode)]);
    return n;
}

void server_stop(struct server *server)
{
    const uint64_t one = 1;

    if (!server)
        return;
    if (write(server->stop_fd, &one, sizeof one) != sizeof one)
        abort(); /* an eventfd of ours takes a number */
    server_go(server);
    pthread_join(server->thread, NULL);
    cs_log(server->in, CS_LOG_INFO,
           "the DNS server stops answering noerror=%" PRId64 " nxdomain=%" PRId64 " refused=%" PRId64 " formerr=%" PRId64,
           answered(server, "NOERROR"), answered(server, "NXDOMAIN"), answered(server, "REFUSED"), answered(server, "FORMERR"));
    server_free(server);
}
