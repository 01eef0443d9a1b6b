/* store-sqlite: the file itself. Made, recognised, brought up to date, or refused in words; and held by somebody else. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "../fakes/store_file.h"
#include "../fakes/store_host.h"

static struct store_file f;

static int set_up(void **state)
{
    (void)state;
    store_file_folder(&f);
    store_file_open(&f, 200);
    store_host = (struct store_host){ 0 };
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    store_file_close(&f);
    return 0;
}

static void expect_refusal(bool may_change, enum cs_code code, const char *words)
{
    struct cs_error err = { 0 };

    assert_int_equal(f.ops->migrate(f.self, may_change, &err), -1);
    assert_int_equal(err.code, code);
    if (!strstr(err.text, words))
        fail_msg("\"%s\" does not say \"%s\"", err.text, words);
}

static int mode_of(const char *end)
{
    char path[128];
    struct stat st;

    snprintf(path, sizeof path, "%s%s", f.path, end);
    return stat(path, &st) < 0 ? -1 : (int)(st.st_mode & 0777);
}

static void write_file(const char *text)
{
    FILE *out = fopen(f.path, "w");

    assert_non_null(out);
    assert_int_equal(fputs(text, out) < 0, 0);
    assert_int_equal(fclose(out), 0);
}

static void makes_a_file_that_only_its_owner_reads(void **state)
{
    mode_t before = umask(0);
    struct cs_error err = { 0 };
    void *conn;

    (void)state;
    store_file_migrate(&f);
    assert_int_equal(store_host.level, CS_LOG_INFO);
    assert_non_null(strstr(store_host.lines, "state.db from=0 to=5"));
    assert_int_equal(f.ops->connect(f.self, CS_STATE_WRITER, &conn, &err), 0);
    assert_int_equal(f.ops->begin(conn, &err), 0);
    assert_int_equal(f.ops->keep_put(conn, "ca", "le", "k", "v", 1, &err), 0);
    assert_int_equal(f.ops->commit(conn, &err), 0);
    assert_int_equal(mode_of(""), 0600);
    assert_int_equal(mode_of("-wal"), 0600);
    assert_int_equal(mode_of("-shm"), 0600);
    f.ops->disconnect(f.self, conn);
    umask(before);
    assert_int_equal(store_file_number(&f, "SELECT user_version FROM pragma_user_version"), 5);
    assert_int_equal(store_file_number(&f, "SELECT journal_mode = 'wal' FROM pragma_journal_mode"), 1);
}

static void migrating_again_changes_nothing(void **state)
{
    struct cs_error err = { 0 };

    (void)state;
    store_file_migrate(&f);
    store_file_sql(&f, "INSERT INTO zone (zone, dns) VALUES ('lab.example', 'builtin')");
    store_host.lines[0] = '\0';
    store_file_migrate(&f);
    assert_string_equal(store_host.lines, "");
    assert_int_equal(f.ops->migrate(f.self, false, &err), 0);
    assert_int_equal(store_file_number(&f, "SELECT count(*) FROM zone"), 1);
}

/* The server never leaves one: something has cut it. */
static void an_empty_file_is_not_taken_for_a_new_one(void **state)
{
    (void)state;
    write_file("");
    expect_refusal(false, CS_EBUSY, "is damaged (it is empty)");
    expect_refusal(true, CS_ECONFIG, "is damaged, or not Countersign's");
    assert_int_not_equal(mode_of(""), -1);
}

static void a_file_that_was_not_finished_is_begun_anew(void **state)
{
    char path[128];

    (void)state;
    snprintf(path, sizeof path, "%s.new", f.path);
    assert_int_equal(close(open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600)), 0);
    store_file_migrate(&f);
    assert_int_equal(store_file_number(&f, "SELECT count(*) FROM zone"), 0);
    assert_int_equal(access(path, F_OK), -1);
}

static void without_leave_to_change_nothing_is_made(void **state)
{
    (void)state;
    expect_refusal(false, CS_ECONFIG, "`countersign serve` makes it");
    assert_int_equal(mode_of(""), -1);
    store_file_sql(&f, "PRAGMA application_id = 1131627618");
    expect_refusal(false, CS_ECONFIG, "has schema 0, this version needs 5: restart `countersign serve`");
    assert_int_equal(store_file_number(&f, "SELECT count(*) FROM sqlite_schema"), 0);
}

