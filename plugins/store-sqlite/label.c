/* The table label: see store.h. */
#include "db.h"

int db_label_put(void *conn, const struct cs_label_rule *rule, struct cs_error *err)
{
    struct conn *c = conn;
    struct query q = query_on(c, c->s.label_put);

    query_text(&q, rule->zone);
    query_text(&q, rule->name);
    query_text(&q, rule->allowed);
    query_text(&q, rule->pattern);
    query_int(&q, rule->enabled);
    return query_run(&q, err);
}

int db_label_remove(void *conn, const char *zone, const char *name, struct cs_error *err)
{
    struct conn *c = conn;
    struct query q = query_on(c, c->s.label_remove);

    query_text(&q, zone);
    query_text(&q, name);
    if (query_run(&q, err) < 0)
        return -1;
    if (!query_changed(c))
        return cs_fail(err, CS_ENOTFOUND, "zone %s has no label %s", zone, name);
    return 0;
}

int db_label_list(void *conn, cs_label_rule_fn *fn, void *arg, struct cs_error *err)
{
    struct conn *c = conn;
    struct query q = query_on(c, c->s.label_list);
    int got;

    while ((got = query_next(&q, err)) == 1) {
        const struct cs_label_rule rule = {
            .size = sizeof rule,
            .zone = row_text(&q, 0),
            .name = row_text(&q, 1),
            .allowed = row_text(&q, 2),
            .pattern = row_text(&q, 3),
            .enabled = row_int(&q, 4) != 0,
        };

        if (fn(arg, &rule)) {
            query_end(&q);
            return 0;
        }
    }
    return got;
}
