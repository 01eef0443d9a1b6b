/*
 * Publishing: analytics.db is written anew from visits.db, beside the old one, and takes its place once it is whole and on the
 * disk. Who reads the old one goes on reading it; whatever fails leaves it as it was. Called through the ops, by a thread of
 * the core's that reads visits.
 *
 * Of 25 months all days but one or two are closed and stay as they are. So the new file begins as a copy of the old one
 * when this very connection has published that, and only the days that were open then are written again. When anything else
 * has changed since, because something was erased, folded or purged, all of it is written anew: nothing of what went is left.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <jansson.h>

#include "analytics.h"
#include "base/text.h"

extern const struct cs_plugin cs_plugin; /* sqlite.c: for its version */

static const char tables_and_views[] = ""
#include "analytics.sql.h"
    ;
static const char days[] = ""
#include "publish.sql.h"
    ;
static const char totals_whole[] = ""
#include "publish-whole.sql.h"
    ;
static const char totals_again[] = ""
#include "publish-again.sql.h"
    ;
static const char rest[] = ""
#include "publish-rest.sql.h"
    ;
static const char before[] = "CREATE TEMP TABLE before AS SELECT day, closed, rewritten FROM base_day; DELETE FROM base_day";
static const char has_changed[] = "SELECT EXISTS (SELECT 1 FROM temp.before AS b LEFT JOIN base_day AS d USING (day) "
                                  "WHERE d.day IS NULL OR d.closed < b.closed OR d.rewritten IS NOT b.rewritten)";

/* Nobody else opens the new file, and one that is not finished is thrown away: no journal, nothing synced on the way. */
static const struct file_kind file_unfinished = {
    .setting = "analytics",
    .what = "analytics database",
    .pragmas = "PRAGMA main.journal_mode = OFF; PRAGMA main.synchronous = OFF; PRAGMA main.secure_delete = OFF;",
};

/* Rows go: nothing of what they told stays behind. */
static const struct file_kind file_copied = {
    .setting = "analytics",
    .what = "analytics database",
    .pragmas = "PRAGMA main.journal_mode = OFF; PRAGMA main.synchronous = OFF; PRAGMA main.secure_delete = ON;",
};

/* ---- SQL */

/* "a=x" and "b=y", a newline between them, as {"a":"x","b":"y"}; NULL without memory. */
static char *json_of_labels(const char *labels, size_t len)
{
    json_t *object = json_object();
    char *text = NULL;

    for (const char *end = labels + len; object && labels < end;) {
        const char *newline = memchr(labels, '\n', (size_t)(end - labels));
        const char *stop = newline ? newline : end;
        const char *equals = memchr(labels, '=', (size_t)(stop - labels));

        if (equals && json_object_setn_new(object, labels, (size_t)(equals - labels),
                                           json_stringn(equals + 1, (size_t)(stop - equals - 1))) < 0) {
            json_decref(object);
            return NULL;
        }
        labels = stop + 1;
    }
    if (object)
        text = json_dumps(object, JSON_COMPACT | JSON_PRESERVE_ORDER);
    json_decref(object);
    return text;
}

static void labels_as_json(sqlite3_context *context, int n, sqlite3_value **values)
{
    const unsigned char *labels = sqlite3_value_text(values[0]);
    char *text = labels ? json_of_labels((const char *)labels, (size_t)sqlite3_value_bytes(values[0])) : NULL;

    (void)n;
    if (text)
        sqlite3_result_text(context, text, -1, free);
    else
        sqlite3_result_error(context, "a set of labels is not as it should be", -1);
}

/* `file` NULL: what fails is nobody's fault yet. */
static int fail(const struct file *file, sqlite3 *sq, int rc, struct cs_error *err)
{
    return file ? db_fail(file, sq, rc, err) : cs_fail(err, CS_EBUSY, "%s", sqlite3_errmsg(sq));
}

static int run(const struct file *file, sqlite3 *sq, const char *sql, struct cs_error *err)
{
    int rc = sqlite3_exec(sq, sql, NULL, NULL, NULL);

    return rc == SQLITE_OK ? 0 : fail(file, sq, rc, err);
}

