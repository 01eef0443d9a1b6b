/*
 * Token buckets and how people write them; see rate.h. Pure.
 */
#include "base/rate.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define SECOND_NS INT64_C(1000000000)
#define MOST_NS   (366 * 86400 * SECOND_NS) /* to fill a bucket: twice that, added to any clock, fits 64 bits */
#define MOST      1000000

static int read_count(const char **text, int64_t *out)
{
    char *end;

    if (!isdigit((unsigned char)**text))
        return -1;
    errno = 0;
    *out = strtoll(*text, &end, 10);
    *text = end;
    return errno || *out < 1 || *out > MOST ? -1 : 0;
}

static int64_t unit_ns(char unit)
{
    switch (unit) {
    case 's':
        return SECOND_NS;
    case 'm':
        return 60 * SECOND_NS;
    case 'h':
        return 3600 * SECOND_NS;
    case 'd':
        return 86400 * SECOND_NS;
    }
    return 0;
}

int rate_parse(const char *text, struct rate *out)
{
    static const char burst[] = " burst ";
    int64_t count, unit;

    *out = (struct rate){ 0 };
    if (strcmp(text, "off") == 0)
        return 0;
    if (read_count(&text, &count) < 0 || *text++ != '/')
        return -1;
    unit = unit_ns(*text);
    if (!unit)
        return -1;
    text++;
    out->step_ns = (unit + count - 1) / count;
    out->burst = count;
    if (*text) {
        if (strncmp(text, burst, sizeof burst - 1) != 0)
            return -1;
        text += sizeof burst - 1;
        if (read_count(&text, &out->burst) < 0 || *text)
            return -1;
    }
    return out->burst > MOST_NS / out->step_ns ? -1 : 0;
}

int64_t rate_wait_ns(const struct rate *rate, int64_t full_ns, int64_t now_ns)
{
    const int64_t wait_ns = full_ns - now_ns - (rate->burst - 1) * rate->step_ns;

    return rate->step_ns && wait_ns > 0 ? wait_ns : 0;
}

int64_t rate_take(const struct rate *rate, int64_t full_ns, int64_t now_ns)
{
    const int64_t most_ns = now_ns + 2 * rate->burst * rate->step_ns;

    if (!rate->step_ns)
        return full_ns;
    full_ns = (full_ns > now_ns ? full_ns : now_ns) + rate->step_ns;
    return full_ns < most_ns ? full_ns : most_ns;
}
