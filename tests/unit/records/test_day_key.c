/* records/day_key.c: one key in one place, and gone when it is destroyed. */
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
#include <sys/wait.h>
#include <unistd.h>

#include "engine/clock.h"
#include "engine/log.h"
#include "memory_search.h"
#include "records/day_key.h"

enum { DAY = 20778 }; /* 2026-11-21 */
#define NOON_MS (DAY * DAY_MS + DAY_MS / 2)
#define GRACE_MS (5 * 60 * 1000)

/* The sanitizers make mlock() do nothing. */
#ifdef WITH_SANITIZER
static const bool is_locked = false;
#else
static const bool is_locked = true;
#endif

static char folder[64];
static bool is_new;

static int set_up(void **state)
{
    (void)state;
    log_setup(CS_LOG_ERROR);
    clock_freeze(true);
    clock_step_wall(NOON_MS - cs_wall_ms());
    snprintf(folder, sizeof folder, "/dev/shm/countersign-key-XXXXXX");
    assert_non_null(mkdtemp(folder));
    return 0;
}

static int tear_down(void **state)
{
    char command[128];

    (void)state;
    snprintf(command, sizeof command, "rm -r %s", folder);
    assert_int_equal(system(command), 0);
    clock_freeze(false);
    return 0;
}

static const char *path_of(int64_t day)
{
    static char path[128];
    char text[DAY_TEXT];

    day_text(text, day);
    snprintf(path, sizeof path, "%s/day-%s.key", folder, text);
    return path;
}

static struct day_key *open_key(bool keep)
{
    struct cs_error err = { 0 };
    struct day_key *key = day_key_open(folder, keep, DAY, &is_new, &err);

    assert_string_equal(err.text, "");
    assert_non_null(key);
    return key;
}

static void write_file(const char *path, const char *bytes, size_t len, mode_t mode)
{
    const int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);

    assert_true(fd >= 0);
    assert_int_equal(fchmod(fd, mode), 0);
    assert_int_equal(write(fd, bytes, len), len);
    close(fd);
}

/* ---- memory ---- */

static void a_key_is_in_one_page_and_gone_when_it_is_destroyed(void **state)
{
    struct day_key *key = open_key(false);
    struct needle needle;

    (void)state;
    assert_true(is_new);
    needle_take(&needle, day_key_bytes(key));
    assert_int_equal(memory_search(&needle), 2); /* its halves */
    assert_int_not_equal(access(path_of(DAY), F_OK), 0);
    assert_false(day_key_has_file(key));
    day_key_destroy(key);
    assert_int_equal(memory_search(&needle), 0);
}

static void a_key_that_was_written_and_read_is_gone_too(void **state)
{
    struct day_key *key = open_key(true);
    struct needle needle;

    (void)state;
    needle_take(&needle, day_key_bytes(key));
    day_key_put_away(key);
    assert_int_equal(memory_search(&needle), 0);
    key = open_key(true);
    assert_false(is_new);
    assert_int_equal(memory_search(&needle), 2);
    day_key_destroy(key);
    assert_int_equal(memory_search(&needle), 0);
}

/* As /proc/self/smaps tells: lo locked, dd not in core dumps, dc not in children. */
static void its_page_is_locked_and_in_no_dump_and_no_child(void **state)
{
    struct day_key *key = open_key(false);
    FILE *smaps = fopen("/proc/self/smaps", "re");
    unsigned long from, to;
    bool ours = false, checked = false;
    char line[512];

    (void)state;
    assert_non_null(smaps);
    while (fgets(line, sizeof line, smaps)) {
        if (sscanf(line, "%lx-%lx ", &from, &to) == 2)
            ours = (uintptr_t)day_key_bytes(key) == from;
        if (ours && strncmp(line, "VmFlags:", 8) == 0) {
            assert_int_equal(strstr(line, " lo ") != NULL, is_locked);
            assert_non_null(strstr(line, " dd "));
            assert_non_null(strstr(line, " dc "));
            assert_null(strstr(line, " wr "));
            checked = true;
        }
    }
    fclose(smaps);
    assert_true(checked);
    day_key_destroy(key);
}

static void two_keys_have_nothing_in_common(void **state)
{
    struct day_key *one = open_key(false), *two = open_key(false);
    int same = 0;

    (void)state;
    for (int i = 0; i < DAY_KEY_LEN; i++)
        same += day_key_bytes(one)[i] == day_key_bytes(two)[i];
    assert_true(same < 8);
    day_key_destroy(one);
    day_key_destroy(two);
}

