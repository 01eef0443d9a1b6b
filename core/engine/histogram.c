/*
 * Times in buckets; see histogram.h.
 */
#include "engine/histogram.h"

#include <time.h>

enum { MS = 1000, S = 1000 * MS };

const struct histogram_scale histogram_disk = {
    15, { MS / 4, MS / 2, MS, 5 * MS / 2, 5 * MS, 10 * MS, 25 * MS, 50 * MS, 100 * MS, 250 * MS, 500 * MS, S, 5 * S / 2, 5 * S,
          10 * S },
};
const struct histogram_scale histogram_order = {
    16, { 5 * MS, 10 * MS, 25 * MS, 50 * MS, 100 * MS, 250 * MS, 500 * MS, S, 5 * S / 2, 5 * S, 10 * S, 30 * S, 60 * S, 120 * S,
          300 * S, 900 * S },
};

void histogram_add(struct histogram *histogram, int64_t us)
{
    const struct histogram_scale *scale = histogram->scale;
    size_t i = 0;

    if (us < 0)
        us = 0;
    while (i < scale->n && us > scale->bounds_us[i])
        i++;
    atomic_fetch_add_explicit(&histogram->counts[i], 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&histogram->sum_us, us, memory_order_relaxed);
}

int64_t histogram_now_us(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * S + t.tv_nsec / 1000;
}
