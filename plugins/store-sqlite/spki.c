/*
 * What is held about one key, taken away on demand: see spki_erase in store.h. Jobs under way stay, and jobs whose challenge is
 * not taken back yet: asked again a little later, they go too.
 */
#include "db.h"

static int run(struct conn *c, sqlite3_stmt *how, const uint8_t spki_sha256[32], int64_t *n, struct cs_error *err)
{
    struct query q = query_on(c, how);

    query_blob(&q, spki_sha256, 32);
    if (query_run(&q, err) < 0)
        return -1;
    *n += query_changed(c);
    return 0;
}

/* Events first: they are found by the ids of the rows that go after them. What was ordered stays counted, without its id. */
int db_spki_erase(void *conn, const uint8_t spki_sha256[32], int64_t *n, struct cs_error *err)
{
    struct conn *c = conn;
    int64_t events = 0, counted = 0;

    *n = 0;
    if (run(c, c->s.spki_erase_events, spki_sha256, &events, err) < 0 ||
        run(c, c->s.spki_erase_orders, spki_sha256, &counted, err) < 0 ||
        run(c, c->s.spki_erase_certificates, spki_sha256, n, err) < 0)
        return -1;
    return run(c, c->s.spki_erase_jobs, spki_sha256, n, err);
}
