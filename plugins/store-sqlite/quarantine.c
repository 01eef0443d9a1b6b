/*
 * A database file that is damaged, or that a restore replaces, is put aside, with its log, under a name with the time; it is
 * never deleted, and nothing new takes its place by itself: as long as it lies there and no other does, the file is refused,
 * with what to do.
 * Called by schema.c at the start, with no connection open, and by restore.c;
 * inspect.c asks, too.
 *
 * The database goes first. Its log may be what is damaged: were it gone and the database still there, the next start would go
 * on without the last commits and not know it. The other way round, the next start takes the log after it.
 */
#include "db.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/text.h"

enum { PATH_MOST = 4100 };

/* ---- names -------------------------------------------------------------------------------------------------------- */

/* A restore's file has the second mark until another one has its place, then the third: that one refuses nothing any more. */
static const char damaged[] = ".damaged-", replacing[] = ".replacing-", replaced[] = ".replaced-";

static bool is_there(const char *path, const char *mark, const char *when, const char *end)
{
    struct text name = TEXT_MAX(PATH_MOST);
    bool is;

    text_addf(&name, "%s%s%s%s", path, mark, when, end);
    is = text_failed(&name) || access(text_of(&name), F_OK) == 0;
    text_free(&name);
    return is;
}

static bool is_free(const char *path, const char *when)
{
    return !is_there(path, damaged, when, "") && !is_there(path, replacing, when, "") && !is_there(path, replaced, when, "") &&
           !is_there(path, replaced, when, "-wal") && !is_there(path, replaced, when, "-shm");
}

/* "PATH.damaged-20261121T182400Z", and a number when there are several in a second. NULL: no memory. */
static char *new_name(const struct file *file, const char *mark)
{
    const time_t now = (time_t)(cs_wall_ms() / 1000);
    struct text name = TEXT_MAX(PATH_MOST);
    char second[32] = "", when[40] = "";
    struct tm utc;

    if (gmtime_r(&now, &utc))
        strftime(second, sizeof second, "%Y%m%dT%H%M%SZ", &utc);
    snprintf(when, sizeof when, "%s", second);
    for (int n = 2; n < 100 && !is_free(file->path, when); n++)
        snprintf(when, sizeof when, "%s.%d", second, n);
    text_addf(&name, "%s%s%s", file->path, mark, when);
    return text_take(&name);
}

/* "20261121T182400Z" of "state.db.damaged-20261121T182400Z"; NULL for what went with it, and for other files. */
static const char *when_of(const char *name, const char *database, const char *mark)
{
    const size_t len = strlen(database), all = strlen(name);
    const char *when = name + len + strlen(mark);

    if (strncmp(name, database, len) != 0 || strncmp(name + len, mark, strlen(mark)) != 0 || !strchr(when, 'Z') ||
        strcmp(name + all - 4, "-wal") == 0 || strcmp(name + all - 4, "-shm") == 0)
        return NULL;
    return when;
}

struct newest {
    char name[NAME_MAX + 1], when[NAME_MAX + 1]; /* "" if there is none */
};

static void take_newer(struct newest *newest, const char *name, const char *when)
{
    if (!when || strverscmp(when, newest->when) <= 0)
        return;
    snprintf(newest->name, sizeof newest->name, "%s", name);
    snprintf(newest->when, sizeof newest->when, "%s", when);
}

/* The last of them by its time, whatever its mark; `unfinished`: only of restores. -1: the folder could not be read to its
 * end. */
static int last_in(const char *folder, const char *database, bool unfinished, struct newest *newest)
{
    DIR *dir = opendir(folder);
    const struct dirent *entry;
    int left;

    *newest = (struct newest){ 0 };
    if (!dir)
        return errno == ENOENT ? 0 : -1;
    errno = 0;
    while ((entry = readdir(dir))) {
        take_newer(newest, entry->d_name, when_of(entry->d_name, database, replacing));
        if (!unfinished)
            take_newer(newest, entry->d_name, when_of(entry->d_name, database, damaged));
    }
    left = errno;
    closedir(dir);
    errno = left;
    return left ? -1 : 0;
}

