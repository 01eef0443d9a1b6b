/*
 * The thread that answers DNS questions, with an event loop of its own, so that a flood of questions does not slow orders and
 * an order does not slow answers. Started and stopped by builtin.c; its sockets are udp.c's and tcp.c's.
 */
#ifndef DNS_BUILTIN_SERVER_H
#define DNS_BUILTIN_SERVER_H

#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>

#include "base/dns_word.h"
#include "shelf.h"

struct event;
struct event_base;
struct udp;
struct tcp;

struct server {
    struct cs_instance *in;
    struct shelf *shelf;
    struct event_base *base;
    struct udp *udp; /* one for each socket, chained */
    struct tcp *tcp;
    /* By type and response code; the thread writes, anybody reads. */
    atomic_int_fast64_t answers[DNS_TYPE_WORDS][DNS_RCODE_WORDS];
    pthread_t thread;
    sem_t may_answer;
    int stop_fd; /* written to when the thread shall end */
    struct event *stop;
};

/* Starts the thread for every socket of the block's `listen`; it answers nothing before server_go(). NULL and *err. */
struct server *server_start(struct cs_instance *in, struct shelf *shelf, struct cs_error *err);
void server_go(struct server *server);
/* Waits until the thread has ended; logs how many answers it gave. NULL is allowed. */
void server_stop(struct server *server);

/* What it has answered so far. In any thread. */
void server_counts(const struct server *server, cs_dns_count_fn *fn, void *arg);

/* For udp.c and tcp.c: answer and count. */
void server_answer(struct server *server, const struct snapshot *snapshot, const uint8_t *query, size_t len,
                   struct answer *answer);

#endif
