/*
 * Timers: a pairing heap of the timers themselves over one timerfd; and cs_timer_start() for plugins.
 * Used by everything that waits on the loop.
 */
#include "engine/timer.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <event2/event.h>

#include "engine/host.h"
#include "engine/log.h"

#define LONGEST_SLEEP_MS ((int64_t)24 * 3600 * 1000)

struct timers {
    struct loop *loop;
    int fd; /* the alarm: ends a sleep of the loop */
    struct event *alarm;
    struct timer *top; /* the heap: no child is due before its parent */
    int64_t armed_ms;  /* when the alarm rings at the latest; INT64_MAX: it does not */
    uint64_t turn;
};

static bool is_before(const struct timer *a, const struct timer *b)
{
    return a->at_ms != b->at_ms ? a->at_ms < b->at_ms : a->turn < b->turn;
}

/* Two heaps become one; neither root has siblings. */
static struct timer *join(struct timer *a, struct timer *b)
{
    struct timer *later;

    if (!a || !b)
        return a ? a : b;
    if (is_before(b, a)) {
        later = a;
        a = b;
    } else {
        later = b;
    }
    later->before = a;
    later->next = a->child;
    if (a->child)
        a->child->before = later;
    a->child = later;
    return a;
}

/* A row of siblings becomes one heap: by pairs from the left, then all pairs from the right. */
static struct timer *join_row(struct timer *row)
{
    struct timer *pairs = NULL, *heap = NULL;

    while (row) {
        struct timer *a = row, *b = row->next, *pair;

        row = b ? b->next : NULL;
        a->next = a->before = NULL;
        if (b)
            b->next = b->before = NULL;
        pair = join(a, b);
        pair->next = pairs;
        pairs = pair;
    }
    while (pairs) {
        struct timer *pair = pairs;

        pairs = pair->next;
        pair->next = NULL;
        heap = join(heap, pair);
    }
    return heap;
}

static void take_out(struct timers *timers, struct timer *t)
{
    struct timer *children = join_row(t->child);

    if (t == timers->top) {
        timers->top = children;
    } else {
        if (t->before->child == t)
            t->before->child = t->next;
        else
            t->before->next = t->next;
        if (t->next)
            t->next->before = t->before;
        timers->top = join(timers->top, children);
    }
    t->child = t->next = t->before = NULL;
}

static void fire(struct timer *t)
{
    int64_t began_us = loop_call_begin();

    t->loop = NULL;
    t->fn(t->arg);
    loop_call_end("timer", began_us);
}

void timers_fire(struct timers *timers)
{
    const uint64_t last = timers->turn;
    int64_t now_ms;

    if (!timers->top)
        return;
    now_ms = cs_now_ms();
    while (timers->top && timers->top->at_ms <= now_ms && timers->top->turn <= last) {
        struct timer *t = timers->top;

        take_out(timers, t);
        fire(t);
    }
}

/* ---- the alarm --------------------------------------------------------------------------------------------------- */

/* That it rang is all there is to it: timers_fire() comes in each turn of the loop. */
static void on_alarm(int fd, short events, void *arg)
{
    struct timers *timers = arg;
    uint64_t rings;

    (void)events;
    if (read(fd, &rings, sizeof rings) < 0 && errno != EAGAIN && errno != EINTR)
        log_line(CS_LOG_ERROR, "loop", "", "cannot read the timers' timerfd: %s", strerror(errno));
    timers->armed_ms = INT64_MAX;
}

