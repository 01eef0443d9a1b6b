/*
 * The way back of backup.c: copies of a backup's files are made beside their places, and then take them, the state last, each
 * in one go. Called through the ops, by `countersign restore`, which holds the lock of the state folder, and which does the
 * copying, since it knows what the files must be.
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

/* ---- what can be known before */

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

/* One of the two files, on its way. */
struct copy {
    struct file from; /* in the backup */
    const struct file *to;
    bool wanted;
    uint64_t bytes, free; /* of `from`, and where `to` comes to lie */
    dev_t disk;
};

static int look_at_place(struct copy *copy, struct cs_error *err)
{
    char *name = text_copy(copy->to->path);
    const char *folder = name ? dirname(name) : "";
    struct stat from, to;
    struct statvfs room;
    int rc = 0;

    if (lstat(copy->from.path, &from) < 0) {
        rc = db_fail_io(&copy->from, errno, err);
    } else if (stat(folder, &to) < 0 || statvfs(folder, &room) < 0) {
        rc = db_fail_io(copy->to, errno, err);
    } else {
        copy->bytes = (uint64_t)from.st_size;
        copy->free = (uint64_t)room.f_bavail * room.f_frsize;
        copy->disk = to.st_dev;
    }
    free(name);
    return rc;
}

/* `must`: without it there is no backup. Visits that are there stay. */
static int look_at(struct copy *copy, const struct file *of, const char *folder, bool must, struct cs_error *err)
{
    bool is_in_backup = must, is_there = false;
    int64_t schema;
    int rc = backup_file(of, folder, &copy->from, err);

    copy->to = of;
    if (rc == 0 && !must)
        rc = look(&copy->from, &is_in_backup, err);
    if (rc == 0)
        rc = look(of, &is_there, err);
    copy->wanted = rc == 0 && is_in_backup && (must || !is_there);
    if (copy->wanted)
        rc = backup_check(&copy->from, &schema, err) < 0 ? -1 : look_at_place(copy, err);
    return rc;
}

/* For both of them, when they come to lie on the same disk. */
static int check_room(const struct copy *copy, const struct copy *other, struct cs_error *err)
{
    const uint64_t needed = copy->bytes + (other->wanted && other->disk == copy->disk ? other->bytes : 0);

    if (copy->wanted && copy->free < needed)
        return cs_fail(err, CS_EBUSY, "there is no room for %s: %llu bytes are needed on that disk, %llu are free: make some",
                       copy->to->path, (unsigned long long)needed, (unsigned long long)copy->free);
    return 0;
}

/* ---- the copy beside its place */

static char *new_path(const struct file *to, const char *more)
{
    struct text name = TEXT_MAX(4100);

    text_addf(&name, "%s.restored%s", to->path, more);
    return text_take(&name);
}

/* With what SQLite would read into the next one. */
static void drop(const struct file *to)
{
    static const char *const ends[] = { "-journal", "-wal", "-shm", "" };

    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        char *path = new_path(to, ends[i]);

        if (path)
            unlink(path);
        free(path);
    }
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

static int make(const struct copy *copy, const char *sql, cs_restore_copy_fn *fn, void *arg, struct cs_error *err)
{
    struct file new = { .db = copy->to->db, .kind = copy->to->kind, .path = new_path(copy->to, "") };
    int rc = new.path ? 0 : cs_fail(err, CS_ECONFIG, "the path %s is too long", copy->to->path);

    if (rc == 0 && copy->wanted)
        rc = fn(arg, strrchr(copy->from.path, '/') + 1, new.path, err);
    if (rc == 0 && copy->wanted && sql)
        rc = change(&new, sql, err);
    free(new.path);
    return rc;
}

void db_restore_drop(void *self)
{
    const struct db *db = self;

    drop(&db->visits);
    drop(&db->state);
}

int db_restore_prepare(void *self, const char *folder, bool replace, cs_restore_copy_fn *fn, void *arg, struct cs_error *err)
{
    struct copy state = { .wanted = false }, visits = { .wanted = false };
    const struct db *db = self;
    bool is_there = false;
    int rc = look(&db->state, &is_there, err);

    if (rc == 0 && is_there && !replace)
        rc = cs_fail(err, CS_ECONFLICT, "there is a %s already, %s: `--force` puts it aside", db->state.kind->what,
                     db->state.path);
    db_restore_drop(self);
    if (rc == 0)
        rc = look_at(&state, &db->state, folder, true, err);
    if (rc == 0)
        rc = look_at(&visits, &db->visits, folder, false, err);
    if (rc == 0 && check_room(&state, &visits, err) == 0 && check_room(&visits, &state, err) == 0)
        rc = make(&visits, NULL, fn, arg, err) < 0 ? -1 : make(&state, above_all_numbers, fn, arg, err);
    else
        rc = -1;
    free(state.from.path);
    free(visits.from.path);
    return rc;
}

/* ---- its place */

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

static int put(const struct file *to, cs_finding_fn *fn, void *arg, struct cs_error *err)
{
    char *new = new_path(to, "");
    int rc = new ? quarantine_log(to, fn, arg, err) : cs_fail(err, CS_ECONFIG, "the path %s is too long", to->path);

    if (rc == 0 && rename(new, to->path) < 0)
        rc = cs_fail(err, CS_EBUSY, "cannot make %s: %s", to->path, strerrordesc_np(errno));
    if (rc == 0)
        rc = sync_folder_of(to->path, err);
    free(new);
    return rc;
}

static int restore_visits(const struct db *db, cs_finding_fn *fn, void *arg, struct cs_error *err)
{
    char *new = new_path(&db->visits, "");
    struct text said = TEXT_MAX(4200);
    bool is_there;
    int rc = look(&db->visits, &is_there, err);

    if (rc == 0 && is_there) {
        text_addf(&said, "%s stays as it is: nothing joins it to the state", db->visits.path);
        fn(arg, text_of(&said));
    } else if (rc == 0 && new && access(new, F_OK) == 0) {
        rc = put(&db->visits, fn, arg, err);
    }
    text_free(&said);
    free(new);
    return rc;
}

static int restore_state(const struct db *db, cs_finding_fn *fn, void *arg, struct cs_error *err)
{
    bool is_there = false;
    int rc = look(&db->state, &is_there, err);

    if (rc == 0 && is_there)
        rc = quarantine_replacing(&db->state, err);
    if (rc == 0)
        rc = put(&db->state, fn, arg, err);
    if (rc == 0)
        rc = quarantine_replaced(&db->state, fn, arg, err);
    if (rc < 0)
        quarantine_tell(&db->state, fn, arg);
    return rc;
}

int db_restore(void *self, cs_finding_fn *fn, void *arg, struct cs_error *err)
{
    return restore_visits(self, fn, arg, err) < 0 ? -1 : restore_state(self, fn, arg, err);
}
