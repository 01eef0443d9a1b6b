/*
 * The declared labels in memory, and the screening of a client's; see label.h. Every two seconds a reader of the store is asked
 * whether anybody changed a table; only then the labels are read again. Nothing of it is part of an order.
 */
#include "records/label.h"

#include <stdlib.h>
#include <string.h>

#include "base/day.h"
#include "engine/log.h"
#include "engine/timer.h"
#include "records/label_rules.h"
#include "records/label_values.h"

enum { LOOK_EVERY_MS = 2000, HOUR_MS = 3600 * 1000, MOST_SEEN = 64 };

/* What a connection said its version was when it was last asked. */
struct seen {
    const void *conn;
    int64_t version;
};

/* A look at the store. While it is out, all but `labels` belongs to the reader's thread. */
struct look {
    struct labels_declared *labels; /* NULL: they were closed meanwhile */
    struct seen seen[MOST_SEEN];
    size_t n_seen;
    struct label_rules *rules; /* that were read, or NULL: nothing has changed */
};

enum fate { KEPT = 0, NO_ZONE, UNDECLARED, PERSONAL, NOT_ALLOWED, TOO_MANY, FATES };

struct labels_declared {
    struct loop *loop;
    struct store *state;
    struct metrics *metrics;
    cs_done_fn *ready; /* NULL: it was told */
    void *ready_arg;
    struct look *look;
    bool is_out, is_failing;
    struct timer next, hour;
    int64_t day;            /* of what is counted */
    int64_t counted[FATES]; /* and not told yet */
    struct label_rules *rules;
    struct label_values *values;
};

/* ---- counting ---- */

/* Of a day when it is over: who polls the page would see when a request with so many labels came, and certificates' times are
 * public. */
static void tell_counts(struct labels_declared *labels)
{
    static const char *const words[FATES] = {
        [KEPT] = "result=\"kept\"",         [NO_ZONE] = "result=\"no-zone\"",         [UNDECLARED] = "result=\"undeclared\"",
        [PERSONAL] = "result=\"personal\"", [NOT_ALLOWED] = "result=\"not-allowed\"", [TOO_MANY] = "result=\"too-many\"",
    };

    for (size_t i = 0; i < FATES; i++) {
        if (labels->counted[i])
            metrics_count(labels->metrics, "countersign_labels_total", "Labels that clients gave, by what became of them.",
                          words[i], labels->counted[i]);
        labels->counted[i] = 0;
    }
}

static void on_hour(void *arg)
{
    struct labels_declared *labels = arg;
    const int64_t today = day_of_ms(cs_wall_ms());

    if (today > labels->day) {
        tell_counts(labels);
        labels->day = today;
    }
    timer_set_in(labels->loop, &labels->hour, HOUR_MS, on_hour, labels);
}

/* ---- looking, in a reader's thread ---- */

static struct seen *seen_of(struct look *look, const void *conn)
{
    for (size_t i = 0; i < look->n_seen; i++)
        if (look->seen[i].conn == conn)
            return &look->seen[i];
    return NULL;
}

static void note_version(struct look *look, const void *conn, int64_t version)
{
    struct seen *seen = seen_of(look, conn);

    if (!seen)
        seen = &look->seen[look->n_seen < MOST_SEEN ? look->n_seen++ : 0];
    *seen = (struct seen){ .conn = conn, .version = version };
}

/* A version that has not changed for this connection says that nothing has since it was last asked, and what was read then or
 * later by another one is good. */
static int look_into(const struct store_conn *c, void *arg, struct cs_error *err)
{
    struct look *look = arg;
    const struct seen *before = seen_of(look, c->conn);
    int64_t version = 0;

    if (c->ops->version(c->conn, &version, err) < 0)
        return -1;
    if (before && before->version == version)
        return 0;
    if (label_rules_read(c, &look->rules, err) < 0)
        return -1;
    note_version(look, c->conn, version);
    return 0;
}

/* ---- on the loop ---- */

static void send_look(void *arg);

static void free_look(struct look *look)
{
    label_rules_free(look->rules);
    free(look);
}

static void tell_ready(struct labels_declared *labels, const struct cs_error *err)
{
    cs_done_fn *ready = labels->ready;

    labels->ready = NULL;
    if (ready)
        ready(labels->ready_arg, err);
}

