/*
 * A connection: one for each thread of the core. Opened, hardened, its statements prepared. Called through the ops, and by
 * schema.c for the migration.
 */
#include "db.h"

#include <stdlib.h>
#include <string.h>

#include "analytics.h"
#include "visits.h"

/* Of every file; each kind has some of its own. temp_store: what sorting needs stays in memory, so that no temporary file
 * holds a row that was deleted meanwhile. */
static const char pragmas[] = "PRAGMA foreign_keys = ON; PRAGMA trusted_schema = OFF; PRAGMA temp_store = MEMORY;"
                              "PRAGMA cell_size_check = ON; PRAGMA recursive_triggers = OFF;";

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

int db_open_file(const struct file *file, bool writer, sqlite3 **sq, struct cs_error *err)
{
    int way = file->kind->read_only ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE;
    int rc = sqlite3_open_v2(file->path, sq, way | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, NULL);

    if (rc == SQLITE_OK)
        rc = harden(*sq);
    if (rc == SQLITE_OK)
        rc = sqlite3_busy_timeout(*sq, (int)file->db->conf->busy_timeout);
    if (rc == SQLITE_OK)
        rc = sqlite3_exec(*sq, pragmas, NULL, NULL, NULL);
    if (rc == SQLITE_OK)
        rc = sqlite3_exec(*sq, file->kind->pragmas, NULL, NULL, NULL);
    if (rc == SQLITE_OK && !writer)
        rc = sqlite3_exec(*sq, "PRAGMA query_only = ON", NULL, NULL, NULL);
    if (rc == SQLITE_OK && sqlite3_db_readonly(*sq, "main") == 1 && !file->kind->read_only)
        rc = SQLITE_READONLY;
    if (rc == SQLITE_OK)
        return 0;
    db_fail(file, *sq, rc, err);
    sqlite3_close(*sq);
    *sq = NULL;
    return -1;
}

static const struct file *file_of(const struct db *db, enum cs_store_use use)
{
    switch (use) {
    case CS_STATE_WRITER:
    case CS_STATE_READER:
        return &db->state;
    case CS_VISITS_WRITER:
    case CS_VISITS_READER:
        return &db->visits;
    case CS_ANALYTICS_READER:
        return &db->analytics;
    }
    return NULL;
}

static int open_for(struct conn *c, enum cs_store_use use, struct cs_error *err)
{
    bool writer = use == CS_STATE_WRITER || use == CS_VISITS_WRITER;

    if (use == CS_ANALYTICS_READER)
        return analytics_open(c, err);
    if (db_open_file(c->file, writer, &c->sq, err) < 0 || statements_prepare(c, writer, err) < 0)
        return -1;
    return use == CS_VISITS_WRITER ? visits_writer_open(c, err) : 0;
}

int db_connect(void *self, enum cs_store_use use, void **conn, struct cs_error *err)
{
    struct db *db = self;
    const struct file *file = file_of(db, use);
    struct conn *c;

    if (!file)
        return cs_fail(err, CS_ECONFIG, "this version of store-sqlite has no such file to open");
    c = calloc(1, sizeof *c);
    if (!c)
        return cs_fail(err, CS_EINTERNAL, "no memory");
    c->db = db;
    c->file = file;
    if (open_for(c, use, err) < 0) {
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
    visits_writer_close(c);
    statements_finalize(c);
    sqlite3_close(c->sq);
    free(c);
}
