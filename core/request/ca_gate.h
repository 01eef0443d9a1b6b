/*
 * The gate before each CA: orders pass it before they join the line of their names. While the CA is out (breaker.h) they wait
 * here, first come first served over all zones; when it is back they are let go one at first, then more and more. Exchanges of
 * orders under way are refused meanwhile (engine/host.h, struct http_guard), which brings these back to the line. Loop thread
 * only.
 *
 * A CA is probed with its plugin's `status`; without one, by the first order of the line.
 */
#ifndef REQUEST_CA_GATE_H
#define REQUEST_CA_GATE_H

#include <countersign/http.h>

#include "plugin/instance.h"

struct ca_gate;
struct ca_gates;
struct heart;
struct metrics;

/* Embedded in the job; starts as {0}. */
struct ca_place {
    struct ca_gate *gate; /* NULL: neither before nor behind any */
    struct ca_place *next, *prev;
    bool reserved;      /* its order is still being stored */
    bool passed;
    bool let_go;        /* it had waited; as the probe, or after an outage */
    bool counted;       /* one of those that were let go after an outage */
    uint64_t generation; /* when it passed */
    uint64_t number; /* the line's order */
    void (*pass)(void *arg);
    void *arg;
};

/* One for each CA. `breakers` of the heart false: every gate stays open. NULL: no memory. */
struct ca_gates *ca_gates_new(struct heart *heart);
void ca_gates_free(struct ca_gates *gates); /* NULL is allowed */
struct ca_gate *ca_gates_find(struct ca_gates *gates, const struct instance *ca);
/* A new file: gates for the CAs that have none yet, for ca_gates_switch() or ca_gates_free(). NULL: no memory. */
struct ca_gates *ca_gates_prepare(struct heart *heart, const struct ca_gates *now, struct instances *instances);
/* Takes them, and each gate stands before its CA's heir from now on; who waits there stays. */
void ca_gates_switch(struct ca_gates *gates, struct ca_gates *more);
void ca_gates_forget(struct ca_gates *gates, const struct instance *ca); /* no job uses it any more */
void ca_gates_stop(struct ca_gates *gates); /* no more probes, nobody passes */
void ca_gates_measure(const struct ca_gates *gates, struct metrics *metrics);

/* True: it is open, the order has passed. False: pass(arg) runs on the loop, later; the place stands in the line behind all
 * of smaller numbers. */
bool ca_gate_join(struct ca_gate *gate, struct ca_place *place, uint64_t number, void (*pass)(void *arg), void *arg);
void ca_gate_pass(struct ca_gate *gate, struct ca_place *place); /* an order that the CA knows already does not wait */
void ca_gate_leave(struct ca_place *place);                      /* harmless when at none */
/* Those that join next waited when the server went down: they are let go as after an outage. */
void ca_gate_expect(struct ca_gate *gate);

/* How the call of an order that had passed ended; `err` NULL: with a certificate, after `took_ms` (0: not known). `was_dns`:
 * its trouble came from the DNS. */
void ca_gate_order(struct ca_place *place, int64_t took_ms, bool was_dns, const struct cs_error *err);

/* Nothing is lost yet by this end of an order: its CA is out, and that is why. */
bool ca_gate_is_why(const struct ca_gate *gate, const struct cs_error *err);
/* The end of an order that is let go for nothing, again and again: `why`, or what the CA had done when that only says that the
 * order was held back. */
void ca_gate_own_error(const struct ca_gate *gate, const struct cs_error *why, struct cs_error *err);

bool ca_gate_is_out(const struct ca_gate *gate);       /* open or half-open: orders wait */
bool ca_gate_has_passed(const struct ca_place *place); /* and may go on: the CA is not out, or this order is the probe */
/* Room in the line, until it joins or leaves. False: the CA is out, and `outage_queue` orders wait. There is always room for
 * the order that is to be the probe. */
bool ca_gate_reserve(struct ca_gate *gate, struct ca_place *place);
/* Nothing can become of an order before then, on cs_now_ms(); 0: who knows. */
int64_t ca_gate_closed_until_ms(const struct ca_gate *gate);
/* When the turn of a place may be expected, or that of a newcomer (NULL), from now on; 0: at once. */
int64_t ca_gate_wait_ms(const struct ca_gate *gate, const struct ca_place *place);

#endif
