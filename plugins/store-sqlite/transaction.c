/*
 * Transactions and savepoints. The core's writer begins, runs many pieces of work, each in a savepoint, and commits.
 */
#include "visits.h"

static int run(struct conn *c, sqlite3_stmt *s, struct cs_error *err)
{
    struct query q = query_on(c, s);

    return query_run(&q, err);
}

int db_begin(void *conn, struct cs_error *err)
{
    struct conn *c = conn;

    if (c->broken && conn_renew(c, err) < 0)
        return -1;
    if (run(c, c->s.begin_writer ? c->s.begin_writer : c->s.begin_reader, err) < 0)
        return -1;
    if (visits_writer_began(c, err) == 0)
        return 0;
    db_rollback(c);
    return -1;
}

/* A full disk or a lack of memory ends a transaction without being asked. What follows must not become one of its own. */
static int still_there(const struct conn *c, struct cs_error *err)
{
    if (sqlite3_get_autocommit(c->sq))
        return cs_fail(err, CS_EBUSY, "the transaction was undone by an earlier failure");
    return 0;
}

int db_commit(void *conn, struct cs_error *err)
{
    struct conn *c = conn;

    if (still_there(c, err) < 0 || visits_writer_flush(c, err) < 0 || run(c, c->s.commit, err) < 0)
        return -1;
    if (c->unproved)
        conn_prove(c);
    return 0;
}

void db_rollback(void *conn)
{
    struct conn *c = conn;

    visits_writer_forget(c);
    c->room.promised = 0;
    if (!sqlite3_get_autocommit(c->sq))
        run(c, c->s.rollback, NULL);
}

static int undo_piece(struct conn *c, struct cs_error *err)
{
    visits_writer_forget(c);
    return run(c, c->s.savepoint_rollback, err) < 0 ? -1 : run(c, c->s.savepoint_release, err);
}

int db_savepoint(void *conn, enum cs_savepoint what, struct cs_error *err)
{
    struct conn *c = conn;

    if (still_there(c, err) < 0)
        return -1;
    switch (what) {
    case CS_SAVEPOINT_SET:
        return visits_writer_flush(c, err) < 0 ? -1 : run(c, c->s.savepoint_set, err);
    case CS_SAVEPOINT_RELEASE:
        return visits_writer_flush(c, err) < 0 ? -1 : run(c, c->s.savepoint_release, err);
    case CS_SAVEPOINT_ROLLBACK: /* leaves the savepoint open: it is released as well */
        return undo_piece(c, err);
    }
    return cs_fail(err, CS_EINTERNAL, "no such kind of savepoint");
}

/* data_version changes when another connection committed. A reader never writes, so on a reader it tells of every change: those
 * of the server's own writer and those of other processes. A connection that was opened anew counts from the beginning. */
int db_version(void *conn, int64_t *version, struct cs_error *err)
{
    struct conn *c = conn;
    struct query q = query_on(c, c->s.version);

    if (query_next(&q, err) != 1)
        return -1;
    *version = row_int(&q, 0) + (c->renewed << 32);
    query_end(&q);
    return 0;
}
