/*
 * What the writer of visits remembers between calls: ids of words, totals not yet written, statements on the days' tables.
 * Called by transaction.c, so that all of it is written before a transaction or savepoint ends, and forgotten when one is
 * undone; and by connection.c.
 */
#include "visits.h"

#include <stdlib.h>

/* Also when SQLite undoes a transaction by itself, because a disk is full, say. */
static void on_rollback(void *arg)
{
    struct visits_writer *v = arg;

    v->undone = true;
}

int visits_writer_open(struct conn *c, struct cs_error *err)
{
    c->visits = calloc(1, sizeof *c->visits);
    if (!c->visits)
        return cs_fail(err, CS_EBUSY, "no memory");
    c->visits->words = words_new();
    c->visits->tally = tally_new();
    c->visits->version = -1;
    if (!c->visits->words || !c->visits->tally)
        return cs_fail(err, CS_EBUSY, "no memory");
    sqlite3_rollback_hook(c->sq, on_rollback, c->visits);
    return 0;
}

void visits_writer_close(struct conn *c)
{
    if (!c->visits)
        return;
    sqlite3_rollback_hook(c->sq, NULL, NULL);
    day_tables_forget(c->visits);
    words_free(c->visits->words);
    tally_free(c->visits->tally);
    free(c->visits);
    c->visits = NULL;
}

void visits_writer_forget(struct conn *c)
{
    if (!c->visits)
        return;
    day_tables_forget(c->visits);
    words_forget(c->visits->words);
    tally_forget(c->visits->tally);
    c->visits->broken = false;
}

/* In the transaction nobody else writes: what is true now stays so. */
int visits_writer_began(struct conn *c, struct cs_error *err)
{
    struct visits_writer *v = c->visits;
    int64_t version;

    if (!v)
        return 0;
    if (db_version(c, &version, err) < 0)
        return -1;
    if (v->undone || version != v->version || words_are_many(v->words))
        visits_writer_forget(c);
    v->undone = false;
    v->version = version;
    return 0;
}

int visits_writer_flush(struct conn *c, struct cs_error *err)
{
    if (!c->visits)
        return 0;
    if (c->visits->broken)
        return cs_fail(err, CS_EBUSY, "the totals could not be written: the transaction must be undone");
    if (tally_flush(c, err) == 0)
        return 0;
    c->visits->broken = true;
    return -1;
}

int visits_writer_ready(const struct conn *c, struct cs_error *err)
{
    if (!c->visits)
        return cs_fail(err, CS_EINTERNAL, "a connection was asked what it cannot: it only reads, or is on another file");
    if (sqlite3_get_autocommit(c->sq))
        return cs_fail(err, CS_EBUSY, "there is no transaction, or it was undone by an earlier failure");
    return 0;
}
