/*
 * Brings a database file up to date: makes it, recognises it, runs the migrations that it lacks. Called once for each file by
 * whoever holds the lock of the state folder; with may_change false it only looks.
 */
#include "db.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/text.h"

/* Each step sets user_version, which is undone with the rest when it fails. A step that was released never changes; a new
 * schema is a new file at the end. The empty strings are for linters, which do not have the headers that are made of SQL. */
static const char *const state_steps[] = {
    ""
#include "schema.sql.h"
    , ""
#include "schema-2.sql.h"
    , ""
#include "schema-3.sql.h"
    , ""
#include "schema-4.sql.h"
    , ""
#include "schema-5.sql.h"
};

static const char *const visits_steps[] = {
    ""
#include "visits.sql.h"
    , ""
#include "visits-2.sql.h"
};

/* The application ids are set by the SQL: they tell file(1) and us that the database is Countersign's, and which one.
 * State: a chain leaves the server only after its commit, so a commit must survive a power cut; what a purge or
 * `privacy erase` deletes must be gone. Visits: the same, but nobody waits for a commit; a day's rows come in no order, so that
 * a large cache and rare checkpoints count. */
const struct file_kind file_state = {
    .setting = "file",
    .what = "state database",
    .pragmas = "PRAGMA synchronous = FULL; PRAGMA secure_delete = ON; PRAGMA journal_size_limit = 16777216;",
    .application_id = 1131627618, /* "CsDb" */
    .steps = state_steps,
    .known = sizeof state_steps / sizeof *state_steps,
    .anew = "zones and subjects must be added again, orders under way are lost, and certificates issued so far are not known: "
            "whoever asks again gets another one, which counts against the CA's limits",
};

const struct file_kind file_visits = {
    .setting = "visits",
    .what = "visits database",
    .pragmas = "PRAGMA synchronous = NORMAL; PRAGMA secure_delete = ON; PRAGMA journal_size_limit = 16777216;"
               "PRAGMA wal_autocheckpoint = 4000; PRAGMA cache_size = -16000;",
    .application_id = 1131632233, /* "CsVi" */
    .steps = visits_steps,
    .known = sizeof visits_steps / sizeof *visits_steps,
    .anew = "counts so far are lost; remove the damaged file soon, since nothing in it is forgotten in time any more",
};

static int one_number(const struct file *f, sqlite3 *sq, const char *sql, int64_t *number, struct cs_error *err)
{
    sqlite3_stmt *s = NULL;
    int rc;

    errno = 0;
    rc = sqlite3_prepare_v2(sq, sql, -1, &s, NULL);
    if (rc == SQLITE_OK)
        rc = sqlite3_step(s);
    if (rc == SQLITE_ROW)
        *number = sqlite3_column_int64(s, 0);
    else
        db_fail_reading(f, sq, rc, err);
    sqlite3_finalize(s);
    return rc == SQLITE_ROW ? 0 : -1;
}

static int run(const struct file *f, sqlite3 *sq, const char *sql, struct cs_error *err)
{
    int rc;

    errno = 0;
    rc = sqlite3_exec(sq, sql, NULL, NULL, NULL);
    return rc == SQLITE_OK ? 0 : db_fail_reading(f, sq, rc, err);
}

int schema_recognise(const struct file *f, sqlite3 *sq, int64_t *schema, struct cs_error *err)
{
    int64_t application, tables;

    if (one_number(f, sq, "PRAGMA application_id", &application, err) < 0 ||
        one_number(f, sq, "PRAGMA user_version", schema, err) < 0 ||
        one_number(f, sq, "SELECT count(*) FROM sqlite_schema", &tables, err) < 0)
        return -1;
    if (application != f->kind->application_id && (application || *schema || tables))
        return cs_fail(
            err, CS_ECONFIG,
            "%s is a SQLite database of some other program, or another file of this one: set `%s` of the store to another "
            "path",
            f->path, f->kind->setting);
    if (*schema < 0 || *schema > f->kind->known)
        return cs_fail(err, CS_ECONFIG,
                       "%s has schema %lld, but this version knows only up to %lld: a newer Countersign wrote it; install that "
                       "version again, or restore a backup",
                       f->path, (long long)*schema, (long long)f->kind->known);
    return 0;
}

