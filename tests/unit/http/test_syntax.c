/* http/syntax.c: tokens, lists, quoted strings, numbers, UTF-8. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "http/syntax.h"

static bool same(struct span s, const char *text)
{
    return syntax_same(s, text);
}

static void names_compare_without_case(void **state)
{
    (void)state;
    assert_true(syntax_same_nocase(syntax_span("Content-LENGTH"), "content-length"));
    assert_false(syntax_same_nocase(syntax_span("content-lengt"), "content-length"));
    assert_false(syntax_same_nocase(syntax_span("content@length"), "content`length"));
    assert_false(syntax_same(syntax_span("GEt"), "GET"));
}

static void tokens_hold_no_separators(void **state)
{
    (void)state;
    assert_true(syntax_is_token(syntax_span("!#$%&'*+-.^_`|~09azAZ")));
    assert_false(syntax_is_token(syntax_span("")));
    for (const char *c = "\"(),/:;<=>?@[\\]{} \t\x7f\x80\xff"; *c; c++)
        assert_false(syntax_is_token((struct span){ c, 1 }));
    assert_false(syntax_is_token((struct span){ "\0", 1 }));
}

static void lists_are_taken_apart_outside_quotes(void **state)
{
    struct span rest = syntax_span("a , b=\"x, \\\" y\";q=1,, c\t"), piece;

    (void)state;
    assert_true(syntax_next(&rest, ',', &piece));
    assert_true(same(piece, "a"));
    assert_true(syntax_next(&rest, ',', &piece));
    assert_true(same(piece, "b=\"x, \\\" y\";q=1"));
    assert_true(syntax_next(&rest, ',', &piece));
    assert_true(same(piece, ""));
    assert_true(syntax_next(&rest, ',', &piece));
    assert_true(same(piece, "c"));
    assert_false(syntax_next(&rest, ',', &piece));
}

static void a_quote_that_never_ends_takes_the_rest(void **state)
{
    struct span rest = syntax_span("a=\"b,c\\"), piece;

    (void)state;
    assert_true(syntax_next(&rest, ',', &piece));
    assert_true(same(piece, "a=\"b,c\\"));
    assert_false(syntax_next(&rest, ',', &piece));
}

static void parameters_have_a_name_and_perhaps_a_value(void **state)
{
    struct span name, value;

    (void)state;
    syntax_parameter(syntax_span("wait = 10"), &name, &value);
    assert_true(same(name, "wait") && same(value, "10"));
    syntax_parameter(syntax_span("wait=\"1=0\""), &name, &value);
    assert_true(same(name, "wait") && same(value, "1=0"));
    syntax_parameter(syntax_span("respond-async"), &name, &value);
    assert_true(same(name, "respond-async") && same(value, ""));
    syntax_parameter(syntax_span("x=\""), &name, &value);
    assert_true(same(name, "x") && same(value, "\""));
    syntax_parameter(syntax_span(""), &name, &value);
    assert_true(same(name, "") && same(value, ""));
}

static void numbers_are_digits_only_and_do_not_overflow(void **state)
{
    (void)state;
    assert_int_equal(syntax_number(syntax_span("0"), 300), 0);
    assert_int_equal(syntax_number(syntax_span("300"), 300), 300);
    assert_int_equal(syntax_number(syntax_span("301"), 300), 301);
    assert_int_equal(syntax_number(syntax_span("9"), 3), 4);
    assert_int_equal(syntax_number(syntax_span("99999999999999999999999999"), 300), 301);
    assert_int_equal(syntax_number(syntax_span("18446744073709551616"), INT64_MAX / 2), INT64_MAX / 2 + 1);
    assert_int_equal(syntax_number(syntax_span("000000000000000000000000007"), 300), 7);
    assert_int_equal(syntax_number(syntax_span(""), 300), -1);
    assert_int_equal(syntax_number(syntax_span("+3"), 300), -1);
    assert_int_equal(syntax_number(syntax_span("-1"), 300), -1);
    assert_int_equal(syntax_number(syntax_span("1 "), 300), -1);
    assert_int_equal(syntax_number(syntax_span("0x10"), 300), -1);
    assert_int_equal(syntax_number(syntax_span("99999999999999999999a"), 300), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_compare_without_case),
        cmocka_unit_test(tokens_hold_no_separators),
        cmocka_unit_test(lists_are_taken_apart_outside_quotes),
        cmocka_unit_test(a_quote_that_never_ends_takes_the_rest),
        cmocka_unit_test(parameters_have_a_name_and_perhaps_a_value),
        cmocka_unit_test(numbers_are_digits_only_and_do_not_overflow),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
