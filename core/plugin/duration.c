/*
 * Durations as people write them; see duration.h.
 */
#include "plugin/duration.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    const char *name;
    int64_t ms;
} units[] = { { "d", 24 * 3600 * 1000 }, { "h", 3600 * 1000 }, { "m", 60 * 1000 }, { "s", 1000 }, { "ms", 1 }, { "", 1000 } };

int duration_parse(const char *text, int64_t *ms)
{
    long long number;
    char *end;

    if (!isdigit((unsigned char)*text))
        return -1;
    errno = 0;
    number = strtoll(text, &end, 10);
    if (errno)
        return -1;
    for (size_t i = 0; i < sizeof units / sizeof *units; i++)
        if (strcmp(end, units[i].name) == 0)
            return __builtin_mul_overflow(number, units[i].ms, ms) ? -1 : 0;
    return -1;
}

void duration_text(char out[32], int64_t ms)
{
    size_t i = 0;

    if (ms == 0)
        i = 3; /* "0s" */
    while (ms % units[i].ms != 0)
        i++;
    snprintf(out, 32, "%" PRId64 "%s", ms / units[i].ms, units[i].name);
}
