/*
 * store-sqlite and files that cannot be looked at: a read that fails, no memory, a folder that may not be listed. That is no
 * damage: nothing is moved, nothing new is made, and the start is refused with what to do; visits are gone without. The disk is
 * SQLite's own, with a system call of ours for reading.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../../plugins/store-sqlite/db.h"
#include "../fakes/store_file.h"
#include "../fakes/store_host.h"

enum { PAGE = 4096, NOBODY = 65534 };

/* ---- the disk: from that place of that file on, no read works ---- */

typedef ssize_t read_fn(int, void *, size_t, off_t);

static read_fn *real_pread;
static struct stat bad;
static off_t bad_from = -1; /* none */
static int bad_errno, fails;

static ssize_t pread_or_fail(int fd, void *to, size_t len, off_t at)
{
    struct stat st;

    if (bad_from < 0 || at < bad_from || fstat(fd, &st) < 0 || st.st_ino != bad.st_ino || st.st_dev != bad.st_dev)
        return real_pread(fd, to, len, at);
    fails++;
    errno = bad_errno;
    return -1;
}

static void fail_reading(const char *path, off_t from, int number)
{
    assert_int_equal(stat(path, &bad), 0);
    bad_from = from;
    bad_errno = number;
    fails = 0;
}

/* SQLite is built to use the one or the other. */
static int install_disk(void **state)
{
    static const char *const names[] = { "pread", "pread64" };
    sqlite3_vfs *vfs = sqlite3_vfs_find(NULL);

    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        sqlite3_syscall_ptr real = vfs->xGetSystemCall(vfs, names[i]);

        if (!real)
            continue;
        real_pread = (read_fn *)real;
        if (vfs->xSetSystemCall(vfs, names[i], (sqlite3_syscall_ptr)pread_or_fail) != SQLITE_OK)
            return -1;
    }
    return real_pread ? 0 : -1;
}

/* ---- */

static struct store_file f;
static struct cs_error err;

static int set_up(void **state)
{
    (void)state;
    bad_from = -1;
    store_file_folder(&f);
    store_file_open(&f, 100);
    store_host = (struct store_host){ .folder = f.folder };
    err = (struct cs_error){ 0 };
    store_file_migrate(&f);
    store_file_sql(&f, "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2000)"
                       "INSERT INTO zone (zone, dns) SELECT 'z' || i || '.example', 'builtin' FROM n");
    return 0;
}

static int tear_down(void **state)
{
    char pattern[128];
    glob_t found;

    (void)state;
    bad_from = -1;
    snprintf(pattern, sizeof pattern, "%s/*", f.folder);
    if (glob(pattern, 0, NULL, &found) == 0) { /* of a test that failed */
        for (size_t i = 0; i < found.gl_pathc; i++)
            unlink(found.gl_pathv[i]);
        globfree(&found);
    }
    store_file_close(&f);
    return 0;
}

static int migrate(void)
{
    err = (struct cs_error){ 0 };
    return f.ops->migrate(f.self, true, &err);
}

/* As the server's user; in a sandbox without root, as ourselves. */
static int migrate_as_nobody(void)
{
    const uid_t before = geteuid();
    int rc;

    if (before == 0)
        assert_int_equal(seteuid(NOBODY), 0);
    rc = migrate();
    if (before == 0)
        assert_int_equal(seteuid(before), 0);
    return rc;
}

static void give_to_nobody(const char *path)
{
    if (geteuid() == 0)
        assert_int_equal(chown(path, NOBODY, NOBODY), 0);
}

/* ---- reads ---- */

static void a_page_that_cannot_be_read_at_the_start_is_no_damage(void **state)
{
    static const int numbers[] = { EIO, ENXIO, EACCES };

    (void)state;
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        for (off_t page = 0; page < 40; page += 3) {
            fail_reading(f.path, page * PAGE, numbers[i]);
            assert_int_equal(migrate(), -1);
            assert_int_not_equal(fails, 0);
            assert_string_equal(err.reason, "storage-unavailable");
            assert_non_null(strstr(err.text, "check the disk"));
            assert_int_equal(access(f.path, F_OK), 0);
        }
    bad_from = -1;
    assert_int_equal(migrate(), 0);
    assert_int_equal(store_file_number(&f, "SELECT count(*) FROM zone"), 2000);
}

static void visits_that_cannot_be_read_stay_where_they_are(void **state)
{
    void *conn = NULL;

    (void)state;
    fail_reading(f.visits, 0, EIO);
    assert_int_equal(migrate(), 0);
    assert_int_equal(access(f.visits, F_OK), 0);
    assert_int_equal(f.ops->connect(f.self, CS_VISITS_WRITER, &conn, &err), -1);
    assert_string_equal(err.reason, "storage-unavailable");
}

