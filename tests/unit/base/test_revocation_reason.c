/* base/revocation_reason.c: which reasons a subscriber may give. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "base/revocation_reason.h"

static void words_and_codes_are_those_of_rfc_5280(void **state)
{
    static const struct {
        const char *word;
        int code;
    } rows[] = { { "unspecified", 0 },
                 { "keyCompromise", 1 },
                 { "affiliationChanged", 3 },
                 { "superseded", 4 },
                 { "cessationOfOperation", 5 } };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        assert_int_equal(revocation_reason_code(rows[i].word, strlen(rows[i].word)), rows[i].code);
        assert_string_equal(revocation_reason_word(rows[i].code), rows[i].word);
    }
}

static void what_is_not_for_subscribers_is_refused(void **state)
{
    static const char *const words[] = { "cACompromise",
                                         "certificateHold",
                                         "removeFromCRL",
                                         "privilegeWithdrawn",
                                         "aACompromise",
                                         "KeyCompromise",
                                         "keycompromise",
                                         "",
                                         "1",
                                         "superseded " };
    static const int codes[] = { 2, 6, 7, 8, 9, 10, -1, 100 };

    (void)state;
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        assert_int_equal(revocation_reason_code(words[i], strlen(words[i])), -1);
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++)
        assert_null(revocation_reason_word(codes[i]));
    assert_int_equal(revocation_reason_code("superseded", 5), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words_and_codes_are_those_of_rfc_5280),
        cmocka_unit_test(what_is_not_for_subscribers_is_refused),
    };

    return cmocka_run_group_tests_name("revocation_reason", tests, NULL, NULL);
}
