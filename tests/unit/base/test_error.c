/* base/error.c: errors and what they mean outside. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "base/error.h"

static void failing_is_one_line(void **state)
{
    struct cs_error err = { 0 };

    (void)state;
    assert_int_equal(cs_fail(&err, CS_EINPUT, "RSA key has %d bits", 512), -1);
    assert_int_equal(err.code, CS_EINPUT);
    assert_string_equal(err.text, "RSA key has 512 bits");
    assert_string_equal(error_reason(&err), "bad-request");
    cs_fail_as(&err, CS_EINPUT, "weak-key", "too short");
    cs_fail_in(&err, "order %d", 7);
    assert_string_equal(err.text, "order 7: too short");
    assert_string_equal(error_reason(&err), "weak-key");
    assert_int_equal(cs_fail(NULL, CS_EINPUT, "nobody listens"), -1);
}

static void long_text_is_cut(void **state)
{
    struct cs_error err = { 0 };
    char text[2000];

    (void)state;
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    cs_fail(&err, CS_EUPSTREAM, "%s", text);
    assert_int_equal(strlen(err.text), sizeof err.text - 1);
    cs_fail_in(&err, "%s", text);
    assert_true(strlen(err.text) < sizeof err.text);
    assert_non_null(strstr(err.text, ": x"));
}

static void every_code_has_a_meaning(void **state)
{
    (void)state;
    for (int code = CS_OK; code <= CS_ERESTART; code++) {
        const struct error_kind *kind = error_kind((enum cs_code)code);

        assert_int_equal(strncmp(kind->name, code == CS_OK ? "CS_OK" : "CS_E", code == CS_OK ? 6 : 4), 0);
        assert_non_null(kind->slug);
        assert_non_null(kind->title);
        assert_in_range(kind->http_status, 200, 599);
    }
    assert_ptr_equal(error_kind((enum cs_code)9999), error_kind(CS_EINTERNAL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(failing_is_one_line),
        cmocka_unit_test(long_text_is_cut),
        cmocka_unit_test(every_code_has_a_meaning),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
