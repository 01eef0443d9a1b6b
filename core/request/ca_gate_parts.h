/*
 * What a gate is made of: for ca_gate.c (who stands before it, and passes when) and ca_health.c (is the CA out?). Nobody else
 * looks inside.
 */
#ifndef REQUEST_CA_GATE_PARTS_H
#define REQUEST_CA_GATE_PARTS_H

#include "engine/timer.h"
#include "request/breaker.h"
#include "request/ca_gate.h"
#include "request/heart.h"

struct ca_gate {
    struct ca_gate *next;
    struct heart *heart;
    struct instance *ca;
    struct breaker breaker;
    uint64_t generation; /* a new one whenever the breaker opens or closes: what began in an earlier one says nothing */
    struct http_guard guard;
    bool has_exchanges;     /* its plugin uses cs_http_send(), so that its faults are seen by themselves */
    bool exchange_is_out;   /* while half-open: one at a time */
    int64_t retry_after_ms; /* while half-open: what the CA said last */
    char fault[128];        /* why the breaker opened last */
    bool probe_is_out;      /* `status` was called */
    struct ca_place *probe; /* half-open: the order that is the probe */
    struct ca_place *first, *last; /* the line */
    size_t waiting, reserved;
    size_t width, let_go; /* how many may be under way that were let go, and how many are; width 0: no limit */
    int64_t order_ms;     /* how long orders take, on the average */
    struct timer timer;   /* open: the next probe; else: the next widening */
    struct timer soon;    /* who may pass passes */
    bool is_news;         /* it went out, or stays out: the jobs do not know yet */
};

/* ca_gate.c: somebody may pass soon. */
void ca_gate_look_soon(struct ca_gate *gate);
/* ca_gate.c: those who wait are let go one at first. */
void ca_gate_limit_to_one(struct ca_gate *gate);
/* ca_gate.c: one more at a time. */
void ca_gate_widen(struct ca_gate *gate);
int64_t ca_gate_probe_in_ms(const struct ca_gate *gate);

/* ca_health.c: how exchanges of the CA's plugin are seen. */
struct http_guard ca_health_guard(struct ca_gate *gate);

#endif
