/*
 * What a pending call is made of: for op.c (its life), op_finish.c (how it ends) and op_services.c (what a plugin may ask of
 * it meanwhile). Nobody else looks inside.
 */
#ifndef ENGINE_OP_PARTS_H
#define ENGINE_OP_PARTS_H

#include <pthread.h>
#include <stdatomic.h>

#include "engine/op.h"
#include "engine/timer.h"

/* One cs_op_after() that is pending. */
struct op_after {
    struct timer timer;
    struct cs_op *op; /* NULL: none */
    struct op_after *next, *before;
    cs_timer_fn *fn;
    void *arg;
};

/* One answer that there was no memory for. */
struct op_bad_news {
    struct timer timer;
    struct cs_op *op;
    cs_done_fn *done;
    void *arg;
};

struct cs_op {
    struct op_setup setup;
    char who[64], about[64];
    void (*call)(struct cs_op *op, void *inputs);
    atomic_uint refs;                  /* one until delivered, one for the running call, one for each step under way */
    _Atomic(const char *) finished_by; /* the name of the service; NULL: still pending */
    atomic_int cancelled;              /* enum cs_cancel; 0: not */
    struct mail mail;                  /* "it is finished" */

    /* The result: written by who finishes, read on the loop once the mail is there. */
    bool failed;
    struct cs_error err;
    struct cs_chain *chain;
    void *data;
    size_t len;

    pthread_mutex_t lock; /* over problem */
    char *problem;

    /* The loop's. */
    struct timer timer; /* the deadline; also the deferred part of op_cancel() */
    enum cs_cancel why;
    bool cancel_asked, starved, delivered;
    void (*on_cancel)(void *arg, enum cs_cancel why);
    void *on_cancel_arg;
    struct op_after *afters;
    struct op_after first_after; /* most calls have one timer at a time, which then needs no memory */
    struct op_bad_news bad_news;
    struct op_ticket *tickets;
};

/* While somebody is inside, the memory stays. Any thread. */
void op_hold(struct cs_op *op);
void op_drop(struct cs_op *op);

/* Whoever comes first finishes; a second finish is a plugin's fault that ends the program. */
void op_win(struct cs_op *op, const char *service);
void op_finish_err(struct cs_op *op, const char *service, const struct cs_error *err);
void op_on_finished(struct mail *mail);   /* op.c: what the mail of a finished op does */
void op_result_free(struct cs_op *op);    /* op_finish.c */
void op_services_end(struct cs_op *op);   /* op_services.c: no timers, no tickets any more */
void op_tell_cancel(struct cs_op *op);    /* op_services.c: the plugin's cancel function, if any */

#endif
