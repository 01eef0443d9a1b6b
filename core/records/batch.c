/*
 * Group commit, see batch.h. Called by the writer's and the readers' threads of store.c.
 */
#include "records/batch.h"

static void fail_all(struct piece *first, const struct cs_error *err)
{
    for (struct piece *piece = first; piece; piece = piece->next) {
        if (piece->failed)
            continue;
        piece->failed = true;
        piece->err = *err;
    }
}

/* 0, also when the piece failed and was undone. -1: not even that worked, the transaction is lost. */
static int run_piece(const struct store_conn *c, struct piece *piece, struct cs_error *err)
{
    if (c->ops->savepoint(c->conn, CS_SAVEPOINT_SET, err) < 0)
        return -1;
    if (piece->fn(c, piece->arg, &piece->err) == 0)
        return c->ops->savepoint(c->conn, CS_SAVEPOINT_RELEASE, err);
    piece->failed = true;
    if (c->ops->savepoint(c->conn, CS_SAVEPOINT_ROLLBACK, err) == 0)
        return 0;
    *err = piece->err; /* a full disk, say, which ended the transaction: that is the reason, not what followed from it */
    return -1;
}

/* The same for a piece with nothing before it in the transaction: that it can be undone costs a copy of every page that it
 * changes, and is only worth it when it fails. */
static int run_first_piece(const struct store_conn *c, struct piece *piece, struct cs_error *err)
{
    if (piece->fn(c, piece->arg, &piece->err) == 0)
        return 0;
    c->ops->rollback(c->conn);
    piece->err = (struct cs_error){ 0 };
    return c->ops->begin(c->conn, err) < 0 ? -1 : run_piece(c, piece, err);
}

static int run_pieces(const struct store_conn *c, struct piece *first, bool *something, struct cs_error *err)
{
    for (struct piece *piece = first; piece; piece = piece->next) {
        if ((*something ? run_piece(c, piece, err) : run_first_piece(c, piece, err)) < 0)
            return -1;
        *something = *something || !piece->failed;
    }
    return 0;
}

enum batch_end batch_write(const struct store_conn *c, struct piece *first, struct cs_error *err)
{
    bool something = false;

    if (c->ops->begin(c->conn, err) < 0) {
        fail_all(first, err);
        return BATCH_LOST;
    }
    if (run_pieces(c, first, &something, err) == 0) {
        if (!something) {
            c->ops->rollback(c->conn);
            return BATCH_EMPTY;
        }
        if (c->ops->commit(c->conn, err) == 0)
            return BATCH_COMMITTED;
    }
    c->ops->rollback(c->conn);
    fail_all(first, err);
    return BATCH_LOST;
}

void batch_read(const struct store_conn *c, struct piece *piece)
{
    piece->failed = c->ops->begin(c->conn, &piece->err) < 0 || piece->fn(c, piece->arg, &piece->err) < 0;
    c->ops->rollback(c->conn);
}

void batch_alone(const struct store_conn *c, struct piece *piece)
{
    piece->failed = piece->fn(c, piece->arg, &piece->err) < 0;
}