/* Where the newest of those lies that were put aside, to be freed; NULL: there is none. */
static int find_newest(const struct file *file, bool unfinished, char **path_of, struct cs_error *err)
{
    char *folder = text_copy(file->path), *slash = folder ? strrchr(folder, '/') : NULL;
    struct text path = TEXT_MAX(PATH_MOST);
    struct newest newest = { 0 };
    int rc = -1;

    *path_of = NULL;
    errno = ENOMEM;
    if (slash) {
        *slash = '\0';
        rc = last_in(slash == folder ? "/" : folder, slash + 1, unfinished, &newest);
    }
    if (rc == 0 && newest.name[0]) {
        errno = ENOMEM;
        text_addf(&path, "%s/%s", folder, newest.name);
        *path_of = text_take(&path);
        rc = *path_of ? 0 : -1;
    }
    if (rc < 0)
        cs_fail_as(err, CS_ECONFIG, STORAGE_UNAVAILABLE,
                   "cannot tell whether a damaged %s was put aside beside %s: %s; the server's user must be able to read that "
                   "folder",
                   file->kind->what, file->path, strerrordesc_np(errno));
    text_free(&path);
    free(folder);
    return rc;
}

/* ---- moving ------------------------------------------------------------------------------------------------------- */

static int move(const char *path, const char *to, const char *end, struct cs_error *err)
{
    struct text from = TEXT_MAX(PATH_MOST), target = TEXT_MAX(PATH_MOST);
    int rc = 0;

    text_addf(&from, "%s%s", path, end);
    text_addf(&target, "%s%s", to, end);
    if (text_failed(&from) || text_failed(&target))
        rc = cs_fail(err, CS_EINTERNAL, "a path is too long");
    else if (renameat2(AT_FDCWD, text_of(&from), AT_FDCWD, text_of(&target), RENAME_NOREPLACE) < 0 && errno != ENOENT)
        rc = cs_fail_as(err, CS_ECONFIG, STORAGE_UNAVAILABLE,
                        "%s cannot be put aside as %s: %s; do it by hand, with -wal and -shm", text_of(&from),
                        text_of(&target), strerrordesc_np(errno));
    text_free(&from);
    text_free(&target);
    return rc;
}

static void sync_folder(const char *path)
{
    char *copy = text_copy(path);
    int fd = copy ? open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;

    if (fd >= 0) {
        fsync(fd);
        close(fd);
    }
    free(copy);
}

/* What goes with the database: harmless when it has gone already. */
static int move_log(const char *path, const char *to, struct cs_error *err)
{
    if (move(path, to, "-wal", err) < 0 || move(path, to, "-shm", err) < 0)
        return -1;
    sync_folder(path);
    return 0;
}

/* ---- what to do --------------------------------------------------------------------------------------------------- */

/* `.dump`, since Debian's sqlite3 was built without what `.recover` needs. */
static void advise(const struct file *file, const char *aside)
{
    const char *path = file->path;
    struct cs_instance *in = file->db->in;

    cs_log(in, CS_LOG_ERROR, "to restore a backup: cp BACKUP %s; chown --reference=%s %s; chmod 600 %s", path, aside, path,
           path);
    cs_log(in, CS_LOG_ERROR,
           "to recover what can be read: (sqlite3 %s .dump | sed 's/^ROLLBACK;.*/COMMIT;/'; echo 'PRAGMA application_id = "
           "%lld; PRAGMA user_version = %lld;') | sqlite3 %s; chown --reference=%s %s; chmod 600 %s",
           aside, (long long)file->kind->application_id, (long long)file->kind->known, path, aside, path, path);
    cs_log(in, CS_LOG_ERROR, "to begin anew: mkdir %s.old; mv %s.damaged-* %s.old/ (%s)", path, path, path, file->kind->anew);
}

static void refuse(const struct file *file, const char *aside, struct cs_error *err)
{
    if (strstr(strrchr(aside, '/') + 1, replacing)) {
        cs_fail_as(err, CS_ECONFIG, STORAGE_DAMAGED,
                   "the %s was put aside as %s by a restore that did not come to its end: run `countersign restore` again, or "
                   "rename that file to %s, and its -wal and -shm likewise",
                   file->kind->what, aside, file->path);
        return;
    }
    advise(file, aside);
    cs_fail_as(err, CS_ECONFIG, STORAGE_DAMAGED,
               "the %s was damaged and lies at %s: restore a backup as %s, recover it, or begin anew; the log has the "
               "commands, docs/store.md what each costs",
               file->kind->what, aside, file->path);
}

static void move_log_and_refuse(const struct file *file, const char *aside, struct cs_error *err)
{
    if (move_log(file->path, aside, err) == 0)
        refuse(file, aside, err);
}

