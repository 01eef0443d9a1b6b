/* command/file_write.c: files that are whole or not there. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <dirent.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <signal.h>
#include <unistd.h>

#include "command/file_write.h"

static char folder[] = "/tmp/countersign-files-XXXXXX";

static int enter_folder(void **state)
{
    (void)state;
    return mkdtemp(folder) && chdir(folder) == 0 ? 0 : -1;
}

static int leave_folder(void **state)
{
    (void)state;
    unlink("a");
    rmdir("d");
    return chdir("/") == 0 ? rmdir(folder) : -1;
}

static void holds(const char *path, const char *text, mode_t mode)
{
    char read[100] = "";
    struct stat about;
    FILE *file = fopen(path, "r");

    assert_non_null(file);
    assert_int_equal(fread(read, 1, sizeof read - 1, file), strlen(text));
    fclose(file);
    assert_string_equal(read, text);
    assert_int_equal(stat(path, &about), 0);
    assert_int_equal(about.st_mode & 07777, mode);
    assert_int_equal(about.st_nlink, 1);
}

static int count_files(void)
{
    DIR *here = opendir(".");
    int n = -2;

    assert_non_null(here);
    while (readdir(here))
        n++;
    closedir(here);
    return n;
}

static void a_new_file_has_its_mode_whatever_the_umask(void **state)
{
    mode_t before = umask(0);

    (void)state;
    assert_int_equal(file_write_replace("a", "one", 3, 0600, NULL), 0);
    holds("a", "one", 0600);
    umask(0777);
    assert_int_equal(file_write_replace("a", "two!", 4, 0644, NULL), 0);
    umask(before);
    holds("a", "two!", 0644);
    assert_int_equal(count_files(), 1);
}

static void a_full_disk_leaves_the_old_file(void **state)
{
    struct rlimit before, tight;
    struct cs_error err = { 0 };
    char big[8192] = "";
    int rc;

    (void)state;
    assert_int_equal(file_write_replace("a", "old", 3, 0600, NULL), 0);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    tight = before;
    tight.rlim_cur = 4096;
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &tight), 0);
    rc = file_write_replace("a", big, sizeof big, 0600, &err);
    setrlimit(RLIMIT_FSIZE, &before);
    assert_int_equal(rc, -1);
    assert_non_null(strstr(err.text, "cannot be written"));
    holds("a", "old", 0600);
    assert_int_equal(count_files(), 1);
}

static void what_cannot_be_is_said_before(void **state)
{
    struct cs_error err = { 0 };

    (void)state;
    assert_int_equal(file_write_possible("a", NULL), 0);
    assert_int_equal(file_write_possible("b", NULL), 0);
    assert_int_equal(file_write_possible("missing/b", &err), -1);
    assert_non_null(strstr(err.text, "missing/b"));
    assert_int_equal(mkdir("d", 0700), 0);
    assert_int_equal(file_write_possible("d", &err), -1);
    assert_non_null(strstr(err.text, "is not a file"));
    assert_int_equal(file_write_replace("missing/b", "x", 1, 0600, &err), -1);
    assert_int_equal(file_write_replace("d/", "x", 1, 0600, &err), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_new_file_has_its_mode_whatever_the_umask),
        cmocka_unit_test(a_full_disk_leaves_the_old_file),
        cmocka_unit_test(what_cannot_be_is_said_before),
    };

    return cmocka_run_group_tests(tests, enter_folder, leave_folder);
}
