/* base/glyph.c: characters as they are shown. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/glyph.h"

static void reads(const char *s, uint32_t character, size_t length)
{
    uint32_t read;

    assert_int_equal(glyph_next(s, &read), length);
    assert_int_equal(read, character);
}

static void reads_characters_of_every_length(void **state)
{
    (void)state;
    reads("a", 'a', 1);
    reads("\xc3\xbc", 0xfc, 2);
    reads("\xe6\x9d\xb1", 0x6771, 3);
    reads("\xf0\x9f\x8e\x89", 0x1f389, 4);
    reads("\xf4\x8f\xbf\xbf", 0x10ffff, 4);
}

static void replaces_bytes_that_are_no_character(void **state)
{
    static const char *const wrong[] = { "\x80", "\xff", "\xc0\xaf", "\xc1\xbf", "\xe0\x80\xaf", "\xed\xa0\x80",
                                         "\xf0\x80\x80\xaf", "\xf4\x90\x80\x80", "\xf8\x88\x80\x80\x80", "\xe6\x9d", "\xf0" };

    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        reads(wrong[i], 0xfffd, 1);
}

static void hides_what_acts_or_deceives(void **state)
{
    static const uint32_t hidden[] = { 0, '\n', 0x1b, 0x7f, 0x9b, 0xad, 0x200b, 0x200e, 0x2028, 0x202e, 0x2066, 0xfeff, 0xffff,
                                       0x1fffe, 0xe0041 };

    (void)state;
    for (size_t i = 0; i < sizeof hidden / sizeof *hidden; i++)
        assert_false(glyph_is_shown(hidden[i]));
    assert_true(glyph_is_shown(' '));
    assert_true(glyph_is_shown(0x5d0));
    assert_true(glyph_is_shown(0x1f389));
}

static void knows_narrow_wide_and_combining(void **state)
{
    (void)state;
    assert_int_equal(glyph_width('a'), 1);
    assert_int_equal(glyph_width(0x301), 0);
    assert_int_equal(glyph_width(0x6771), 2);
    assert_int_equal(glyph_width(0xff21), 2);
    assert_int_equal(glyph_width(0xff71), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_characters_of_every_length),
        cmocka_unit_test(replaces_bytes_that_are_no_character),
        cmocka_unit_test(hides_what_acts_or_deceives),
        cmocka_unit_test(knows_narrow_wide_and_combining),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
