/* base/base64url.c: base 64, base 32, hexadecimal. Vectors of RFC 4648 10 and RFC 7515 A.1. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "base/base64url.h"

static const struct {
    const char *plain, *base64, *base64url, *base32;
} vectors[] = {
    { "", "", "", "" },
    { "f", "Zg==", "Zg", "my" },
    { "fo", "Zm8=", "Zm8", "mzxq" },
    { "foo", "Zm9v", "Zm9v", "mzxw6" },
    { "foob", "Zm9vYg==", "Zm9vYg", "mzxw6yq" },
    { "fooba", "Zm9vYmE=", "Zm9vYmE", "mzxw6ytb" },
    { "foobar", "Zm9vYmFy", "Zm9vYmFy", "mzxw6ytboi" },
    { "\xff\xef\xbe?", "/+++Pw==", "_---Pw", "77x34py" },
};

static void the_vectors_of_the_rfc_hold(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof vectors / sizeof *vectors; i++) {
        size_t len = strlen(vectors[i].plain), out_len = 99;
        char out[64];
        uint8_t back[64];

        assert_int_equal(base64_encode(out, vectors[i].plain, len), strlen(vectors[i].base64));
        assert_string_equal(out, vectors[i].base64);
        assert_int_equal(base64url_encode(out, vectors[i].plain, len), strlen(vectors[i].base64url));
        assert_string_equal(out, vectors[i].base64url);
        assert_int_equal(base32_encode(out, vectors[i].plain, len), strlen(vectors[i].base32));
        assert_string_equal(out, vectors[i].base32);
        assert_int_equal(base64_decode(back, &out_len, vectors[i].base64, strlen(vectors[i].base64)), 0);
        assert_int_equal(out_len, len);
        assert_memory_equal(back, vectors[i].plain, len);
        assert_int_equal(base64url_decode(back, &out_len, vectors[i].base64url, strlen(vectors[i].base64url)), 0);
        assert_int_equal(out_len, len);
        assert_memory_equal(back, vectors[i].plain, len);
    }
}

static void what_is_not_exact_is_refused(void **state)
{
    static const char *const wrong[] = {
        "Z",     "Zg=",    "Zg===", "=",      "==",   "====",        "Zh==", "Zm9=", "Zm 9v",  "Zm9v\n",
        "Zm9v=", "Zg==Zg", "Z===",  "Zm9v==", "Zm-v", "Zm9vYmF\x80", "Zh",   "=Zm9", "Zm9vZg="
    };

    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        uint8_t out[64];
        size_t out_len;

        if (base64_decode(out, &out_len, wrong[i], strlen(wrong[i])) != -1)
            fail_msg("accepted: %s", wrong[i]);
    }
}

static void each_decoder_knows_its_alphabet_only(void **state)
{
    uint8_t out[8];
    size_t out_len;

    (void)state;
    assert_int_equal(base64_decode(out, &out_len, "-_-_", 4), -1);
    assert_int_equal(base64url_decode(out, &out_len, "+/+/", 4), -1);
    assert_int_equal(base64url_decode(out, &out_len, "-_-_", 4), 0);
    assert_int_equal(base64url_decode(out, &out_len, "Zg==", 4), 0);
    assert_int_equal(base64_decode(out, &out_len, "Zg", 2), 0);
    assert_int_equal(base64_decode(out, &out_len, "Zm\0v", 4), -1);
}

static void every_byte_survives_the_round_trip(void **state)
{
    uint8_t all[256], back[BASE64_DECODED_MAX(BASE64_ENCODED_MAX(256))];
    char text[BASE64_ENCODED_MAX(256)];

    (void)state;
    for (int i = 0; i < 256; i++)
        all[i] = (uint8_t)(255 - i);
    for (size_t len = 0; len <= 256; len++) {
        size_t text_len = base64url_encode(text, all, len), back_len = 0;

        assert_true(text_len < BASE64_ENCODED_MAX(len));
        assert_true(BASE64_DECODED_MAX(text_len) >= len);
        assert_int_equal(base64url_decode(back, &back_len, text, text_len), 0);
        assert_int_equal(back_len, len);
        assert_memory_equal(back, all, len);
    }
}

static void sixteen_bytes_make_26_characters(void **state)
{
    char out[(16 * 8 + 4) / 5 + 1], hex[33];

    (void)state;
    assert_int_equal(base32_encode(out, "0123456789abcdef", 16), 26);
    assert_string_equal(out, "gaytemzugu3doobzmfrggzdfmy");
    hex_encode(hex, "\x00\x7f\x80\xff", 4);
    assert_string_equal(hex, "007f80ff");
    hex_encode(hex, "", 0);
    assert_string_equal(hex, "");
}

static void hexadecimal_is_read_exactly_or_not_at_all(void **state)
{
    uint8_t out[3];

    (void)state;
    assert_true(hex_decode(out, 3, "007fAf", 6));
    assert_memory_equal(out, "\x00\x7f\xaf", 3);
    assert_true(hex_decode(out, 0, "", 0));
    assert_false(hex_decode(out, 3, "007fa", 5));
    assert_false(hex_decode(out, 3, "007fa00", 7));
    assert_false(hex_decode(out, 3, "007fag", 6));
    assert_false(hex_decode(out, 3, "0 7faf", 6));
    for (int c = 0; c < 256; c++) {
        const char *digits = "0123456789abcdefABCDEF", *at = c ? strchr(digits, c) : NULL;
        const int place = at ? (int)(at - digits) : -1;

        assert_int_equal(hex_digit((char)c), place < 16 ? place : place - 6);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_vectors_of_the_rfc_hold),
        cmocka_unit_test(what_is_not_exact_is_refused),
        cmocka_unit_test(each_decoder_knows_its_alphabet_only),
        cmocka_unit_test(every_byte_survives_the_round_trip),
        cmocka_unit_test(sixteen_bytes_make_26_characters),
        cmocka_unit_test(hexadecimal_is_read_exactly_or_not_at_all),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
