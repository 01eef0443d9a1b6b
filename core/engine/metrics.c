/*
 * Counters and gauges, and their text for Prometheus. Counted by request/ and http/, shown by http/'s /metrics.
 */
#include "engine/metrics.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "engine/loop.h"

#define LABELS_MAX 1000

struct value {
    char *labels;
    int64_t value;
};

struct metric {
    struct metric *next;
    const char *name, *help, *type;
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

void metrics_free(struct metrics *metrics)
{
    struct metric *metric, *next;

    if (!metrics)
        return;
    for (metric = metrics->first; metric; metric = next) {
        next = metric->next;
        for (size_t i = 0; i < metric->n; i++)
            free(metric->values[i].labels);
        free(metric->values);
        free(metric);
    }
    free(metrics);
}

static struct metric *find_or_add_metric(struct metrics *metrics, const char *name, const char *help, const char *type)
{
    struct metric *metric;

    for (metric = metrics->first; metric; metric = metric->next) {
        if (metric->name != name && strcmp(metric->name, name) != 0)
            continue;
        assert(strcmp(metric->type, type) == 0);
        return metric;
    }
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
static int64_t *find_or_add_value(struct metric *metric, const char *labels)
{
    size_t place = place_of(metric, labels);
    char *copy;

    if (place < metric->n && strcmp(metric->values[place].labels, labels) == 0)
        return &metric->values[place].value;
    if (metric->n >= LABELS_MAX && *labels)
        return find_or_add_value(metric, "");
    copy = text_copy(labels);
    if (!copy || !make_room(metric)) {
        free(copy);
        return NULL;
    }
    memmove(&metric->values[place + 1], &metric->values[place], (metric->n - place) * sizeof *metric->values);
    metric->values[place] = (struct value){ .labels = copy };
    metric->n++;
    return &metric->values[place].value;
}

static int64_t *value_of(struct metrics *metrics, const char *name, const char *help, const char *type, const char *labels)
{
    struct metric *metric = find_or_add_metric(metrics, name, help, type);

    assert(on_loop_thread());
    return metric ? find_or_add_value(metric, labels) : NULL;
}

void metrics_count(struct metrics *metrics, const char *name, const char *help, const char *labels, int64_t by)
{
    int64_t *value = value_of(metrics, name, help, "counter", labels);

    assert(by >= 0);
    if (value)
        *value += by;
}

void metrics_gauge(struct metrics *metrics, const char *name, const char *help, const char *labels, int64_t value)
{
    int64_t *kept = value_of(metrics, name, help, "gauge", labels);

    if (kept)
        *kept = value;
}

void metrics_total(struct metrics *metrics, const char *name, const char *help, const char *labels, int64_t value)
{
    int64_t *kept = value_of(metrics, name, help, "counter", labels);

    if (kept)
        *kept = value;
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

static void write_value(const struct metric *metric, const struct value *value, struct text *out)
{
    text_add(out, metric->name);
    if (*value->labels) {
        text_add_char(out, '{');
        add_line_safe(out, value->labels, false);
        text_add_char(out, '}');
    }
    text_addf(out, " %" PRId64 "\n", value->value);
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
        text_addf(out, "\n# TYPE %s %s\n", metric->name, metric->type);
        for (size_t i = 0; i < metric->n; i++)
            write_value(metric, &metric->values[i], out);
    }
}
