/*
 * A connection: one for each thread of the core. Opened, hardened, its statements prepared. Called through the ops, and by
 * schema.c for the migration.
 */
#include "db.h"

#include <stdlib.h>
#include <string.h>

/* FULL: a chain leaves the server only after its commit, so a commit must survive a power cut. */
static const char pragmas[] = "PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; PRAGMA trusted_schema = OFF;"
                              "PRAGMA temp_store = MEMORY; PRAGMA journal_size_limit = 16777216; PRAGMA cell_size_check = ON;"
                              "PRAGMA recursive_triggers = OFF;";

static int harden(sqlite3 *sq)
{
    static const struct {
        int option, value;
    } options[] = {
        { SQLITE_DBCONFIG_DEFENSIVE, 1 }, { SQLITE_DBCONFIG_DQS_DML, 0 },           { SQLITE_DBCONFIG_DQS_DDL, 0 },
        { SQLITE_DBCONFIG_ENABLE_TRIGGER, 1 }, { SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION, 0 },
    };

    for (size_t i = 0; i < sizeof options / sizeof *options; i++) {
        int rc = sqlite3_db_config(sq, options[i].option, options[i].value, NULL);

        if (rc != SQLITE_OK)
            return rc;
    }
    return SQLITE_OK;
}

int db_open_file(const struct db *db, bool writer, sqlite3 **sq, struct cs_error *err)
{
    int rc = sqlite3_open_v2(db->path, sq, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, NULL);

    if (rc == SQLITE_OK)
        rc = harden(*sq);
    if (rc == SQLITE_OK)
        rc = sqlite3_busy_timeout(*sq, (int)db->conf->busy_timeout);
    if (rc == SQLITE_OK)
        rc = sqlite3_exec(*sq, pragmas, NULL, NULL, NULL);
    if (rc == SQLITE_OK && !writer)
        rc = sqlite3_exec(*sq, "PRAGMA query_only = ON", NULL, NULL, NULL);
    if (rc == SQLITE_OK && sqlite3_db_readonly(*sq, "main") == 1)
        rc = SQLITE_READONLY;
    if (rc == SQLITE_OK)
        return 0;
    db_fail(db, *sq, rc, err);
    sqlite3_close(*sq);
    *sq = NULL;
    return -1;
}

int db_connect(void *self, enum cs_store_use use, void **conn, struct cs_error *err)
{
    struct db *db = self;
    struct conn *c;
    bool writer = use == CS_STATE_WRITER;

    if (use == CS_VISITS_WRITER || use == CS_VISITS_READER)
        return cs_fail(err, CS_ECONFIG,
                       "this version of store-sqlite keeps no record of visits: there is no visits.db to open");
    c = calloc(1, sizeof *c);
    if (!c)
        return cs_fail(err, CS_EINTERNAL, "no memory");
    c->db = db;
    if (db_open_file(db, writer, &c->sq, err) < 0 || statements_prepare(c, writer, err) < 0) {
        db_disconnect(db, c);
        return -1;
    }
    *conn = c;
    return 0;
}

void db_disconnect(void *self, void *conn)
{
    struct conn *c = conn;

    (void)self;
    if (!c)
        return;
    statements_finalize(c);
    sqlite3_close(c->sq);
    free(c);
}