/* With one text for its question marks. */
static int run_with(const struct file *file, sqlite3 *sq, const char *sql, const char *text, struct cs_error *err)
{
    sqlite3_stmt *s = NULL;
    int rc = sqlite3_prepare_v2(sq, sql, -1, &s, NULL);

    if (rc == SQLITE_OK)
        rc = sqlite3_bind_text(s, 1, text, -1, SQLITE_STATIC);
    if (rc == SQLITE_OK)
        rc = sqlite3_step(s);
    if (rc != SQLITE_DONE)
        fail(file, sq, rc, err);
    sqlite3_finalize(s);
    return rc == SQLITE_DONE ? 0 : -1;
}

static bool is_unchanged(sqlite3 *sq)
{
    sqlite3_stmt *s = NULL;
    bool unchanged = sqlite3_prepare_v2(sq, has_changed, -1, &s, NULL) == SQLITE_OK && sqlite3_step(s) == SQLITE_ROW &&
                     sqlite3_column_int(s, 0) == 0;

    sqlite3_finalize(s);
    return unchanged;
}

static int write_about(const struct file *file, sqlite3 *sq, struct cs_error *err)
{
    struct text seconds = TEXT_MAX(32);
    int rc = -1;

    text_addf(&seconds, "%lld", (long long)(cs_wall_ms() / 1000));
    if (text_failed(&seconds))
        cs_fail(err, CS_EBUSY, "no memory");
    else
        rc = run_with(file, sq, "INSERT INTO about VALUES ('published', strftime('%Y-%m-%dT%H:%M:%SZ', ?1, 'unixepoch'))",
                      text_of(&seconds), err);
    text_free(&seconds);
    return rc < 0 ? -1 : run_with(file, sq, "INSERT INTO about VALUES ('version', ?1)", cs_plugin.version, err);
}

static int open_new(const struct db *db, const struct file *file, const struct file *visits, sqlite3 **sq, struct cs_error *err)
{
    if (db_open_file(file, true, sq, err) < 0)
        return -1;
    if (sqlite3_create_function(*sq, "labels_as_json", 1, SQLITE_UTF8 | SQLITE_DETERMINISTIC | SQLITE_DIRECTONLY, NULL,
                                labels_as_json, NULL, NULL) != SQLITE_OK)
        return cs_fail(err, CS_EBUSY, "no memory");
    return run_with(visits, *sq, "ATTACH ?1 AS visits", db->visits.path, err);
}

/* All that is read of visits.db is of one moment: that of the transaction's first look. */
static int write_whole(const struct db *db, const struct file *file, struct cs_error *err)
{
    const struct file *visits = &db->visits;
    sqlite3 *sq = NULL;
    int rc = -1;

    if (open_new(db, file, visits, &sq, err) == 0 && run(file, sq, "BEGIN", err) == 0 &&
        run(file, sq, tables_and_views, err) == 0 && run(visits, sq, days, err) == 0 &&
        run(visits, sq, totals_whole, err) == 0 && run(visits, sq, rest, err) == 0 && write_about(file, sq, err) == 0)
        rc = run(file, sq, "COMMIT", err);
    sqlite3_close(sq);
    return rc;
}

/* In a copy of what was published last. False: it did not go well, or more has changed than this is good for. */
static bool write_again(const struct db *db, const struct file *file)
{
    struct cs_error err; /* what is really wrong is met again by who writes all of it */
    sqlite3 *sq = NULL;
    bool done = false;

    if (open_new(db, file, NULL, &sq, &err) == 0 && run(NULL, sq, "BEGIN", &err) == 0 && run(NULL, sq, before, &err) == 0 &&
        run(NULL, sq, days, &err) == 0 && is_unchanged(sq) && run(NULL, sq, totals_again, &err) == 0 &&
        run(NULL, sq, rest, &err) == 0 && write_about(NULL, sq, &err) == 0)
        done = run(NULL, sq, "COMMIT", &err) == 0;
    sqlite3_close(sq);
    return done;
}

/* ---- the new file */

/* One that a crash left is taken over; one that somebody else is writing at this moment is not. */
static int take(const char *path, int *fd, struct cs_error *err)
{
    struct stat held, there;

    *fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (*fd < 0)
        return cs_fail(err, CS_ECONFIG, "cannot make %s: %s; the folder must belong to the server's user", path,
                       strerrordesc_np(errno));
    if (flock(*fd, LOCK_EX | LOCK_NB) < 0 && errno == EWOULDBLOCK)
        return cs_fail(err, CS_EBUSY, "another process is publishing to %s", path);
    if (fstat(*fd, &held) < 0 || stat(path, &there) < 0 || held.st_ino != there.st_ino || held.st_dev != there.st_dev)
        return cs_fail(err, CS_EBUSY, "another process has just published to %s", path);
    if (!S_ISREG(held.st_mode) || fchmod(*fd, 0600) < 0 || ftruncate(*fd, 0) < 0)
        return cs_fail(err, CS_ECONFIG, "cannot write %s: move it away", path);
    return 0;
}