/* After an I/O error the connection is opened anew, and the first commit looks at the file. */
static void a_file_that_cannot_be_looked_at_after_trouble_is_looked_at_again(void **state)
{
    struct conn *c;
    void *w;

    (void)state;
    assert_int_equal(f.ops->connect(f.self, CS_STATE_WRITER, &w, &err), 0);
    c = w;
    c->unproved = true;
    fail_reading(f.path, 10 * PAGE, EIO);
    conn_prove(c);
    assert_int_not_equal(fails, 0);
    assert_true(c->unproved);
    assert_false(atomic_load(&c->file->suspect));
    bad_from = -1;
    conn_prove(c);
    assert_false(c->unproved);
    assert_false(atomic_load(&c->file->suspect));
    f.ops->disconnect(f.self, w);
}

/* ---- what lies in the folder ---- */

static void a_log_that_cannot_be_opened_is_not_none(void **state)
{
    char log[128];

    (void)state;
    snprintf(log, sizeof log, "%s-wal", f.path);
    assert_int_equal(symlink("nowhere", log), 0);
    assert_int_equal(migrate(), -1);
    assert_string_equal(err.reason, "storage-unavailable");
    assert_non_null(strstr(err.text, "-wal cannot be looked at"));
    assert_int_equal(unlink(log), 0);
    assert_int_equal(migrate(), 0);
}

/* Were it taken for "none", an empty database would take the place of the one that was put aside. */
static void a_folder_that_may_not_be_listed_may_hold_what_was_put_aside(void **state)
{
    char aside[160];

    (void)state;
    snprintf(aside, sizeof aside, "%s.damaged-20261121T182400Z", f.path);
    assert_int_equal(rename(f.path, aside), 0);
    give_to_nobody(f.folder);
    assert_int_equal(chmod(f.folder, 0300), 0);
    assert_int_equal(migrate_as_nobody(), -1);
    assert_int_equal(chmod(f.folder, 0700), 0);
    assert_int_equal(access(f.path, F_OK), -1);
    assert_non_null(strstr(err.text, "cannot tell whether a damaged state database was put aside"));
    assert_int_equal(rename(aside, f.path), 0);
    assert_int_equal(migrate(), 0);
}

static void visits_that_cannot_be_opened_do_not_stop_the_state(void **state)
{
    void *conn = NULL;

    (void)state;
    give_to_nobody(f.folder);
    give_to_nobody(f.path);
    assert_int_equal(chmod(f.visits, geteuid() == 0 ? 0600 : 0), 0);
    assert_int_equal(migrate_as_nobody(), 0);
    assert_int_equal(f.ops->connect(f.self, CS_VISITS_WRITER, &conn, &err), -1);
    assert_string_equal(err.reason, "storage-unavailable");
    assert_non_null(strstr(err.text, "must belong to the server's user"));
}

/* ---- `countersign check` ---- */

static void note(void *arg, const char *text)
{
    snprintf(arg, 1000, "%s", text);
}

/* A server that was killed leaves its log; its commits are found behind a broken page, and stay there. */
static void check_leaves_the_log_of_a_dead_server_as_it_is(void **state)
{
    char log[128], found[1000] = "", junk[50];
    struct stat before, after;
    void *w;
    int fd;

    (void)state;
    snprintf(log, sizeof log, "%s-wal", f.path);
    assert_int_equal(f.ops->connect(f.self, CS_STATE_WRITER, &w, &err), 0);
    for (int i = 0; i < 6; i++) {
        assert_int_equal(f.ops->begin(w, &err), 0);
        assert_int_equal(f.ops->keep_put(w, "ca", "le", (char[]){ (char)('a' + i), '\0' }, "v", 1, &err), 0);
        assert_int_equal(f.ops->commit(w, &err), 0);
    }
    assert_int_equal(sqlite3_db_config(((struct conn *)w)->sq, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL), SQLITE_OK);
    f.ops->disconnect(f.self, w);
    assert_int_equal(stat(log, &before), 0);
    assert_int_equal(f.ops->inspect(f.self, note, found, &err), 0);
    assert_string_equal(found, "");
    assert_int_equal(stat(log, &after), 0);
    assert_int_equal(after.st_size, before.st_size);

    memset(junk, 0x5a, sizeof junk);
    fd = open(log, O_WRONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(pwrite(fd, junk, sizeof junk, 32 + 24 + PAGE + 100), sizeof junk);
    assert_int_equal(close(fd), 0);
    assert_int_equal(f.ops->inspect(f.self, note, found, &err), 0);
    assert_non_null(strstr(found, "page 2 of its -wal is broken"));
    assert_int_equal(stat(log, &after), 0);
    assert_int_equal(after.st_size, before.st_size);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(a_page_that_cannot_be_read_at_the_start_is_no_damage),
        TEST(visits_that_cannot_be_read_stay_where_they_are),
        TEST(a_file_that_cannot_be_looked_at_after_trouble_is_looked_at_again),
        TEST(a_log_that_cannot_be_opened_is_not_none),
        TEST(a_folder_that_may_not_be_listed_may_hold_what_was_put_aside),
        TEST(visits_that_cannot_be_opened_do_not_stop_the_state),
        TEST(check_leaves_the_log_of_a_dead_server_as_it_is),
    };

    return cmocka_run_group_tests(tests, install_disk, NULL);
}
