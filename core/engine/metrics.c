/*
 * Counters, gauges and histograms, and their text for Prometheus. Counted all over the core, shown by http/'s /metrics.
 */
#include "engine/metrics.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/loop.h"

enum { LABELS_MAX = 1000, HISTOGRAMS_MAX = 100 };

struct value {
    char *labels;
    int64_t value;               /* of a time: in microseconds */
    struct histogram *histogram; /* of a histogram */
};

struct metric {
    struct metric *next;
    const char *name, *help;
    enum metric_type type;
    bool is_time;
    struct value *values; /* by labels */
    size_t n, cap;
};

struct metrics {
    struct metric *first, **end;
    void (*refresh)(void *arg);
    void *arg;
};

struct metrics *metrics_new(void)
{
    struct metrics *metrics = calloc(1, sizeof *metrics);

    if (metrics)
        metrics->end = &metrics->first;
    return metrics;
}

static void free_values(struct metric *metric)
{
    for (size_t i = 0; i < metric->n; i++) {
        free(metric->values[i].labels);
        free(metric->values[i].histogram);
    }
    metric->n = 0;
}

void metrics_free(struct metrics *metrics)
{
    struct metric *metric, *next;

    if (!metrics)
        return;
    for (metric = metrics->first; metric; metric = next) {
        next = metric->next;
        free_values(metric);
        free(metric->values);
        free(metric);
    }
    free(metrics);
}

/* Most callers pass the same literal each time: then it is found without reading. */
static struct metric *find_metric(const struct metrics *metrics, const char *name)
{
    struct metric *metric;

    for (metric = metrics->first; metric; metric = metric->next)
        if (metric->name == name)
            return metric;
    for (metric = metrics->first; metric; metric = metric->next)
        if (strcmp(metric->name, name) == 0)
            return metric;
    return NULL;
}

void metrics_forget(struct metrics *metrics, const char *name)
{
    struct metric *metric = find_metric(metrics, name);

    if (metric)
        free_values(metric);
}

static struct metric *find_or_add_metric(struct metrics *metrics, const char *name, const char *help, enum metric_type type)
{
    struct metric *metric = find_metric(metrics, name);

    assert(on_loop_thread());
    assert(!metric || metric->type == type);
    if (metric)
        return metric;
    metric = calloc(1, sizeof *metric);
    if (!metric)
        return NULL;
    *metric = (struct metric){ .name = name, .help = help, .type = type };
    *metrics->end = metric;
    metrics->end = &metric->next;
    return metric;
}

/* Where `labels` are, or would be. */
static size_t place_of(const struct metric *metric, const char *labels)
{
    size_t from = 0, to = metric->n;

    while (from < to) {
        size_t middle = from + (to - from) / 2;

        if (strcmp(metric->values[middle].labels, labels) < 0)
            from = middle + 1;
        else
            to = middle;
    }
    return from;
}

static bool make_room(struct metric *metric)
{
    size_t cap = metric->cap ? metric->cap * 2 : 4;
    struct value *values;

    if (metric->n < metric->cap)
        return true;
    values = realloc(metric->values, cap * sizeof *values);
    if (!values)
        return false;
    metric->values = values;
    metric->cap = cap;
    return true;
}

/* NULL: no memory. A value that cannot be kept is lost: counting must not stop an order. */
static struct value *find_or_add_value(struct metric *metric, const char *labels)
{
    const size_t most = metric->type == METRIC_HISTOGRAM ? HISTOGRAMS_MAX : LABELS_MAX;
    size_t place = place_of(metric, labels);
    char *copy;

    if (place < metric->n && strcmp(metric->values[place].labels, labels) == 0)
        return &metric->values[place];
    if (metric->n >= most && *labels)
        return find_or_add_value(metric, "");
    copy = text_copy(labels);
    if (!copy || !make_room(metric)) {
        free(copy);
        return NULL;
    }
    memmove(&metric->values[place + 1], &metric->values[place], (metric->n - place) * sizeof *metric->values);
    metric->values[place] = (struct value){ .labels = copy };
    metric->n++;
    return &metric->values[place];
}

