/*
 * A connection: one for each thread of the core. Opened, hardened, its statements prepared; opened anew when the disk has
 * failed it. Called through the ops, by query.c and transaction.c, and by schema.c for the migration.
 */
#include "db.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>

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

/* SQLite opens the file for reading only then, without a word. */
static bool is_on_read_only(const struct file *file, struct cs_error *err)
{
    struct statvfs fs;

    return statvfs(file->path, &fs) == 0 && (fs.f_flag & ST_RDONLY) && db_fail_io(file, EROFS, err) < 0;
}

int db_open_file(const struct file *file, bool writer, sqlite3 **sq, struct cs_error *err)
{
    int way = file->kind->read_only ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE;
    int rc;

    errno = 0;
    rc = sqlite3_open_v2(file->path, sq, way | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, NULL);
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
        rc = SQLITE_PERM;
    if (rc == SQLITE_OK)
        return 0;
    if (db_is_unread(rc) || file->kind->read_only || !is_on_read_only(file, err))
        db_fail_reading(file, *sq, rc, err);
    sqlite3_db_config(*sq, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
    sqlite3_close(*sq);
    *sq = NULL;
    return -1;
}

static struct file *file_of(struct db *db, enum cs_store_use use)
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

static int open_it(struct conn *c, struct cs_error *err)
{
    bool writer = c->use == CS_STATE_WRITER || c->use == CS_VISITS_WRITER;

    if (c->use == CS_ANALYTICS_READER)
        return analytics_open(c, err);
    if (db_open_file(c->file, writer, &c->sq, err) < 0 || statements_prepare(c, writer, err) < 0)
        return -1;
    return c->use == CS_VISITS_WRITER ? visits_writer_open(c, err) : 0;
}

static void close_it(struct conn *c)
{
    if (c->sq && atomic_load(&c->file->suspect))
        sqlite3_db_config(c->sq, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL); /* what is damaged is not written to */
    visits_writer_close(c);
    statements_finalize(c);
    sqlite3_close(c->sq);
}

int db_connect(void *self, enum cs_store_use use, void **conn, struct cs_error *err)
{
    struct db *db = self;
    struct file *file = file_of(db, use);
    struct conn *c;

    if (!file)
        return cs_fail(err, CS_ECONFIG, "this version of store-sqlite has no such file to open");
    if (file == &db->visits && db->no_visits.code != CS_OK) {
        *err = db->no_visits;
        return -1;
    }
    c = calloc(1, sizeof *c);
    if (!c)
        return cs_fail(err, CS_EBUSY, "no memory");
    c->db = db;
    c->file = file;
    c->use = use;
    if (open_it(c, err) < 0) {
        db_disconnect(db, c);
        return -1;
    }
    if (use == CS_STATE_WRITER)
        room_watch(c);
    *conn = c;
    return 0;
}

void db_disconnect(void *self, void *conn)
{
    struct conn *c = conn;

    (void)self;
    if (!c)
        return;
    close_it(c);
    free(c);
}

/* ---- after trouble ------------------------------------------------------------------------------------------------ */

/* A failed fsync may have lost pages that the kernel and SQLite take for written: what is in memory is believed no more. */
void conn_note_failure(struct conn *c, int rc)
{
    switch (rc & 0xff) {
    case SQLITE_IOERR:
    case SQLITE_READONLY:
    case SQLITE_CANTOPEN:
        c->broken = true;
        break;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        c->broken = true;
        integrity_suspect(c->file);
        break;
    default:
        break;
    }
}

int conn_fail(struct conn *c, int rc, struct cs_error *err)
{
    const int note = db_is_unread(rc) ? SQLITE_IOERR : rc;

    db_fail_reading(c->file, c->sq, rc, err);
    if (err && strcmp(err->reason, STORAGE_UNAVAILABLE) == 0)
        err->code = CS_EBUSY; /* also what would be a matter of the configuration at the start */
    conn_note_failure(c, note);
    return -1;
}

/* The new one is opened beside the old one, so that there always is one. Why it could not be opened may pass as well. */
int conn_renew(struct conn *c, struct cs_error *err)
{
    struct conn now = { .db = c->db, .file = c->file, .use = c->use, .renewed = c->renewed + 1, .unproved = true };
    struct cs_error why = { 0 };

    if (open_it(&now, &why) < 0) {
        close_it(&now);
        cs_fail_as(err, CS_EBUSY, STORAGE_UNAVAILABLE, "%s", why.text);
        if (err)
            err->retry_after_ms = why.retry_after_ms;
        return -1;
    }
    now.room = c->room;
    close_it(c);
    *c = now;
    if (c->use == CS_STATE_WRITER)
        room_watch(c);
    return 0;
}

void conn_prove(struct conn *c)
{
    struct cs_error err = { 0 };

    if (integrity_check_small(c->file, c->sq, &err) == 0)
        c->unproved = false;
    else if (strcmp(err.reason, STORAGE_DAMAGED) == 0) {
        c->unproved = false;
        integrity_suspect(c->file);
    }
}