static void a_newer_schema_is_refused(void **state)
{
    (void)state;
    store_file_migrate(&f);
    store_file_sql(&f, "PRAGMA user_version = 7");
    expect_refusal(true, CS_ECONFIG, "has schema 7, but this version knows only up to 5");
    expect_refusal(false, CS_ECONFIG, "has schema 7, but this version knows only up to 5");
    assert_int_equal(store_file_number(&f, "SELECT user_version FROM pragma_user_version"), 7);
}

static void a_database_of_another_program_is_left_alone(void **state)
{
    (void)state;
    store_file_sql(&f, "CREATE TABLE recipe (title TEXT)");
    expect_refusal(true, CS_ECONFIG, "of some other program");
    assert_int_equal(store_file_number(&f, "SELECT count(*) FROM sqlite_schema"), 1);
}

static void what_is_no_database_is_refused(void **state)
{
    char text[3000];

    (void)state;
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    write_file(text);
    expect_refusal(false, CS_EBUSY, "it is not a SQLite database");
    expect_refusal(true, CS_ECONFIG, "is damaged, or not Countersign's: move it away");
    assert_int_not_equal(mode_of(""), -1); /* it may be another program's */
    assert_int_equal(unlink(f.path), 0);
    assert_int_equal(mkdir(f.path, 0700), 0);
    expect_refusal(true, CS_ECONFIG, "is not a file");
    assert_int_equal(rmdir(f.path), 0);
}

