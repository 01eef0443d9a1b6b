/* base/terminal.c: text of anybody's making on a terminal. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/terminal.h"
#include "base/glyph.h"

static void shows(const char *s, const char *expected)
{
    struct text out = TEXT_MAX(1000);

    terminal_add(&out, s);
    assert_false(text_failed(&out));
    assert_string_equal(text_of(&out), expected);
    text_free(&out);
}

static void keeps_what_can_be_read(void **state)
{
    (void)state;
    shows("<b>\"x\"</b>", "<b>\"x\"</b>");
    shows("\xe6\x9d\xb1\xe4\xba\xac", "\xe6\x9d\xb1\xe4\xba\xac");
}

static void lets_nothing_act_on_the_terminal(void **state)
{
    (void)state;
    shows("\x1b]0;title\x07", GLYPH_REPLACEMENT "]0;title" GLYPH_REPLACEMENT);
    shows("a\r\nb\tc\x7f", "a" GLYPH_REPLACEMENT GLYPH_REPLACEMENT "b" GLYPH_REPLACEMENT "c" GLYPH_REPLACEMENT);
    shows("\xc2\x9b" "31m", GLYPH_REPLACEMENT "31m"); /* the C1 form of ESC [ */
    shows("\xe2\x80\x8b", GLYPH_REPLACEMENT);
    shows("\x9b", GLYPH_REPLACEMENT);
}

static void knows_how_many_columns_it_takes(void **state)
{
    (void)state;
    assert_int_equal(terminal_width(""), 0);
    assert_int_equal(terminal_width("gr\xc3\xbc\xc3\x9f" "e"), 5);
    assert_int_equal(terminal_width("e\xcc\x81"), 1);
    assert_int_equal(terminal_width("\xe6\x9d\xb1\xe4\xba\xac"), 4);
    assert_int_equal(terminal_width("\xf0\x9f\x8e\x89"), 2);
    assert_int_equal(terminal_width("\x1b[0m\xff"), 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keeps_what_can_be_read),
        cmocka_unit_test(lets_nothing_act_on_the_terminal),
        cmocka_unit_test(knows_how_many_columns_it_takes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