static int refuse_old(const struct file *f, int64_t schema, struct cs_error *err)
{
    if (schema == f->kind->known)
        return 0;
    return cs_fail(
        err, CS_ECONFIG,
        "%s has schema %lld, this version needs %lld: restart `countersign serve` with this version, which brings it up "
        "to date",
        f->path, (long long)schema, (long long)f->kind->known);
}

/* What is recognised is looked at again inside the transaction: somebody may have been faster. */
static int bring_up(const struct file *f, sqlite3 *sq, struct cs_error *err)
{
    int64_t schema, foreign = 0;

    if (run(f, sq, "BEGIN IMMEDIATE", err) < 0 || schema_recognise(f, sq, &schema, err) < 0)
        return -1;
    for (; schema < f->kind->known; schema++)
        if (run(f, sq, f->kind->steps[schema], err) < 0)
            return cs_fail_in(err, "schema %lld", (long long)schema + 1);
    if (one_number(f, sq, "SELECT count(*) FROM pragma_foreign_key_check", &foreign, err) < 0)
        return -1;
    if (foreign)
        return cs_fail(err, CS_ECONFIG,
                       "%s has rows that point at rows which are gone: run sqlite3 with PRAGMA foreign_key_check", f->path);
    return run(f, sq, "COMMIT", err);
}

/* WAL is a property of the file: readers and the writer then do not wait for each other. */
static int use_wal(const struct file *f, sqlite3 *sq, struct cs_error *err)
{
    int64_t wal = 0;

    if (one_number(f, sq, "PRAGMA journal_mode = WAL", &wal, err) < 0 ||
        one_number(f, sq, "SELECT journal_mode = 'wal' FROM pragma_journal_mode", &wal, err) < 0)
        return -1;
    if (wal)
        return 0;
    return cs_fail(
        err, CS_ECONFIG,
        "%s cannot use a write-ahead log: its file system has no shared memory (a network mount?); move the state folder "
        "to a local disk",
        f->path);
}

static int fill_file(const struct file *f, char *path, struct cs_error *err)
{
    const struct file new = { .db = f->db, .kind = f->kind, .path = path };
    char sql[64];
    sqlite3 *sq = NULL;
    int rc;

    sqlite3_snprintf(sizeof sql, sql, "PRAGMA application_id = %lld", (long long)f->kind->application_id);
    rc = db_open_file(&new, true, &sq, err) < 0 ? -1 : run(&new, sq, sql, err);
    sqlite3_close(sq);
    return rc;
}

/* The file is made by us, so that nobody else can read it even for a moment; SQLite gives -wal and -shm the same mode. It gets
 * its name when there is something in it: an empty one was damaged, and is not taken for a new one. The descriptor of an
 * existing database is never opened here: closing it would drop the locks of every other connection. */
static int make_file(const struct file *f, struct cs_error *err)
{
    struct text name = TEXT_MAX(4100);
    char *new;
    int fd, rc = -1;

    if (access(f->path, F_OK) == 0 || errno != ENOENT)
        return 0;
    text_addf(&name, "%s.new", f->path);
    new = text_take(&name);
    if (!new)
        return cs_fail(err, CS_EINTERNAL, "no memory");
    unlink(new);
    fd = open(new, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0 || close(fd) < 0)
        cs_fail_as(err, CS_ECONFIG, STORAGE_UNAVAILABLE, "cannot make %s: %s; the folder must belong to the server's user",
                   f->path, strerrordesc_np(errno));
    else if (fill_file(f, new, err) == 0 && (rc = rename(new, f->path)) < 0)
        cs_fail_as(err, CS_ECONFIG, STORAGE_UNAVAILABLE, "cannot make %s: %s", f->path, strerrordesc_np(errno));
    free(new);
    return rc;
}

static int look_at_file(const struct file *f, bool may_change, struct cs_error *err)
{
    struct stat st;

    if (quarantine_refuse(f, err) < 0)
        return -1;
    if (stat(f->path, &st) < 0 && errno == ENOENT && !may_change)
        return cs_fail(err, CS_ECONFIG, "there is no %s yet: `countersign serve` makes it", f->path);
    if (may_change && make_file(f, err) < 0)
        return -1;
    if (stat(f->path, &st) < 0)
        return cs_fail_as(err, CS_ECONFIG, STORAGE_UNAVAILABLE, "cannot look at %s: %s", f->path, strerrordesc_np(errno));
    if (!S_ISREG(st.st_mode))
        return cs_fail(err, CS_ECONFIG, "%s is not a file: set `%s` of the store to another path", f->path, f->kind->setting);
    if (st.st_mode & 077)
        cs_log(f->db->in, CS_LOG_WARN, "the %s can be read by others than the server's user: chmod 600 it file=%s",
               f->kind->what, f->path);
    return st.st_size ? 0 : db_fail_damaged(f, "it is empty", err);
}

