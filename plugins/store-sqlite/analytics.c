/*
 * The connection to analytics.db, for those who read it through the store: `countersign report`. Called by connection.c and
 * report.c.
 */
#include "analytics.h"

#include <errno.h>
#include <unistd.h>

enum { SCHEMA = 1 }; /* user_version of analytics.sql */

const struct file_kind file_analytics = {
    .setting = "analytics",
    .what = "analytics database",
    .pragmas = "",
    .application_id = 1131631969, /* "CsAa" */
    .known = SCHEMA,
    .read_only = true,
};

static int one_number(struct conn *c, const char *sql, int64_t *number, struct cs_error *err)
{
    sqlite3_stmt *s = NULL;
    int rc = sqlite3_prepare_v2(c->sq, sql, -1, &s, NULL);

    if (rc == SQLITE_OK)
        rc = sqlite3_step(s);
    if (rc == SQLITE_ROW)
        *number = sqlite3_column_int64(s, 0);
    else
        conn_fail(c, rc, err);
    sqlite3_finalize(s);
    return rc == SQLITE_ROW ? 0 : -1;
}

int analytics_open(struct conn *c, struct cs_error *err)
{
    int64_t application, schema;

    if (access(c->file->path, F_OK) < 0 && errno == ENOENT)
        return cs_fail(err, CS_ENOTFOUND, "there is no %s yet: the server publishes it soon after its start, then every hour",
                       c->file->path);
    if (db_open_file(c->file, false, &c->sq, err) < 0 || one_number(c, "PRAGMA application_id", &application, err) < 0 ||
        one_number(c, "PRAGMA user_version", &schema, err) < 0)
        return -1;
    if (application != c->file->kind->application_id || schema != c->file->kind->known)
        return cs_fail(err, CS_ECONFIG,
                       "%s was not published by this version of Countersign: the server does so soon after its start",
                       c->file->path);
    return statements_prepare(c, false, err);
}

int analytics_refresh(struct conn *c, struct cs_error *err)
{
    struct conn now = { .db = c->db, .file = c->file };
    int moved = 0;

    if (!sqlite3_get_autocommit(c->sq) || sqlite3_file_control(c->sq, "main", SQLITE_FCNTL_HAS_MOVED, &moved) != SQLITE_OK ||
        !moved)
        return 0;
    if (analytics_open(&now, err) < 0) {
        statements_finalize(&now);
        sqlite3_close(now.sq);
        return -1;
    }
    statements_finalize(c);
    sqlite3_close(c->sq);
    *c = now;
    return 0;
}
