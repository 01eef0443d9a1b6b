/*
 * Where a backup grows; see backup_place.h.
 */
#include "command/backup_place.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/text.h"
#include "command/folder.h"
#include "command/manifest.h"

enum { PATH_MOST = 3000, SAME_SECOND_MOST = 1000 };

#define PARTIAL ".partial-"

static int no_place(const char *folder, const char *user, struct cs_error *err)
{
    return cs_fail(err, CS_ECONFIG,
                   "no backup can be made in %s: %s; make it for the server's user: install -d -o %s -m 700 %s", folder,
                   strerror(errno), user, folder);
}

static char *name_in(const char *folder, const char *name, const char *more)
{
    struct text path = TEXT_MAX(PATH_MOST);

    text_addf(&path, "%s/%s%s", folder, name, more);
    return text_take(&path);
}

static bool is_partial(const char *name)
{
    const size_t len = strlen(PARTIAL);

    return strncmp(name, PARTIAL, len) == 0 && name[len] && !name[len + strspn(name + len, "0123456789")];
}

static bool is_of_a_backup(const char *name)
{
    static const char manifest[] = "manifest.json"; /* and what becomes it */

    return strcmp(name, ".") == 0 || strcmp(name, "..") == 0 || strcmp(name, BACKUP_STORE) == 0 ||
           strcmp(name, BACKUP_STATE) == 0 || strncmp(name, manifest, strlen(manifest)) == 0;
}

/* Somebody else may call a folder of his so, and keep in it what a backup never has. */
static bool has_nothing_else(const char *path)
{
    const int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    const struct dirent *entry;
    bool has = dir != NULL;

    while (dir && (entry = readdir(dir)))
        has &= is_of_a_backup(entry->d_name);
    if (dir)
        closedir(dir);
    else if (fd >= 0)
        close(fd);
    return has;
}

/* Nobody else is at work here. */
static void remove_leftovers(const char *folder)
{
    DIR *dir = opendir(folder);
    const struct dirent *entry;

    while (dir && (entry = readdir(dir))) {
        char *path = is_partial(entry->d_name) ? name_in(folder, entry->d_name, "") : NULL;

        if (path && has_nothing_else(path))
            folder_remove(path);
        free(path);
    }
    if (dir)
        closedir(dir);
}

static int lock_folder(struct backup_place *place, struct cs_error *err)
{
    if (flock(place->lock, LOCK_EX | LOCK_NB) == 0)
        return 0;
    if (errno == EWOULDBLOCK)
        return cs_fail(err, CS_EBUSY, "another backup is being made in %s: wait for its end", place->folder);
    return cs_fail(err, CS_ECONFIG, "%s cannot be locked: %s", place->folder, strerror(errno));
}

int backup_place_begin(struct backup_place *place, const char *folder, const char *user, struct cs_error *err)
{
    char number[32];

    *place = BACKUP_PLACE_NONE;
    if (mkdir(folder, 0700) < 0 && errno != EEXIST)
        return no_place(folder, user, err);
    place->folder = realpath(folder, NULL);
    if (!place->folder)
        return no_place(folder, user, err);
    place->lock = open(place->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (place->lock < 0 || access(place->folder, W_OK | X_OK) < 0)
        return no_place(folder, user, err);
    if (lock_folder(place, err) < 0)
        return -1;
    remove_leftovers(place->folder);
    snprintf(number, sizeof number, "%ld", (long)getpid());
    place->partial = name_in(place->folder, PARTIAL, number);
    if (!place->partial)
        return cs_fail(err, CS_ECONFIG, "the path %.100s… is too long", place->folder);
    return mkdir(place->partial, 0700) == 0 ? 0 : no_place(folder, user, err);
}

/* NFS, CIFS and FUSE have no RENAME_NOREPLACE. There, the lock of the folder keeps other backups from the name. */
static int rename_to_free(const char *from, const char *to)
{
    struct stat st;

    if (renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE) == 0)
        return 0;
    if (errno != EINVAL && errno != ENOSYS)
        return -1;
    if (lstat(to, &st) < 0)
        return errno == ENOENT ? rename(from, to) : -1;
    errno = EEXIST;
    return -1;
}

/* 0 when the name was free. */
static int give_name(struct backup_place *place, const char *when, int n, struct cs_error *err)
{
    char more[16] = "";

    if (n > 1)
        snprintf(more, sizeof more, "-%d", n);
    free(place->name);
    place->name = name_in(place->folder, when, more);
    if (!place->name)
        return cs_fail(err, CS_ECONFIG, "the path %.100s… is too long", place->folder);
    if (rename_to_free(place->partial, place->name) == 0)
        return 0;
    return cs_fail(err, errno == EEXIST ? CS_ECONFLICT : CS_ECONFIG, "%s cannot be made: %s", place->name, strerror(errno));
}

int backup_place_finish(struct backup_place *place, int64_t created_ms, struct cs_error *err)
{
    const time_t created = (time_t)(created_ms / 1000);
    char when[32] = "";
    struct tm utc;
    int n = 1;

    if (gmtime_r(&created, &utc))
        strftime(when, sizeof when, "%Y%m%dT%H%M%SZ", &utc);
    while (give_name(place, when, n, err) < 0)
        if (err->code != CS_ECONFLICT || n++ == SAME_SECOND_MOST)
            return -1;
    free(place->partial);
    place->partial = NULL;
    return folder_sync(place->folder, err);
}

void backup_place_end(struct backup_place *place)
{
    if (place->partial)
        folder_remove(place->partial);
    if (place->lock >= 0)
        close(place->lock);
    free(place->partial);
    free(place->name);
    free(place->folder);
    *place = BACKUP_PLACE_NONE;
}
