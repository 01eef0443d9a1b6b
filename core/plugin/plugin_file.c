/*
 * Where a plugin's file is, and whether it may be trusted; see plugin_file.h.
 */
#include "plugin/plugin_file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/text.h"

struct trusted {
    uid_t user, starter;
};

static int check_owner(const char *path, const struct stat *st, const struct trusted *trusted, struct cs_error *err)
{
    if (st->st_uid != 0 && st->st_uid != trusted->user && st->st_uid != trusted->starter)
        return cs_fail(err, CS_ECONFIG,
                       "%s belongs to uid %u: code is loaded only when it belongs to root, to the user that the "
                       "server runs as (uid %u) or to who started it; chown it",
                       path, (unsigned)st->st_uid, (unsigned)trusted->user);
    if (st->st_mode & (S_IWGRP | S_IWOTH))
        return cs_fail(err, CS_ECONFIG,
                       "%s can be written by others (mode %03o): code is loaded only when they cannot change it; "
                       "chmod go-w it",
                       path, (unsigned)st->st_mode & 0777);
    return 0;
}

static int check_folder(const char *folder, int fd, const struct trusted *trusted, struct cs_error *err)
{
    struct stat st;

    if (fd < 0 || fstat(fd, &st) < 0)
        return cs_fail(err, CS_ECONFIG, "the plugin folder %s cannot be opened: %s", folder, strerror(errno));
    return check_owner(folder, &st, trusted, err);
}

static int check_file(const char *path, int fd, const struct trusted *trusted, struct cs_error *err)
{
    struct stat st;

    if (fd < 0 && errno == ENOENT)
        return cs_fail(err, CS_ECONFIG, "%s is not there: install the plugin, or mend its name", path);
    if (fd < 0 && errno == ELOOP)
        return cs_fail(err, CS_ECONFIG, "%s is a symbolic link: name the file that it leads to, as a path", path);
    if (fd < 0 || fstat(fd, &st) < 0)
        return cs_fail(err, CS_ECONFIG, "%s cannot be read: %s", path, strerror(errno));
    if (!S_ISREG(st.st_mode))
        return cs_fail(err, CS_ECONFIG, "%s is not a regular file", path);
    return check_owner(path, &st, trusted, err);
}

/* Folder and file of a plugin's name. Both malloc'd; -1 when there is no memory. */
static int split(const char *dir, const char *name, char **folder, char **file)
{
    const char *slash = strrchr(name, '/');
    struct text with_suffix = TEXT_MAX(PATH_MAX);

    if (slash) {
        *folder = text_copy_n(name, slash == name ? 1 : (size_t)(slash - name));
        *file = text_copy(slash + 1);
    } else {
        text_add(&with_suffix, name);
        text_add(&with_suffix, ".so");
        *folder = text_copy(dir);
        *file = text_take(&with_suffix);
    }
    return *folder && *file ? 0 : -1;
}

char *plugin_file_find(const char *dir, const char *name, uid_t user, uid_t starter, struct cs_error *err)
{
    const struct trusted trusted = { .user = user, .starter = starter };
    char *folder = NULL, *file = NULL, *bare = NULL, *real = NULL, *found = NULL;
    struct text path = TEXT_MAX(PATH_MAX);
    int folder_fd = -1, fd = -1;

    if (split(dir, name, &folder, &file) < 0) {
        cs_fail(err, CS_EBUSY, "no memory");
        goto out;
    }
    bare = plugin_file_name(file);
    if (!bare) {
        cs_fail(err, CS_ECONFIG, "%s names no plugin: write its name, or the path of a file NAME.so", name);
        goto out;
    }
    real = realpath(folder, NULL);
    if (!real) {
        cs_fail(err, CS_ECONFIG, "the plugin folder %s cannot be opened: %s", folder, strerror(errno));
        goto out;
    }
    text_addf(&path, "%s/%s", strcmp(real, "/") == 0 ? "" : real, file);
    folder_fd = open(real, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (check_folder(real, folder_fd, &trusted, err) < 0)
        goto out;
    fd = openat(folder_fd, file, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
    if (check_file(text_of(&path), fd, &trusted, err) < 0)
        goto out;
    found = text_take(&path);
    if (!found)
        cs_fail(err, CS_ECONFIG, "the path of plugin %s is too long", name);
out:
    if (fd >= 0)
        close(fd);
    if (folder_fd >= 0)
        close(folder_fd);
    text_free(&path);
    free(real);
    free(bare);
    free(folder);
    free(file);
    return found;
}

char *plugin_file_name(const char *path)
{
    const char *slash = strrchr(path, '/'), *base = slash ? slash + 1 : path;
    size_t len = strlen(base);

    if (len <= 3 || strcmp(base + len - 3, ".so") != 0)
        return NULL;
    return text_copy_n(base, len - 3);
}
