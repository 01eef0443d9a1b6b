/*
 * The count of arrivals; see visit_counter.h. A write to the mapping is in the kernel's hands at once, so that it outlives the
 * process; it need not outlive the machine, as the key of the day does not either.
 */
#include "records/visit_counter.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/text.h"
#include "engine/log.h"

#define MAGIC UINT64_C(0x31746e756f637663) /* changes with the layout */

enum { DAYS = 2 };

struct counts {
    uint64_t magic;
    struct {
        int64_t day, received;
    } days[DAYS];
};

struct visit_counter {
    struct counts *mapped; /* NULL: there is no file */
    struct counts in_memory;
};

static struct counts *counts_of(struct visit_counter *counter)
{
    return counter->mapped ? counter->mapped : &counter->in_memory;
}

static void clear(struct counts *counts)
{
    *counts = (struct counts){ .magic = MAGIC };
    for (int i = 0; i < DAYS; i++)
        counts->days[i].day = INT64_MIN;
}

static bool is_sound(const struct counts *counts)
{
    bool sound = counts->magic == MAGIC;

    for (int i = 0; i < DAYS; i++)
        sound = sound && counts->days[i].received >= 0;
    return sound;
}

static bool is_ours(int fd)
{
    struct stat st;

    return fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_uid == geteuid() && (st.st_mode & 077) == 0 && st.st_nlink == 1;
}

static struct counts *map_file(const char *path)
{
    const int fd = open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0600);
    void *at = MAP_FAILED;

    if (fd >= 0 && !is_ours(fd))
        errno = EPERM;
    else if (fd >= 0 && posix_fallocate(fd, 0, sizeof(struct counts)) == 0)
        at = mmap(NULL, sizeof(struct counts), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (fd >= 0)
        close(fd);
    /* cppcheck-suppress memleak ; what is mapped is the caller's */
    return at == MAP_FAILED ? NULL : at;
}

struct visit_counter *visit_counter_open(const char *folder)
{
    struct visit_counter *counter = calloc(1, sizeof *counter);
    struct text path = TEXT_MAX(4096);

    if (!counter)
        return NULL;
    text_addf(&path, "%s/visits.count", folder);
    if (!text_failed(&path))
        counter->mapped = map_file(text_of(&path));
    if (!counter->mapped)
        log_line(CS_LOG_WARN, "visits", "", "%s cannot be used, so visits that a crash loses are not counted: %s",
                 text_of(&path), strerror(errno));
    text_free(&path);
    if (!is_sound(counts_of(counter)))
        clear(counts_of(counter));
    return counter;
}

void visit_counter_close(struct visit_counter *counter)
{
    if (!counter)
        return;
    if (counter->mapped)
        munmap(counter->mapped, sizeof *counter->mapped);
    free(counter);
}

int64_t visit_counter_get(const struct visit_counter *counter, int64_t day)
{
    const struct counts *counts = counter->mapped ? counter->mapped : &counter->in_memory;

    for (int i = 0; i < DAYS; i++)
        if (counts->days[i].day == day)
            return counts->days[i].received;
    return -1;
}

void visit_counter_put(struct visit_counter *counter, int64_t day, int64_t received)
{
    struct counts *counts = counts_of(counter);
    int at = 0;

    for (int i = 1; i < DAYS && counts->days[at].day != day; i++)
        if (counts->days[i].day == day || counts->days[i].day < counts->days[at].day)
            at = i;
    counts->days[at].day = day;
    counts->days[at].received = received;
}
