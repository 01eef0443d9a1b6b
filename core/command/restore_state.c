/*
 * The state folder's part of a restore; see restore_state.h.
 */
#include "command/restore_state.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include "base/text.h"
#include "command/backup_state.h"
#include "command/folder.h"
#include "command/manifest.h"

#define RESTORED ".restored"
#define REPLACED ".replaced-"

enum { PATH_MOST = 4000 };

static const size_t state_len = sizeof BACKUP_STATE "/" - 1;

/* ---- Parts ---- */

bool restore_state_part(const json_t *entry, char part[300])
{
    const char *path = manifest_text(entry, "path");
    size_t len;

    if (strncmp(path, BACKUP_STATE "/", state_len) != 0)
        return false;
    path += state_len;
    len = strcspn(path, "/");
    if (!path[len] || len >= 300)
        return false;
    memcpy(part, path, len);
    part[len] = '\0';
    return true;
}

static bool is_of(const json_t *entry, const char *part)
{
    char of[300];

    return restore_state_part(entry, of) && strcmp(of, part) == 0;
}

/* STATE/PART with `more` after it; NULL and an error when it is too long. */
static char *place(const struct restore_state *r, const char *part, const char *more, struct cs_error *err)
{
    struct text path = TEXT_MAX(PATH_MOST);
    char *taken;

    text_addf(&path, "%s/%s%s", r->state, part, more);
    taken = text_take(&path);
    if (!taken)
        cs_fail(err, CS_ECONFIG, "the path of %s is too long", part);
    return taken;
}

typedef int part_fn(const struct restore_state *r, const char *part, void *arg, struct cs_error *err);

/* Each part once. */
static int each_part(const struct restore_state *r, part_fn *fn, void *arg, struct cs_error *err)
{
    const json_t *files = json_object_get(r->manifest, "files"), *entry;
    json_t *seen = json_object();
    char part[300];
    int rc = 0;
    size_t i;

    json_array_foreach(files, i, entry) {
        if (rc < 0 || !restore_state_part(entry, part) || json_object_get(seen, part))
            continue;
        json_object_set_new(seen, part, json_true());
        rc = fn(r, part, arg, err);
    }
    json_decref(seen);
    return rc;
}

/* ---- What would refuse it ---- */

/* Does the state folder have each file of that part already, as it is in the backup? */
static bool is_there_already(const struct restore_state *r, const char *part)
{
    const json_t *entry;
    bool same = true;
    size_t i;

    json_array_foreach(json_object_get(r->manifest, "files"), i, entry) {
        char *path;

        if (!same || !is_of(entry, part))
            continue;
        path = place(r, manifest_text(entry, "path") + state_len, "", NULL);
        same = path && manifest_is_same(entry, path);
        free(path);
    }
    return same;
}

/* No folder can be renamed to the place of a link. */
static bool is_empty(const char *path)
{
    struct stat st;
    const bool is_link = lstat(path, &st) == 0 && S_ISLNK(st.st_mode);
    DIR *dir = is_link ? NULL : opendir(path);
    const struct dirent *entry;
    bool is = dir || (!is_link && errno == ENOENT);

    while (dir && (entry = readdir(dir)))
        is &= strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0;
    if (dir)
        closedir(dir);
    return is;
}

static int look_at_part(const struct restore_state *r, const char *part, void *arg, struct cs_error *err)
{
    const bool *force = arg;
    char *path = place(r, part, "", err);
    int rc = path ? 0 : -1;

    if (!backup_state_is_part(part))
        rc = cs_fail(err, CS_EINPUT, "the backup has a folder state/%s, which is no instance's: it was changed", part);
    else if (rc == 0 && !*force && !is_there_already(r, part) && !is_empty(path))
        rc = cs_fail(err, CS_ECONFLICT, "there are other files in %s than in the backup: `--force` puts them aside", path);
    free(path);
    return rc;
}

int restore_state_look(const struct restore_state *r, bool force, struct cs_error *err)
{
    return each_part(r, look_at_part, &force, err);
}

/* ---- The copies beside their places ---- */

static int add_needed(const struct restore_state *r, const char *part, void *arg, struct cs_error *err)
{
    const uint64_t block = 4096; /* of most file systems */
    uint64_t *sum = arg;
    const json_t *entry;
    size_t i;

    (void)err;
    if (is_there_already(r, part))
        return 0;
    json_array_foreach(json_object_get(r->manifest, "files"), i, entry) {
        if (is_of(entry, part))
            *sum += ((uint64_t)json_integer_value(json_object_get(entry, "bytes")) / block + 1) * block;
    }
    return 0;
}

static int check_room(const struct restore_state *r, struct cs_error *err)
{
    struct statvfs room;
    uint64_t needed = 0;

    if (each_part(r, add_needed, &needed, err) < 0)
        return -1;
    if (needed && statvfs(r->state, &room) == 0 && (uint64_t)room.f_bavail * room.f_frsize < needed)
        return cs_fail(err, CS_EBUSY, "there is no room in %s for the keys of the backup, which need %llu bytes: make some",
                       r->state, (unsigned long long)needed);
    return 0;
}

static int make_folder(const char *path, struct cs_error *err)
{
    return mkdir(path, 0700) == 0 || errno == EEXIST
               ? 0
               : cs_fail(err, CS_ECONFIG, "the folder %s cannot be made: %s", path, strerror(errno));
}

