/*
 * Counters, gauges and histograms for /metrics, in Prometheus' text format 0.0.4. Loop thread only. docs/metrics.md lists
 * every metric; a test compares it with what the server says.
 *
 * `name` and `help` live as long as the program; a counter's name ends in _total, a time is in seconds, a size in bytes.
 * `labels` is "" or `outcome="issued",ca="x"`, copied. Their values come from the program and its configuration, never from a
 * client; all the same, after 1,000 different ones (100 of a histogram) a metric counts the rest under labels "".
 */
#ifndef ENGINE_METRICS_H
#define ENGINE_METRICS_H

#include "base/text.h"
#include "engine/histogram.h"

struct metrics;
struct metrics *metrics_new(void); /* NULL: no memory */
void metrics_free(struct metrics *metrics);

void metrics_count(struct metrics *metrics, const char *name, const char *help, const char *labels, int64_t by);
void metrics_gauge(struct metrics *metrics, const char *name, const char *help, const char *labels, int64_t value);
/* A counter that somebody else keeps: `value` since the start. */
void metrics_total(struct metrics *metrics, const char *name, const char *help, const char *labels, int64_t value);
/* The same two in seconds, from microseconds. */
void metrics_gauge_us(struct metrics *metrics, const char *name, const char *help, const char *labels, int64_t us);
void metrics_total_us(struct metrics *metrics, const char *name, const char *help, const char *labels, int64_t us);

/* How long something took. A metric has one scale. */
void metrics_time(struct metrics *metrics, const char *name, const char *help, const char *labels,
                  const struct histogram_scale *scale, int64_t us);
/* A histogram that somebody else keeps; what it has now is shown until the next call. */
void metrics_histogram(struct metrics *metrics, const char *name, const char *help, const char *labels,
                       const struct histogram *histogram);

enum metric_type { METRIC_COUNTER = 1, METRIC_GAUGE, METRIC_HISTOGRAM };
/* That there is such a metric, which has no value yet: it shall be found in the text all the same. */
void metrics_declare(struct metrics *metrics, const char *name, const char *help, enum metric_type type);

/* Add `name="value"`, and a comma if something stands there already, with everything escaped that must be. */
void metrics_add_label(struct text *labels, const char *name, const char *value);

/* Forget every value of a metric: those of before are not there any more. */
void metrics_forget(struct metrics *metrics, const char *name);

/* `refresh` is called before each metrics_write(), to set what is only looked up when somebody asks. */
void metrics_on_write(struct metrics *metrics, void (*refresh)(void *arg), void *arg);
void metrics_write(const struct metrics *metrics, struct text *out);

#endif
