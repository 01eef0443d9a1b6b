/* Releases to the public, frozen when first made: see store.h. */
#include "visits.h"

int db_release_put(void *conn, const char *zone, const char *week, const void *data, size_t len, struct cs_error *err)
{
    struct conn *c = conn;
    struct query q = query_on(c, c->v.release_put);

    query_text(&q, zone);
    query_text(&q, week);
    query_blob(&q, data, len);
    return query_run(&q, err);
}

int db_release_get(void *conn, const char *zone, const char *week, cs_blob_fn *fn, void *arg, struct cs_error *err)
{
    struct conn *c = conn;
    struct query q = query_on(c, c->v.release_get);
    int got;

    query_text(&q, zone);
    query_text(&q, week);
    got = query_next(&q, err);
    if (got == 1) {
        size_t len;
        const void *data = row_blob(&q, 0, &len);

        fn(arg, data, len);
        query_end(&q);
    }
    return got < 0 ? -1 : 0;
}

int db_release_list(void *conn, cs_release_fn *fn, void *arg, struct cs_error *err)
{
    struct conn *c = conn;
    struct query q = query_on(c, c->v.release_list);
    int got;

    while ((got = query_next(&q, err)) == 1)
        if (fn(arg, row_text(&q, 0), row_text(&q, 1))) {
            query_end(&q);
            return 0;
        }
    return got < 0 ? -1 : 0;
}
