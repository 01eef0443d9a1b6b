/* ca-acme/account_key.c: the file of the account key. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "account_key.h"

static char folder[64], path[128];

static int make_folder(void **state)
{
    (void)state;
    snprintf(folder, sizeof folder, "/tmp/account-key-XXXXXX");
    if (!mkdtemp(folder))
        return -1;
    snprintf(path, sizeof path, "%s/account.pem", folder);
    return 0;
}

static int remove_folder(void **state)
{
    (void)state;
    unlink(path);
    return rmdir(folder); /* fails when anything else was left */
}

static void write_file(const char *text, mode_t mode)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    assert_int_equal(fchmod(fd, mode), 0);
    close(fd);
}

static void assert_refused(const char *part)
{
    struct jose_key *key = NULL;
    struct cs_error err = { 0 };

    assert_int_equal(account_key_open(&key, path, "es256", &err), -1);
    assert_int_equal(err.code, CS_ECONFIG);
    assert_non_null(strstr(err.text, part));
    assert_null(key);
}

static void a_missing_key_is_made_for_the_owner_alone(void **state)
{
    struct jose_key *made = NULL, *read = NULL;
    struct cs_error err = { 0 };
    struct stat st;

    (void)state;
    umask(0);
    assert_int_equal(account_key_open(&made, path, "es384", &err), 0);
    umask(022);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
    assert_int_equal(account_key_open(&read, path, "es256", &err), 0);
    assert_string_equal(jose_key_alg(read), "ES384");
    assert_string_equal(jose_key_thumbprint(made), jose_key_thumbprint(read));
    jose_key_free(made);
    jose_key_free(read);
}

static void a_file_left_half_written_is_replaced(void **state)
{
    struct jose_key *key = NULL;
    struct cs_error err = { 0 };
    char temporary[140];

    (void)state;
    snprintf(temporary, sizeof temporary, "%s.new", path);
    close(open(temporary, O_WRONLY | O_CREAT, 0644));
    assert_int_equal(account_key_open(&key, path, "es256", &err), 0);
    assert_int_equal(access(temporary, F_OK), -1);
    jose_key_free(key);
}

static void a_key_that_others_can_read_is_refused(void **state)
{
    struct jose_key *key = NULL;
    struct cs_error err = { 0 };

    (void)state;
    assert_int_equal(account_key_open(&key, path, "es256", &err), 0);
    jose_key_free(key);
    assert_int_equal(chmod(path, 0644), 0);
    assert_refused("chmod 600");
    assert_int_equal(chmod(path, 0620), 0);
    assert_refused("chmod 600");
    key = NULL;
    assert_int_equal(chmod(path, 0640), 0); /* a group may be given it */
    assert_int_equal(account_key_open(&key, path, "es256", &err), 0);
    jose_key_free(key);
}

static void what_is_no_key_is_refused_with_its_path(void **state)
{
    char *big = malloc(70000);

    (void)state;
    write_file("", 0600);
    assert_refused("is empty");
    write_file("hello\n", 0600);
    assert_refused(path);
    assert_refused("no readable private key");
    memset(big, 'a', 69999);
    big[69999] = '\0';
    write_file(big, 0600);
    assert_refused("too long");
    free(big);
}

static void a_folder_in_its_place_is_refused(void **state)
{
    (void)state;
    assert_int_equal(mkdir(path, 0700), 0);
    assert_refused("is not a file");
    rmdir(path);
}

static void a_missing_folder_is_named(void **state)
{
    struct jose_key *key = NULL;
    struct cs_error err = { 0 };

    (void)state;
    assert_int_equal(account_key_open(&key, "/nonexistent/account.pem", "es256", &err), -1);
    assert_non_null(strstr(err.text, "/nonexistent/account.pem"));
}

#define WITH_FOLDER(test) cmocka_unit_test_setup_teardown(test, make_folder, remove_folder)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_FOLDER(a_missing_key_is_made_for_the_owner_alone),
        WITH_FOLDER(a_file_left_half_written_is_replaced),
        WITH_FOLDER(a_key_that_others_can_read_is_refused),
        WITH_FOLDER(what_is_no_key_is_refused_with_its_path),
        WITH_FOLDER(a_folder_in_its_place_is_refused),
        cmocka_unit_test(a_missing_folder_is_named),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
