/*
 * Backup: each database is copied as of one moment into a file of its own, which is then read again as a whole. VACUUM INTO
 * reads in one transaction and writes the rows in the order of their keys, without what was deleted: nothing in the copy tells
 * more than its rows do. Called through the ops, by `countersign backup`, beside a running server or without one.
 */
#include "db.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"

static const char rows[] = ""
#include "backup.sql.h"
    ;

/* Whatever fails, the file goes with its folder: no journal, nothing synced on the way. */
static const struct file_kind file_new = {
    .setting = "backup",
    .what = "backup",
    .pragmas = "PRAGMA main.journal_mode = OFF; PRAGMA main.synchronous = OFF; PRAGMA main.secure_delete = OFF;",
};

int backup_file(const struct file *of, const char *folder, struct file *file, struct cs_error *err)
{
    struct text path = TEXT_MAX(4000);

    text_addf(&path, "%s/%s.db", folder, of->kind->setting[0] == 'v' ? "visits" : "state");
    *file = (struct file){ .db = of->db, .kind = of->kind, .path = text_take(&path) };
    return file->path ? 0 : cs_fail(err, CS_ECONFIG, "the path of the backup is too long");
}

int backup_check(const struct file *file, int64_t *schema, struct cs_error *err)
{
    sqlite3 *sq = NULL;
    int rc = db_open_to_look(file, &sq, err);

    if (rc == 0)
        rc = schema_recognise(file, sq, schema, err);
    if (rc == 0 && *schema == 0)
        rc = db_fail_damaged(file, "it is empty", err);
    if (rc == 0)
        rc = integrity_check(file, sq, err);
    sqlite3_close(sq);
    return rc < 0 && strcmp(err->reason, STORAGE_DAMAGED) == 0
               ? cs_fail_as(err, CS_ECONFIG, STORAGE_DAMAGED, "%s is damaged: it is no backup", file->path)
               : rc;
}

