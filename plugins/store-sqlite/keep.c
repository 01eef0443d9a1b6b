/* The table keep: small durable state of plugin instances; see store.h. */
#include "db.h"

static int forget(struct conn *c, const char *role, const char *instance, const char *key, struct cs_error *err)
{
    struct query q = query_on(c, c->s.keep_remove);

    query_text(&q, role);
    query_text(&q, instance);
    query_text(&q, key);
    return query_run(&q, err);
}

int db_keep_put(void *conn, const char *role, const char *instance, const char *key, const void *data, size_t len,
                struct cs_error *err)
{
    struct conn *c = conn;
    struct query q = query_on(c, c->s.keep_put);

    if (!data)
        return forget(c, role, instance, key, err);
    query_text(&q, role);
    query_text(&q, instance);
    query_text(&q, key);
    query_blob(&q, data, len);
    return query_run(&q, err);
}

int db_keep_get(void *conn, const char *role, const char *instance, const char *key, cs_blob_fn *fn, void *arg,
                struct cs_error *err)
{
    struct conn *c = conn;
    struct query q = query_on(c, c->s.keep_get);
    int got;

    query_text(&q, role);
    query_text(&q, instance);
    query_text(&q, key);
    got = query_next(&q, err);
    if (got == 1) {
        size_t len;
        const void *data = row_blob(&q, 0, &len);

        fn(arg, data, len);
        query_end(&q);
    }
    return got < 0 ? -1 : 0;
}
