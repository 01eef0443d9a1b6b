/* base/dns_word.c: types and response codes under their names, all others under one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "base/dns_word.h"

static void known_numbers_have_their_words(void **state)
{
    (void)state;
    assert_string_equal(dns_type_word(dns_type_place(16)), "TXT");
    assert_string_equal(dns_type_word(dns_type_place(257)), "CAA");
    assert_string_equal(dns_type_word(dns_type_place(0)), "none");
    assert_string_equal(dns_rcode_word(dns_rcode_place(0)), "NOERROR");
    assert_string_equal(dns_rcode_word(dns_rcode_place(16)), "BADVERS");
    assert_string_equal(dns_rcode_word(dns_rcode_place(DNS_RCODE_NONE)), "none");
}

static void any_other_number_shares_a_place(void **state)
{
    (void)state;
    for (unsigned type = 0; type < 65536; type++)
        assert_true(dns_type_place((uint16_t)type) < DNS_TYPE_WORDS);
    for (unsigned rcode = 0; rcode <= DNS_RCODE_NONE; rcode++)
        assert_true(dns_rcode_place(rcode) < DNS_RCODE_WORDS);
    assert_string_equal(dns_type_word(dns_type_place(65535)), "other");
    assert_string_equal(dns_rcode_word(dns_rcode_place(4095)), "other");
}

static void words_lead_back_to_their_places(void **state)
{
    (void)state;
    for (size_t i = 0; i < DNS_TYPE_WORDS; i++)
        assert_int_equal(dns_type_place_of(dns_type_word(i)), i);
    for (size_t i = 0; i < DNS_RCODE_WORDS; i++)
        assert_int_equal(dns_rcode_place_of(dns_rcode_word(i)), i);
    assert_int_equal(dns_type_place_of("TXT\"} 1"), DNS_TYPE_WORDS - 1);
    assert_int_equal(dns_rcode_place_of(""), DNS_RCODE_WORDS - 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_numbers_have_their_words),
        cmocka_unit_test(any_other_number_shares_a_place),
        cmocka_unit_test(words_lead_back_to_their_places),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