int quarantine_refuse(const struct file *file, struct cs_error *err)
{
    char *aside;

    if (access(file->path, F_OK) == 0 || errno != ENOENT)
        return 0;
    if (find_newest(file, false, &aside, err) < 0)
        return -1;
    if (!aside)
        return 0;
    move_log_and_refuse(file, aside, err);
    free(aside);
    return -1;
}

int quarantine(const struct file *file, struct cs_error *err)
{
    char *aside = new_name(file, damaged);

    if (!aside)
        return cs_fail(err, CS_EINTERNAL, "no memory");
    cs_log(file->db->in, CS_LOG_ERROR, "the %s is damaged and is put aside: %s", file->kind->what, err->text);
    if (move(file->path, aside, "", err) == 0) {
        integrity_trust(file);
        move_log_and_refuse(file, aside, err);
    }
    free(aside);
    return -1;
}

/* ---- a restore ----------------------------------------------------------------------------------------------------- */

int quarantine_replacing(const struct file *file, struct cs_error *err)
{
    char *aside = new_name(file, replacing);
    int rc = aside ? move(file->path, aside, "", err) : cs_fail(err, CS_EINTERNAL, "no memory");

    if (rc == 0)
        rc = move_log(file->path, aside, err);
    if (rc == 0)
        integrity_trust(file);
    free(aside);
    return rc;
}

void quarantine_tell(const struct file *file, cs_finding_fn *fn, void *arg)
{
    struct text said = TEXT_MAX(3 * PATH_MOST);
    struct cs_error none;
    char *aside = NULL;

    if (find_newest(file, true, &aside, &none) == 0 && aside) {
        text_addf(&said, "the %s that was there lies at %s, with its -wal and -shm if it had them", file->kind->what, aside);
        fn(arg, text_of(&said));
    }
    text_free(&said);
    free(aside);
}

/* Of a restore that was cut off, the log may be that of its file; of whom else it is, nobody can tell. */
static int name_for_log(const struct file *file, char **aside, struct cs_error *err)
{
    if (find_newest(file, true, aside, err) < 0)
        return -1;
    if (*aside && !is_there(*aside, "-wal", "", "") && !is_there(*aside, "-shm", "", ""))
        return 0;
    free(*aside);
    *aside = new_name(file, replaced);
    return *aside ? 0 : cs_fail(err, CS_EINTERNAL, "no memory");
}

int quarantine_log(const struct file *file, cs_finding_fn *fn, void *arg, struct cs_error *err)
{
    struct text said = TEXT_MAX(3 * PATH_MOST);
    char *aside = NULL;
    int rc;

    if (!is_there(file->path, "-wal", "", "") && !is_there(file->path, "-shm", "", ""))
        return 0;
    rc = name_for_log(file, &aside, err);
    if (rc == 0)
        rc = move_log(file->path, aside, err);
    if (rc == 0) {
        text_addf(&said, "%s had a log (-wal), but no database: it lies at %s-wal now", file->path, aside);
        fn(arg, text_of(&said));
    }
    text_free(&said);
    free(aside);
    return rc;
}

/* The log first: until the file itself has its last name, the next restore goes on here. */
static int finish(const struct file *file, const char *aside, cs_finding_fn *fn, void *arg, struct cs_error *err)
{
    struct text name = TEXT_MAX(PATH_MOST), said = TEXT_MAX(3 * PATH_MOST);
    int rc = -1;

    text_addf(&name, "%s%s%s", file->path, replaced, aside + strlen(file->path) + strlen(replacing));
    if (text_failed(&name))
        cs_fail(err, CS_EINTERNAL, "a path is too long");
    else if (move_log(aside, text_of(&name), err) == 0)
        rc = move(aside, text_of(&name), "", err);
    if (rc == 0) {
        sync_folder(file->path);
        text_addf(&said, "%s lies at %s now: remove it when all is well", file->path, text_of(&name));
        fn(arg, text_of(&said));
    }
    text_free(&name);
    text_free(&said);
    return rc;
}

int quarantine_replaced(const struct file *file, cs_finding_fn *fn, void *arg, struct cs_error *err)
{
    char *aside;
    int rc;

    while ((rc = find_newest(file, true, &aside, err)) == 0 && aside) {
        rc = finish(file, aside, fn, arg, err);
        free(aside);
        if (rc < 0)
            return -1;
    }
    return rc;
}
