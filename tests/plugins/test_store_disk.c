/*
 * store-sqlite on a bad disk: full, broken, not ours. The disk is SQLite's own, behind a layer that fails writes on demand.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../../plugins/store-sqlite/db.h"
#include "../fakes/store_file.h"
#include "../fakes/store_host.h"

/* ---- the layer: a VFS that hands everything through but xWrite and xSync ---- */

static int fail_with; /* SQLITE_OK: the disk is well */
static int fail_errno;
static bool sync_fails, only_main;
static sqlite3_vfs *real_vfs, layer;

/* SQLite has a few kinds of files, each with methods of its own. */
static struct kind {
    const sqlite3_io_methods *real;
    sqlite3_io_methods ours;
} kinds[8];

static const sqlite3_io_methods *real_of(const sqlite3_file *file)
{
    return ((const struct kind *)((const char *)file->pMethods - offsetof(struct kind, ours)))->real;
}

static sqlite3_file *main_file; /* the database that was opened last, not its log */

static int write_or_fail(sqlite3_file *file, const void *data, int len, sqlite3_int64 at)
{
    sqlite3_int64 size = 0;

    if (!fail_with || (only_main && file != main_file))
        return real_of(file)->xWrite(file, data, len, at);
    real_of(file)->xFileSize(file, &size);
    if (only_main && at < size)
        return real_of(file)->xWrite(file, data, len, at);
    errno = fail_errno ? fail_errno : EIO;
    return fail_with;
}

static int sync_or_fail(sqlite3_file *file, int flags)
{
    errno = EIO;
    return (fail_with && !only_main) || sync_fails ? SQLITE_IOERR_FSYNC : real_of(file)->xSync(file, flags);
}

static int open_under_layer(sqlite3_vfs *vfs, sqlite3_filename name, sqlite3_file *file, int flags, int *out_flags)
{
    int rc = real_vfs->xOpen(real_vfs, name, file, flags, out_flags);
    struct kind *kind = kinds;

    (void)vfs;
    if (rc != SQLITE_OK || !file->pMethods)
        return rc;
    while (kind->real && kind->real != file->pMethods)
        kind++;
    if (!kind->real) {
        *kind = (struct kind){ .real = file->pMethods, .ours = *file->pMethods };
        kind->ours.xWrite = write_or_fail;
        kind->ours.xSync = sync_or_fail;
    }
    file->pMethods = &kind->ours;
    if (flags & SQLITE_OPEN_MAIN_DB)
        main_file = file;
    return rc;
}

static int install_layer(void **state)
{
    (void)state;
    real_vfs = sqlite3_vfs_find(NULL);
    layer = *real_vfs;
    layer.zName = "layer";
    layer.xOpen = open_under_layer;
    return sqlite3_vfs_register(&layer, 1) == SQLITE_OK ? 0 : -1;
}

static int remove_layer(void **state)
{
    (void)state;
    return sqlite3_vfs_unregister(&layer) == SQLITE_OK ? 0 : -1;
}

/* ---- */

static struct store_file f;
static void *w;
static struct cs_error err;

static int set_up(void **state)
{
    (void)state;
    fail_with = SQLITE_OK;
    sync_fails = only_main = false;
    err = (struct cs_error){ 0 };
    store_file_open(&f, 100);
    store_file_migrate(&f);
    assert_int_equal(f.ops->connect(f.self, CS_STATE_WRITER, &w, &err), 0);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    fail_with = SQLITE_OK;
    f.ops->disconnect(f.self, w);
    store_file_close(&f);
    return 0;
}

static int keep(const char *key)
{
    return f.ops->keep_put(w, "ca", "le", key, "v", 1, &err);
}

static int64_t kept(void)
{
    return store_file_number(&f, "SELECT count(*) FROM keep");
}

static void a_full_disk_fails_the_commit_and_keeps_nothing(void **state)
{
    (void)state;
    assert_int_equal(f.ops->begin(w, &err), 0);
    assert_int_equal(keep("a"), 0);
    fail_with = SQLITE_FULL;
    assert_int_equal(f.ops->commit(w, &err), -1);
    assert_int_equal(err.code, CS_EBUSY);
    assert_non_null(strstr(err.text, "is full: make room"));
    assert_true(err.retry_after_ms > 0);
    f.ops->rollback(w);
    fail_with = SQLITE_OK;
    assert_int_equal(kept(), 0);
    assert_int_equal(f.ops->begin(w, &err), 0);
    assert_int_equal(keep("b"), 0);
    assert_int_equal(f.ops->commit(w, &err), 0);
    assert_int_equal(kept(), 1);
}

