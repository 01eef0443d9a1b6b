/*
 * One run of a prepared statement: values in, rows out, errors in words. Used by the file of each table.
 */
#include "db.h"

#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <string.h>

struct query query_on(struct conn *c, sqlite3_stmt *s)
{
    return (struct query){ .c = c, .s = s, .next = 1, .rc = s && sqlite3_stmt_busy(s) ? SQLITE_MISUSE : SQLITE_OK };
}

static void bound(struct query *q, int rc)
{
    q->next++;
    if (q->rc == SQLITE_OK)
        q->rc = rc;
}

static bool usable(const struct query *q)
{
    return q->s && q->rc == SQLITE_OK;
}

void query_text(struct query *q, const char *text)
{
    query_text_n(q, text, strlen(text));
}

void query_text_n(struct query *q, const char *text, size_t len)
{
    if (usable(q))
        bound(q, sqlite3_bind_text64(q->s, q->next, text, len, SQLITE_STATIC, SQLITE_UTF8));
}

void query_blob(struct query *q, const void *data, size_t len)
{
    if (usable(q))
        bound(q, len ? sqlite3_bind_blob64(q->s, q->next, data, len, SQLITE_STATIC) : sqlite3_bind_zeroblob(q->s, q->next, 0));
}

void query_int(struct query *q, int64_t number)
{
    if (usable(q))
        bound(q, sqlite3_bind_int64(q->s, q->next, number));
}

int query_next(struct query *q, struct cs_error *err)
{
    int rc = q->rc;

    if (!q->s)
        return cs_fail(err, CS_EINTERNAL, "a connection was asked what it cannot: it only reads, or is on another file");
    if (rc == SQLITE_MISUSE)
        return cs_fail(err, CS_EINTERNAL, "a row function asked the question that it is a part of");
    errno = 0;
    if (rc == SQLITE_OK)
        rc = sqlite3_step(q->s);
    if (rc == SQLITE_ROW)
        return 1;
    if (rc != SQLITE_DONE)
        conn_fail(q->c, rc, err);
    query_end(q);
    return rc == SQLITE_DONE ? 0 : -1;
}

int query_run(struct query *q, struct cs_error *err)
{
    int got = query_next(q, err);

    assert(got != 1);
    return got;
}

void query_end(struct query *q)
{
    if (!q->s || q->rc == SQLITE_MISUSE)
        return;
    sqlite3_reset(q->s);
    sqlite3_clear_bindings(q->s);
}

int64_t query_changed(const struct conn *c)
{
    return sqlite3_changes64(c->sq);
}

const char *row_text(const struct query *q, int column)
{
    const unsigned char *text = sqlite3_column_text(q->s, column);

    return text ? (const char *)text : "";
}

size_t row_len(const struct query *q, int column)
{
    return (size_t)sqlite3_column_bytes(q->s, column);
}

const void *row_blob(const struct query *q, int column, size_t *len)
{
    const void *data = sqlite3_column_blob(q->s, column);

    *len = data ? (size_t)sqlite3_column_bytes(q->s, column) : 0;
    return data ? data : "";
}

int64_t row_int(const struct query *q, int column)
{
    return sqlite3_column_int64(q->s, column);
}

int row_hash(const struct query *q, int column, uint8_t hash[32], struct cs_error *err)
{
    size_t len;
    const void *data = row_blob(q, column, &len);

    if (len != 32)
        return cs_fail(err, CS_ECONFIG, "%s is damaged: column %s holds %zu bytes instead of 32; restore it from a backup",
                       q->c->file->path, sqlite3_column_name(q->s, column), len);
    memcpy(hash, data, 32);
    return 0;
}