static int sync_file(const struct file *file, struct cs_error *err)
{
    const int fd = open(file->path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    const int rc = fd >= 0 && fsync(fd) == 0 ? 0 : db_fail_io(file, errno, err);

    if (fd >= 0)
        close(fd);
    return rc;
}

/* Of a write that failed, the copy is to blame; of a read, the original. */
static int fail_copying(const struct file *from, const struct file *to, sqlite3 *sq, int rc, struct cs_error *err)
{
    const int primary = rc & 0xff;

    if (primary == SQLITE_FULL)
        return cs_fail(err, CS_EBUSY, "there is no room for %s: make some, or name another folder", to->path);
    if (primary == SQLITE_CANTOPEN)
        return cs_fail(err, CS_ECONFIG, "%s cannot be made: %s", to->path, strerrordesc_np(sqlite3_system_errno(sq)));
    return db_fail_reading(from, sq, rc, err);
}

/* ---- a file as a whole */

static int copy_with(const struct file *from, const struct file *to, sqlite3 *sq, struct cs_error *err)
{
    sqlite3_stmt *s = NULL;
    int rc = sqlite3_prepare_v2(sq, "VACUUM INTO ?1", -1, &s, NULL);

    errno = 0;
    if (rc == SQLITE_OK)
        rc = sqlite3_bind_text(s, 1, to->path, -1, SQLITE_STATIC);
    if (rc == SQLITE_OK)
        rc = sqlite3_step(s);
    if (rc != SQLITE_DONE)
        fail_copying(from, to, sq, rc, err);
    sqlite3_finalize(s);
    return rc == SQLITE_DONE ? 0 : -1;
}

/* As a writer, as a reader may not write anywhere. A log that a server left stays as it is, and with it the damage that
 * SQLite would pass over. */
static int copy_whole(const struct file *from, const struct file *to, struct cs_error *err)
{
    sqlite3 *sq = NULL;
    int64_t schema;
    int rc = -1;

    if (from->kind == &file_state && integrity_check_log(from, err) < 0)
        return -1;
    if (db_open_file(from, true, &sq, err) == 0 && schema_recognise(from, sq, &schema, err) == 0)
        rc = copy_with(from, to, sq, err);
    if (sq)
        sqlite3_db_config(sq, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
    sqlite3_close(sq);
    return rc;
}

/* ---- counts of the visits */

static int run(const struct file *from, const struct file *to, sqlite3 *sq, const char *sql, struct cs_error *err)
{
    int rc;

    errno = 0;
    rc = sqlite3_exec(sq, sql, NULL, NULL, NULL);
    return rc == SQLITE_OK ? 0 : fail_copying(from, to, sq, rc, err);
}

static int attach(const struct file *visits, sqlite3 *sq, struct cs_error *err)
{
    sqlite3_stmt *s = NULL;
    int rc = sqlite3_prepare_v2(sq, "ATTACH ?1 AS visits", -1, &s, NULL);

    if (rc == SQLITE_OK)
        rc = sqlite3_bind_text(s, 1, visits->path, -1, SQLITE_STATIC);
    if (rc == SQLITE_OK)
        rc = sqlite3_step(s);
    if (rc != SQLITE_DONE)
        db_fail_reading(visits, sq, rc, err);
    sqlite3_finalize(s);
    return rc == SQLITE_DONE ? 0 : -1;
}

static int check_schema(const struct file *visits, struct cs_error *err)
{
    sqlite3 *sq = NULL;
    int64_t schema = 0;
    int rc = db_open_file(visits, false, &sq, err);

    if (rc == 0)
        rc = schema_recognise(visits, sq, &schema, err);
    if (sq)
        sqlite3_db_config(sq, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
    sqlite3_close(sq);
    if (rc == 0 && schema != visits->kind->known)
        return cs_fail(err, CS_ECONFIG,
                       "%s has schema %lld, and this version takes counts out of %lld: restart the server with this version, "
                       "or say `--visits none`",
                       visits->path, (long long)schema, (long long)visits->kind->known);
    return rc;
}

static int fill_with_counts(const struct file *visits, const struct file *to, sqlite3 *sq, struct cs_error *err)
{
    if (attach(visits, sq, err) < 0 || run(visits, to, sq, "BEGIN", err) < 0)
        return -1;
    for (int64_t i = 0; i < visits->kind->known; i++)
        if (run(visits, to, sq, visits->kind->steps[i], err) < 0)
            return -1;
    return run(visits, to, sq, rows, err) < 0 ? -1 : run(visits, to, sq, "COMMIT", err);
}

static int copy_counts(const struct file *visits, const struct file *to, struct cs_error *err)
{
    const struct file new = { .db = to->db, .kind = &file_new, .path = to->path };
    sqlite3 *sq = NULL;
    int fd, rc = -1;

    if (check_schema(visits, err) < 0)
        return -1;
    fd = open(to->path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0 || close(fd) < 0)
        return cs_fail(err, CS_ECONFIG, "%s cannot be made: %s", to->path, strerrordesc_np(errno));
    if (db_open_file(&new, true, &sq, err) == 0)
        rc = fill_with_counts(visits, to, sq, err);
    sqlite3_close(sq);
    return rc;
}

/* ---- all of it */

static int finish(const struct file *to, cs_backup_fn *fn, void *arg, struct cs_error *err)
{
    int64_t schema = 0;

    if (sync_file(to, err) < 0 || backup_check(to, &schema, err) < 0)
        return -1;
    fn(arg, strrchr(to->path, '/') + 1, schema);
    return 0;
}

static int back_up(const struct file *from, bool counts, const char *folder, cs_backup_fn *fn, void *arg, struct cs_error *err)
{
    struct file to;
    int rc = backup_file(from, folder, &to, err);

    if (rc == 0)
        rc = counts ? copy_counts(from, &to, err) : copy_whole(from, &to, err);
    if (rc == 0)
        rc = finish(&to, fn, arg, err);
    free(to.path);
    return rc;
}

/* Visits that were never recorded, or that were put aside as damaged, are no reason to have no backup of the state. */
int db_backup(void *self, const char *folder, enum cs_backup_visits visits, cs_backup_fn *fn, void *arg, struct cs_error *err)
{
    const struct db *db = self;

    if (access(db->state.path, F_OK) < 0)
        return errno == ENOENT ? cs_fail(err, CS_ENOTFOUND, "there is no %s: nothing was ever stored", db->state.path)
                               : db_fail_io(&db->state, errno, err);
    if (back_up(&db->state, false, folder, fn, arg, err) < 0)
        return -1;
    if (visits == CS_BACKUP_NO_VISITS || (access(db->visits.path, F_OK) < 0 && errno == ENOENT))
        return 0;
    return back_up(&db->visits, visits == CS_BACKUP_TOTALS, folder, fn, arg, err);
}
