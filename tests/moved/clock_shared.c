/*
 * The clocks of `countersign-moved`, the program as it ships but for this file: the real clocks plus what is written in the
 * file that COUNTERSIGN_CLOCK names, numbers of 64 bits in the machine's own order, milliseconds. The first moves both clocks,
 * the second the wall clock alone. While the third is not 0, both stand: the monotonic clock at the third, the wall clock at
 * the fourth, besides what moves them. Several processes, and the test, share that file (tools/lab/moved.py). Without the
 * variable the clocks are the real ones. Never installed.
 *
 * A sleeping loop would not notice that its timers are due: an alarm that it sets (engine/timer.c) is shortened to a few
 * milliseconds here, which costs a turn of the loop and nothing else.
 */
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "engine/clock.h"

#define LONGEST_NAP_MS 5

struct moved {
    _Atomic int64_t both_ms, wall_ms, stands_ms, wall_stands_ms;
};

int __wrap_timerfd_settime(int fd, int flags, const struct itimerspec *when, struct itimerspec *old);
int __real_timerfd_settime(int fd, int flags, const struct itimerspec *when, struct itimerspec *old);

static struct moved none;
static const struct moved *moved;

/* Before the program becomes another user, who could not open the file. */
__attribute__((constructor)) static void open_file(void)
{
    const char *path = getenv("COUNTERSIGN_CLOCK");
    int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    void *at = fd < 0 ? MAP_FAILED : mmap(NULL, sizeof *moved, PROT_READ, MAP_SHARED, fd, 0);

    if (path && at == MAP_FAILED) {
        perror(path);
        abort();
    }
    if (fd >= 0)
        close(fd);
    moved = path ? at : &none;
}

static int64_t read_ms(clockid_t clock)
{
    const int64_t stands_ms = moved->stands_ms;
    struct timespec now;

    if (stands_ms)
        return clock == CLOCK_MONOTONIC ? stands_ms : moved->wall_stands_ms;
    clock_gettime(clock, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int64_t cs_now_ms(void)
{
    return read_ms(CLOCK_MONOTONIC) + moved->both_ms;
}

int64_t cs_wall_ms(void)
{
    return read_ms(CLOCK_REALTIME) + moved->both_ms + moved->wall_ms;
}

int __wrap_timerfd_settime(int fd, int flags, const struct itimerspec *when, struct itimerspec *old)
{
    struct itimerspec sooner = *when;

    if (flags == 0 && (sooner.it_value.tv_sec > 0 || sooner.it_value.tv_nsec > LONGEST_NAP_MS * 1000000))
        sooner.it_value = (struct timespec){ .tv_nsec = LONGEST_NAP_MS * 1000000 };
    return __real_timerfd_settime(fd, flags, &sooner, old);
}