static struct value *value_of(struct metrics *metrics, const char *name, const char *help, enum metric_type type,
                              const char *labels)
{
    struct metric *metric = find_or_add_metric(metrics, name, help, type);

    return metric ? find_or_add_value(metric, labels) : NULL;
}

static void set_value(struct metrics *metrics, const char *name, const char *help, enum metric_type type, const char *labels,
                      int64_t value)
{
    struct value *kept = value_of(metrics, name, help, type, labels);

    if (kept)
        kept->value = value;
}

void metrics_count(struct metrics *metrics, const char *name, const char *help, const char *labels, int64_t by)
{
    struct value *kept = value_of(metrics, name, help, METRIC_COUNTER, labels);

    assert(by >= 0);
    if (kept)
        kept->value += by;
}

void metrics_gauge(struct metrics *metrics, const char *name, const char *help, const char *labels, int64_t value)
{
    set_value(metrics, name, help, METRIC_GAUGE, labels, value);
}

void metrics_total(struct metrics *metrics, const char *name, const char *help, const char *labels, int64_t value)
{
    set_value(metrics, name, help, METRIC_COUNTER, labels, value);
}

static void set_time(struct metrics *metrics, const char *name, const char *help, enum metric_type type, const char *labels,
                     int64_t us)
{
    struct metric *metric = find_or_add_metric(metrics, name, help, type);

    if (metric)
        metric->is_time = true;
    set_value(metrics, name, help, type, labels, us);
}

void metrics_gauge_us(struct metrics *metrics, const char *name, const char *help, const char *labels, int64_t us)
{
    set_time(metrics, name, help, METRIC_GAUGE, labels, us);
}

void metrics_total_us(struct metrics *metrics, const char *name, const char *help, const char *labels, int64_t us)
{
    set_time(metrics, name, help, METRIC_COUNTER, labels, us);
}

static struct histogram *histogram_of(struct metrics *metrics, const char *name, const char *help, const char *labels,
                                      const struct histogram_scale *scale)
{
    struct value *kept = value_of(metrics, name, help, METRIC_HISTOGRAM, labels);

    if (!kept)
        return NULL;
    if (!kept->histogram) {
        kept->histogram = calloc(1, sizeof *kept->histogram);
        if (kept->histogram)
            kept->histogram->scale = scale;
    }
    assert(!kept->histogram || kept->histogram->scale == scale);
    return kept->histogram;
}

void metrics_time(struct metrics *metrics, const char *name, const char *help, const char *labels,
                  const struct histogram_scale *scale, int64_t us)
{
    struct histogram *histogram = histogram_of(metrics, name, help, labels, scale);

    if (histogram)
        histogram_add(histogram, us);
}

void metrics_histogram(struct metrics *metrics, const char *name, const char *help, const char *labels,
                       const struct histogram *histogram)
{
    struct histogram *copy = histogram_of(metrics, name, help, labels, histogram->scale);

    if (!copy)
        return;
    for (size_t i = 0; i <= HISTOGRAM_BOUNDS; i++)
        atomic_store(&copy->counts[i], atomic_load(&histogram->counts[i]));
    atomic_store(&copy->sum_us, atomic_load(&histogram->sum_us));
}

void metrics_declare(struct metrics *metrics, const char *name, const char *help, enum metric_type type)
{
    find_or_add_metric(metrics, name, help, type);
}

/* ---- The text ---- */

void metrics_add_label(struct text *labels, const char *name, const char *value)
{
    text_addf(labels, "%s%s=\"", labels->len ? "," : "", name);
    for (const char *p = value; *p; p++) {
        if (*p == '"' || *p == '\\')
            text_add_char(labels, '\\');
        text_add_char(labels, *p >= 0x20 && *p < 0x7f ? *p : '?');
    }
    text_add_char(labels, '"');
}