/* More than the page cache holds must be written before the commit, so that the transaction ends in the middle. */
static void a_disk_that_fills_up_in_the_middle_ends_the_transaction_for_good(void **state)
{
    static const char big[60000];
    int rc = 0;

    (void)state;
    assert_int_equal(sqlite3_exec(((struct conn *)w)->sq, "PRAGMA cache_size = 4; PRAGMA cache_spill = 1", NULL, NULL, NULL),
                     SQLITE_OK);
    assert_int_equal(f.ops->begin(w, &err), 0);
    assert_int_equal(f.ops->savepoint(w, CS_SAVEPOINT_SET, &err), 0);
    assert_int_equal(keep("a"), 0);
    assert_int_equal(f.ops->savepoint(w, CS_SAVEPOINT_RELEASE, &err), 0);
    assert_int_equal(f.ops->savepoint(w, CS_SAVEPOINT_SET, &err), 0);
    fail_with = SQLITE_FULL;
    for (int i = 0; rc == 0 && i < 100; i++) {
        char key[2] = { (char)('b' + i), '\0' };

        rc = f.ops->keep_put(w, "ca", "le", key, big, sizeof big, &err);
    }
    assert_int_equal(rc, -1);
    assert_int_equal(err.code, CS_EBUSY);
    assert_non_null(strstr(err.text, "is full: make room"));
    fail_with = SQLITE_OK;
    if (sqlite3_get_autocommit(((struct conn *)w)->sq)) {
        assert_int_equal(f.ops->savepoint(w, CS_SAVEPOINT_ROLLBACK, &err), -1);
        assert_int_equal(f.ops->savepoint(w, CS_SAVEPOINT_SET, &err), -1);
        assert_string_equal(err.text, "the transaction was undone by an earlier failure");
        assert_int_equal(f.ops->commit(w, &err), -1);
    }
    f.ops->rollback(w);
    assert_int_equal(kept(), 0);
    assert_int_equal(f.ops->begin(w, &err), 0);
    assert_int_equal(keep("a"), 0);
    assert_int_equal(f.ops->commit(w, &err), 0);
    assert_int_equal(kept(), 1);
}

static void a_broken_disk_is_named(void **state)
{
    (void)state;
    assert_int_equal(f.ops->begin(w, &err), 0);
    assert_int_equal(keep("a"), 0);
    fail_with = SQLITE_IOERR_WRITE;
    assert_int_equal(f.ops->commit(w, &err), -1);
    assert_int_equal(err.code, CS_EBUSY);
    assert_string_equal(err.reason, "storage-unavailable");
    assert_true(err.retry_after_ms > 0);
    assert_non_null(strstr(err.text, "reading or writing "));
    assert_non_null(strstr(err.text, "check the disk"));
    f.ops->rollback(w);
    fail_with = SQLITE_OK;
    assert_int_equal(kept(), 0);
}

static void what_the_system_says_of_a_write_is_said_to_the_operator(void **state)
{
    static const struct {
        int number;
        const char *words;
    } cases[] = {
        { EDQUOT, "quota of the server's user is used up" },
        { EFBIG, "ulimit -f" },
        { EROFS, "mount -o remount,rw" },
        { EIO, "check the disk" },
    };

    (void)state;
    fail_with = SQLITE_IOERR_WRITE;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        fail_errno = cases[i].number;
        assert_int_equal(f.ops->begin(w, &err), 0);
        assert_int_equal(keep("a"), 0);
        assert_int_equal(f.ops->commit(w, &err), -1);
        assert_string_equal(err.reason, "storage-unavailable");
        assert_non_null(strstr(err.text, cases[i].words));
        f.ops->rollback(w);
    }
    fail_errno = 0;
}

/* After a failed fsync neither the kernel's cache nor SQLite's is believed. */
static void after_a_failed_sync_the_connection_is_opened_anew_and_the_file_is_looked_at(void **state)
{
    sqlite3 *before = ((struct conn *)w)->sq;
    int64_t version, version_then;

    (void)state;
    assert_int_equal(f.ops->version(w, &version, &err), 0);
    sync_fails = true;
    assert_int_equal(f.ops->begin(w, &err), 0);
    assert_int_equal(keep("a"), 0);
    assert_int_equal(f.ops->commit(w, &err), -1);
    f.ops->rollback(w);
    for (int i = 0; i < 3; i++) { /* as often as it is tried while the disk is so */
        assert_int_equal(f.ops->begin(w, &err), 0);
        assert_int_equal(keep("b"), 0);
        assert_int_equal(f.ops->commit(w, &err), -1);
        f.ops->rollback(w);
    }
    sync_fails = false;
    assert_true(((struct conn *)w)->sq != before);
    assert_int_equal(kept(), 0);
    assert_int_equal(f.ops->begin(w, &err), 0);
    assert_true(((struct conn *)w)->unproved);
    assert_int_equal(keep("c"), 0);
    assert_int_equal(f.ops->commit(w, &err), 0);
    assert_false(((struct conn *)w)->unproved);
    assert_false(((struct conn *)w)->broken);
    assert_int_equal(kept(), 1);
    assert_int_equal(f.ops->version(w, &version_then, &err), 0);
    assert_true(version_then != version); /* nobody takes it for the connection that it was */
    assert_int_equal(f.ops->room(w, &err), 0);
}