static void take_rules(struct labels_declared *labels, const struct cs_error *err)
{
    if (err && !labels->is_failing && labels->rules)
        log_line(CS_LOG_WARN, "labels", "", "the declared labels cannot be read, the old ones stay: %s", err->text);
    if (!err && labels->is_failing)
        log_line(CS_LOG_INFO, "labels", "", "the declared labels can be read again");
    labels->is_failing = err != NULL;
    if (!labels->look->rules)
        return;
    label_rules_free(labels->rules);
    labels->rules = labels->look->rules;
    labels->look->rules = NULL;
}

static void on_look(void *arg, const struct cs_error *err)
{
    struct look *look = arg;
    struct labels_declared *labels = look->labels;

    if (!labels) {
        free_look(look);
        return;
    }
    labels->is_out = false;
    take_rules(labels, err);
    timer_set_in(labels->loop, &labels->next, LOOK_EVERY_MS, send_look, labels);
    tell_ready(labels, err); /* may close them */
}

static void send_look(void *arg)
{
    struct labels_declared *labels = arg;

    labels->is_out = true;
    store_read(labels->state, look_into, labels->look, on_look, labels->look);
}

static int read_rules(const struct store_conn *c, void *arg, struct cs_error *err)
{
    return label_rules_read(c, arg, err);
}

struct labels_declared *labels_open(struct loop *loop, struct instance *plugin, struct store *state, struct metrics *metrics,
                                    cs_done_fn *ready, void *arg, struct cs_error *err)
{
    struct labels_declared *labels = calloc(1, sizeof *labels);
    struct cs_error later; /* the look that is sent meets it again */

    if (labels) {
        *labels = (struct labels_declared){
            .loop = loop, .state = state, .metrics = metrics, .ready = ready, .ready_arg = arg, .day = day_of_ms(cs_wall_ms())
        };
        labels->look = calloc(1, sizeof *labels->look);
        labels->values = label_values_new();
    }
    if (!labels || !labels->look || !labels->values) {
        labels_close(labels);
        cs_fail(err, CS_EBUSY, "no memory for the labels");
        return NULL;
    }
    labels->look->labels = labels;
    store_with(plugin, CS_STATE_READER, read_rules, &labels->rules, &later);
    send_look(labels);
    timer_set_in(loop, &labels->hour, HOUR_MS, on_hour, labels);
    return labels;
}

void labels_close(struct labels_declared *labels)
{
    if (!labels)
        return;
    timer_clear(&labels->next);
    timer_clear(&labels->hour);
    if (labels->is_out)
        labels->look->labels = NULL;
    else if (labels->look)
        free_look(labels->look);
    label_rules_free(labels->rules);
    label_values_free(labels->values);
    free(labels);
}

/* ---- screening ---- */

static enum fate judge(struct labels_declared *labels, const struct label_rule *rule, int64_t day, const char *value)
{
    if (label_looks_personal(value))
        return PERSONAL;
    if (label_rule_names(rule, value))
        return KEPT;
    if (!label_rule_fits(rule, value))
        return NOT_ALLOWED;
    return label_values_admit(labels->values, day, rule->zone, rule->name, value) ? KEPT : TOO_MANY;
}

static void put_in_order(struct cs_visit_label *v, size_t n)
{
    struct cs_visit_label last = v[n];

    for (; n > 0 && strcmp(v[n - 1].name, last.name) > 0; n--)
        v[n] = v[n - 1];
    v[n] = last;
}

size_t labels_screen(struct labels_declared *labels, const char *zone, int64_t day, const struct visit_label *in, size_t n,
                     struct cs_visit_label *out)
{
    size_t n_out = 0;

    for (size_t i = 0; labels && i < n; i++) {
        const struct label_rule *rule = labels->rules ? label_rules_find(labels->rules, zone, in[i].name) : NULL;
        enum fate fate = rule ? judge(labels, rule, day, in[i].value) : zone[0] ? UNDECLARED : NO_ZONE;

        labels->counted[fate]++;
        if (!rule)
            continue;
        out[n_out] = (struct cs_visit_label){ .name = rule->name, .value = fate == KEPT ? in[i].value : LABEL_OTHER };
        put_in_order(out, n_out++);
    }
    return n_out;
}

void labels_known(struct labels_declared *labels, const char *zone, int64_t day, const struct cs_visit_label *label)
{
    const struct label_rule *rule = labels && labels->rules ? label_rules_find(labels->rules, zone, label->name) : NULL;

    if (rule && strcmp(label->value, LABEL_OTHER) != 0 && !label_rule_names(rule, label->value))
        label_values_admit(labels->values, day, zone, label->name, label->value);
}
