/* command/backup_place.c: what a killed backup left goes with the next one, and nothing else does. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "command/backup_place.h"
#include "command/folder.h"

static char folder[] = "/tmp/countersign-place-XXXXXX";

static int begin(void **state)
{
    (void)state;
    memcpy(folder + strlen(folder) - 6, "XXXXXX", 6);
    return mkdtemp(folder) && chdir(folder) == 0 ? 0 : -1;
}

static int end(void **state)
{
    (void)state;
    folder_remove(folder);
    return chdir("/");
}

/* One backup, which is not finished. */
static void back_up(void)
{
    struct backup_place place;

    assert_int_equal(backup_place_begin(&place, folder, "somebody", NULL), 0);
    assert_int_equal(access(place.partial, F_OK), 0);
    backup_place_end(&place);
}

/* A folder, with a file in it. */
static void make(const char *path, const char *file)
{
    FILE *made;

    assert_int_equal(mkdir(path, 0700), 0);
    made = fopen(file, "w");
    assert_non_null(made);
    fclose(made);
}

static void what_a_killed_backup_left_is_removed(void **state)
{
    (void)state;
    assert_int_equal(mkdir(".partial-77", 0700), 0);
    make(".partial-77/store", ".partial-77/store/state.db");
    make(".partial-77/state", ".partial-77/manifest.json.new");
    assert_int_equal(mkdir(".partial-78", 0700), 0);
    back_up();
    assert_int_equal(access(".partial-77", F_OK), -1);
    assert_int_equal(access(".partial-78", F_OK), -1);
}

static void what_somebody_else_calls_so_stays(void **state)
{
    (void)state;
    make(".partial-thesis", ".partial-thesis/text");
    make(".partial-", ".partial-/text");
    make(".partial-2026", ".partial-2026/text");
    make("elsewhere", "elsewhere/state");
    assert_int_equal(symlink("elsewhere", ".partial-80"), 0);
    back_up();
    assert_int_equal(access(".partial-thesis/text", F_OK), 0);
    assert_int_equal(access(".partial-/text", F_OK), 0);
    assert_int_equal(access(".partial-2026/text", F_OK), 0);
    assert_int_equal(access(".partial-80/state", F_OK), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_a_killed_backup_left_is_removed, begin, end),
        cmocka_unit_test_setup_teardown(what_somebody_else_calls_so_stays, begin, end),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
