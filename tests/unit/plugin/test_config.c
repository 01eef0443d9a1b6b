/* core/plugin/config.c: countersign.conf as typed values, with complaints. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "plugin_test.h"

static void a_file_that_is_not_there_is_named(void **state)
{
    struct cs_error err = { 0 };

    (void)state;
    assert_null(config_load("/nonexistent/countersign.conf", &err));
    assert_int_equal(err.code, CS_ECONFIG);
    assert_has(err.text, "/nonexistent/countersign.conf: cannot be read: No such file");
}

static void a_folder_a_binary_and_a_huge_file_are_refused(void **state)
{
    struct cs_error err = { 0 };
    char *huge = calloc(1, (1 << 20) + 2);

    (void)state;
    assert_null(config_load(test_folder, &err));
    assert_has(err.text, "is not a regular file");
    assert_null(config_load(write_bytes("nul.conf", "a = 1;\0", 7, 0600), &err));
    assert_has(err.text, "nul.conf: contains a NUL byte");
    memset(huge, '\n', (1 << 20) + 1);
    assert_null(config_load(write_bytes("huge.conf", huge, (1 << 20) + 1, 0600), &err));
    assert_has(err.text, "at most 1 MiB");
    free(huge);
}

static void a_syntax_error_has_file_and_line(void **state)
{
    struct cs_error err = { 0 };

    (void)state;
    assert_null(config_load(write_text("broken.conf", "a = 1;\nb = = 2;\n"), &err));
    assert_has(err.text, "/broken.conf:2: syntax error");
    assert_null(config_load(write_text("twice.conf", "a = 1;\n\na = 2;\n"), &err));
    assert_has(err.text, "/twice.conf:3: duplicate setting name");
}

static void scalars_are_read(void **state)
{
    struct config *config = config_of("text = \"x\"; number = 7; big = 3000000000L; yes = true;"
                                      "wait = \"90s\"; two = 2; half = 0.5; size = \"64K\"; bytes = 9;");
    const struct config_node *root = config_root(config);
    const char *text = NULL;
    int64_t value = 0;
    bool yes = false;

    (void)state;
    assert_int_equal(config_string(config, root, "text", &text), CONFIG_FOUND);
    assert_string_equal(text, "x");
    assert_int_equal(config_int(config, root, "number", 0, 10, &value), CONFIG_FOUND);
    assert_int_equal(value, 7);
    assert_int_equal(config_int(config, root, "big", 0, INT64_MAX, &value), CONFIG_FOUND);
    assert_true(value == 3000000000);
    assert_int_equal(config_bool(config, root, "yes", &yes), CONFIG_FOUND);
    assert_true(yes);
    assert_int_equal(config_seconds(config, root, "wait", 0, INT64_MAX, &value), CONFIG_FOUND);
    assert_int_equal(value, 90000);
    assert_int_equal(config_seconds(config, root, "two", 0, 2000, &value), CONFIG_FOUND);
    assert_int_equal(value, 2000);
    assert_int_equal(config_seconds(config, root, "half", 0, INT64_MAX, &value), CONFIG_FOUND);
    assert_int_equal(value, 500);
    assert_int_equal(config_size(config, root, "size", 0, INT64_MAX, &value), CONFIG_FOUND);
    assert_int_equal(value, 65536);
    assert_int_equal(config_size(config, root, "bytes", 0, INT64_MAX, &value), CONFIG_FOUND);
    assert_int_equal(value, 9);
    assert_int_equal(config_int(config, root, "absent", 0, 1, &value), CONFIG_MISSING);
    assert_int_equal(value, 9);
    assert_string_equal(config_complaints(config), "");
    config_free(config);
}

static void a_wrong_type_is_a_complaint_with_its_line(void **state)
{
    struct config *config = config_of("a = 1;\nb = \"x\";\nc = ( 1 );\nd = { };\n");
    const struct config_node *root = config_root(config);
    const char *text = "kept";
    int64_t value = 5;
    bool flag = true;

    (void)state;
    assert_int_equal(config_string(config, root, "a", &text), CONFIG_WRONG);
    assert_int_equal(config_int(config, root, "b", 0, 9, &value), CONFIG_WRONG);
    assert_int_equal(config_bool(config, root, "a", &flag), CONFIG_WRONG);
    assert_int_equal(config_seconds(config, root, "b", 0, 9, &value), CONFIG_WRONG);
    assert_int_equal(config_size(config, root, "b", 0, 9, &value), CONFIG_WRONG);
    assert_null(config_group(config, root, "c"));
    assert_null(config_list(config, root, "d"));
    assert_int_equal(config_complaint_count(config), 7);
    assert_string_equal(text, "kept");
    assert_int_equal(value, 5);
    assert_has(config_complaints(config), "/test.conf:1: `a` must be a string, not a number\n");
    assert_has(config_complaints(config), "/test.conf:2: `b` must be a whole number, not a string\n");
    assert_has(config_complaints(config), "/test.conf:1: `a` must be true or false, not a number\n");
    assert_has(config_complaints(config), "/test.conf:2: `b` must be a number of seconds");
    assert_has(config_complaints(config), "/test.conf:2: `b` must be a number of bytes");
    assert_has(config_complaints(config), "/test.conf:3: `c` must be a group { … }, not a list\n");
    assert_has(config_complaints(config), "/test.conf:4: `d` must be a list ( … ), not a group { … }\n");
    config_free(config);
}

static void a_value_out_of_range_says_the_range(void **state)
{
    struct config *config = config_of("n = 300;\nm = -1;\nt = \"2d\";\ns = \"1M\";\n");
    const struct config_node *root = config_root(config);
    int64_t value = 0;

    (void)state;
    assert_int_equal(config_int(config, root, "n", 1, 256, &value), CONFIG_WRONG);
    assert_int_equal(config_int(config, root, "m", 0, INT64_MAX, &value), CONFIG_WRONG);
    assert_int_equal(config_seconds(config, root, "t", 1000, 3600 * 1000, &value), CONFIG_WRONG);
    assert_int_equal(config_size(config, root, "s", 0, 1000, &value), CONFIG_WRONG);
    assert_has(config_complaints(config), ":1: `n` must be from 1 to 256, not 300\n");
    assert_has(config_complaints(config), ":2: `m` must be at least 0, not -1\n");
    assert_has(config_complaints(config), ":3: `t` must be from 1s to 1h, not 2d\n");
    assert_has(config_complaints(config), ":4: `s` must be from 0 to 1000, not 1048576\n");
    config_free(config);
}

static void lists_give_their_strings(void **state)
{
    struct config *config = config_of("one = \"a\";\nmany = ( \"a\", \"b\" );\narray = [ \"c\" ];\nnone = ( );\n"
                                      "odd = ( \"a\",\n 3 );\n");
    const struct config_node *root = config_root(config);
    const char **strings = NULL;
    size_t n = 99;

    (void)state;
    assert_int_equal(config_strings(config, root, "one", &strings, &n), CONFIG_FOUND);
    assert_int_equal(n, 1);
    assert_string_equal(strings[0], "a");
    free(strings);
    assert_int_equal(config_strings(config, root, "many", &strings, &n), CONFIG_FOUND);
    assert_int_equal(n, 2);
    assert_string_equal(strings[1], "b");
    free(strings);
    assert_int_equal(config_strings(config, root, "array", &strings, &n), CONFIG_FOUND);
    assert_int_equal(n, 1);
    free(strings);
    assert_int_equal(config_strings(config, root, "none", &strings, &n), CONFIG_FOUND);
    assert_int_equal(n, 0);
    free(strings);
    assert_int_equal(config_strings(config, root, "odd", &strings, &n), CONFIG_WRONG);
    assert_has(config_complaints(config), ":6: entry 2 of `odd` must be a string, not a number\n");
    config_free(config);
}

static void nodes_can_be_walked(void **state)
{
    struct config *config = config_of("ca = { le = { x = 1; }; local = \"ca.le\"; };\nlisten = ( { port = 1; }, \"x\" );\n");
    const struct config_node *ca = config_group(config, config_root(config), "ca");
    const struct config_node *listen = config_list(config, config_root(config), "listen");

    (void)state;
    assert_string_equal(config_name(config_at(ca, 0)), "le");
    assert_true(config_is_group(config_at(ca, 0)));
    assert_null(config_text(config_at(ca, 0)));
    assert_string_equal(config_text(config_at(ca, 1)), "ca.le");
    assert_null(config_at(ca, 2));
    assert_string_equal(config_name(config_at(listen, 0)), "");
    assert_true(config_is_list(listen));
    assert_null(config_at(config_at(listen, 1), 0));
    assert_null(config_find(config, ca, "absent"));
    config_free(config);
}

static void an_unknown_key_names_the_nearest_and_all_known(void **state)
{
    static const char *const known[] = { "listen", "user", "state" };
    struct config *config = config_of("lisen = 1;\nuser = \"x\";\nzzzzzzz = 2;\n");
    const char *user;

    (void)state;
    assert_int_equal(config_string(config, config_root(config), "user", &user), CONFIG_FOUND);
    config_complain_unused(config, config_root(config), known, 3);
    assert_int_equal(config_complaint_count(config), 2);
    assert_has(config_complaints(config), ":1: unknown key `lisen`, did you mean `listen`?; known here: listen, user, state\n");
    assert_has(config_complaints(config), ":3: unknown key `zzzzzzz`; known here: listen, user, state\n");
    config_free(config);
}

static void an_included_file_is_named_in_complaints(void **state)
{
    struct config *config;
    int64_t value = 0;

    (void)state;
    write_text("part.conf", "\nport = 70000;\n");
    config = config_of("a = 1;\n@include \"part.conf\"\n");
    assert_int_equal(config_int(config, config_root(config), "port", 1, 65535, &value), CONFIG_WRONG);
    assert_has(config_complaints(config), "/part.conf:2: `port` must be from 1 to 65535, not 70000\n");
    config_free(config);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_file_that_is_not_there_is_named),
        cmocka_unit_test(a_folder_a_binary_and_a_huge_file_are_refused),
        cmocka_unit_test(a_syntax_error_has_file_and_line),
        cmocka_unit_test(scalars_are_read),
        cmocka_unit_test(a_wrong_type_is_a_complaint_with_its_line),
        cmocka_unit_test(a_value_out_of_range_says_the_range),
        cmocka_unit_test(lists_give_their_strings),
        cmocka_unit_test(nodes_can_be_walked),
        cmocka_unit_test(an_unknown_key_names_the_nearest_and_all_known),
        cmocka_unit_test(an_included_file_is_named_in_complaints),
    };

    return cmocka_run_group_tests(tests, make_test_folder, remove_test_folder);
}
