/* What is known about a day, its labels, and how long calls took: see store.h. */
#include "visits.h"

#include <string.h>

/* Flags that the server cannot take back: the store knows better. */
enum { KEPT = CS_DAY_AT_LEAST | CS_DAY_ERASED | CS_DAY_CLOSED };

int db_day_put(void *conn, const struct cs_day *day, struct cs_error *err)
{
    struct conn *c = conn;
    struct query q = query_on(c, c->v.day_put);

    if (day_check(day->day, err) < 0)
        return -1;
    query_int(&q, day->day);
    query_int(&q, day->keys);
    query_int(&q, day->received);
    query_int(&q, day->flags & ~CS_DAY_CLOSED);
    query_int(&q, day->key_destroyed_ms);
    query_int(&q, day->proxy_changes);
    query_int(&q, KEPT);
    return query_run(&q, err);
}

int db_day_list(void *conn, cs_day_fn *fn, void *arg, struct cs_error *err)
{
    struct conn *c = conn;
    struct query q = query_on(c, c->v.day_list);
    int got;

    if (visits_writer_flush(c, err) < 0)
        return -1;
    while ((got = query_next(&q, err)) == 1) {
        struct cs_day day = {
            .size = sizeof day,
            .day = row_int(&q, 0),
            .keys = row_int(&q, 1),
            .received = row_int(&q, 2),
            .recorded = row_int(&q, 3),
            .flags = row_int(&q, 4),
            .key_destroyed_ms = row_int(&q, 5),
            .proxy_changes = row_int(&q, 6),
        };

        if (fn(arg, &day)) {
            query_end(&q);
            return 0;
        }
    }
    return got;
}

int db_day_labels(void *conn, int64_t day, cs_visit_label_fn *fn, void *arg, struct cs_error *err)
{
    struct conn *c = conn;
    struct query q = query_on(c, c->v.day_labels);
    int got;

    if (visits_writer_flush(c, err) < 0)
        return -1;
    query_int(&q, day);
    while ((got = query_next(&q, err)) == 1) {
        struct cs_visit_label label = { row_text(&q, 1), row_text(&q, 2) };

        if (fn(arg, row_text(&q, 0), &label)) {
            query_end(&q);
            return 0;
        }
    }
    return got;
}

/* An instance is named as the configuration names it. */
static int check_instance(const char *name, struct cs_error *err)
{
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._*-";
    size_t len = strlen(name);

    if (len && len <= 253 && strspn(name, allowed) == len)
        return 0;
    return cs_fail(err, CS_EINPUT, "role and instance must be words of letters, digits, -, ., _ and *");
}

int db_latency_add(void *conn, const struct cs_latency *latency, struct cs_error *err)
{
    struct conn *c = conn;
    int64_t role, instance;
    struct query q;

    if (visits_writer_ready(c, err) < 0 || day_check(latency->day, err) < 0 || check_instance(latency->role, err) < 0 ||
        check_instance(latency->instance, err) < 0 || words_word(c, latency->role, &role, err) < 0 ||
        words_word(c, latency->instance, &instance, err) < 0)
        return -1;
    q = query_on(c, c->v.latency_add);
    query_int(&q, latency->day);
    query_int(&q, role);
    query_int(&q, instance);
    query_int(&q, latency->bucket);
    query_int(&q, latency->n);
    return query_run(&q, err);
}
