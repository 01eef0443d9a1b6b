/*
 * Brings state.db up to date: makes the file, recognises it, runs the migrations that it lacks. Called once by whoever holds
 * the lock of the state folder; with may_change false it only looks.
 */
#include "db.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Step n brings schema n to n + 1 and sets user_version, which is undone with the rest when it fails. A step that was released
 * never changes; a new schema is a new file at the end. */
static const char *const steps[] = {
#include "schema.sql.h"
    ,
#include "schema-2.sql.h"
};

enum { KNOWN = sizeof steps / sizeof *steps };

#define APPLICATION_ID 1131627618 /* "CsDb", set by schema.sql: tells file(1) and us that the database is Countersign's */

static int one_number(const struct db *db, sqlite3 *sq, const char *sql, int64_t *number, struct cs_error *err)
{
    sqlite3_stmt *s = NULL;
    int rc = sqlite3_prepare_v2(sq, sql, -1, &s, NULL);

    if (rc == SQLITE_OK)
        rc = sqlite3_step(s);
    if (rc == SQLITE_ROW)
        *number = sqlite3_column_int64(s, 0);
    else
        db_fail(db, sq, rc, err);
    sqlite3_finalize(s);
    return rc == SQLITE_ROW ? 0 : -1;
}

static int run(const struct db *db, sqlite3 *sq, const char *sql, struct cs_error *err)
{
    int rc = sqlite3_exec(sq, sql, NULL, NULL, NULL);

    return rc == SQLITE_OK ? 0 : db_fail(db, sq, rc, err);
}

/* -1 unless the file is ours and of a schema that we know; *schema is 0 for an empty file. */
static int recognise(const struct db *db, sqlite3 *sq, int64_t *schema, struct cs_error *err)
{
    int64_t application, tables;

    if (one_number(db, sq, "PRAGMA application_id", &application, err) < 0 ||
        one_number(db, sq, "PRAGMA user_version", schema, err) < 0 ||
        one_number(db, sq, "SELECT count(*) FROM sqlite_schema", &tables, err) < 0)
        return -1;
    if (application != APPLICATION_ID && (application || *schema || tables))
        return cs_fail(err, CS_ECONFIG,
                       "%s is a SQLite database of some other program: set `file` of the store to another path", db->path);
    if (*schema < 0 || *schema > KNOWN)
        return cs_fail(err, CS_ECONFIG,
                       "%s has schema %lld, but this version knows only up to %d: a newer Countersign wrote it; install that "
                       "version again, or restore a backup",
                       db->path, (long long)*schema, KNOWN);
    return 0;
}

static int refuse_old(const struct db *db, int64_t schema, struct cs_error *err)
{
    if (schema == KNOWN)
        return 0;
    return cs_fail(
        err, CS_ECONFIG,
        "%s has schema %lld, this version needs %d: restart `countersign serve` with this version, which brings it up "
        "to date",
        db->path, (long long)schema, KNOWN);
}

/* What is recognised is looked at again inside the transaction: somebody may have been faster. */
static int bring_up(const struct db *db, sqlite3 *sq, struct cs_error *err)
{
    int64_t schema, foreign = 0;

    if (run(db, sq, "BEGIN IMMEDIATE", err) < 0 || recognise(db, sq, &schema, err) < 0)
        return -1;
    for (; schema < KNOWN; schema++)
        if (run(db, sq, steps[schema], err) < 0)
            return cs_fail_in(err, "schema %lld", (long long)schema + 1);
    if (one_number(db, sq, "SELECT count(*) FROM pragma_foreign_key_check", &foreign, err) < 0)
        return -1;
    if (foreign)
        return cs_fail(err, CS_ECONFIG,
                       "%s has rows that point at rows which are gone: run sqlite3 with PRAGMA foreign_key_check", db->path);
    return run(db, sq, "COMMIT", err);
}

/* WAL is a property of the file: readers and the writer then do not wait for each other. */
static int use_wal(const struct db *db, sqlite3 *sq, struct cs_error *err)
{
    int64_t wal = 0;

    if (one_number(db, sq, "PRAGMA journal_mode = WAL", &wal, err) < 0 ||
        one_number(db, sq, "SELECT journal_mode = 'wal' FROM pragma_journal_mode", &wal, err) < 0)
        return -1;
    if (wal)
        return 0;
    return cs_fail(
        err, CS_ECONFIG,
        "%s cannot use a write-ahead log: its file system has no shared memory (a network mount?); move the state folder "
        "to a local disk",
        db->path);
}

/* The file is made by us, so that nobody else can read it even for a moment; SQLite gives -wal and -shm the same mode. The
 * descriptor of an existing database is never opened here: closing it would drop the locks of every other connection. */
static int make_file(const struct db *db, struct cs_error *err)
{
    int fd = open(db->path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);

    if (fd < 0 && errno == EEXIST)
        return 0;
    if (fd < 0 || close(fd) < 0)
        return cs_fail(err, CS_ECONFIG, "cannot make %s: %s; the folder must belong to the server's user", db->path,
                       strerrordesc_np(errno));
    return 0;
}

static int look_at_file(const struct db *db, bool may_change, struct cs_error *err)
{
    struct stat st;

    if (stat(db->path, &st) < 0 && errno == ENOENT && !may_change)
        return cs_fail(err, CS_ECONFIG, "there is no %s yet: `countersign serve` makes it", db->path);
    if (may_change && make_file(db, err) < 0)
        return -1;
    if (stat(db->path, &st) < 0)
        return cs_fail(err, CS_ECONFIG, "cannot look at %s: %s", db->path, strerrordesc_np(errno));
    if (!S_ISREG(st.st_mode))
        return cs_fail(err, CS_ECONFIG, "%s is not a file: set `file` of the store to another path", db->path);
    if (st.st_mode & 077)
        cs_log(db->in, CS_LOG_WARN, "the state database can be read by others than the server's user: chmod 600 it file=%s",
               db->path);
    return 0;
}

int db_migrate(void *self, bool may_change, struct cs_error *err)
{
    const struct db *db = self;
    sqlite3 *sq = NULL;
    int64_t schema = 0;
    int rc = -1;

    if (look_at_file(db, may_change, err) < 0 || db_open_file(db, may_change, &sq, err) < 0 ||
        recognise(db, sq, &schema, err) < 0)
        goto out;
    if (!may_change) {
        rc = refuse_old(db, schema, err);
        goto out;
    }
    if (use_wal(db, sq, err) < 0)
        goto out;
    rc = schema < KNOWN ? bring_up(db, sq, err) : 0;
    if (rc == 0 && schema < KNOWN)
        cs_log(db->in, CS_LOG_INFO, "the state database was brought up to date file=%s from=%lld to=%d", db->path,
               (long long)schema, KNOWN);
out:
    sqlite3_close(sq);
    return rc;
}
