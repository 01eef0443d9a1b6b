/*
 * Preloaded into a DNS server it puts that server's wall clock CLOCK_AHEAD seconds ahead: tests/peers/test_conformance.py
 * builds it and shows with it that signed updates fail as they should. libfaketime cannot do it: BIND's malloc asks for the
 * time before libfaketime is ready. Here nothing has to be ready: the kernel is asked directly.
 */
#include <stddef.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

extern char **environ;

/* getenv() and strtol() are not to be relied on this early. */
static time_t ahead(void)
{
    static const char name[] = "CLOCK_AHEAD=";
    time_t seconds = 0;

    for (char **at = environ; at && *at; at++) {
        const char *digit = *at;
        size_t same = 0;

        while (name[same] && digit[same] == name[same])
            same++;
        for (digit += same; !name[same] && *digit >= '0' && *digit <= '9'; digit++)
            seconds = 10 * seconds + *digit - '0';
    }
    return seconds;
}

int clock_gettime(clockid_t which, struct timespec *out)
{
    long rc = syscall(SYS_clock_gettime, which, out);

    if (rc == 0 && (which == CLOCK_REALTIME || which == CLOCK_REALTIME_COARSE))
        out->tv_sec += ahead();
    return (int)rc;
}

int gettimeofday(struct timeval *out, void *zone)
{
    struct timespec now;

    (void)zone;
    clock_gettime(CLOCK_REALTIME, &now);
    out->tv_sec = now.tv_sec;
    out->tv_usec = now.tv_nsec / 1000;
    return 0;
}

time_t time(time_t *out)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    if (out)
        *out = now.tv_sec;
    return now.tv_sec;
}
