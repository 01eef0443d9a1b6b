/* core/plugin/config_scan.c: what libconfig would get wrong without a word. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "plugin_test.h"

static void assert_clean(const char *text)
{
    struct config *config = config_of(text);

    assert_string_equal(config_complaints(config), "");
    config_free(config);
}

static void assert_complains(const char *text, const char *complaint)
{
    struct config *config = config_of(text);

    assert_has(config_complaints(config), complaint);
    assert_int_equal(config_complaint_count(config), 1);
    config_free(config);
}

static void a_number_over_32_bits_needs_an_l(void **state)
{
    (void)state;
    assert_complains("x = 1;\na = 3000000000;\n", ":2: 3000000000 is too large a number here: write 3000000000L\n");
    assert_complains("a = 4294967297;\n", "write 4294967297L");
    assert_complains("a = -2147483649;\n", "write -2147483649L");
    assert_complains("a = 0xFFFFFFFF;\n", "write 0xFFFFFFFFL");
    assert_complains("a = ( 1,\n +2147483648 );\n", ":2: +2147483648 is too large");
}

static void a_number_over_64_bits_has_no_place(void **state)
{
    (void)state;
    assert_complains("a = 99999999999999999999L;\n",
                     "99999999999999999999L is too large a number here: it does not fit 64 bits");
    assert_complains("a = 99999999999999999999;\n", "it does not fit 64 bits");
    assert_complains("a = 0000000000000000000000000000000000000000000000000000000000000000000000000001;\n",
                     "too many digits");
}

static void numbers_that_fit_are_left_alone(void **state)
{
    (void)state;
    assert_clean("a = 2147483647; b = -2147483648; c = 3000000000L; d = 9223372036854775807LL;");
    assert_clean("e = 0x7FFFFFFF; f = 0xFFFFFFFFL;");
    assert_clean("a = 1e10; b = 0.99999999999; c = .99999999999; d = 99999999999.5; e = 1.5e+10; f = 1e-5;");
}

static void names_strings_and_comments_are_not_numbers(void **state)
{
    (void)state;
    assert_clean("x99999999999 = 1; y-99999999999 = 2;");
    assert_clean("a = \"99999999999 \\\" 99999999999\"; b = \"\\\\\";\n"
                 "# 99999999999\n// 99999999999\n/* 99999999999\n*/ c = 1;");
    assert_complains("a = \"x\ny\"; /* \n\n */ b = 99999999999;\n", ":4: 99999999999 is too large");
}

static void an_included_file_is_scanned_too(void **state)
{
    (void)state;
    write_text("numbers.conf", "\n\nb = 3000000000;\n");
    assert_complains("a = 1;\n@include \"numbers.conf\"\n", "/numbers.conf:3: 3000000000 is too large");
}

static void an_include_that_is_no_file_is_an_error_not_the_end(void **state)
{
    struct cs_error err = { 0 };

    (void)state;
    assert_null(config_load(write_text("a.conf", "a = 1;\n@include \"absent.conf\"\n"), &err));
    assert_has(err.text, "/a.conf:2: @include: ");
    assert_has(err.text, "/absent.conf: cannot be read: No such file");
    assert_null(config_load(write_text("a.conf", "@include \"/\"\n"), &err));
    assert_has(err.text, "/a.conf:1: @include: /: is not a regular file");
}

static void files_that_include_each_other_are_an_error(void **state)
{
    struct cs_error err = { 0 };

    (void)state;
    write_text("b.conf", "@include \"c.conf\"\n");
    write_text("c.conf", "@include \"b.conf\"\n");
    assert_null(config_load(in_folder("b.conf"), &err));
    assert_has(err.text, "files include each other");
}

static void what_never_ends_is_a_syntax_error(void **state)
{
    struct cs_error err = { 0 };

    (void)state;
    assert_null(config_load(write_text("a.conf", "a = \"x\n"), &err));
    assert_has(err.text, "syntax error");
    assert_null(config_load(write_text("a.conf", "a = \"x\\"), &err));
    assert_null(config_load(write_text("a.conf", "\n/* a = 1;"), &err));
    assert_has(err.text, "/a.conf:2: a comment begins here that never ends");
    assert_null(config_load(write_text("a.conf", "@include \"a"), &err));
    assert_has(err.text, "/a.conf:1: @include needs a file name in double quotes");
    assert_null(config_load(write_text("a.conf", "@include"), &err));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_number_over_32_bits_needs_an_l),
        cmocka_unit_test(a_number_over_64_bits_has_no_place),
        cmocka_unit_test(numbers_that_fit_are_left_alone),
        cmocka_unit_test(names_strings_and_comments_are_not_numbers),
        cmocka_unit_test(an_included_file_is_scanned_too),
        cmocka_unit_test(an_include_that_is_no_file_is_an_error_not_the_end),
        cmocka_unit_test(files_that_include_each_other_are_an_error),
        cmocka_unit_test(what_never_ends_is_a_syntax_error),
    };

    return cmocka_run_group_tests(tests, make_test_folder, remove_test_folder);
}