/* ---- the file ---- */

static void a_kept_key_is_found_again_and_only_ours_to_read(void **state)
{
    struct day_key *key = open_key(true);
    uint8_t before[DAY_KEY_LEN];
    struct stat st;

    (void)state;
    assert_true(is_new && day_key_has_file(key));
    memcpy(before, day_key_bytes(key), sizeof before);
    assert_int_equal(stat(path_of(DAY), &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
    assert_int_equal(st.st_size, DAY_KEY_LEN);
    day_key_put_away(key);
    key = open_key(true);
    assert_false(is_new);
    assert_memory_equal(day_key_bytes(key), before, sizeof before);
    assert_int_equal(day_key_made_ms(key), NOON_MS);
    day_key_destroy(key);
    assert_int_not_equal(access(path_of(DAY), F_OK), 0);
}

static void a_file_where_none_may_be_is_destroyed(void **state)
{
    uint8_t before[DAY_KEY_LEN];
    struct day_key *key = open_key(true);

    (void)state;
    memcpy(before, day_key_bytes(key), sizeof before);
    day_key_put_away(key);
    key = open_key(false);
    assert_true(is_new);
    assert_memory_not_equal(day_key_bytes(key), before, sizeof before);
    assert_int_not_equal(access(path_of(DAY), F_OK), 0);
    day_key_destroy(key);
}

/* What the disk had is overwritten before it is removed: seen through a descriptor that stays open. */
static void a_destroyed_file_was_overwritten(void **state)
{
    static const uint8_t zeros[DAY_KEY_LEN];
    struct day_key *key = open_key(true);
    const int fd = open(path_of(DAY), O_RDONLY | O_CLOEXEC);
    uint8_t now[DAY_KEY_LEN];

    (void)state;
    assert_int_equal(pread(fd, now, sizeof now, 0), sizeof now);
    assert_memory_not_equal(now, zeros, sizeof now);
    day_key_destroy(key);
    assert_int_equal(pread(fd, now, sizeof now, 0), sizeof now);
    assert_memory_equal(now, zeros, sizeof now);
    close(fd);
}

static void a_file_that_is_not_as_we_write_it_is_destroyed(void **state)
{
    static const struct {
        size_t len;
        mode_t mode;
    } wrong[] = { { 31, 0600 }, { 33, 0600 }, { 0, 0600 }, { 32, 0640 }, { 32, 0604 }, { 32, 0700 } };
    static const char bytes[40] = "0123456789abcdef0123456789abcdef....";

    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct day_key *key;

        write_file(path_of(DAY), bytes, wrong[i].len, wrong[i].mode);
        key = open_key(true);
        assert_true(is_new);
        assert_memory_not_equal(day_key_bytes(key), bytes, DAY_KEY_LEN);
        day_key_destroy(key);
    }
}

static void a_link_is_neither_followed_nor_written_through(void **state)
{
    char other[128], text[64] = "";
    struct day_key *key;
    int fd;

    (void)state;
    snprintf(other, sizeof other, "%s/other", folder);
    write_file(other, "0123456789abcdef0123456789abcdef", 32, 0600);
    assert_int_equal(symlink(other, path_of(DAY)), 0);
    key = open_key(true);
    assert_true(is_new);
    day_key_destroy(key);
    assert_int_equal(link(other, path_of(DAY)), 0);
    key = open_key(true);
    assert_true(is_new);
    day_key_destroy(key);
    fd = open(other, O_RDONLY | O_CLOEXEC);
    assert_int_equal(read(fd, text, sizeof text), 32);
    assert_string_equal(text, "0123456789abcdef0123456789abcdef");
    close(fd);
}

static void without_a_folder_the_key_is_in_memory(void **state)
{
    struct cs_error err = { 0 };
    struct day_key *key = day_key_open("/nowhere/at/all", true, DAY, &is_new, &err);

    (void)state;
    assert_non_null(key);
    assert_true(is_new);
    assert_false(day_key_has_file(key));
    day_key_destroy(key);
}

/* ---- what should be gone ---- */

static int forget(int64_t wall_ms, int64_t but_day)
{
    struct cs_error err = { 0 };
    int n;

    assert_int_equal(day_key_forget_stale(folder, wall_ms, GRACE_MS, but_day, &n, &err), 0);
    return n;
}

static void a_key_is_stale_when_its_day_and_the_grace_are_over(void **state)
{
    (void)state;
    day_key_put_away(open_key(true));
    assert_int_equal(forget(NOON_MS, INT64_MIN), 0);
    assert_int_equal(forget(day_start_ms(DAY + 1) + GRACE_MS - 1, INT64_MIN), 0);
    assert_int_equal(access(path_of(DAY), F_OK), 0);
    assert_int_equal(forget(day_start_ms(DAY + 1) + GRACE_MS, DAY), 0);
    assert_int_equal(forget(day_start_ms(DAY + 1) + GRACE_MS, INT64_MIN), 1);
    assert_int_not_equal(access(path_of(DAY), F_OK), 0);
}

static void a_key_of_a_day_to_come_is_stale_when_it_is_old(void **state)
{
    (void)state;
    write_file(path_of(DAY + 400), "0123456789abcdef0123456789abcdef", 32, 0600);
    assert_int_equal(utimensat(AT_FDCWD, path_of(DAY + 400),
                               (const struct timespec[]){ { .tv_sec = NOON_MS / 1000 }, { .tv_sec = NOON_MS / 1000 } }, 0), 0);
    assert_int_equal(forget(NOON_MS + DAY_MS, INT64_MIN), 0);
    assert_int_equal(forget(NOON_MS + DAY_MS + GRACE_MS + 1, INT64_MIN), 1);
    write_file(path_of(DAY), "0123456789abcdef0123456789abcdef", 32, 0600); /* made now, while the clock says the year before */
    assert_int_equal(forget(NOON_MS - 365 * DAY_MS, INT64_MIN), 1);
}

static void other_files_are_left_alone(void **state)
{
    static const char *const names[] = { "day-2020-01-01.key.old", "day-2020-1-1.key", "day-2020-02-30.key", "control.sock" };
    char path[128];

    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        snprintf(path, sizeof path, "%s/%s", folder, names[i]);
        write_file(path, "x", 1, 0600);
    }
    assert_int_equal(forget(NOON_MS, INT64_MIN), 0);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        snprintf(path, sizeof path, "%s/%s", folder, names[i]);
        assert_int_equal(access(path, F_OK), 0);
    }
}

