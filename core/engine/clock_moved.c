/*
 * The clocks of tests: the real ones plus what the test has moved them by. Never part of the shipped program.
 */
#include <stdatomic.h>
#include <time.h>

#include "engine/clock.h"
#include "engine/timer.h"

static _Atomic int64_t moved_ms, stepped_ms;
static _Atomic bool is_frozen;
static _Atomic int64_t frozen_ms, frozen_wall_ms;

static int64_t read_ms(clockid_t clock)
{
    struct timespec now;

    clock_gettime(clock, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int64_t cs_now_ms(void)
{
    return (is_frozen ? frozen_ms : read_ms(CLOCK_MONOTONIC)) + moved_ms;
}

int64_t cs_wall_ms(void)
{
    return (is_frozen ? frozen_wall_ms : read_ms(CLOCK_REALTIME)) + moved_ms + stepped_ms;
}

void clock_move(struct loop *loop, int64_t ms)
{
    moved_ms += ms;
    timers_clock_moved(loop);
}

void clock_freeze(bool frozen)
{
    frozen_ms = read_ms(CLOCK_MONOTONIC);
    frozen_wall_ms = read_ms(CLOCK_REALTIME);
    is_frozen = frozen;
}

void clock_step_wall(int64_t ms)
{
    stepped_ms += ms;
}
