/*
 * Leaves no byte of what was deleted. SQLite overwrites deleted rows and dropped tables in the pages (secure_delete), and what
 * those pages were before stands in the write-ahead log until that is copied into the database and cut to nothing. See store.h.
 */
#include "visits.h"

/* How long to wait for a reader's snapshot to end. Whoever asked asks again. */
enum { PATIENCE_MS = 200 };

int db_scrub(void *conn, bool *done, struct cs_error *err)
{
    struct conn *c = conn;
    int rc;

    *done = false;
    if ((!c->visits && !c->s.job_insert) || !sqlite3_get_autocommit(c->sq))
        return cs_fail(err, CS_EINTERNAL, "scrub is called on a writer's connection, outside of a transaction");
    sqlite3_busy_timeout(c->sq, PATIENCE_MS);
    rc = sqlite3_wal_checkpoint_v2(c->sq, "main", SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);
    sqlite3_busy_timeout(c->sq, (int)c->db->conf->busy_timeout);
    *done = rc == SQLITE_OK;
    return rc == SQLITE_OK || (rc & 0xff) == SQLITE_BUSY ? 0 : conn_fail(c, rc, err);
}
