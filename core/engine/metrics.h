/*
 * Counters and gauges for /metrics, in Prometheus' text format 0.0.4. Loop thread only.
 */
#ifndef ENGINE_METRICS_H
#define ENGINE_METRICS_H

#include "base/text.h"

struct metrics;
struct metrics *metrics_new(void); /* NULL: no memory */
void metrics_free(struct metrics *metrics);

/* `name` and `help` live as long as the program. `labels` is "" or `outcome="issued",zone="x"`, copied; after 1,000 different
 * ones a metric counts the rest under labels "". */
void metrics_count(struct metrics *metrics, const char *name, const char *help, const char *labels, int64_t by);
void metrics_gauge(struct metrics *metrics, const char *name, const char *help, const char *labels, int64_t value);
/* A counter that somebody else keeps: `value` since the start. */
void metrics_total(struct metrics *metrics, const char *name, const char *help, const char *labels, int64_t value);
/* `refresh` is called before each metrics_write(), to set what is only looked up when somebody asks. */
void metrics_on_write(struct metrics *metrics, void (*refresh)(void *arg), void *arg);
void metrics_write(const struct metrics *metrics, struct text *out);

#endif
