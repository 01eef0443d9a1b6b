/* store-sqlite, aside.c: which files lie beside the databases, and are out of reach of purging and erasing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../fakes/store_file.h"
#include "../fakes/store_host.h"

static struct store_file f;
static struct cs_error err;
static char told[4000];
static size_t wanted;

static int set_up(void **state)
{
    (void)state;
    store_file_folder(&f);
    store_host = (struct store_host){ .folder = f.folder };
    wanted = 1000;
    return 0;
}

static const char *path_of(const char *name)
{
    static char path[200];

    snprintf(path, sizeof path, "%s/%s", f.folder, name);
    return path;
}

/* Written last at this second of 1970. */
static void put(const char *name, size_t bytes, time_t second)
{
    const struct timespec times[2] = { { .tv_sec = second }, { .tv_sec = second } };
    const int fd = open(path_of(name), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

    assert_true(fd >= 0);
    assert_int_equal(ftruncate(fd, (off_t)bytes), 0);
    assert_int_equal(futimens(fd, times), 0);
    assert_int_equal(close(fd), 0);
}

static int note(void *arg, const struct cs_aside *file)
{
    const size_t len = strlen(told);

    (void)arg;
    assert_int_equal(file->size, sizeof *file);
    assert_int_equal(strncmp(file->path, f.folder, strlen(f.folder)), 0);
    snprintf(told + len, sizeof told - len, "%s %s %lld bytes, %lld ms\n", file->has_visits ? "visits" : "state",
             file->path + strlen(f.folder) + 1, (long long)file->bytes, (long long)file->written_ms);
    return --wanted == 0;
}

static const char *list(void)
{
    told[0] = '\0';
    if (f.ops->list_aside(f.self, note, NULL, &err) < 0)
        snprintf(told, sizeof told, "%s", err.text);
    return told;
}

static int drop(const char *path, const struct stat *st, int kind, struct FTW *at)
{
    (void)st, (void)kind;
    return at->level ? remove(path) : 0;
}

static int tear_down(void **state)
{
    (void)state;
    assert_int_equal(nftw(f.folder, drop, 8, FTW_DEPTH | FTW_PHYS), 0);
    store_file_close(&f);
    return 0;
}

static void what_is_in_use_is_not_listed(void **state)
{
    void *conn;

    (void)state;
    store_file_open(&f, 200);
    store_file_migrate(&f);
    assert_int_equal(f.ops->connect(f.self, CS_VISITS_WRITER, &conn, &err), 0);
    put("state.db.suspect", 0, 1);
    put("state.dbx", 1, 1);
    put("backup.db", 1, 1);
    put("visits", 1, 1);
    assert_string_equal(list(), "");
    assert_int_equal(access(path_of("visits.db-wal"), F_OK), 0);
    f.ops->disconnect(f.self, conn);
}

static void what_was_put_aside_replaced_or_copied_is(void **state)
{
    (void)state;
    store_file_open(&f, 200);
    put("visits.db.replaced-20261102T000000Z-wal", 5, 5);
    put("visits.db.damaged-20261101T000000Z-wal", 4, 4);
    put("visits.db.damaged-20261101T000000Z", 3, 3);
    put("state.db.replaced-20261101T000000Z", 1, 1);
    put("state.db.damaged-20261101T000000Z", 2, 2);
    put("visits.db.bak", 6, 6);
    assert_int_equal(symlink("visits.db.bak", path_of("visits.db.link")), 0);
    assert_string_equal(list(), "state state.db.damaged-20261101T000000Z 2 bytes, 2000 ms\n"
                                "state state.db.replaced-20261101T000000Z 1 bytes, 1000 ms\n"
                                "visits visits.db.bak 6 bytes, 6000 ms\n"
                                "visits visits.db.damaged-20261101T000000Z 3 bytes, 3000 ms\n"
                                "visits visits.db.damaged-20261101T000000Z-wal 4 bytes, 4000 ms\n"
                                "visits visits.db.replaced-20261102T000000Z-wal 5 bytes, 5000 ms\n");
    wanted = 2;
    assert_string_equal(list(), "state state.db.damaged-20261101T000000Z 2 bytes, 2000 ms\n"
                                "state state.db.replaced-20261101T000000Z 1 bytes, 1000 ms\n");
}

static void what_was_moved_into_a_folder_as_the_log_advises_is_still_found(void **state)
{
    (void)state;
    store_file_open(&f, 200);
    assert_int_equal(mkdir(path_of("visits.db.old"), 0700), 0);
    assert_int_equal(mkdir(path_of("visits.db.old/more"), 0700), 0);
    put("visits.db.old/visits.db.damaged-20261101T000000Z", 3, 3);
    put("visits.db.old/more/other", 3, 3);
    assert_string_equal(list(), "visits visits.db.old/visits.db.damaged-20261101T000000Z 3 bytes, 3000 ms\n");
    assert_int_equal(mkdir(path_of("backups"), 0700), 0);
    put("backups/visits.db.bak", 3, 3);
    assert_string_equal(list(), "visits visits.db.old/visits.db.damaged-20261101T000000Z 3 bytes, 3000 ms\n");
}

static void a_database_whose_name_begins_as_another_is_not_taken_for_a_copy(void **state)
{
    (void)state;
    snprintf(f.path, sizeof f.path, "%s/records", f.folder);
    snprintf(f.visits, sizeof f.visits, "%s/records.visits", f.folder);
    snprintf(f.analytics, sizeof f.analytics, "%s/records.visits.counts", f.folder);
    store_file_open(&f, 200);
    store_file_migrate(&f);
    put("records.visits.counts", 1, 1);
    put("records.visits.counts.new", 1, 1);
    assert_string_equal(list(), "");
    put("records.visits.damaged-20261101T000000Z", 2, 2);
    put("records.damaged-20261101T000000Z", 1, 1);
    assert_string_equal(list(), "state records.damaged-20261101T000000Z 1 bytes, 1000 ms\n"
                                "visits records.visits.damaged-20261101T000000Z 2 bytes, 2000 ms\n");
}

static void a_folder_that_is_not_there_has_nothing_and_one_that_cannot_be_read_is_an_error(void **state)
{
    (void)state;
    store_file_open(&f, 200);
    assert_int_equal(rmdir(f.folder), 0);
    assert_string_equal(list(), "");
    assert_int_equal(symlink("nothing", f.folder), 0);
    assert_string_equal(list(), "");
    assert_int_equal(unlink(f.folder), 0);
    assert_int_equal(close(open(f.folder, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600)), 0);
    assert_non_null(strstr(list(), "the server's user must be able to read it"));
    assert_string_equal(err.reason, "storage-unavailable");
    assert_int_equal(unlink(f.folder), 0);
    assert_int_equal(mkdir(f.folder, 0700), 0);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(what_is_in_use_is_not_listed),
        TEST(what_was_put_aside_replaced_or_copied_is),
        TEST(what_was_moved_into_a_folder_as_the_log_advises_is_still_found),
        TEST(a_database_whose_name_begins_as_another_is_not_taken_for_a_copy),
        TEST(a_folder_that_is_not_there_has_nothing_and_one_that_cannot_be_read_is_an_error),
    };

    return cmocka_run_group_tests_name("store_aside", tests, NULL, NULL);
}
