/*
 * Sizes as people write them; see size.h.
 */
#include "plugin/size.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

int size_parse(const char *text, int64_t *bytes)
{
    static const char units[] = "KMG";
    long long number;
    const char *unit;
    char *end;

    if (!isdigit((unsigned char)*text))
        return -1;
    errno = 0;
    number = strtoll(text, &end, 10);
    unit = *end ? strchr(units, *end) : NULL;
    if (errno || (*end && (!unit || end[1])))
        return -1;
    return __builtin_mul_overflow(number, unit ? 1LL << (10 * (unit - units + 1)) : 1, bytes) ? -1 : 0;
}
