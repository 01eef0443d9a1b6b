/*
 * Timers: our own heap over one libevent timer, so that a test can move the clock. A timer is embedded in what it is about.
 * Loop thread only. The public cs_timer_start() and cs_timer_stop() stand in timer.c as well.
 */
#ifndef ENGINE_TIMER_H
#define ENGINE_TIMER_H

#include "engine/loop.h"

struct timer {
    struct loop *loop; /* NULL: not set */
    int64_t at_ms;     /* on the clock of cs_now_ms() */
    size_t place;      /* in the heap */
    cs_timer_fn *fn;
    void *arg;
};

/* Start, or start anew; fires once at or after `at_ms`, never inside this call. */
void timer_set_at(struct loop *loop, struct timer *t, int64_t at_ms, cs_timer_fn *fn, void *arg);
void timer_set_in(struct loop *loop, struct timer *t, int64_t ms, cs_timer_fn *fn, void *arg);
void timer_clear(struct timer *t); /* harmless when not set */
bool timer_is_set(const struct timer *t);

/* Used by loop.c. */
struct timers;
struct timers *timers_new(struct loop *loop, struct cs_error *err);
void timers_free(struct timers *timers);
void timers_clock_moved(struct loop *loop); /* look at the clock again: for clock_moved.c and after a suspend */

#endif
