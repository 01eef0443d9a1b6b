/* The table job_challenge: what jobs have in the DNS; see store.h. */
#include "db.h"

int db_challenge_put(void *conn, const struct cs_job_challenge *challenge, struct cs_error *err)
{
    struct conn *c = conn;
    struct query q = query_on(c, c->s.challenge_put);

    query_text(&q, challenge->job);
    query_text(&q, challenge->name);
    query_text(&q, challenge->dns);
    query_text(&q, challenge->owner);
    query_text(&q, challenge->zone);
    query_text(&q, challenge->value);
    query_int(&q, challenge->expires_ms);
    return query_run(&q, err);
}

int db_challenge_remove(void *conn, const struct cs_job_challenge *challenge, struct cs_error *err)
{
    struct conn *c = conn;
    struct query q = query_on(c, c->s.challenge_remove);

    query_text(&q, challenge->job);
    query_text(&q, challenge->name);
    query_text(&q, challenge->dns);
    query_text(&q, challenge->owner);
    query_text(&q, challenge->value);
    return query_run(&q, err);
}

int db_challenge_list(void *conn, cs_job_challenge_fn *fn, void *arg, struct cs_error *err)
{
    struct conn *c = conn;
    struct query q = query_on(c, c->s.challenge_list);
    int got;

    while ((got = query_next(&q, err)) == 1) {
        struct cs_job_challenge challenge = {
            .size = sizeof challenge,
            .job = row_text(&q, 0),
            .name = row_text(&q, 1),
            .dns = row_text(&q, 2),
            .owner = row_text(&q, 3),
            .zone = row_text(&q, 4),
            .value = row_text(&q, 5),
            .expires_ms = row_int(&q, 6),
        };

        if (fn(arg, &challenge)) {
            query_end(&q);
            return 0;
        }
    }
    return got;
}
