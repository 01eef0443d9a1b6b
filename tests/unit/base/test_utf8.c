/* base/utf8.c: UTF-8, strictly. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "base/utf8.h"

static void utf8_is_read_strictly(void **state)
{
    static const struct {
        const char *bytes;
        size_t len;
        uint32_t code;
    } cases[] = {
        { "a", 1, 'a' },
        { "\xc3\xa9", 2, 0xe9 },
        { "\xe2\x82\xac", 3, 0x20ac },
        { "\xf0\x9f\x98\x80", 4, 0x1f600 },
        { "\xf4\x8f\xbf\xbf", 4, 0x10ffff },
        { "\xc0\x80", 0, 0 },         /* overlong NUL */
        { "\xc1\xbf", 0, 0 },         /* overlong */
        { "\xe0\x9f\xbf", 0, 0 },     /* overlong */
        { "\xf0\x8f\xbf\xbf", 0, 0 }, /* overlong */
        { "\xed\xa0\x80", 0, 0 },     /* surrogate */
        { "\xf4\x90\x80\x80", 0, 0 }, /* over U+10FFFF */
        { "\xf8\x88\x80\x80", 0, 0 },
        { "\x80", 0, 0 },
        { "\xff", 0, 0 },
        { "\xe2\x82", 0, 0 }, /* cut */
        { "\xe2\x28\xa1", 0, 0 },
        { "", 0, 0 },
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint32_t code = 0;

        assert_int_equal(utf8_read(cases[i].bytes, strlen(cases[i].bytes), &code), cases[i].len);
        if (cases[i].len)
            assert_int_equal(code, cases[i].code);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(utf8_is_read_strictly),
    };

    return cmocka_run_group_tests_name("utf8", tests, NULL, NULL);
}
