/* The tables revocation and revoked_key: see store.h. */
#include "db.h"

#include <string.h>

static const char *const states[] = {
    [CS_REVOCATION_OPEN] = "open",
    [CS_REVOCATION_DONE] = "done",
    [CS_REVOCATION_FAILED] = "failed",
};

static enum cs_revocation_state state_of(const char *word)
{
    for (size_t i = CS_REVOCATION_OPEN; i < sizeof states / sizeof *states; i++)
        if (strcmp(states[i], word) == 0)
            return (enum cs_revocation_state)i;
    return CS_REVOCATION_FAILED; /* the table's CHECK lets nothing else in */
}

int db_revocation_put(void *conn, const struct cs_revocation *revocation, struct cs_error *err)
{
    struct conn *c = conn;
    struct query q = query_on(c, c->s.revocation_put);

    query_text(&q, revocation->job);
    query_int(&q, revocation->reason);
    query_text(&q, revocation->asker);
    query_text(&q, states[revocation->state]);
    query_int(&q, revocation->asked_ms);
    query_int(&q, revocation->ended_ms);
    query_text(&q, revocation->problem);
    return query_run(&q, err);
}

static int each(struct query *q, cs_revocation_fn *fn, void *arg, struct cs_error *err)
{
    int got = 0, end = 0;

    while (end == 0 && (got = query_next(q, err)) == 1) {
        const struct cs_revocation revocation = {
            .size = sizeof revocation,
            .job = row_text(q, 0),
            .reason = row_int(q, 1),
            .asker = row_text(q, 2),
            .state = state_of(row_text(q, 3)),
            .asked_ms = row_int(q, 4),
            .ended_ms = row_int(q, 5),
            .problem = row_text(q, 6),
        };

        end = fn(arg, &revocation);
    }
    query_end(q);
    return got < 0 ? -1 : 0;
}

int db_revocation_find(void *conn, const char *job, cs_revocation_fn *fn, void *arg, struct cs_error *err)
{
    struct conn *c = conn;
    struct query q = query_on(c, c->s.revocation_find);

    query_text(&q, job);
    return each(&q, fn, arg, err);
}

int db_revocation_list_open(void *conn, cs_revocation_fn *fn, void *arg, struct cs_error *err)
{
    struct query q = query_on(conn, ((struct conn *)conn)->s.revocation_list_open);

    return each(&q, fn, arg, err);
}

int db_revoked_key_put(void *conn, const uint8_t spki_sha256[32], struct cs_error *err)
{
    struct conn *c = conn;
    struct query q = query_on(c, c->s.revoked_key_put);

    query_blob(&q, spki_sha256, 32);
    return query_run(&q, err);
}

int db_revoked_key_list(void *conn, cs_blob_fn *fn, void *arg, struct cs_error *err)
{
    struct query q = query_on(conn, ((struct conn *)conn)->s.revoked_key_list);
    int got = 0, end = 0;

    while (end == 0 && (got = query_next(&q, err)) == 1) {
        size_t len;
        const void *hash = row_blob(&q, 0, &len);

        end = fn(arg, hash, len);
    }
    query_end(&q);
    return got < 0 ? -1 : 0;
}