/* An alarm that rings too early costs one turn of the loop; to put it off each time a timer is cleared costs more. */
bool timers_allow_sleep(struct timers *timers, int64_t most_ms)
{
    int64_t now_ms = cs_now_ms(), at_ms = timers->top ? timers->top->at_ms : INT64_MAX, wait_ms;
    struct itimerspec when = { 0 };

    if (at_ms <= now_ms)
        return false;
    if (most_ms >= 0 && at_ms - now_ms > most_ms)
        at_ms = now_ms + most_ms;
    if (at_ms == timers->armed_ms || (at_ms > timers->armed_ms && most_ms < 0))
        return true;
    wait_ms = at_ms - now_ms < LONGEST_SLEEP_MS ? at_ms - now_ms : LONGEST_SLEEP_MS;
    when.it_value = (struct timespec){ .tv_sec = wait_ms / 1000, .tv_nsec = (wait_ms % 1000) * 1000000 };
    if (timerfd_settime(timers->fd, 0, &when, NULL) < 0)
        return false;
    timers->armed_ms = at_ms;
    return true;
}

void timers_clock_moved(struct loop *loop)
{
    loop_timers(loop)->armed_ms = INT64_MAX;
}

/* ---- life and setting -------------------------------------------------------------------------------------------- */

struct timers *timers_new(struct loop *loop, struct cs_error *err)
{
    struct timers *timers = calloc(1, sizeof *timers);

    if (!timers) {
        cs_fail(err, CS_EBUSY, "cannot start the timers: no memory");
        return NULL;
    }
    timers->loop = loop;
    timers->armed_ms = INT64_MAX;
    timers->fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    if (timers->fd >= 0)
        timers->alarm = event_new(loop_base(loop), timers->fd, EV_READ | EV_PERSIST, on_alarm, timers);
    if (timers->alarm && event_add(timers->alarm, NULL) == 0)
        return timers;
    cs_fail(err, CS_ECONFIG, "cannot start the timers: %s", strerrordesc_np(errno));
    timers_free(timers);
    return NULL;
}

void timers_free(struct timers *timers)
{
    if (!timers)
        return;
    while (timers->top) {
        timers->top->loop = NULL;
        take_out(timers, timers->top);
    }
    if (timers->alarm)
        event_free(timers->alarm);
    if (timers->fd >= 0)
        close(timers->fd);
    free(timers);
}

void timer_set_at(struct loop *loop, struct timer *t, int64_t at_ms, cs_timer_fn *fn, void *arg)
{
    struct timers *timers = loop_timers(loop);

    assert(on_loop_thread());
    timer_clear(t);
    *t = (struct timer){ .loop = loop, .at_ms = at_ms, .fn = fn, .arg = arg, .turn = ++timers->turn };
    timers->top = join(timers->top, t);
}

void timer_set_in(struct loop *loop, struct timer *t, int64_t ms, cs_timer_fn *fn, void *arg)
{
    int64_t now_ms = cs_now_ms();

    timer_set_at(loop, t, ms < INT64_MAX - now_ms ? now_ms + ms : INT64_MAX, fn, arg);
}

void timer_clear(struct timer *t)
{
    if (!t->loop)
        return;
    assert(on_loop_thread());
    take_out(loop_timers(t->loop), t);
    t->loop = NULL;
}

bool timers_are_set(struct loop *loop)
{
    return loop_timers(loop)->top != NULL;
}

bool timer_is_set(const struct timer *t)
{
    return t->loop != NULL;
}

/* ---- for plugins ------------------------------------------------------------------------------------------------- */

struct cs_timer {
    struct timer timer;
    const char *who;
    cs_timer_fn *fn;
    void *arg;
};

static void on_plugin_timer(void *arg)
{
    struct cs_timer *timer = arg;
    cs_timer_fn *fn = timer->fn;
    void *fn_arg = timer->arg;

    loop_blame(timer->who);
    free(timer);
    fn(fn_arg);
}

struct cs_timer *cs_timer_start(struct cs_instance *in, int64_t ms, cs_timer_fn *fn, void *arg)
{
    struct cs_timer *timer = calloc(1, sizeof *timer);

    if (!timer)
        return NULL;
    *timer = (struct cs_timer){ .who = in->who, .fn = fn, .arg = arg };
    timer_set_in(in->loop, &timer->timer, ms, on_plugin_timer, timer);
    return timer;
}

void cs_timer_stop(struct cs_timer *timer)
{
    if (!timer)
        return;
    timer_clear(&timer->timer);
    free(timer);
}
