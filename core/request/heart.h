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
    /* Does a listener show a certificate with this key? NULL: there is none. */
    bool (*is_listener_key)(void *listeners, const uint8_t spki_sha256[32]);
    void *listeners;
    bool breakers; /* a CA that fails again and again is left alone for a while (ca_gate.h) */
    /* ours */
    struct visible *visible;
    struct subjects *subjects;
    struct ca_gates *gates;
    struct turns *zone_turns, *name_turns; /* jobs of a zone; jobs for the same names in an account */
    struct challenge_places *places;
    struct challenges *challenges;
    struct jobs *jobs;
    struct issuers *issuers;
    struct revocations *revocations;
    struct revoked_keys *revoked_keys; /* that no certificate is asked for with */
    struct shared_primes *shared_primes;
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

/* ---- A new file while it runs (docs/reload.md) ---- */

struct heart_change;
/* What has to be made for the instances and settings of a new file. NULL and *err. */
struct heart_change *heart_prepare(struct heart *heart, struct instances *instances, const struct settings *settings,
                                   struct cs_error *err);
/* `instances` and `settings` of the heart are those of the new file now: jobs, gates and challenge values go to the heirs of
 * their instances. */
void heart_switch(struct heart *heart, struct heart_change *change);
void heart_drop(struct heart_change *change); /* in place of the switch; NULL is allowed */

/* Does a job or a challenge value use an instance that the new file has not? */
bool heart_uses(const struct heart *heart, const struct instance *instance);
/* Was a new DNS instance told all values of the one before? */
bool heart_has_told(const struct heart *heart, const struct instance *dns);
/* It is about to be freed. */
void heart_forget(struct heart *heart, const struct instance *instance);

void heart_free(struct heart *heart); /* after the store has closed; NULL is allowed */

#endif
