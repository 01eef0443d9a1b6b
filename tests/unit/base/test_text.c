/* base/text.c: text in a bounded buffer. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"

static void grows_up_to_its_limit(void **state)
{
    struct text t = TEXT_MAX(100);

    (void)state;
    assert_string_equal(text_of(&t), "");
    text_add(&t, "one");
    text_addf(&t, " %d", 2);
    text_add_char(&t, '!');
    assert_string_equal(text_of(&t), "one 2!");
    for (int i = 0; i < 94; i++)
        text_add_char(&t, 'x');
    assert_false(text_failed(&t));
    assert_int_equal(t.len, 100);
    text_add_char(&t, 'x');
    assert_true(text_failed(&t));
    assert_int_equal(t.len, 100);
    text_free(&t);
}

static void stays_failed_until_cleared(void **state)
{
    struct text t = TEXT_MAX(3);
    char *taken;

    (void)state;
    text_addf(&t, "%s", "long");
    text_add(&t, "a");
    assert_true(text_failed(&t));
    assert_null(text_take(&t));
    text_add(&t, "abc");
    taken = text_take(&t);
    assert_string_equal(taken, "abc");
    free(taken);
    text_clear(&t);
    taken = text_take(&t);
    assert_string_equal(taken, "");
    free(taken);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(grows_up_to_its_limit),
        cmocka_unit_test(stays_failed_until_cleared),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
