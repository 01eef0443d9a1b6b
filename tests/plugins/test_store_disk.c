/*
 * store-sqlite on a bad disk: full, broken, not ours. The disk is SQLite's own, behind a layer that fails writes on demand.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <sqlite3.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../../plugins/store-sqlite/db.h"
#include "../fakes/store_file.h"

/* ---- the layer: a VFS that hands everything through but xWrite and xSync ---- */

static int fail_with; /* SQLITE_OK: the disk is well */
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

static int write_or_fail(sqlite3_file *file, const void *data, int len, sqlite3_int64 at)
{
    return fail_with ? fail_with : real_of(file)->xWrite(file, data, len, at);
}

static int sync_or_fail(sqlite3_file *file, int flags)
{
    return fail_with ? SQLITE_IOERR_FSYNC : real_of(file)->xSync(file, flags);
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
    assert_int_equal(err.code, CS_ECONFIG);
    assert_non_null(strstr(err.text, "reading or writing "));
    assert_non_null(strstr(err.text, "check the disk"));
    f.ops->rollback(w);
    fail_with = SQLITE_OK;
    assert_int_equal(kept(), 0);
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
        cmocka_unit_test_setup_teardown(a_file_that_cannot_be_written_is_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_commit_reaches_the_disk_and_a_connection_is_hardened, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, install_layer, remove_layer);
}
