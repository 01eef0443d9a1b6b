/* request/revoked_keys.c: the keys that are refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "request/revoked_keys.h"

#define KEYS 5000

/* Hashes in no order: each byte of the number is mixed. */
static void make_hash(uint8_t out[32], uint32_t n)
{
    for (size_t i = 0; i < 32; i++) {
        n = n * 1664525u + 1013904223u;
        out[i] = (uint8_t)(n >> 24);
    }
}

static void what_was_added_is_found_and_nothing_else(void **state)
{
    struct revoked_keys *keys = revoked_keys_new();
    uint8_t hash[32];

    (void)state;
    for (uint32_t i = 0; i < KEYS; i++) {
        make_hash(hash, 2 * i);
        assert_int_equal(revoked_keys_add(keys, hash), 0);
        assert_int_equal(revoked_keys_add(keys, hash), 0);
    }
    assert_int_equal(revoked_keys_count(keys), KEYS);
    for (uint32_t i = 0; i < 2 * KEYS; i++) {
        make_hash(hash, i);
        assert_int_equal(revoked_keys_have(keys, hash), i % 2 == 0);
    }
    revoked_keys_free(keys);
}

static void it_is_said_what_to_do(void **state)
{
    struct revoked_keys *keys = revoked_keys_new();
    uint8_t hash[32] = { 1 };
    struct cs_error err = { 0 };

    (void)state;
    assert_int_equal(revoked_keys_check(keys, hash, &err), 0);
    assert_int_equal(revoked_keys_add(keys, hash), 0);
    assert_int_equal(revoked_keys_check(keys, hash, &err), -1);
    assert_string_equal(err.reason, "revoked-key");
    assert_int_equal(err.code, CS_EINPUT);
    assert_non_null(strstr(err.text, "make a new one"));
    hash[31] = 1;
    assert_int_equal(revoked_keys_check(keys, hash, &err), 0);
    revoked_keys_free(keys);
    revoked_keys_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_added_is_found_and_nothing_else),
        cmocka_unit_test(it_is_said_what_to_do),
    };

    return cmocka_run_group_tests_name("revoked_keys", tests, NULL, NULL);
}
