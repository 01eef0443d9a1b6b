/*
 * How long things take, counted in buckets whose bounds do not change. Filled by whoever does the work, in any thread; shown by
 * metrics.c.
 */
#ifndef ENGINE_HISTOGRAM_H
#define ENGINE_HISTOGRAM_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

enum { HISTOGRAM_BOUNDS = 16 };

/* Upper bounds in microseconds, rising. */
struct histogram_scale {
    size_t n;
    int64_t bounds_us[HISTOGRAM_BOUNDS];
};
extern const struct histogram_scale histogram_disk;  /* 250 us to 10 s: a commit                      */
extern const struct histogram_scale histogram_order; /* 5 ms to 15 min: what an order waits for       */

/* Set `scale`, the rest to zero. */
struct histogram {
    const struct histogram_scale *scale;
    atomic_int_fast64_t counts[HISTOGRAM_BOUNDS + 1]; /* not cumulative; the last is what lies above all bounds */
    atomic_int_fast64_t sum_us;
};

/* A negative time (a clock stepped) counts as zero. Any thread. */
void histogram_add(struct histogram *histogram, int64_t us);

/* For measuring: monotonic, any thread. */
int64_t histogram_now_us(void);

#endif
