/* The tables outbox and cursor: events on their way to the audit sinks; see store.h. */
#include "db.h"

int db_outbox_put(void *conn, const struct cs_event *event, struct cs_error *err)
{
    struct conn *c = conn;
    struct query q = query_on(c, c->s.outbox_put);

    query_int(&q, event->time_ms);
    query_text(&q, event->kind);
    query_text_n(&q, event->json, event->json_len);
    return query_run(&q, err);
}

int db_outbox_read(void *conn, int64_t after, int64_t most, cs_event_fn *fn, void *arg, struct cs_error *err)
{
    struct conn *c = conn;
    struct query q = query_on(c, c->s.outbox_read);
    int got;

    query_int(&q, after);
    query_int(&q, most);
    while ((got = query_next(&q, err)) == 1) {
        struct cs_event event = {
            .size = sizeof event,
            .number = row_int(&q, 0),
            .time_ms = row_int(&q, 1),
            .kind = row_text(&q, 2),
            .json = row_text(&q, 3),
            .json_len = row_len(&q, 3),
        };

        if (fn(arg, &event)) {
            query_end(&q);
            return 0;
        }
    }
    return got;
}

int db_outbox_trim(void *conn, int64_t up_to, struct cs_error *err)
{
    struct conn *c = conn;
    struct query q = query_on(c, c->s.outbox_trim);

    query_int(&q, up_to);
    return query_run(&q, err);
}

/* The one number that `s` gives, or 0 when it gives no row. */
static int number(struct conn *c, sqlite3_stmt *s, const char *sink, int64_t *n, struct cs_error *err)
{
    struct query q = query_on(c, s);
    int got;

    if (sink)
        query_text(&q, sink);
    got = query_next(&q, err);
    *n = got == 1 ? row_int(&q, 0) : 0;
    query_end(&q);
    return got < 0 ? -1 : 0;
}

int db_outbox_range(void *conn, int64_t *first, int64_t *last, struct cs_error *err)
{
    struct conn *c = conn;

    return number(c, c->s.outbox_first, NULL, first, err) < 0 ? -1 : number(c, c->s.outbox_last, NULL, last, err);
}

int db_cursor_put(void *conn, const char *sink, int64_t at, struct cs_error *err)
{
    struct conn *c = conn;
    struct query q = query_on(c, c->s.cursor_put);

    query_text(&q, sink);
    query_int(&q, at);
    return query_run(&q, err);
}

int db_cursor_get(void *conn, const char *sink, int64_t *at, struct cs_error *err)
{
    struct conn *c = conn;

    return number(c, c->s.cursor_get, sink, at, err);
}
