/*
 * Reads and looks through the declared labels; see label_rules.h. Called by label.c.
 */
#include "records/label_rules.h"

#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"

struct label_rules {
    struct label_rule *v; /* by zone, then by name */
    size_t n, room;
    bool failed; /* there was no memory */
};

static void clear_rule(struct label_rule *rule)
{
    free(rule->zone);
    free(rule->name);
    free(rule->pattern);
    free(rule->values);
    free(rule->text);
}

void label_rules_free(struct label_rules *rules)
{
    if (!rules)
        return;
    for (size_t i = 0; i < rules->n; i++)
        clear_rule(&rules->v[i]);
    free(rules->v);
    free(rules);
}

/* ---- reading ---- */

static int compare_values(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static bool split_values(struct label_rule *rule)
{
    size_t most = 1;
    char *rest = rule->text, *value;

    for (const char *c = rule->text; *c; c++)
        most += *c == '\n';
    rule->values = calloc(most, sizeof *rule->values);
    if (!rule->values)
        return false;
    while ((value = strsep(&rest, "\n")))
        if (*value)
            rule->values[rule->n_values++] = value;
    qsort(rule->values, rule->n_values, sizeof *rule->values, compare_values);
    return true;
}

static bool copy_rule(struct label_rule *rule, const struct cs_label_rule *from)
{
    *rule = (struct label_rule){ .zone = text_copy(from->zone),
                                 .name = text_copy(from->name),
                                 .pattern = text_copy(from->pattern),
                                 .text = text_copy(from->allowed) };
    return rule->zone && rule->name && rule->pattern && rule->text && split_values(rule);
}

static bool make_room(struct label_rules *rules)
{
    size_t room = rules->room ? rules->room * 2 : 16;
    struct label_rule *more;

    if (rules->n < rules->room)
        return true;
    more = reallocarray(rules->v, room, sizeof *more);
    if (!more)
        return false;
    rules->v = more;
    rules->room = room;
    return true;
}

static int on_rule(void *arg, const struct cs_label_rule *from)
{
    struct label_rules *rules = arg;

    if (!from->enabled)
        return 0;
    rules->failed = !make_room(rules) || !copy_rule(&rules->v[rules->n++], from);
    return rules->failed;
}

static int compare_rules(const void *a, const void *b)
{
    const struct label_rule *x = a, *y = b;
    int by_zone = strcmp(x->zone, y->zone);

    return by_zone ? by_zone : strcmp(x->name, y->name);
}

int label_rules_read(const struct store_conn *c, struct label_rules **out, struct cs_error *err)
{
    struct label_rules *rules = calloc(1, sizeof *rules);
    int rc = -1;

    *out = NULL;
    if (!c->ops->label_list)
        cs_fail(err, CS_ECONFIG, "this store has no table of labels");
    else if (!rules)
        cs_fail(err, CS_EBUSY, "no memory for the labels");
    else
        rc = c->ops->label_list(c->conn, on_rule, rules, err);
    if (rc == 0 && rules->failed)
        rc = cs_fail(err, CS_EBUSY, "no memory for the labels");
    if (rc < 0) {
        label_rules_free(rules);
        return -1;
    }
    if (rules->n) /* the store's order may be another one */
        qsort(rules->v, rules->n, sizeof *rules->v, compare_rules);
    *out = rules;
    return 0;
}

/* ---- asking ---- */

const struct label_rule *label_rules_find(const struct label_rules *rules, const char *zone, const char *name)
{
    const struct label_rule key = { .zone = (char *)zone, .name = (char *)name };

    return rules->n ? bsearch(&key, rules->v, rules->n, sizeof *rules->v, compare_rules) : NULL;
}

bool label_rule_names(const struct label_rule *rule, const char *value)
{
    return rule->n_values && bsearch(&value, rule->values, rule->n_values, sizeof *rule->values, compare_values);
}

bool label_rule_fits(const struct label_rule *rule, const char *value)
{
    return rule->pattern[0] && fnmatch(rule->pattern, value, 0) == 0;
}
