/*
 * Whole folders; see folder.h.
 */
#include "command/folder.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/text.h"

enum { PATH_MOST = 4000, DEPTH_MOST = 16, DESCRIPTORS = 16 };

static int fail(struct cs_error *err, const char *path, const char *what)
{
    return cs_fail(err, errno == ENOENT ? CS_ENOTFOUND : CS_ECONFIG, "%s %s: %s", path, what, strerror(errno));
}

/* ---- A file ---- */

static int copy_bytes(int from, int to)
{
    char buffer[65536];
    ssize_t n;

    while ((n = read(from, buffer, sizeof buffer)) > 0)
        for (ssize_t at = 0, put; at < n; at += put)
            if ((put = write(to, buffer + at, (size_t)(n - at))) < 0)
                return -1;
    return n < 0 ? -1 : fsync(to);
}

/* `links`: O_NOFOLLOW, or 0 where `from` was seen to be a link to a file. */
static int copy_file(const char *from, const char *to, int links, struct cs_error *err)
{
    const int in = open(from, O_RDONLY | O_CLOEXEC | O_NONBLOCK | links);
    int out, rc;

    if (in < 0)
        return fail(err, from, "cannot be read");
    out = open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    rc = out >= 0 && copy_bytes(in, out) == 0 ? 0 : cs_fail(err, CS_ECONFIG, "%s cannot be written: %s", to, strerror(errno));
    if (out >= 0 && close(out) < 0 && rc == 0)
        rc = cs_fail(err, CS_ECONFIG, "%s cannot be written: %s", to, strerror(errno));
    close(in);
    return rc;
}

/* ---- All that is in a folder ---- */

struct copying {
    const char *from, *to;
    const struct folder_copying *tell;
};

static int copy_level(const struct copying *c, const char *below, int depth, struct cs_error *err);

static bool is_finished(const char *name)
{
    const size_t len = strlen(name);

    return len < 4 || strcmp(name + len - 4, ".new") != 0;
}

/* 1: there is something, and `st` says what; of a link, what it leads to. 0: it went away. A key whose link leads nowhere, such
 * as to a volume that is not mounted, would be lost without a word. */
static int look_at(const char *path, struct stat *st, bool *is_link, struct cs_error *err)
{
    if (lstat(path, st) < 0)
        return errno == ENOENT ? 0 : fail(err, path, "cannot be looked at");
    *is_link = S_ISLNK(st->st_mode);
    if (*is_link && stat(path, st) < 0)
        return cs_fail(err, CS_ECONFIG, "%s is a symbolic link, and what it leads to cannot be read: %s; mend or remove it",
                       path, strerror(errno));
    return 1;
}

static int copy_one(const struct copying *c, const char *from, const char *to, const char *path, int links,
                    struct cs_error *err)
{
    if (copy_file(from, to, links, err) < 0)
        return err->code == CS_ENOTFOUND ? 0 : -1;
    return c->tell->copied ? c->tell->copied(c->tell->arg, path, err) : 0;
}

static int copy_entry(const struct copying *c, const char *below, const char *name, int depth, struct cs_error *err)
{
    struct text from = TEXT_MAX(PATH_MOST), to = TEXT_MAX(PATH_MOST), path = TEXT_MAX(PATH_MOST);
    struct stat st = { 0 };
    bool is_link = false;
    int rc;

    text_addf(&path, "%s%s%s", below, *below ? "/" : "", name);
    text_addf(&from, "%s/%s", c->from, text_of(&path));
    text_addf(&to, "%s/%s", c->to, text_of(&path));
    if (text_failed(&from) || text_failed(&to))
        rc = cs_fail(err, CS_ECONFIG, "a path below %s is too long", c->from);
    else
        rc = look_at(text_of(&from), &st, &is_link, err);
    if (rc == 1 && S_ISDIR(st.st_mode))
        rc = copy_level(c, text_of(&path), depth + 1, err);
    else if (rc == 1 && S_ISREG(st.st_mode) && !is_finished(name))
        rc = 0;
    else if (rc == 1 && S_ISREG(st.st_mode))
        rc = copy_one(c, text_of(&from), text_of(&to), text_of(&path), is_link ? 0 : O_NOFOLLOW, err);
    else if (rc == 1)
        rc = c->tell->passed_over ? c->tell->passed_over(c->tell->arg, text_of(&path), err) : 0;
    text_free(&from);
    text_free(&to);
    text_free(&path);
    return rc;
}

static int copy_entries(const struct copying *c, const char *from, const char *below, int depth, struct cs_error *err)
{
    struct dirent **entries;
    int n = scandir(from, &entries, NULL, alphasort), rc = 0;

    if (n < 0)
        return fail(err, from, "cannot be read");
    for (int i = 0; i < n; i++) {
        if (rc == 0 && strcmp(entries[i]->d_name, ".") != 0 && strcmp(entries[i]->d_name, "..") != 0)
            rc = copy_entry(c, below, entries[i]->d_name, depth, err);
        free(entries[i]);
    }
    free(entries);
    return rc;
}

static int copy_level(const struct copying *c, const char *below, int depth, struct cs_error *err)
{
    struct text from = TEXT_MAX(PATH_MOST), to = TEXT_MAX(PATH_MOST);
    int rc;

    text_addf(&from, "%s%s%s", c->from, *below ? "/" : "", below);
    text_addf(&to, "%s%s%s", c->to, *below ? "/" : "", below);
    if (depth > DEPTH_MOST || text_failed(&from) || text_failed(&to))
        rc = cs_fail(err, CS_ECONFIG, "the folders below %s lie too deep", c->from);
    else if (mkdir(text_of(&to), 0700) < 0)
        rc = cs_fail(err, CS_ECONFIG, "the folder %s cannot be made: %s", text_of(&to), strerror(errno));
    else
        rc = copy_entries(c, text_of(&from), below, depth, err);
    if (rc == 0)
        rc = folder_sync(text_of(&to), err);
    text_free(&from);
    text_free(&to);
    return rc;
}

int folder_copy(const char *from, const char *to, const struct folder_copying *tell, struct cs_error *err)
{
    const struct copying c = { .from = from, .to = to, .tell = tell };

    return copy_level(&c, "", 0, err);
}

/* ---- */

int folder_sync(const char *path, struct cs_error *err)
{
    const int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    const int rc = fd >= 0 && fsync(fd) == 0 ? 0 : fail(err, path, "cannot be synced");

    if (fd >= 0)
        close(fd);
    return rc;
}

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *at)
{
    (void)st, (void)kind, (void)at;
    return remove(path) < 0 && errno != ENOENT;
}

void folder_remove(const char *path)
{
    nftw(path, remove_one, DESCRIPTORS, FTW_DEPTH | FTW_PHYS);
}
