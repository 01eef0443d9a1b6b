/*
 * Files that are whole or not there; see file_write.h.
 */
#include "command/file_write.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/text.h"

static int fail_errno(struct cs_error *err, const char *what, const char *path)
{
    return cs_fail(err, CS_ECONFIG, "%s: %s: %s", path, what, strerror(errno));
}

static int write_all(int fd, const char *data, size_t len)
{
    while (len) {
        ssize_t n = write(fd, data, len);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -1;
        data += n;
        len -= (size_t)n;
    }
    return 0;
}

/* The folder that `path` is in; the caller frees it. */
static char *folder_of(const char *path)
{
    char *copy = text_copy(path), *folder = copy ? text_copy(dirname(copy)) : NULL;

    free(copy);
    return folder;
}

int file_write_sync_name(const char *path, struct cs_error *err)
{
    char *folder = folder_of(path);
    int fd = folder ? open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    int rc = fd >= 0 && fsync(fd) == 0 ? 0 : fail_errno(err, "its folder cannot be synced", path);

    if (fd >= 0)
        close(fd);
    free(folder);
    return rc;
}

static int fill(const char *temporary, int fd, const void *data, size_t len, mode_t mode, struct cs_error *err)
{
    if (write_all(fd, data, len) != 0 || fchmod(fd, mode) != 0 || fsync(fd) != 0) {
        close(fd);
        return fail_errno(err, "cannot be written", temporary);
    }
    return close(fd) == 0 ? 0 : fail_errno(err, "cannot be written", temporary);
}

int file_write_replace(const char *path, const void *data, size_t len, mode_t mode, struct cs_error *err)
{
    struct text temporary = TEXT_MAX(4096);
    char *name = NULL;
    int fd, rc = -1;

    text_addf(&temporary, "%s.XXXXXX", path);
    name = text_take(&temporary);
    if (!name)
        return cs_fail(err, CS_EINPUT, "the name of a file is too long");
    fd = mkostemp(name, O_CLOEXEC);
    if (fd < 0) {
        fail_errno(err, "cannot be written", path);
        goto out;
    }
    rc = fill(name, fd, data, len, mode, err);
    if (rc == 0 && rename(name, path) != 0)
        rc = fail_errno(err, "cannot be written", path);
    if (rc != 0)
        unlink(name);
    if (rc == 0)
        rc = file_write_sync_name(path, err);
out:
    free(name);
    return rc;
}

/* Mode and owner of the file that this one will replace. What only a group may read stays unread when the file cannot be
 * given to that group. */
static mode_t take_after(int fd, const char *like, mode_t mode)
{
    struct stat about;

    if (stat(like, &about) != 0 || !S_ISREG(about.st_mode))
        return mode;
    mode = about.st_mode & (S_IRUSR | S_IWUSR | S_IRGRP | S_IWGRP | S_IROTH | S_IWOTH);
    if (fchown(fd, about.st_uid, about.st_gid) != 0 && fchown(fd, (uid_t)-1, about.st_gid) != 0 && !(mode & S_IROTH))
        mode &= S_IRUSR | S_IWUSR;
    return mode;
}

int file_write_part(const char *part, const void *data, size_t len, const char *like, mode_t mode, struct cs_error *err)
{
    int fd;

    unlink(part);
    fd = open(part, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, S_IRUSR | S_IWUSR);
    if (fd < 0)
        return fail_errno(err, "cannot be written", part);
    if (fill(part, fd, data, len, take_after(fd, like, mode), err) != 0) {
        unlink(part);
        return -1;
    }
    return 0;
}

int file_write_possible(const char *path, struct cs_error *err)
{
    char *folder = folder_of(path);
    struct stat about;
    int rc = 0;

    if (!folder)
        rc = cs_fail(err, CS_EINTERNAL, "no memory");
    else if (access(folder, W_OK | X_OK) != 0)
        rc = fail_errno(err, "cannot be written", path);
    else if (stat(path, &about) == 0 && !S_ISREG(about.st_mode))
        rc = cs_fail(err, CS_ECONFIG, "%s: is there, and is not a file", path);
    free(folder);
    return rc;
}