/* ---- room ---- */

static int64_t log_is(struct stat *st)
{
    char path[160];

    snprintf(path, sizeof path, "%s-wal", f.path);
    assert_int_equal(stat(path, st), 0);
    return (int64_t)st->st_blocks * 512;
}

static void room_for_orders_under_way_is_allocated_to_the_log_and_does_not_make_it_longer(void **state)
{
    struct stat st;

    (void)state;
    assert_int_equal(f.ops->room(w, &err), 0);
    if (((struct conn *)w)->room.no_reserve)
        fail_msg("%s allocates nothing ahead: run the tests where TMPDIR is ext4, xfs or tmpfs", f.folder);
    assert_true(log_is(&st) >= 1 << 20);
    assert_true(st.st_size < 1 << 20);
}

/* The log is cut, as `privacy erase` does; what it had is had again. */
static void room_that_went_with_a_shorter_log_is_allocated_again(void **state)
{
    struct stat st;
    bool done;

    (void)state;
    assert_int_equal(f.ops->room(w, &err), 0);
    assert_int_equal(f.ops->scrub(w, &done, &err), 0);
    assert_true(done);
    assert_int_equal(log_is(&st), 0);
    assert_int_equal(f.ops->room(w, &err), 0);
    assert_true(log_is(&st) >= 1 << 20);
}

static void without_room_orders_are_refused_until_there_is_some_again(void **state)
{
    struct rlimit before, tight = { 0 };

    (void)state;
    getrlimit(RLIMIT_FSIZE, &before);
    tight.rlim_max = before.rlim_max;
    tight.rlim_cur = 1 << 20;
    assert_int_equal(f.ops->room(w, &err), 0);
    setrlimit(RLIMIT_FSIZE, &tight);
    assert_int_equal(f.ops->room(w, &err), -1);
    setrlimit(RLIMIT_FSIZE, &before);
    assert_int_equal(err.code, CS_EBUSY);
    assert_string_equal(err.reason, "storage-unavailable");
    assert_true(err.retry_after_ms > 0 && err.retry_after_ms <= 5000);
    assert_non_null(strstr(err.text, "LimitFSIZE"));
    assert_int_equal(f.ops->room(w, &err), 0);
}

/* Many orders in one transaction: each finds less than the one before. */
static void orders_of_one_transaction_count(void **state)
{
    const struct conn *c = w;

    (void)state;
    assert_int_equal(f.ops->begin(w, &err), 0);
    assert_int_equal(f.ops->room(w, &err), 0);
    assert_int_equal(f.ops->room(w, &err), 0);
    assert_int_equal(c->room.promised, 8);
    assert_int_equal(keep("a"), 0);
    assert_int_equal(f.ops->commit(w, &err), 0);
    assert_int_equal(c->room.promised, 0);
    assert_true(c->room.frames > 0);
}

/* The log grows and grows, because the database cannot take what is in it. */
static void a_database_that_takes_nothing_from_the_log_takes_no_orders(void **state)
{
    static const char big[600000];

    (void)state;
    assert_int_equal(f.ops->room(w, &err), 0);
    fail_with = SQLITE_FULL;
    only_main = true;
    for (int i = 0; i < 10; i++) {
        char key[2] = { (char)('a' + i), '\0' };

        assert_int_equal(f.ops->begin(w, &err), 0);
        assert_int_equal(f.ops->keep_put(w, "ca", "le", key, big, sizeof big, &err), 0);
        assert_int_equal(f.ops->commit(w, &err), 0);
    }
    assert_int_equal(f.ops->room(w, &err), -1);
    assert_string_equal(err.reason, "storage-unavailable");
    fail_with = SQLITE_OK;
    assert_int_equal(f.ops->room(w, &err), 0);
    assert_int_equal(kept(), 10);
}

