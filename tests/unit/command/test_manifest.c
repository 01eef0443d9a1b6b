/* command/manifest.c: what a backup's manifest says is what is taken out of the backup, and nothing else. */
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

#include "command/folder.h"
#include "command/manifest.h"

static char folder[] = "/tmp/countersign-manifest-XXXXXX";
static json_t *manifest;

static void write_text(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");

    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

/* A backup of two files, in the folder that is the current one. */
static int begin(void **state)
{
    (void)state;
    memcpy(folder + strlen(folder) - 6, "XXXXXX", 6);
    if (!mkdtemp(folder) || chdir(folder) < 0 || mkdir("state", 0700) < 0 || mkdir("state/ca.le", 0700) < 0 ||
        mkdir("store", 0700) < 0)
        return -1;
    write_text("state/ca.le/account.pem", "the key");
    write_text("store/state.db", "the records");
    manifest = json_object();
    assert_int_equal(manifest_add(manifest, folder, "state/ca.le/account.pem", 0, NULL), 0);
    assert_int_equal(manifest_add(manifest, folder, "store/state.db", 5, NULL), 0);
    assert_int_equal(manifest_write(manifest, folder, NULL), 0);
    return 0;
}

static int end(void **state)
{
    (void)state;
    json_decref(manifest);
    folder_remove(folder);
    return chdir("/");
}

static void is_refused(const char *says)
{
    struct cs_error err = { 0 };

    assert_int_equal(manifest_verify(manifest, folder, &err), -1);
    assert_int_equal(err.code, CS_EINPUT);
    if (!strstr(err.text, says))
        fail_msg("\"%s\" does not say \"%s\"", err.text, says);
}

static void a_file_is_copied_as_it_is(void **state)
{
    const json_t *entry = manifest_find(manifest, "state/ca.le/account.pem");
    struct stat about;

    (void)state;
    assert_int_equal(manifest_verify(manifest, folder, NULL), 0);
    assert_int_equal(manifest_copy(entry, folder, "copy", NULL), 0);
    assert_true(manifest_is_same(entry, "copy"));
    assert_int_equal(stat("copy", &about), 0);
    assert_int_equal(about.st_mode & 07777, 0600);
    assert_null(manifest_find(manifest, "state/ca.le/other.pem"));
}

static void a_file_that_changes_after_it_was_looked_at_is_not_taken(void **state)
{
    const json_t *entry = manifest_find(manifest, "state/ca.le/account.pem");
    struct cs_error err = { 0 };

    (void)state;
    assert_int_equal(manifest_verify(manifest, folder, NULL), 0);
    write_text("state/ca.le/account.pem", "THE KEY");
    assert_int_equal(manifest_copy(entry, folder, "copy", &err), -1);
    assert_non_null(strstr(err.text, "account.pem is not as it was written"));
    assert_int_equal(access("copy", F_OK), -1);
    write_text("state/ca.le/account.pem", "the key, and more");
    assert_int_equal(manifest_copy(entry, folder, "copy", NULL), -1);
    assert_int_equal(unlink("state/ca.le/account.pem"), 0);
    assert_int_equal(symlink("/etc/passwd", "state/ca.le/account.pem"), 0);
    assert_int_equal(manifest_copy(entry, folder, "copy", NULL), -1);
    assert_int_equal(access("copy", F_OK), -1);
}

static void what_is_in_the_way_stays(void **state)
{
    const json_t *entry = manifest_find(manifest, "store/state.db");
    struct cs_error err = { 0 };

    (void)state;
    assert_int_equal(mkdir("copy", 0700), 0);
    assert_int_equal(manifest_copy(entry, folder, "copy", &err), -1);
    assert_non_null(strstr(err.text, "copy is in the way: rename or remove it"));
    assert_int_equal(rmdir("copy"), 0);
    write_text("copy", "mine");
    assert_int_equal(manifest_copy(entry, folder, "copy", NULL), -1);
    assert_int_equal(access("copy", F_OK), 0);
}

static void a_folder_that_has_more_is_refused(void **state)
{
    (void)state;
    assert_int_equal(mkdir("state/ca.le/empty", 0700), 0);
    assert_int_equal(manifest_verify(manifest, folder, NULL), 0);
    write_text("state/ca.le/extra.pem", "x");
    is_refused("state/ca.le/extra.pem is not in the manifest");
    assert_int_equal(unlink("state/ca.le/extra.pem"), 0);
    write_text("store/state.db-wal", "");
    is_refused("store/state.db-wal is not in the manifest");
    assert_int_equal(unlink("store/state.db-wal"), 0);
    assert_int_equal(symlink("/etc", "state/ca.other"), 0);
    is_refused("state/ca.other is not in the manifest");
    assert_int_equal(unlink("state/ca.other"), 0);
    assert_int_equal(mkfifo("pipe", 0600), 0);
    is_refused("pipe is not in the manifest");
}

static void the_folder_may_be_named_with_slashes_at_its_end(void **state)
{
    char named[sizeof folder + 2];

    (void)state;
    snprintf(named, sizeof named, "%s//", folder);
    assert_int_equal(manifest_verify(manifest, named, NULL), 0);
    assert_int_equal(manifest_verify(manifest, ".", NULL), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_file_is_copied_as_it_is, begin, end),
        cmocka_unit_test_setup_teardown(a_file_that_changes_after_it_was_looked_at_is_not_taken, begin, end),
        cmocka_unit_test_setup_teardown(what_is_in_the_way_stays, begin, end),
        cmocka_unit_test_setup_teardown(a_folder_that_has_more_is_refused, begin, end),
        cmocka_unit_test_setup_teardown(the_folder_may_be_named_with_slashes_at_its_end, begin, end),
    };

    return cmocka_run_group_tests_name("manifest", tests, NULL, NULL);
}
