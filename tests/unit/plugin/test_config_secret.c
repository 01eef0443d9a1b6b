/* core/plugin/config_secret.c: a secret is a value, @FILE or $ENV, and no complaint repeats it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <sys/fsuid.h>

#include "plugin_test.h"

static struct config *config;
static char *secret;

static int read_secret(const char *written)
{
    char text[PATH_MAX + 64];

    snprintf(text, sizeof text, "\nkey = \"%s\";\n", written);
    secret = NULL;
    config = config_of(text);
    return config_secret(config, config_root(config), "key", &secret);
}

static int read_secret_file(const char *content, size_t len, mode_t mode)
{
    char written[PATH_MAX + 2];

    snprintf(written, sizeof written, "@%s", write_bytes("secret", content, len, mode));
    return read_secret(written);
}

static void assert_secret(const char *expected)
{
    assert_string_equal(config_complaints(config), "");
    assert_string_equal(secret, expected);
    free(secret);
    config_free(config);
}

static void assert_complaint(const char *part)
{
    assert_null(secret);
    assert_int_equal(config_complaint_count(config), 1);
    assert_has(config_complaints(config), "/test.conf:2: `key`");
    assert_has(config_complaints(config), part);
    assert_null(strstr(config_complaints(config), "hunter2"));
    config_free(config);
}

static void a_value_is_taken_as_it_stands(void **state)
{
    (void)state;
    assert_int_equal(read_secret("hunter2"), CONFIG_FOUND);
    assert_secret("hunter2");
}

static void a_file_gives_its_content_without_the_last_newline(void **state)
{
    (void)state;
    assert_int_equal(read_secret_file("hunter2\n", 8, 0600), CONFIG_FOUND);
    assert_secret("hunter2");
    assert_int_equal(read_secret_file("hunter2\r\n", 9, 0640), CONFIG_FOUND);
    assert_secret("hunter2");
    assert_int_equal(read_secret_file("two\nlines\n\n", 11, 0400), CONFIG_FOUND);
    assert_secret("two\nlines\n");
}

static void a_credential_is_a_file_of_the_service_manager(void **state)
{
    char folder[PATH_MAX];
    const char *path = write_bytes("pdns.key", "hunter2\n", 8, 0400);

    (void)state;
    snprintf(folder, sizeof folder, "%.*s", (int)(strrchr(path, '/') - path), path);
    setenv("CREDENTIALS_DIRECTORY", folder, 1);
    assert_int_equal(read_secret("@credential:pdns.key"), CONFIG_FOUND);
    assert_secret("hunter2");
    assert_int_equal(read_secret("@credential:gone"), CONFIG_WRONG);
    assert_complaint("/gone cannot be read: No such file or directory: hand it over with LoadCredential=NAME:FILE of the unit");
    assert_int_equal(read_secret("@credential:../pdns.key"), CONFIG_WRONG);
    assert_complaint("/no-such-name cannot be read");
    unsetenv("CREDENTIALS_DIRECTORY");
    assert_int_equal(read_secret("@credential:pdns.key"), CONFIG_WRONG);
    assert_complaint("/run/credentials/countersign.service/pdns.key cannot be read");
}

static void a_credential_is_a_path_in_every_other_setting(void **state)
{
    const char *path = NULL;

    (void)state;
    setenv("CREDENTIALS_DIRECTORY", "/run/there", 1);
    config = config_of("listen = ( { key = \"credential:tls.key\"; } );\nname = \"credentials:no\";\n");
    assert_int_equal(config_string(config, config_at(config_find(config, config_root(config), "listen"), 0), "key", &path),
                     CONFIG_FOUND);
    assert_string_equal(path, "/run/there/tls.key");
    assert_int_equal(config_string(config, config_root(config), "name", &path), CONFIG_FOUND);
    assert_string_equal(path, "credentials:no");
    config_free(config);
    unsetenv("CREDENTIALS_DIRECTORY");
}

static void a_file_that_everybody_reads_is_refused_with_the_cure(void **state)
{
    (void)state;
    assert_int_equal(read_secret_file("hunter2", 7, 0644), CONFIG_WRONG);
    assert_complaint("/secret holds a secret, but its mode is 644: chmod 0600");
    assert_int_equal(read_secret_file("hunter2", 7, 0620), CONFIG_WRONG);
    assert_complaint("its mode is 620");
}

static void a_file_that_the_server_s_user_cannot_read_is_refused_with_the_cure(void **state)
{
    char text[PATH_MAX + 64];
    uid_t before;

    (void)state;
    snprintf(text, sizeof text, "\nkey = \"@%s\";\n", write_bytes("locked", "hunter2", 7, 0000));
    secret = NULL;
    config = config_of(text);
    before = (uid_t)setfsuid(65534); /* root may read everything */
    assert_int_equal(config_secret(config, config_root(config), "key", &secret), CONFIG_WRONG);
    setfsuid(before);
    assert_complaint("/locked cannot be read: Permission denied: the server reads it as its `user`");
}

