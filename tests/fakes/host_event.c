/* The clock of the fake core: callbacks in the order in which they are due. See host.h. */
#include "host_event.h"

#include <stdio.h>
#include <stdlib.h>

struct event {
    struct event *next;
    void *owner;
    int64_t due_ms;
    cs_timer_fn *fn;
    void *arg;
    bool timer; /* of cs_timer_start(): must not be left behind */
};

static struct event *events;
static _Atomic int64_t now_ms, wall_ms; /* plugins may ask from threads of their own */
static bool running;

void host_misuse(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    fprintf(stderr, "fake core: ");
    vfprintf(stderr, format, args);
    fprintf(stderr, "\n");
    va_end(args);
    abort();
}

void host_event_begin(void)
{
    now_ms = 1000000;
    wall_ms = HOST_WALL_MS;
}

const char *host_event_end(void)
{
    const char *left = NULL;

    while (host_turn()) /* what is under way is told, as the core's records do it when they end */
        ;
    while (events) {
        struct event *event = events;

        events = event->next;
        if (event->timer)
            left = "a timer";
        free(event);
    }
    return left;
}

void *host_event(void *owner, int64_t ms, cs_timer_fn *fn, void *arg)
{
    struct event *event = calloc(1, sizeof *event), **at = &events;

    if (ms < 0)
        host_misuse("a wait of %lld ms", (long long)ms);
    *event = (struct event){ .owner = owner, .due_ms = now_ms + ms, .fn = fn, .arg = arg };
    while (*at && (*at)->due_ms <= event->due_ms)
        at = &(*at)->next;
    event->next = *at;
    *at = event;
    return event;
}

static void drop_if(bool (*fits)(const struct event *event, const void *what), const void *what)
{
    for (struct event **at = &events; *at;) {
        struct event *event = *at;

        if (!fits(event, what)) {
            at = &event->next;
            continue;
        }
        *at = event->next;
        free(event);
    }
}

static bool is_owned_by(const struct event *event, const void *owner)
{
    return owner && event->owner == owner;
}

static bool is_it(const struct event *event, const void *it)
{
    return event == it;
}

void host_event_drop(void *owner)
{
    drop_if(is_owned_by, owner);
}

bool host_event_running(void)
{
    return running;
}

bool host_turn(void)
{
    struct event *event = events;

    if (!event || event->due_ms > now_ms)
        return false;
    events = event->next;
    running = true;
    event->fn(event->arg);
    running = false;
    free(event);
    return true;
}

int64_t host_idle_ms(void)
{
    if (!events)
        return -1;
    return events->due_ms > now_ms ? events->due_ms - now_ms : 0;
}

void host_pass(int64_t ms)
{
    int64_t end_ms = now_ms + ms;

    for (;;) {
        int64_t wait_ms;

        while (host_turn())
            ;
        wait_ms = host_idle_ms();
        if (wait_ms < 0 || now_ms + wait_ms > end_ms)
            break;
        now_ms += wait_ms;
        wall_ms += wait_ms;
    }
    wall_ms += end_ms - now_ms;
    now_ms = end_ms;
}

void host_step_wall(int64_t ms)
{
    wall_ms += ms;
}

int64_t cs_now_ms(void)
{
    return now_ms;
}

int64_t cs_wall_ms(void)
{
    return wall_ms;
}

struct cs_timer *cs_timer_start(struct cs_instance *in, int64_t ms, cs_timer_fn *fn, void *arg)
{
    struct event *event = host_event(NULL, ms, fn, arg);

    (void)in;
    event->timer = true;
    return (struct cs_timer *)event;
}

void cs_timer_stop(struct cs_timer *timer)
{
    if (timer)
        drop_if(is_it, timer);
}
