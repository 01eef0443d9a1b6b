/*
 * Which files lie beside the databases under their names with a dot and more: put aside as damaged ("state.db.damaged-…"), left
 * or replaced by a restore ("….replaced-…"), copied there by hand ("visits.db.bak"), with what went along ("…-wal"); also those
 * in a folder of such a name, where what quarantine.c advises puts them. For `countersign privacy report`, and for the server's
 * warning: nothing in them is forgotten.
 */
#include "db.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/text.h"

enum { PATH_MOST = 4400 };

struct listing {
    const struct db *db;
    const struct file *of;
    cs_aside_fn *fn;
    void *arg;
    bool over; /* fn has heard enough */
};

/* ---- what counts -------------------------------------------------------------------------------------------------- */

/* "-wal", "-shm" and "-journal" are parts of the database that they are named after. */
static bool is_live(const struct file *file, const char *path)
{
    const size_t len = strlen(file->path);

    return strncmp(path, file->path, len) == 0 && (path[len] == '\0' || path[len] == '-');
}

/* One name may begin as the other: "records" and "records.visits". */
static bool is_of_longer_name(const struct listing *l, const struct file *other, const char *path)
{
    const size_t len = strlen(other->path);

    return len > strlen(l->of->path) && strncmp(path, other->path, len) == 0 && path[len] == '.';
}

/* A path that begins with that of the database. */
static bool is_aside(const struct listing *l, const char *path)
{
    const char *more = path + strlen(l->of->path);

    return *more == '.' && strcmp(more, ".suspect") != 0 && !is_live(&l->db->state, path) && !is_live(&l->db->visits, path) &&
           !is_live(&l->db->analytics, path) && !is_of_longer_name(l, &l->db->state, path) &&
           !is_of_longer_name(l, &l->db->visits, path) && !is_of_longer_name(l, &l->db->analytics, path);
}

/* ---- looking ------------------------------------------------------------------------------------------------------ */

static int look_in(struct listing *l, const char *folder, bool is_aside_itself, struct cs_error *err);

static int64_t ms_of(const struct timespec *t)
{
    return t->tv_sec * INT64_C(1000) + t->tv_nsec / 1000000;
}

static int fail(const char *path, struct cs_error *err)
{
    return cs_fail_as(err, CS_EBUSY, STORAGE_UNAVAILABLE,
                      "cannot tell what is in %s: %s; the server's user must be able to read it", path,
                      strerrordesc_np(errno));
}

static int look_at(struct listing *l, struct text *path, bool may_be_folder, struct cs_error *err)
{
    struct stat st;

    if (lstat(text_of(path), &st) < 0)
        return errno == ENOENT ? 0 : fail(text_of(path), err);
    if (S_ISDIR(st.st_mode)) {
        text_add_char(path, '/');
        return may_be_folder && !text_failed(path) ? look_in(l, text_of(path), true, err) : 0;
    }
    if (S_ISREG(st.st_mode))
        l->over = l->fn(l->arg, &(struct cs_aside){ .size = sizeof(struct cs_aside),
                                                   .path = text_of(path),
                                                   .has_visits = l->of == &l->db->visits,
                                                   .bytes = st.st_size,
                                                   .written_ms = ms_of(&st.st_mtim) }) != 0;
    return 0;
}

static int look_at_entry(struct listing *l, const char *folder, const char *name, bool all, struct cs_error *err)
{
    struct text path = TEXT_MAX(PATH_MOST);
    int rc = 0;

    text_addf(&path, "%s%s", folder, name);
    if (text_failed(&path))
        rc = cs_fail(err, CS_EBUSY, "no memory, or the path of %s is too long", name);
    else if (all || (strncmp(text_of(&path), l->of->path, strlen(l->of->path)) == 0 && is_aside(l, text_of(&path))))
        rc = look_at(l, &path, !all, err);
    text_free(&path);
    return rc;
}

/* The database's folder, of which only some names count, or one that lies aside with all that is in it. Ends with "/". */
static int look_in(struct listing *l, const char *folder, bool is_aside_itself, struct cs_error *err)
{
    struct dirent **entries = NULL;
    const int n = scandir(folder, &entries, NULL, alphasort);
    int rc = 0;

    if (n < 0)
        return errno == ENOENT ? 0 : fail(folder, err);
    for (int i = 0; i < n; i++) {
        const char *name = entries[i]->d_name;

        if (rc == 0 && !l->over && strcmp(name, ".") != 0 && strcmp(name, "..") != 0)
            rc = look_at_entry(l, folder, name, is_aside_itself, err);
        free(entries[i]);
    }
    free(entries);
    return rc;
}

int db_list_aside(void *self, cs_aside_fn *fn, void *arg, struct cs_error *err)
{
    const struct db *db = self;
    const struct file *files[] = { &db->state, &db->visits };
    struct listing l = { .db = db, .fn = fn, .arg = arg };
    int rc = 0;

    for (size_t i = 0; rc == 0 && !l.over && i < sizeof files / sizeof *files; i++) {
        const char *path = files[i]->path, *slash = strrchr(path, '/');
        char *folder = slash ? text_copy_n(path, (size_t)(slash + 1 - path)) : NULL;

        l.of = files[i];
        rc = folder ? look_in(&l, folder, false, err) : cs_fail(err, CS_EBUSY, "no memory");
        free(folder);
    }
    return rc;
}