static void a_file_must_be_small_text(void **state)
{
    static char large[(64 << 10) + 1];

    (void)state;
    memset(large, 'x', sizeof large);
    assert_int_equal(read_secret_file(large, sizeof large, 0600), CONFIG_WRONG);
    assert_complaint("is larger than 64 KiB");
    assert_int_equal(read_secret_file(large, sizeof large - 1, 0600), CONFIG_FOUND);
    assert_int_equal(strlen(secret), sizeof large - 1);
    free(secret);
    config_free(config);
    assert_int_equal(read_secret_file("hunter2\0x", 9, 0600), CONFIG_WRONG);
    assert_complaint("contains a NUL byte");
    assert_int_equal(read_secret_file("\n", 1, 0600), CONFIG_WRONG);
    assert_complaint("is empty");
}

static void what_is_no_file_is_refused(void **state)
{
    (void)state;
    assert_int_equal(read_secret("@/nonexistent/key"), CONFIG_WRONG);
    assert_complaint("/nonexistent/key cannot be read: No such file");
    assert_int_equal(read_secret("@/dev/zero"), CONFIG_WRONG);
    assert_complaint("/dev/zero is not a regular file");
}

static void the_environment_is_asked(void **state)
{
    (void)state;
    assert_int_equal(setenv("CS_TEST_SECRET", "hunter2", 1), 0);
    assert_int_equal(read_secret("$CS_TEST_SECRET"), CONFIG_FOUND);
    assert_secret("hunter2");
    assert_int_equal(unsetenv("CS_TEST_SECRET"), 0);
    assert_int_equal(read_secret("$CS_TEST_SECRET"), CONFIG_WRONG);
    assert_complaint("the environment variable CS_TEST_SECRET is not set");
    assert_int_equal(read_secret("$"), CONFIG_WRONG);
    assert_complaint("names no environment variable");
    assert_int_equal(read_secret("$hunter2!"), CONFIG_WRONG);
    assert_complaint("names no environment variable");
}

static void a_secret_must_be_a_string(void **state)
{
    (void)state;
    config = config_of("\nkey = 5;\n");
    secret = NULL;
    assert_int_equal(config_secret(config, config_root(config), "key", &secret), CONFIG_WRONG);
    assert_complaint("must be a string");
    config = config_of("other = 5;\n");
    assert_int_equal(config_secret(config, config_root(config), "key", &secret), CONFIG_MISSING);
    config_free(config);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_value_is_taken_as_it_stands),
        cmocka_unit_test(a_file_gives_its_content_without_the_last_newline),
        cmocka_unit_test(a_credential_is_a_file_of_the_service_manager),
        cmocka_unit_test(a_credential_is_a_path_in_every_other_setting),
        cmocka_unit_test(a_file_that_everybody_reads_is_refused_with_the_cure),
        cmocka_unit_test(a_file_that_the_server_s_user_cannot_read_is_refused_with_the_cure),
        cmocka_unit_test(a_file_must_be_small_text),
        cmocka_unit_test(what_is_no_file_is_refused),
        cmocka_unit_test(the_environment_is_asked),
        cmocka_unit_test(a_secret_must_be_a_string),
    };

    return cmocka_run_group_tests(tests, make_test_folder, remove_test_folder);
}