/* The folders of `path`, from its character `from` on. */
static int each_folder(const char *path, size_t from, int (*fn)(const char *, struct cs_error *), struct cs_error *err)
{
    int rc = 0;

    for (const char *slash = strchr(path + from, '/'); rc == 0 && slash; slash = strchr(slash + 1, '/')) {
        char *folder = text_copy_n(path, (size_t)(slash - path));

        rc = folder ? fn(folder, err) : cs_fail(err, CS_EINTERNAL, "out of memory");
        free(folder);
    }
    return rc;
}

static int copy_entry(const struct restore_state *r, const json_t *entry, const char *part, struct cs_error *err)
{
    const char *below = manifest_text(entry, "path") + state_len + strlen(part);
    struct text more = TEXT_MAX(PATH_MOST);
    const size_t from = strlen(r->state) + 1;
    char *to = NULL;
    int rc = -1;

    text_addf(&more, RESTORED "%s", below);
    if (text_failed(&more))
        cs_fail(err, CS_ECONFIG, "the path of %s is too long", part);
    else
        to = place(r, part, text_of(&more), err);
    if (to && each_folder(to, from, make_folder, err) == 0 && manifest_copy(entry, r->backup, to, err) == 0)
        rc = each_folder(to, from, folder_sync, err);
    free(to);
    text_free(&more);
    return rc;
}

static int prepare_part(const struct restore_state *r, const char *part, void *arg, struct cs_error *err)
{
    char *path = place(r, part, RESTORED, err);
    const json_t *entry;
    int rc = path ? 0 : -1;
    size_t i;

    (void)arg;
    if (path)
        folder_remove(path);
    free(path);
    if (rc < 0 || is_there_already(r, part))
        return rc;
    json_array_append_new(r->prepared, json_string(part));
    json_array_foreach(json_object_get(r->manifest, "files"), i, entry) {
        if (rc == 0 && is_of(entry, part))
            rc = copy_entry(r, entry, part, err);
    }
    return rc;
}

int restore_state_prepare(struct restore_state *r, struct cs_error *err)
{
    return check_room(r, err) < 0 ? -1 : each_part(r, prepare_part, NULL, err);
}

void restore_state_drop(struct restore_state *r)
{
    const json_t *part;
    size_t i;

    json_array_foreach(r->prepared, i, part) {
        char *path = place(r, json_string_value(part), RESTORED, NULL);

        if (path)
            folder_remove(path);
        free(path);
    }
    json_array_clear(r->prepared);
}

/* ---- Their places ---- */

static int put_aside(const struct restore_state *r, const char *path, struct cs_error *err)
{
    struct text to = TEXT_MAX(PATH_MOST), said = TEXT_MAX(3 * PATH_MOST);
    int rc = 0;

    text_addf(&to, "%s" REPLACED "%s", path, r->when);
    if (text_failed(&to) || renameat2(AT_FDCWD, path, AT_FDCWD, text_of(&to), RENAME_NOREPLACE) < 0) {
        rc = cs_fail(err, CS_ECONFIG, "%s cannot be put aside as %s: %s", path, text_of(&to), strerror(errno));
    } else {
        text_addf(&said, "%s lies at %s now: remove it when all is well", path, text_of(&to));
        r->fn(r->arg, text_of(&said));
    }
    text_free(&to);
    text_free(&said);
    return rc;
}

static int install_part(const struct restore_state *r, const char *part, bool *begun, struct cs_error *err)
{
    char *path = place(r, part, "", err), *new = place(r, part, RESTORED, err);
    int rc = path && new ? 0 : -1;

    if (rc == 0 && !is_empty(path))
        rc = put_aside(r, path, err);
    *begun |= rc == 0;
    if (rc == 0 && rename(new, path) < 0)
        rc = cs_fail(err, CS_ECONFIG, "%s cannot be made: %s", path, strerror(errno));
    free(path);
    free(new);
    return rc;
}

int restore_state_install(struct restore_state *r, bool *begun, struct cs_error *err)
{
    while (json_array_size(r->prepared)) {
        if (install_part(r, json_string_value(json_array_get(r->prepared, 0)), begun, err) < 0)
            return -1;
        json_array_remove(r->prepared, 0);
    }
    return folder_sync(r->state, err);
}

/* ---- What lies there ---- */

/* "ca.le.replaced-TIME" */
static bool is_aside(const char *name)
{
    const char *mark = strstr(name, REPLACED);
    char part[300] = "";

    if (!mark || (size_t)(mark - name) >= sizeof part)
        return false;
    memcpy(part, name, (size_t)(mark - name));
    return backup_state_is_part(part);
}

void restore_state_tell_earlier(const struct restore_state *r)
{
    struct dirent **entries;
    const int n = scandir(r->state, &entries, NULL, alphasort);

    for (int i = 0; i < n; i++) {
        struct text said = TEXT_MAX(2 * PATH_MOST);

        text_addf(&said, "%s/%s lies there since an earlier restore: remove it when all is well", r->state,
                  entries[i]->d_name);
        if (is_aside(entries[i]->d_name) && !text_failed(&said))
            r->fn(r->arg, text_of(&said));
        text_free(&said);
        free(entries[i]);
    }
    if (n >= 0)
        free(entries);
}
