/* core/plugin/size.c: sizes as people write them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "plugin/size.h"

static void sizes_are_powers_of_1024(void **state)
{
    int64_t bytes = 0;

    (void)state;
    assert_int_equal(size_parse("64K", &bytes), 0);
    assert_int_equal(bytes, 65536);
    assert_int_equal(size_parse("3G", &bytes), 0);
    assert_true(bytes == 3LL << 30);
    assert_int_equal(size_parse("17", &bytes), 0);
    assert_int_equal(bytes, 17);
}

static void what_is_no_size_is_refused(void **state)
{
    static const char *const wrong[] = { "", "K", "-1", "1k", "1KB", "1 K", "1.5M", "9223372036854775808" };
    int64_t bytes;

    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_int_equal(size_parse(wrong[i], &bytes), -1);
    assert_int_equal(size_parse("9223372036854775807K", &bytes), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sizes_are_powers_of_1024),
        cmocka_unit_test(what_is_no_size_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
