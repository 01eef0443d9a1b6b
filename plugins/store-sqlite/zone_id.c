/* The table zone_id of the visits database: see store.h. */
#include "visits.h"

int db_zone_id_put(void *conn, const char *zone, uint64_t id, struct cs_error *err)
{
    struct conn *c = conn;
    struct query q = query_on(c, c->v.zone_id_put);

    query_text(&q, zone);
    query_int(&q, (int64_t)id);
    return query_run(&q, err);
}

int db_zone_id_list(void *conn, cs_zone_id_fn *fn, void *arg, struct cs_error *err)
{
    struct conn *c = conn;
    struct query q = query_on(c, c->v.zone_id_list);
    int got;

    while ((got = query_next(&q, err)) == 1)
        if (fn(arg, row_text(&q, 0), (uint64_t)row_int(&q, 1))) {
            query_end(&q);
            return 0;
        }
    return got;
}
