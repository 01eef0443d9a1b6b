/* request/key_name.c: the name that follows from a key. The hash's base32 was computed with coreutils. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "request/key_name.h"

/* SHA-256 of nothing. */
static const uint8_t hash[32] = {
    0xe3, 0xb0, 0xc4, 0x42, 0x98, 0xfc, 0x1c, 0x14,
    0x9a, 0xfb, 0xf4, 0xc8, 0x99, 0x6f, 0xb9, 0x24,
    0x27, 0xae, 0x41, 0xe4, 0x64, 0x9b, 0x93, 0x4c,
    0xa4, 0x95, 0x99, 0x1b, 0x78, 0x52, 0xb8, 0x55,
};
#define LABEL "4oymiquy7qobjgx36tejs35zeqt24qpemsnzgtfeswmrw6csxbkq"

static void an_entry_has_the_mark_in_front(void **state)
{
    (void)state;
    assert_true(key_name_is_entry("{key}.x.example"));
    assert_false(key_name_is_entry("key.x.example"));
    assert_false(key_name_is_entry("{key}x.example"));
    assert_false(key_name_is_entry("a.{key}.x.example"));
    assert_false(key_name_is_entry(".x.example"));
    assert_false(key_name_is_entry(""));
}

static void the_mark_becomes_the_hash_in_base32(void **state)
{
    char name[NAME_MAX_LEN + 1];
    struct cs_error err;
    char again[NAME_MAX_LEN + 1];

    (void)state;
    assert_true(key_name_make(name, "{key}.x.example", hash));
    assert_string_equal(name, LABEL ".x.example");
    assert_int_equal(strcspn(name, "."), KEY_NAME_LABEL);
    assert_int_equal(name_check(again, name, strlen(name), 0, &err), 0);
    assert_string_equal(again, name);
}

static void a_name_that_would_be_too_long_is_none(void **state)
{
    char entry[300] = "{key}", name[NAME_MAX_LEN + 1];

    (void)state;
    for (size_t i = strlen(entry), end = i + NAME_MAX_LEN - KEY_NAME_LABEL; i < end; i++)
        entry[i] = i % 2 ? '.' : 'a';
    assert_true(key_name_make(name, entry, hash));
    assert_int_equal(strlen(name), NAME_MAX_LEN);
    entry[strlen(entry)] = 'a';
    assert_false(key_name_make(name, entry, hash));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_entry_has_the_mark_in_front),
        cmocka_unit_test(the_mark_becomes_the_hash_in_base32),
        cmocka_unit_test(a_name_that_would_be_too_long_is_none),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
