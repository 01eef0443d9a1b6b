/*
 * The way back of backup.c: files of a backup take their place, the state last, each in one go. Called through the ops, by
 * `countersign restore`, which holds the lock of the state folder; the files were compared with the backup's manifest before.
 */
#include "db.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/text.h"

/* Events of the server that wrote since the backup may have had the numbers that come next: sinks tell events apart by them.
 * Far above what a day brings, and below the events that are kept for a slow sink (`outbox_max`). */
static const char above_all_numbers[] =
    "INSERT INTO sqlite_sequence (name, seq)"
    "    SELECT 'outbox', 0 WHERE NOT EXISTS (SELECT 1 FROM sqlite_sequence WHERE name = 'outbox');"
    "UPDATE sqlite_sequence SET seq = seq + 50000 WHERE name = 'outbox';";

/* ---- the copy beside its place */

static int copy_bytes(int from, int to)
{
    char buffer[65536];
    ssize_t n;

    while ((n = read(from, buffer, sizeof buffer)) != 0) {
        for (ssize_t at = 0, put; n > 0 && at < n; at += put)
            if ((put = write(to, buffer + at, (size_t)(n - at))) < 0)
                return -1;
        if (n < 0)
            return -1;
    }
    return fsync(to);
}

static int copy(const struct file *from, const char *to, struct cs_error *err)
{
    const int in = open(from->path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    int out = -1, rc = 0;

    unlink(to);
    if (in >= 0)
        out = open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (out < 0 || copy_bytes(in, out) < 0)
        rc = cs_fail(err, CS_EBUSY, "cannot copy %s to %s: %s", from->path, to, strerrordesc_np(errno));
    if (in >= 0)
        close(in);
    if (out >= 0)
        close(out);
    return rc;
}

static int sync_folder_of(const char *path, struct cs_error *err)
{
    char *name = text_copy(path);
    const int fd = name ? open(dirname(name), O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    const int rc = fd >= 0 && fsync(fd) == 0
                       ? 0
                       : cs_fail(err, CS_EBUSY, "cannot sync the folder of %s: %s", path, strerrordesc_np(errno));

    if (fd >= 0)
        close(fd);
    free(name);
    return rc;
}

static int change(const struct file *file, const char *sql, struct cs_error *err)
{
    sqlite3 *sq = NULL;
    int rc = db_open_file(file, true, &sq, err);

    if (rc == 0 && sqlite3_exec(sq, sql, NULL, NULL, NULL) != SQLITE_OK)
        rc = db_fail(file, sq, sqlite3_errcode(sq), err);
    sqlite3_close(sq);
    return rc;
}

/* ---- its place */

struct teller {
    cs_finding_fn *fn;
    void *arg;
};

static int put(const struct file *from, const struct file *to, const char *sql, const struct teller *t, struct cs_error *err)
{
    struct text name = TEXT_MAX(4100);
    struct file new = { .db = to->db, .kind = to->kind };
    int rc;

    text_addf(&name, "%s.restored", to->path);
    new.path = text_take(&name);
    if (!new.path)
        return cs_fail(err, CS_ECONFIG, "the path %s is too long", to->path);
    rc = copy(from, new.path, err);
    if (rc == 0 && sql)
        rc = change(&new, sql, err);
    if (rc == 0)
        rc = quarantine_log(to, t->fn, t->arg, err);
    if (rc == 0 && rename(new.path, to->path) < 0)
        rc = cs_fail(err, CS_EBUSY, "cannot make %s: %s", to->path, strerrordesc_np(errno));
    if (rc < 0)
        unlink(new.path);
    else
        rc = sync_folder_of(to->path, err);
    free(new.path);
    return rc;
}

/* *is: there is one. */
static int look(const struct file *file, bool *is, struct cs_error *err)
{
    struct stat st;

    *is = lstat(file->path, &st) == 0;
    if (*is && !S_ISREG(st.st_mode))
        return cs_fail(err, CS_ECONFIG, "%s is not a file: set `%s` of the store to another path", file->path,
                       file->kind->setting);
    return *is || errno == ENOENT ? 0 : db_fail_io(file, errno, err);
}

static int restore_visits(const struct db *db, const char *folder, const struct teller *t, struct cs_error *err)
{
    struct text said = TEXT_MAX(4200);
    bool is_there, is_in_backup = false;
    struct file from;
    int rc = backup_file(&db->visits, folder, &from, err);

    if (rc == 0)
        rc = look(&from, &is_in_backup, err);
    if (rc == 0)
        rc = look(&db->visits, &is_there, err);
    if (rc == 0 && is_there) {
        text_addf(&said, "%s stays as it is: nothing joins it to the state", db->visits.path);
        t->fn(t->arg, text_of(&said));
    } else if (rc == 0 && is_in_backup) {
        rc = put(&from, &db->visits, NULL, t, err);
    }
    text_free(&said);
    free(from.path);
    return rc;
}

static int restore_state(const struct db *db, const char *folder, const struct teller *t, struct cs_error *err)
{
    bool is_there = false;
    struct file from;
    int rc = backup_file(&db->state, folder, &from, err);

    if (rc == 0)
        rc = look(&db->state, &is_there, err);
    if (rc == 0 && is_there)
        rc = quarantine_replacing(&db->state, err);
    if (rc == 0)
        rc = put(&from, &db->state, above_all_numbers, t, err);
    if (rc == 0)
        rc = quarantine_replaced(&db->state, t->fn, t->arg, err);
    free(from.path);
    return rc;
}

/* ---- what can be known before */

static int check_room(const struct file *from, const struct file *to, struct cs_error *err)
{
    char *name = text_copy(to->path);
    struct statvfs room;
    struct stat st;
    int rc = 0;

    if (!name || lstat(from->path, &st) < 0)
        rc = db_fail_io(from, errno, err);
    else if (statvfs(dirname(name), &room) == 0 && (uint64_t)room.f_bavail * room.f_frsize < (uint64_t)st.st_size)
        rc = cs_fail(err, CS_EBUSY, "there is no room for %s, which has %lld bytes: make some", to->path,
                     (long long)st.st_size);
    free(name);
    return rc;
}

/* `must`: without it there is no backup. */
static int check_file(const struct file *of, const char *folder, bool must, struct cs_error *err)
{
    bool is_in_backup = must, is_there;
    struct file from;
    int64_t schema;
    int rc = backup_file(of, folder, &from, err);

    if (rc == 0 && !must)
        rc = look(&from, &is_in_backup, err);
    if (rc == 0)
        rc = look(of, &is_there, err);
    if (rc == 0 && is_in_backup && (must || !is_there)) {
        rc = backup_check(&from, &schema, err);
        if (rc == 0)
            rc = check_room(&from, of, err);
    }
    free(from.path);
    return rc;
}

int db_restore_check(void *self, const char *folder, bool replace, struct cs_error *err)
{
    const struct db *db = self;
    bool is_there = false;

    if (look(&db->state, &is_there, err) < 0)
        return -1;
    if (is_there && !replace)
        return cs_fail(err, CS_ECONFLICT, "there is a %s already, %s: `--force` puts it aside", db->state.kind->what,
                       db->state.path);
    return check_file(&db->state, folder, true, err) < 0 ? -1 : check_file(&db->visits, folder, false, err);
}

int db_restore(void *self, const char *folder, bool replace, cs_finding_fn *fn, void *arg, struct cs_error *err)
{
    const struct teller t = { fn, arg };

    if (db_restore_check(self, folder, replace, err) < 0)
        return -1;
    return restore_visits(self, folder, &t, err) < 0 ? -1 : restore_state(self, folder, &t, err);
}