static void a_folder_that_is_not_there_has_no_keys(void **state)
{
    struct cs_error err = { 0 };
    int n = 9;

    (void)state;
    assert_int_equal(day_key_forget_stale("/nowhere/at/all", NOON_MS, GRACE_MS, INT64_MIN, &n, &err), 0);
    assert_int_equal(n, 0);
    assert_int_equal(day_key_forget_stale("/dev/null", NOON_MS, GRACE_MS, INT64_MIN, &n, &err), -1);
    assert_non_null(strstr(err.text, "/dev/null cannot be read"));
}

static void any_key_is_found_whatever_its_day(void **state)
{
    struct cs_error err = { 0 };
    char path[128];
    int64_t day = 0;

    (void)state;
    assert_int_equal(day_key_find("/nowhere/at/all", &day, &err), 0);
    assert_int_equal(day_key_find("/dev/null", &day, &err), -1);
    snprintf(path, sizeof path, "%s/control.sock", folder);
    write_file(path, "x", 1, 0600);
    assert_int_equal(day_key_find(folder, &day, &err), 0);
    write_file(path_of(DAY + 400), "0123456789abcdef0123456789abcdef", 32, 0600);
    assert_int_equal(day_key_find(folder, &day, &err), 1);
    assert_int_equal(day, DAY + 400);
    write_file(path_of(DAY - 9), "0123456789abcdef0123456789abcdef", 32, 0600);
    assert_int_equal(day_key_find(folder, &day, &err), 1);
    assert_int_equal(day, DAY - 9);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(a_key_is_in_one_page_and_gone_when_it_is_destroyed),
        TEST(a_key_that_was_written_and_read_is_gone_too),
        TEST(its_page_is_locked_and_in_no_dump_and_no_child),
        TEST(two_keys_have_nothing_in_common),
        TEST(a_kept_key_is_found_again_and_only_ours_to_read),
        TEST(a_file_where_none_may_be_is_destroyed),
        TEST(a_destroyed_file_was_overwritten),
        TEST(a_file_that_is_not_as_we_write_it_is_destroyed),
        TEST(a_link_is_neither_followed_nor_written_through),
        TEST(without_a_folder_the_key_is_in_memory),
        TEST(a_key_is_stale_when_its_day_and_the_grace_are_over),
        TEST(a_key_of_a_day_to_come_is_stale_when_it_is_old),
        TEST(other_files_are_left_alone),
        TEST(a_folder_that_is_not_there_has_no_keys),
        TEST(any_key_is_found_whatever_its_day),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