/* A line break would begin another metric; in help text it is written \n, in labels the caller has escaped it. */
static void add_line_safe(struct text *out, const char *text, bool escape)
{
    for (; *text; text++) {
        if (*text == '\n')
            text_add(out, escape ? "\\n" : " ");
        else if (*text == '\\' && escape)
            text_add(out, "\\\\");
        else
            text_add_char(out, *text);
    }
}

/* 1500 us: 0.0015. No digit more than needed, so that a bound is always written alike. */
static void add_seconds(struct text *out, int64_t us)
{
    char digits[8];
    size_t n = 6;

    text_addf(out, "%s%" PRId64, us < 0 ? "-" : "", us < 0 ? -(us / 1000000) : us / 1000000);
    snprintf(digits, sizeof digits, "%06d", (int)(us < 0 ? -(us % 1000000) : us % 1000000));
    while (n && digits[n - 1] == '0')
        n--;
    if (!n)
        return;
    text_add_char(out, '.');
    text_add_n(out, digits, n);
}

static void begin_line(struct text *out, const struct metric *metric, const char *suffix, const char *labels)
{
    text_addf(out, "%s%s", metric->name, suffix);
    if (!*labels)
        return;
    text_add_char(out, '{');
    add_line_safe(out, labels, false);
    text_add_char(out, '}');
}

/* A bucket holds those before it, too. */
static void write_bucket(const struct metric *metric, const struct value *value, const int64_t *bound_us, int64_t n,
                         struct text *out)
{
    text_addf(out, "%s_bucket{", metric->name);
    add_line_safe(out, value->labels, false);
    text_add(out, *value->labels ? ",le=\"" : "le=\"");
    if (bound_us)
        add_seconds(out, *bound_us);
    else
        text_add(out, "+Inf");
    text_addf(out, "\"} %" PRId64 "\n", n);
}

static void write_histogram(const struct metric *metric, const struct value *value, struct text *out)
{
    struct histogram *histogram = value->histogram;
    int64_t n = 0;

    if (!histogram)
        return;
    for (size_t i = 0; i <= histogram->scale->n; i++) {
        n += atomic_load(&histogram->counts[i]);
        write_bucket(metric, value, i < histogram->scale->n ? &histogram->scale->bounds_us[i] : NULL, n, out);
    }
    begin_line(out, metric, "_sum", value->labels);
    text_add_char(out, ' ');
    add_seconds(out, atomic_load(&histogram->sum_us));
    text_add_char(out, '\n');
    begin_line(out, metric, "_count", value->labels);
    text_addf(out, " %" PRId64 "\n", n);
}

static void write_value(const struct metric *metric, const struct value *value, struct text *out)
{
    begin_line(out, metric, "", value->labels);
    text_add_char(out, ' ');
    if (metric->is_time)
        add_seconds(out, value->value);
    else
        text_addf(out, "%" PRId64, value->value);
    text_add_char(out, '\n');
}

static const char *type_name(enum metric_type type)
{
    switch (type) {
    case METRIC_COUNTER:
        return "counter";
    case METRIC_GAUGE:
        return "gauge";
    case METRIC_HISTOGRAM:
        return "histogram";
    }
    return "untyped";
}

void metrics_on_write(struct metrics *metrics, void (*refresh)(void *arg), void *arg)
{
    metrics->refresh = refresh;
    metrics->arg = arg;
}

void metrics_write(const struct metrics *metrics, struct text *out)
{
    if (metrics->refresh)
        metrics->refresh(metrics->arg);
    for (const struct metric *metric = metrics->first; metric; metric = metric->next) {
        text_addf(out, "# HELP %s ", metric->name);
        add_line_safe(out, metric->help, true);
        text_addf(out, "\n# TYPE %s %s\n", metric->name, type_name(metric->type));
        for (size_t i = 0; i < metric->n; i++)
            (metric->type == METRIC_HISTOGRAM ? write_histogram : write_value)(metric, &metric->values[i], out);
    }
}