static void a_damaged_database_is_named(void **state)
{
    struct cs_error err = { 0 };
    char junk[512];
    void *conn = NULL;
    int fd;

    (void)state;
    store_file_migrate(&f);
    memset(junk, 0x5a, sizeof junk);
    fd = open(f.path, O_WRONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(pwrite(fd, junk, sizeof junk, 100), sizeof junk);
    assert_int_equal(close(fd), 0);
    assert_int_equal(f.ops->connect(f.self, CS_STATE_READER, &conn, &err), -1);
    assert_string_equal(err.reason, "storage-damaged");
    assert_non_null(strstr(err.text, "is damaged"));
    assert_non_null(strstr(err.text, "restart the server"));
}

static void a_missing_folder_is_named(void **state)
{
    struct store_file before = f;

    (void)state;
    snprintf(f.path, sizeof f.path, "%s/nowhere/state.db", f.folder);
    cs_plugin.close(f.self);
    free(f.settings);
    store_file_open(&f, 200);
    expect_refusal(true, CS_ECONFIG, "the folder must belong to the server's user");
    memcpy(f.path, before.path, sizeof f.path);
}

static void a_file_that_others_may_read_is_complained_about(void **state)
{
    (void)state;
    store_file_migrate(&f);
    assert_int_equal(chmod(f.path, 0644), 0);
    store_file_migrate(&f);
    assert_int_equal(store_host.level, CS_LOG_WARN);
    assert_non_null(strstr(store_host.lines, "can be read by others"));
}

static void the_lock_of_another_process_is_waited_for_and_then_named(void **state)
{
    struct cs_error err = { 0 };
    struct store_holder h;
    struct timespec from, to;
    void *conn;
    int64_t ms;

    (void)state;
    store_file_migrate(&f);
    assert_int_equal(f.ops->connect(f.self, CS_STATE_WRITER, &conn, &err), 0);
    store_file_hold(&f, &h);
    clock_gettime(CLOCK_MONOTONIC, &from);
    assert_int_equal(f.ops->begin(conn, &err), -1);
    clock_gettime(CLOCK_MONOTONIC, &to);
    ms = (to.tv_sec - from.tv_sec) * 1000 + (to.tv_nsec - from.tv_nsec) / 1000000;
    assert_int_equal(err.code, CS_EBUSY);
    assert_non_null(strstr(err.text, "is locked by another process for more than 0.2 s"));
    assert_true(err.retry_after_ms > 0);
    assert_true(ms >= 150);
    store_file_let_go(&h);
    assert_int_equal(f.ops->begin(conn, &err), 0);
    assert_int_equal(f.ops->commit(conn, &err), 0);
    f.ops->disconnect(f.self, conn);
}

static void a_reader_does_not_wait_for_a_writer(void **state)
{
    struct cs_error err = { 0 };
    struct store_holder h;
    void *conn;
    int64_t first, last;

    (void)state;
    store_file_migrate(&f);
    store_file_hold(&f, &h);
    assert_int_equal(f.ops->connect(f.self, CS_STATE_READER, &conn, &err), 0);
    assert_int_equal(f.ops->outbox_range(conn, &first, &last, &err), 0);
    assert_int_equal(f.ops->keep_put(conn, "ca", "le", "k", "v", 1, &err), -1);
    assert_int_equal(err.code, CS_EINTERNAL);
    f.ops->disconnect(f.self, conn);
    store_file_let_go(&h);
}

static void the_visits_have_a_file_of_their_own_that_only_its_owner_reads(void **state)
{
    struct cs_error err = { 0 };
    struct stat st;
    char path[128];
    void *conn = NULL;

    (void)state;
    store_file_migrate(&f);
    assert_non_null(strstr(store_host.lines, "the visits database was brought up to date"));
    assert_int_equal(f.ops->connect(f.self, CS_VISITS_WRITER, &conn, &err), 0);
    assert_int_equal(f.ops->begin(conn, &err), 0);
    assert_int_equal(f.ops->zone_id_put(conn, "lab.example", 1, &err), 0);
    assert_int_equal(f.ops->commit(conn, &err), 0);
    for (const char *const *end = (const char *const[]){ "", "-wal", "-shm", NULL }; *end; end++) {
        snprintf(path, sizeof path, "%s%s", f.visits, *end);
        assert_int_equal(stat(path, &st), 0);
        assert_int_equal(st.st_mode & 0777, 0600);
    }
    assert_int_equal(f.ops->keep_put(conn, "ca", "le", "k", "v", 1, &err), -1);
    assert_int_equal(err.code, CS_EINTERNAL);
    f.ops->disconnect(f.self, conn);
}

static void one_file_is_not_taken_for_the_other(void **state)
{
    char away[128];

    (void)state;
    store_file_migrate(&f);
    snprintf(away, sizeof away, "%s/away.db", f.folder);
    assert_int_equal(rename(f.path, away), 0);
    assert_int_equal(rename(f.visits, f.path), 0);
    expect_refusal(true, CS_ECONFIG, "or another file of this one: set `file` of the store");
    assert_int_equal(rename(f.path, f.visits), 0);
    assert_int_equal(rename(away, f.path), 0);
    store_file_migrate(&f);
}

static void the_file_is_looked_for_in_the_state_folder(void **state)
{
    struct cs_error err = { 0 };
    void *self = NULL;
    struct {
        const char *file, *visits, *analytics, *analytics_group;
        int64_t busy_timeout, reserve;
    } settings = { "state.db", "visits.db", "analytics.db", "", 100, 1 << 20 };

    (void)state;
    assert_int_equal(sizeof settings, cs_plugin.settings_size);
    assert_int_equal(cs_plugin.open(NULL, &settings, &self, &err), -1);
    assert_string_equal(err.text, "there is no state folder");
    store_host.folder = f.folder;
    assert_int_equal(cs_plugin.open(NULL, &settings, &self, &err), 0);
    assert_int_equal(cs_plugin.store->migrate(self, true, &err), 0);
    cs_plugin.close(self);
    assert_int_equal(mode_of(""), 0600);
    settings.file = "";
    assert_int_equal(cs_plugin.open(NULL, &settings, &self, &err), -1);
    assert_int_equal(err.code, CS_ECONFIG);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(makes_a_file_that_only_its_owner_reads, set_up, tear_down),
        cmocka_unit_test_setup_teardown(migrating_again_changes_nothing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_file_that_was_not_finished_is_begun_anew, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_empty_file_is_not_taken_for_a_new_one, set_up, tear_down),
        cmocka_unit_test_setup_teardown(without_leave_to_change_nothing_is_made, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_newer_schema_is_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_database_of_another_program_is_left_alone, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_is_no_database_is_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_damaged_database_is_named, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_missing_folder_is_named, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_file_that_others_may_read_is_complained_about, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_lock_of_another_process_is_waited_for_and_then_named, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_reader_does_not_wait_for_a_writer, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_visits_have_a_file_of_their_own_that_only_its_owner_reads, set_up, tear_down),
        cmocka_unit_test_setup_teardown(one_file_is_not_taken_for_the_other, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_file_is_looked_for_in_the_state_folder, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
