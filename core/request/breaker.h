/*
 * A circuit breaker: is a CA to be left alone, and when is it asked again? A pure state machine; the clock and chance are its
 * caller's, ca_gate.c.
 *
 *   closed --5 faults in a row within a minute--> open --its time has come--> half-open --the probe worked--> closed
 *                                                   ^                            |
 *                                                   +------ the probe failed ----+      each time the wait doubles
 *
 * A fault is an exchange without an answer (no connection, too slow, cut) or with a status of 500 and above. An answer of
 * any other kind ends the row of faults. After a probe that worked the CA is on trial until an order has come through, or five
 * minutes are over: one fault opens the breaker again.
 */
#ifndef REQUEST_BREAKER_H
#define REQUEST_BREAKER_H

#include <stdbool.h>
#include <stdint.h>

#define BREAKER_FAULTS    5
#define BREAKER_WITHIN_MS (60 * 1000)
#define BREAKER_FIRST_MS  (15 * 1000)
#define BREAKER_MOST_MS   (2 * 60 * 1000)
#define BREAKER_TRIAL_MS  (5 * 60 * 1000) /* at most: perhaps nobody orders */
/* Of a CA that names the time itself, in ms. */
#define BREAKER_RETRY_AFTER_LEAST (5 * 1000)
#define BREAKER_RETRY_AFTER_MOST  (60 * 60 * 1000)

enum breaker_state { BREAKER_CLOSED, BREAKER_OPEN, BREAKER_HALF_OPEN };

/* Begins as {0}. Times are on the clock of cs_now_ms(). */
struct breaker {
    enum breaker_state state;
    int64_t fault_ms[BREAKER_FAULTS]; /* the last ones of the row, at number % BREAKER_FAULTS */
    unsigned faults;                  /* in a row */
    bool on_trial;
    int64_t closed_ms; /* on trial: since when */
    int64_t since_ms; /* of the outage */
    int64_t probe_ms; /* open: when the next probe is due */
    int64_t wait_ms;  /* the last one, without its jitter; 0: none since it was last well */
};

/* A fault. `retry_after_ms` is the CA's own word, 0: none; it rules when the next probe is due. `chance`: any number, which the
 * jitter is made of: up to a fifth is added, nothing is ever taken away. True: the breaker has opened, or opened again. */
bool breaker_fault(struct breaker *b, int64_t now_ms, int64_t retry_after_ms, uint32_t chance);
void breaker_answer(struct breaker *b); /* the CA answered */

/* Open, and its time has come: half-open from now on. */
bool breaker_try(struct breaker *b, int64_t now_ms);
/* The probe's end when it worked; one that failed is a fault. */
void breaker_close(struct breaker *b, int64_t now_ms);
/* The probe said nothing: open again, with another one then. */
void breaker_put_off(struct breaker *b, int64_t probe_ms);
void breaker_order(struct breaker *b); /* an order came through */

#endif