static void damage_that_is_met_refuses_orders_and_leaves_a_mark_for_the_next_start(void **state)
{
    char path[160];

    (void)state;
    snprintf(path, sizeof path, "%s.suspect", f.path);
    assert_int_equal(access(path, F_OK), -1);
    conn_note_failure(w, SQLITE_CORRUPT);
    assert_int_equal(access(path, F_OK), 0);
    assert_int_equal(f.ops->room(w, &err), -1);
    assert_string_equal(err.reason, "storage-damaged");
    assert_true(err.retry_after_ms > 0);
    assert_non_null(strstr(err.text, "restart the server"));
    assert_non_null(strstr(store_host.lines, "the state database is damaged: restart"));
    store_host.lines[0] = '\0';
    conn_note_failure(w, SQLITE_CORRUPT);
    assert_string_equal(store_host.lines, "");
    assert_int_equal(unlink(path), 0);
}

/* As the server's user when the file is root's: SQLite then opens it for reading only, without a word. */
static void a_file_that_cannot_be_written_is_refused(void **state)
{
    uid_t before = geteuid();
    void *conn = NULL;
    int rc;

    (void)state;
    assert_int_equal(chmod(f.path, 0444), 0);
    assert_int_equal(chmod(f.folder, 0755), 0);
    if (before == 0)
        assert_int_equal(seteuid(65534), 0);
    rc = f.ops->connect(f.self, CS_STATE_WRITER, &conn, &err);
    if (before == 0)
        assert_int_equal(seteuid(0), 0);
    assert_int_equal(rc, -1);
    assert_int_equal(err.code, CS_ECONFIG);
    assert_non_null(strstr(err.text, "cannot be opened for writing"));
    assert_non_null(strstr(err.text, "must belong to the server's user"));
}

static int64_t pragma(void *conn, const char *sql)
{
    sqlite3_stmt *s = NULL;
    int64_t number;

    assert_int_equal(sqlite3_prepare_v2(((struct conn *)conn)->sq, sql, -1, &s, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(s), SQLITE_ROW);
    number = sqlite3_column_int64(s, 0);
    sqlite3_finalize(s);
    return number;
}

static void a_commit_reaches_the_disk_and_a_connection_is_hardened(void **state)
{
    void *r;
    int on = 0;

    (void)state;
    assert_int_equal(f.ops->connect(f.self, CS_STATE_READER, &r, &err), 0);
    assert_int_equal(pragma(w, "PRAGMA synchronous"), 2);
    assert_int_equal(pragma(w, "PRAGMA foreign_keys"), 1);
    assert_int_equal(pragma(w, "PRAGMA trusted_schema"), 0);
    assert_int_equal(pragma(w, "PRAGMA busy_timeout"), 100);
    assert_int_equal(pragma(w, "PRAGMA temp_store"), 2);
    assert_int_equal(pragma(w, "PRAGMA query_only"), 0);
    assert_int_equal(pragma(r, "PRAGMA query_only"), 1);
    assert_int_equal(pragma(w, "SELECT journal_mode = 'wal' FROM pragma_journal_mode"), 1);
    assert_int_equal(sqlite3_db_config(((struct conn *)w)->sq, SQLITE_DBCONFIG_DEFENSIVE, -1, &on), SQLITE_OK);
    assert_int_equal(on, 1);
    assert_int_equal(sqlite3_exec(((struct conn *)w)->sq, "SELECT \"no such column\"", NULL, NULL, NULL), SQLITE_ERROR);
    f.ops->disconnect(f.self, r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_full_disk_fails_the_commit_and_keeps_nothing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_disk_that_fills_up_in_the_middle_ends_the_transaction_for_good, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_broken_disk_is_named, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_the_system_says_of_a_write_is_said_to_the_operator, set_up, tear_down),
        cmocka_unit_test_setup_teardown(after_a_failed_sync_the_connection_is_opened_anew_and_the_file_is_looked_at, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(room_for_orders_under_way_is_allocated_to_the_log_and_does_not_make_it_longer, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(room_that_went_with_a_shorter_log_is_allocated_again, set_up, tear_down),
        cmocka_unit_test_setup_teardown(without_room_orders_are_refused_until_there_is_some_again, set_up, tear_down),
        cmocka_unit_test_setup_teardown(orders_of_one_transaction_count, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_database_that_takes_nothing_from_the_log_takes_no_orders, set_up, tear_down),
        cmocka_unit_test_setup_teardown(damage_that_is_met_refuses_orders_and_leaves_a_mark_for_the_next_start, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_file_that_cannot_be_written_is_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_commit_reaches_the_disk_and_a_connection_is_hardened, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, install_layer, remove_layer);
}
