/*
 * A token bucket: so many tokens, which come back evenly. Its whole state is one number: when it will be full again (the
 * generic cell rate algorithm, ITU-T I.371 Annex A), so nothing runs to fill it. Used by plugin/settings_limits.c and
 * http/limits.c. Pure.
 */
#ifndef BASE_RATE_H
#define BASE_RATE_H

#include <stdint.h>

struct rate {
    int64_t step_ns; /* until one more token is there; 0: no limit */
    int64_t burst;   /* tokens of a full bucket, 1 or more */
};

/* "10/s", "30/m burst 60", "5/h", "1/d"; "off" is no limit. Without a burst it is as many as come back in a unit. 0, or -1:
 * it is none, or a bucket would take more than a year to fill. */
int rate_parse(const char *text, struct rate *out);

/* Until a token is there; 0: now, and always with no limit. `full_ns` is when the bucket will be full, or was; 0 of a new
 * one. */
int64_t rate_wait_ns(const struct rate *rate, int64_t full_ns, int64_t now_ns);

/* When the bucket will be full after one token was taken at `now_ns`, also if none was there: a debt, which is paid before
 * the next token is there, and is never more than a burst. */
int64_t rate_take(const struct rate *rate, int64_t full_ns, int64_t now_ns);

#endif
