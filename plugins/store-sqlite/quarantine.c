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

static const char damaged[] = ".damaged-", replaced[] = ".replaced-";

/* "PATH.damaged-20261121T182400Z", and a number when there are several in a second. NULL: no memory. */
static char *new_name(const struct file *file, const char *mark)
{
    const time_t now = (time_t)(cs_wall_ms() / 1000);
    struct text name = TEXT_MAX(PATH_MOST);
    char when[32] = "";
    struct tm utc;

    if (gmtime_r(&now, &utc))
        strftime(when, sizeof when, "%Y%m%dT%H%M%SZ", &utc);
    for (int n = 1; n < 100; n++) {
        text_clear(&name);
        text_addf(&name, "%s%s%s", file->path, mark, when);
        if (n > 1)
            text_addf(&name, ".%d", n);
        if (text_failed(&name) || access(text_of(&name), F_OK) < 0)
            break;
    }
    return text_take(&name);
}

/* "state.db.damaged-…Z", but not what went with it. */
static bool is_put_aside(const char *name, const char *database)
{
    const size_t len = strlen(database), all = strlen(name);

    return strncmp(name, database, len) == 0 &&
           (strncmp(name + len, damaged, strlen(damaged)) == 0 || strncmp(name + len, replaced, strlen(replaced)) == 0) &&
           strchr(name + len, 'Z') && strcmp(name + all - 4, "-wal") != 0 && strcmp(name + all - 4, "-shm") != 0;
}

/* The last of them by its name, "" if there is none. -1: the folder could not be read to its end. */
static int last_in(const char *folder, const char *database, char out[NAME_MAX + 1])
{
    DIR *dir = opendir(folder);
    const struct dirent *entry;
    int left;

    out[0] = '\0';
    if (!dir)
        return errno == ENOENT ? 0 : -1;
    errno = 0;
    while ((entry = readdir(dir)))
        if (is_put_aside(entry->d_name, database) && strcmp(entry->d_name, out) > 0)
            snprintf(out, NAME_MAX + 1, "%s", entry->d_name);
    left = errno;
    closedir(dir);
    errno = left;
    return left ? -1 : 0;
}

/* Where the newest of those lies that were put aside, to be freed; NULL: there is none. */
static int find_newest(const struct file *file, char **newest, struct cs_error *err)
{
    char *folder = text_copy(file->path), *slash = folder ? strrchr(folder, '/') : NULL, name[NAME_MAX + 1] = "";
    struct text path = TEXT_MAX(PATH_MOST);
    int rc = -1;

    *newest = NULL;
    errno = ENOMEM;
    if (slash) {
        *slash = '\0';
        rc = last_in(slash == folder ? "/" : folder, slash + 1, name);
    }
    if (rc == 0 && name[0]) {
        errno = ENOMEM;
        text_addf(&path, "%s/%s", folder, name);
        *newest = text_take(&path);
        rc = *newest ? 0 : -1;
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
static int move_log(const struct file *file, const char *to, struct cs_error *err)
{
    if (move(file->path, to, "-wal", err) < 0 || move(file->path, to, "-shm", err) < 0)
        return -1;
    sync_folder(file->path);
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
    if (strstr(strrchr(aside, '/') + 1, replaced)) {
        cs_fail_as(err, CS_ECONFIG, STORAGE_DAMAGED,
                   "the %s was put aside as %s by a restore that did not come to its end: run `countersign restore` again, or "
                   "rename that file to %s",
                   file->kind->what, aside, file->path);
        return;
    }
    advise(file, aside);
    cs_fail_as(err, CS_ECONFIG, STORAGE_DAMAGED,
               "the %s was damaged and lies at %s: restore a backup as %s, recover it, or begin anew; the log has the "
               "commands, docs/store.md what each costs",
               file->kind->what, aside, file->path);
}

int quarantine_refuse(const struct file *file, struct cs_error *err)
{
    char *aside;

    if (access(file->path, F_OK) == 0 || errno != ENOENT)
        return 0;
    if (find_newest(file, &aside, err) < 0)
        return -1;
    if (!aside)
        return 0;
    if (move_log(file, aside, err) == 0)
        refuse(file, aside, err);
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
        if (quarantine_refuse(file, err) == 0)
            cs_fail(err, CS_EINTERNAL, "no memory");
    }
    free(aside);
    return -1;
}

int quarantine_replaced(const struct file *file, char **aside, struct cs_error *err)
{
    *aside = new_name(file, replaced);
    if (!*aside)
        return cs_fail(err, CS_EINTERNAL, "no memory");
    if (move(file->path, *aside, "", err) < 0 || move_log(file, *aside, err) < 0)
        return -1;
    integrity_trust(file);
    return 0;
}