/* ---- damage ------------------------------------------------------------------------------------------------------- */

/* Not the file of another program that `file` names by mistake: ours by its header, or in our own folder. */
static bool is_ours(const struct file *f)
{
    struct cs_error none;
    const char *dir = cs_state_dir(f->db->in, &none);
    unsigned char head[72] = "";
    int fd;

    if (dir && strncmp(f->path, dir, strlen(dir)) == 0 && f->path[strlen(dir)] == '/')
        return true;
    fd = open(f->path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return false;
    if (pread(fd, head, sizeof head, 0) != sizeof head)
        head[0] = '\0';
    close(fd);
    return memcmp(head, "SQLite format 3", 16) == 0 &&
           ((int64_t)head[68] << 24 | head[69] << 16 | head[70] << 8 | head[71]) == f->kind->application_id;
}

static int check_whole(const struct file *f, sqlite3 *sq, struct cs_error *err)
{
    if (!integrity_is_suspect(f))
        return integrity_check_small(f, sq, err);
    if (integrity_check(f, sq, err) < 0)
        return -1;
    cs_log(f->db->in, CS_LOG_WARN,
           "the %s was found damaged in an earlier run, and is whole now: was it the memory, or the disk? file=%s",
           f->kind->what, f->path);
    integrity_trust(f);
    return 0;
}

static int migrate(const struct file *f, bool may_change, struct cs_error *err)
{
    sqlite3 *sq = NULL;
    int64_t schema = 0;
    int rc = -1;

    if (look_at_file(f, may_change, err) < 0)
        goto out;
    if (may_change && f->kind == &file_state && integrity_check_log(f, err) < 0)
        goto out;
    if (db_open_file(f, may_change, &sq, err) < 0 || schema_recognise(f, sq, &schema, err) < 0)
        goto out;
    if (may_change && check_whole(f, sq, err) < 0)
        goto out;
    if (!may_change) {
        rc = refuse_old(f, schema, err);
        goto out;
    }
    if (use_wal(f, sq, err) < 0)
        goto out;
    rc = schema < f->kind->known ? bring_up(f, sq, err) : 0;
    if (rc == 0 && schema < f->kind->known)
        cs_log(f->db->in, CS_LOG_INFO, "the %s was brought up to date file=%s from=%lld to=%lld", f->kind->what, f->path,
               (long long)schema, (long long)f->kind->known);
out:
    if (rc < 0 && sq)
        sqlite3_db_config(sq, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL); /* what is damaged is not written to */
    sqlite3_close(sq);
    return rc;
}

static int migrate_or_put_aside(const struct file *f, bool may_change, struct cs_error *err)
{
    if (migrate(f, may_change, err) == 0)
        return 0;
    if (!may_change || strcmp(err->reason, STORAGE_DAMAGED) != 0 || access(f->path, F_OK) < 0)
        return -1;
    if (is_ours(f))
        return quarantine(f, err);
    return cs_fail_as(err, CS_ECONFIG, STORAGE_DAMAGED,
                      "%s is damaged, or not Countersign's: move it away with its -wal and restore a backup, or set `%s` of "
                      "the store to another path",
                      f->path, f->kind->setting);
}

static bool is_storage(const struct cs_error *err)
{
    return strcmp(err->reason, STORAGE_DAMAGED) == 0 || strcmp(err->reason, STORAGE_UNAVAILABLE) == 0;
}

/* Certificates need no visits. */
int db_migrate(void *self, bool may_change, struct cs_error *err)
{
    struct db *db = self;

    if (migrate_or_put_aside(&db->state, may_change, err) < 0)
        return -1;
    if (migrate_or_put_aside(&db->visits, may_change, err) == 0)
        return 0;
    if (!may_change || !is_storage(err))
        return -1;
    db->no_visits = *err;
    return 0;
}
