/* command/folder.c: what a copy of a folder has of it, and what it says that it has not. */
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

static char folder[] = "/tmp/countersign-folder-XXXXXX";
static char copied[400], passed_over[400];

static void write_text(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");

    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static void has_text(const char *path, const char *text)
{
    char read[100] = "";
    FILE *file = fopen(path, "r");

    assert_non_null(file);
    assert_non_null(fgets(read, sizeof read, file));
    fclose(file);
    assert_string_equal(read, text);
}

/* `from` with a key and a folder, beside it a place for keys; the current folder has them. */
static int begin(void **state)
{
    (void)state;
    memcpy(folder + strlen(folder) - 6, "XXXXXX", 6);
    if (!mkdtemp(folder) || chdir(folder) < 0 || mkdir("from", 0700) < 0 || mkdir("from/below", 0700) < 0 ||
        mkdir("keys", 0700) < 0)
        return -1;
    write_text("from/account.pem", "the account's key");
    write_text("from/below/other.pem", "another key");
    write_text("from/half.pem.new", "hal");
    write_text("keys/ca.key", "the CA's key");
    copied[0] = passed_over[0] = '\0';
    return 0;
}

static int end(void **state)
{
    (void)state;
    folder_remove(folder);
    return chdir("/");
}

static void note(char *list, const char *path)
{
    const size_t len = strlen(list);

    snprintf(list + len, 400 - len, "%s ", path);
}

static int on_copied(void *arg, const char *path, struct cs_error *err)
{
    (void)arg, (void)err;
    note(copied, path);
    return 0;
}

static int on_passed_over(void *arg, const char *path, struct cs_error *err)
{
    (void)arg, (void)err;
    note(passed_over, path);
    return 0;
}

static int copy(struct cs_error *err)
{
    static const struct folder_copying tell = { .copied = on_copied, .passed_over = on_passed_over };

    return folder_copy("from", "to", &tell, err);
}

static void every_file_that_is_finished_is_copied(void **state)
{
    struct stat st;

    (void)state;
    assert_int_equal(copy(NULL), 0);
    assert_string_equal(copied, "account.pem below/other.pem ");
    assert_string_equal(passed_over, "");
    has_text("to/account.pem", "the account's key");
    has_text("to/below/other.pem", "another key");
    assert_int_equal(stat("to/account.pem", &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
}

static void a_link_is_followed_and_the_copy_is_a_file(void **state)
{
    struct stat st;

    (void)state;
    assert_int_equal(symlink("../keys/ca.key", "from/ca.key"), 0);
    assert_int_equal(symlink("../keys", "from/more"), 0);
    assert_int_equal(copy(NULL), 0);
    assert_string_equal(copied, "account.pem below/other.pem ca.key more/ca.key ");
    has_text("to/ca.key", "the CA's key");
    assert_int_equal(lstat("to/ca.key", &st), 0);
    assert_true(S_ISREG(st.st_mode));
    assert_int_equal(lstat("to/more", &st), 0);
    assert_true(S_ISDIR(st.st_mode));
}

static void a_link_that_leads_nowhere_is_named(void **state)
{
    struct cs_error err = { 0 };

    (void)state;
    assert_int_equal(symlink("../keys/not-mounted.key", "from/ca.key"), 0);
    assert_int_equal(copy(&err), -1);
    assert_int_equal(err.code, CS_ECONFIG);
    assert_string_equal(err.text, "from/ca.key is a symbolic link, and what it leads to cannot be read: No such file or "
                                  "directory; mend or remove it");
}

static void a_link_to_its_own_folder_has_an_end(void **state)
{
    struct cs_error err = { 0 };

    (void)state;
    assert_int_equal(symlink(".", "from/again"), 0);
    assert_int_equal(copy(&err), -1);
    assert_string_equal(err.text, "the folders below from lie too deep");
}

static void what_has_no_content_is_told_of(void **state)
{
    (void)state;
    assert_int_equal(mkfifo("from/below/pipe", 0600), 0);
    assert_int_equal(copy(NULL), 0);
    assert_string_equal(copied, "account.pem below/other.pem ");
    assert_string_equal(passed_over, "below/pipe ");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(every_file_that_is_finished_is_copied, begin, end),
        cmocka_unit_test_setup_teardown(a_link_is_followed_and_the_copy_is_a_file, begin, end),
        cmocka_unit_test_setup_teardown(a_link_that_leads_nowhere_is_named, begin, end),
        cmocka_unit_test_setup_teardown(a_link_to_its_own_folder_has_an_end, begin, end),
        cmocka_unit_test_setup_teardown(what_has_no_content_is_told_of, begin, end),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