static int let_group_read(const struct db *db, const char *path, int fd, struct cs_error *err)
{
    if (db->conf->analytics_group[0] && fchown(fd, (uid_t)-1, db->analytics_gid) < 0)
        return cs_fail(
            err, CS_ECONFIG,
            "cannot give %s to the group %s (%s): add the server's user to that group, `usermod -aG %s USER`, and restart",
            path, db->conf->analytics_group, strerrordesc_np(errno), db->conf->analytics_group);
    if (fchmod(fd, 0640) < 0)
        return cs_fail(err, CS_ECONFIG, "cannot give %s mode 0640: %s", path, strerrordesc_np(errno));
    return 0;
}

static int sync_folder_of(const char *path, struct cs_error *err)
{
    struct text folder = TEXT_MAX(4096);
    int fd = -1, rc = -1;

    text_add_n(&folder, path, (size_t)(strrchr(path, '/') - path) + 1);
    if (!text_failed(&folder))
        fd = open(text_of(&folder), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd >= 0)
        rc = fsync(fd);
    if (rc < 0)
        cs_fail(err, CS_ECONFIG, "cannot sync the folder of %s: %s", path, strerrordesc_np(errno));
    if (fd >= 0)
        close(fd);
    text_free(&folder);
    return rc;
}

static int put_in_place(const struct db *db, const char *unfinished, int fd, struct cs_error *err)
{
    const char *path = db->analytics.path;

    if (let_group_read(db, unfinished, fd, err) < 0)
        return -1;
    if (fsync(fd) < 0 || rename(unfinished, path) < 0)
        return cs_fail(err, CS_EBUSY, "cannot put %s in its place: %s", path, strerrordesc_np(errno));
    return sync_folder_of(path, err);
}

static bool is_same(const struct stat *a, const struct stat *b)
{
    return a->st_ino == b->st_ino && a->st_dev == b->st_dev && a->st_size == b->st_size &&
           a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

/* What stands there, if this connection has put it there. */
static bool copy_last(const struct conn *c, int to)
{
    int from = open(c->db->analytics.path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    struct stat there;
    bool ok = from >= 0 && fstat(from, &there) == 0 && is_same(&there, &c->published);

    for (off_t left = ok ? there.st_size : 0; left > 0 && ok;) {
        ssize_t n = copy_file_range(from, NULL, to, NULL, (size_t)left, 0);

        ok = n > 0;
        left -= n;
    }
    if (from >= 0)
        close(from);
    return ok;
}

static int write_file(const struct conn *c, const char *path, int fd, struct cs_error *err)
{
    struct file unfinished = { .db = c->db, .kind = &file_copied, .path = (char *)path };

    if (copy_last(c, fd) && write_again(c->db, &unfinished))
        return 0;
    unfinished.kind = &file_unfinished;
    if (ftruncate(fd, 0) < 0)
        return cs_fail(err, CS_ECONFIG, "cannot write %s: %s", path, strerrordesc_np(errno));
    return write_whole(c->db, &unfinished, err);
}

int db_publish(void *conn, struct cs_error *err)
{
    struct conn *c = conn;
    const struct db *db = c->db;
    struct text path = TEXT_MAX(4096);
    int fd = -1, rc = -1;

    text_addf(&path, "%s.new", db->analytics.path);
    if (text_failed(&path)) {
        cs_fail(err, CS_ECONFIG, "the path of the analytics database is too long");
        goto out;
    }
    if (take(text_of(&path), &fd, err) < 0)
        goto out;
    if (write_file(c, text_of(&path), fd, err) == 0)
        rc = put_in_place(db, text_of(&path), fd, err);
    if (rc < 0)
        unlink(text_of(&path));
    else
        analyst_group_let_in(db);
    if (rc < 0 || fstat(fd, &c->published) < 0)
        c->published = (struct stat){ 0 };
out:
    if (fd >= 0)
        close(fd);
    text_free(&path);
    return rc;
}
