/*
 * Timers: our own heap over one timerfd, so that a test can move the clock. A timer is embedded in what it is about,
 * and the heap is made of the timers themselves, so that setting one needs no memory and cannot fail. Timers of the same
 * millisecond fire in the order in which they were set. Loop thread only. The public cs_timer_start() and cs_timer_stop()
 * stand in timer.c as well.
 */
#ifndef ENGINE_TIMER_H
#define ENGINE_TIMER_H

#include "engine/loop.h"

struct timer {
    struct loop *loop; /* NULL: not set */
    int64_t at_ms;     /* on the clock of cs_now_ms() */
    cs_timer_fn *fn;
    void *arg;
    uint64_t turn;                        /* rises with each setting */
    struct timer *child, *next, *before; /* in the heap; before: parent of a first child, else the sibling to the left */
};

/* Start, or start anew; fires once at or after `at_ms`, never inside this call. */
void timer_set_at(struct loop *loop, struct timer *t, int64_t at_ms, cs_timer_fn *fn, void *arg);
void timer_set_in(struct loop *loop, struct timer *t, int64_t ms, cs_timer_fn *fn, void *arg);
void timer_clear(struct timer *t); /* harmless when not set */
bool timer_is_set(const struct timer *t);

/* Is any set? For `countersign plugin check`, which looks what a plugin left. */
bool timers_are_set(struct loop *loop);

/* Used by loop.c. */
struct timers;
struct timers *timers_new(struct loop *loop, struct cs_error *err);
void timers_free(struct timers *timers);
/* Fire what is due. What the callbacks set waits for the next turn of the loop, however early it is due. */
void timers_fire(struct timers *timers);
/* Before the loop sleeps: see to it that it wakes up when the first timer is due, and after `most_ms` at the latest (-1: no
 * limit). False: it must not sleep, a timer is due. */
bool timers_allow_sleep(struct timers *timers, int64_t most_ms);
void timers_clock_moved(struct loop *loop); /* the alarm is set anew: for clock_moved.c */

#endif
