/*
 * Everything in request/ that lives as long as the server. Made by command/serve.c once store and plugins are open; every file
 * of this folder finds its neighbours through it. Loop thread only.
 */
#ifndef REQUEST_HEART_H
#define REQUEST_HEART_H

#include "engine/metrics.h"
#include "records/visits.h"

struct heart {
    /* given */
    struct loop *loop;
    struct store *store;
    struct instances *instances;
    struct outbox *outbox;
    struct visits *visits; /* NULL: none are recorded */
    struct metrics *metrics;
    const struct settings *settings;
    const struct blocked_keys *const *blocked_keys; /* where the list of now is; NULL: there is none */
    bool breakers; /* a CA that fails again and again is left alone for a while (ca_gate.h) */
    /* ours */
    struct visible *visible;
    struct subjects *subjects;
    struct ca_gates *gates;
    struct turns *zone_turns, *name_turns; /* jobs of a zone; jobs for the same names at a CA */
    struct challenge_places *places;
    struct challenges *challenges;
    struct jobs *jobs;
    struct issuers *issuers;
    struct revocations *revocations;
    struct revoked_keys *revoked_keys; /* that no certificate is asked for with */
    size_t in_flight; /* requests that are not over: they wait for an answer, or what they asked for is on its way back */
    bool stopping;    /* no new requests, no new orders */
};

/* Takes the given members of `with`; all of them outlive the heart. */
struct heart *heart_new(const struct heart *with, struct cs_error *err);

/* Read the open jobs and the challenge values left behind; then `done`: jobs go on where they were. */
void heart_resume(struct heart *heart, cs_done_fn *done, void *arg);

/* No new requests, no new orders; every waiting request is answered with a retryable problem. Running orders are cancelled by
 * instances_stop(), and stay open at their saved step. */
void heart_stop(struct heart *heart);

/* Orders under way, requests that are looked up, values to be taken away and writes on their way: 0 when everything came to
 * rest, and the store may be closed. */
size_t heart_busy(const struct heart *heart);
size_t heart_orders(const struct heart *heart); /* that wait for their zone, or are under way */

void heart_free(struct heart *heart); /* after the store has closed; NULL is allowed */

#endif
