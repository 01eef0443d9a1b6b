/*
 * This process in the eyes of the kernel; see process.h. Called by command/gauges.c.
 */
#include "engine/process.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

enum { US = 1000000 };

/* The fields of proc(5)'s /proc/PID/stat behind the name, which is the second one and may hold anything. */
enum { FIELD_THREADS = 20 - 3, FIELD_START = 22 - 3, FIELD_VIRTUAL = 23 - 3, FIELD_RESIDENT = 24 - 3, FIELDS };

static int read_stat(int64_t fields[FIELDS])
{
    char text[1024], *at, *save = NULL, *end;
    int fd = open("/proc/self/stat", O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof text - 1);
    size_t i = 0;

    if (fd >= 0)
        close(fd);
    if (n <= 0)
        return -1;
    text[n] = '\0';
    at = strrchr(text, ')');
    for (at = at ? strtok_r(at + 1, " ", &save) : NULL; at && i < FIELDS; at = strtok_r(NULL, " ", &save)) {
        fields[i++] = strtoll(at, &end, 10); /* the first is a letter, which nobody asks for */
        if (i > 1 && *end)
            return -1;
    }
    return i == FIELDS ? 0 : -1;
}

static int64_t us_of(clockid_t clock)
{
    struct timespec t;

    clock_gettime(clock, &t);
    return (int64_t)t.tv_sec * US + t.tv_nsec / 1000;
}

static int is_fd(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

static int64_t count_fds(void)
{
    struct dirent **entries = NULL;
    const int n = scandir("/proc/self/fd", &entries, is_fd, alphasort);

    if (n < 0 || !entries)
        return -1;
    for (int i = 0; i < n; i++)
        free(entries[i]);
    free(entries);
    return n - 1; /* not the folder itself, while it was read */
}

void process_look(struct process_figures *out)
{
    const int64_t tick_us = US / sysconf(_SC_CLK_TCK);
    int64_t fields[FIELDS];
    struct rlimit fds;

    *out = (struct process_figures){ us_of(CLOCK_PROCESS_CPUTIME_ID), -1, -1, -1, count_fds(), -1, -1 };
    if (getrlimit(RLIMIT_NOFILE, &fds) == 0 && fds.rlim_cur != RLIM_INFINITY)
        out->max_fds = (int64_t)fds.rlim_cur;
    if (read_stat(fields) < 0)
        return;
    out->started_us = us_of(CLOCK_REALTIME) - us_of(CLOCK_BOOTTIME) + fields[FIELD_START] * tick_us;
    out->started_us -= out->started_us % tick_us;
    out->virtual_bytes = fields[FIELD_VIRTUAL];
    out->resident_bytes = fields[FIELD_RESIDENT] * sysconf(_SC_PAGESIZE);
    out->threads = fields[FIELD_THREADS];
}
