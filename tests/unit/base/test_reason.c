/* base/reason.c: reasons that are known, and one word for all others. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "base/reason.h"

static void a_known_reason_has_a_title(void **state)
{
    (void)state;
    assert_string_equal(reason_title("weak-key"), "The key is too weak");
    assert_null(reason_title("made-up"));
    assert_null(reason_title(""));
}

static void an_error_is_counted_under_a_word_that_is_known(void **state)
{
    struct cs_error err = { 0 };

    (void)state;
    cs_fail_as(&err, CS_EINPUT, "weak-key", "x");
    assert_string_equal(reason_word(&err), "weak-key");
    cs_fail(&err, CS_EUPSTREAM, "x");
    assert_string_equal(reason_word(&err), "upstream-failed");
    cs_fail_as(&err, CS_EUPSTREAM, "shop-closed-17", "x");
    assert_string_equal(reason_word(&err), "other");
}

static void each_reason_is_there_once(void **state)
{
    const char *slug, *title, *other, *other_title;

    (void)state;
    for (size_t i = 0; reason_at(i, &slug, &title); i++) {
        assert_true(*slug && *title && strlen(slug) < sizeof((struct cs_error *)0)->reason);
        for (size_t j = 0; j < i && reason_at(j, &other, &other_title); j++)
            assert_string_not_equal(slug, other);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_known_reason_has_a_title),
        cmocka_unit_test(an_error_is_counted_under_a_word_that_is_known),
        cmocka_unit_test(each_reason_is_there_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
