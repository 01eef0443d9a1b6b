/*
 * The clocks of the running server. Tests link clock_moved.c instead.
 */
#include <time.h>

#include "engine/clock.h"

static int64_t read_ms(clockid_t clock)
{
    struct timespec now;

    clock_gettime(clock, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int64_t cs_now_ms(void)
{
    return read_ms(CLOCK_MONOTONIC);
}

int64_t cs_wall_ms(void)
{
    return read_ms(CLOCK_REALTIME);
}
