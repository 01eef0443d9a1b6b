/* The table counted_order: orders that count against limits; see order_count in store.h. */
#include "db.h"

static const char *const scopes[CS_ORDER_SCOPES] = { [CS_ORDERS_OF_SUBJECT] = "subject",
                                                     [CS_ORDERS_OF_CLIENT] = "client",
                                                     [CS_ORDERS_OF_ZONE] = "zone",
                                                     [CS_RENEWALS] = "renewal" };

static int each_scope(struct conn *c, sqlite3_stmt *how, const struct cs_counted_order *order, struct cs_error *err)
{
    for (int scope = 0; scope < CS_ORDER_SCOPES; scope++) {
        struct query q = query_on(c, how);

        if (!order->name[scope])
            continue;
        query_text(&q, scopes[scope]);
        query_text(&q, order->name[scope]);
        query_int(&q, order->at_ms);
        query_text(&q, order->job);
        if (query_run(&q, err) < 0)
            return -1;
    }
    return 0;
}

int db_order_count(void *conn, const struct cs_counted_order *order, struct cs_error *err)
{
    struct conn *c = conn;

    return each_scope(c, c->s.order_count, order, err);
}

int db_order_uncount(void *conn, const struct cs_counted_order *order, struct cs_error *err)
{
    struct conn *c = conn;

    return each_scope(c, c->s.order_uncount, order, err);
}

int db_order_nth(void *conn, enum cs_order_scope scope, const char *name, int64_t nth, int64_t after_ms, int64_t until_ms,
                 int64_t *at_ms, struct cs_error *err)
{
    struct conn *c = conn;
    struct query q = query_on(c, c->s.order_nth);
    int got;

    query_text(&q, scopes[scope]);
    query_text(&q, name);
    query_int(&q, after_ms);
    query_int(&q, until_ms);
    query_int(&q, nth - 1);
    got = query_next(&q, err);
    *at_ms = got == 1 ? row_int(&q, 0) : 0;
    query_end(&q);
    return got < 0 ? -1 : 0;
}

int db_order_purge(void *conn, int64_t before_ms, int64_t most, int64_t *n, struct cs_error *err)
{
    struct conn *c = conn;
    struct query q = query_on(c, c->s.order_purge);

    query_int(&q, before_ms);
    query_int(&q, most);
    if (query_run(&q, err) < 0)
        return -1;
    *n = query_changed(c);
    return 0;
}
