/*
 * How durations and sizes are written: "250ms", "30s", "64K". Used by config.c, options.c and the command line. Pure.
 */
#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "plugin/config.h"

struct unit {
    const char *name;
    int64_t is;
};

static const struct unit durations[] = {
    { "", 1000 }, { "ms", 1 }, { "s", 1000 }, { "m", 60 * 1000 }, { "h", 3600 * 1000 }, { "d", 24 * 3600 * 1000 },
};
static const struct unit sizes[] = { { "", 1 }, { "K", 1 << 10 }, { "M", 1 << 20 }, { "G", 1 << 30 } };

static int parse(const char *text, const struct unit *units, size_t n, int64_t *out)
{
    int64_t number = 0;
    const char *p = text;

    if (!isdigit((unsigned char)*p))
        return -1;
    for (; isdigit((unsigned char)*p); p++)
        if (__builtin_mul_overflow(number, 10, &number) || __builtin_add_overflow(number, *p - '0', &number))
            return -1;
    for (size_t i = 0; i < n; i++)
        if (strcmp(p, units[i].name) == 0)
            return __builtin_mul_overflow(number, units[i].is, out) ? -1 : 0;
    return -1;
}

int duration_parse(const char *text, int64_t *ms)
{
    return parse(text, durations, sizeof durations / sizeof *durations, ms);
}

int size_parse(const char *text, int64_t *bytes)
{
    return parse(text, sizes, sizeof sizes / sizeof *sizes, bytes);
}

void duration_text(char out[32], int64_t ms)
{
    for (size_t i = sizeof durations / sizeof *durations - 1; i > 1; i--)
        if (ms && ms % durations[i].is == 0) {
            snprintf(out, 32, "%" PRId64 "%s", ms / durations[i].is, durations[i].name);
            return;
        }
    snprintf(out, 32, ms ? "%" PRId64 "ms" : "%" PRId64 "s", ms);
}
