/* request/blocked_keys.c: lists of keys that others have. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "csr_test.h"
#include "request/blocked_keys.h"

struct scene {
    char path[64], second[64];
    struct csr csr;
};

static int set_up(void **state)
{
    struct scene *s = calloc(1, sizeof *s);
    struct csr_maker m;

    assert_non_null(s);
    *s = (struct scene){ .path = "/tmp/blocked-keys-XXXXXX", .second = "/tmp/blocked-keys-XXXXXX" };
    close(mkstemp(s->path));
    close(mkstemp(s->second));
    csr_maker_start(&m, "rsa2048", "CN=go.example.com", "DNS:go.example.com");
    s->csr = accepts(&m);
    *state = s;
    return 0;
}

static int tear_down(void **state)
{
    struct scene *s = *state;

    unlink(s->path);
    unlink(s->second);
    csr_free(&s->csr);
    free(s);
    return 0;
}

static void write_file(const char *path, const char *text, size_t len)
{
    FILE *file = fopen(path, "w");

    assert_non_null(file);
    assert_int_equal(fwrite(text, 1, len, file), len);
    fclose(file);
}

static struct blocked_keys *read_text(struct scene *s, const char *text)
{
    const char *const paths[] = { s->path };
    struct cs_error err = { 0 };
    struct blocked_keys *keys;

    write_file(s->path, text, strlen(text));
    keys = blocked_keys_read_wait(paths, 1, &err);
    if (!keys)
        fail_msg("%s", err.text);
    return keys;
}

static void refuses_text(struct scene *s, const char *text, size_t len, const char *place, const char *words)
{
    const char *const paths[] = { s->path };
    struct cs_error err = { 0 };
    char wanted[128];

    write_file(s->path, text, len);
    snprintf(wanted, sizeof wanted, "%s%s", s->path, place);
    assert_null(blocked_keys_read_wait(paths, 1, &err));
    assert_int_equal(err.code, CS_ECONFIG);
    if (strncmp(err.text, wanted, strlen(wanted)) != 0 || !strstr(err.text, words))
        fail_msg("\"%s\", but should be \"%s … %s …\"", err.text, wanted, words);
}

static void hex(char *out, const uint8_t *hash, size_t digits)
{
    for (size_t i = 0; i < digits / 2; i++)
        snprintf(out + 2 * i, 3, "%02x", hash[i]);
}

static bool blocks(const struct blocked_keys *keys, const struct csr *csr)
{
    struct cs_error err = { 0 };
    bool refused = blocked_keys_check(keys, csr, &err) < 0;

    if (refused) {
        assert_int_equal(err.code, CS_EINPUT);
        assert_string_equal(err.reason, "compromised-key");
        assert_non_null(strstr(err.text, "make a new one"));
    }
    return refused;
}

#define OTHER "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static void a_listed_key_is_refused_and_no_other(void **state)
{
    struct scene *s = *state;
    char text[1024], hash[65] = "";
    struct blocked_keys *keys;
    struct csr_maker m;
    struct csr other;

    hex(hash, s->csr.spki_sha256, 64);
    snprintf(text, sizeof text, "# a comment\n\n%s  -\n" OTHER " of a router\r\n", hash);
    keys = read_text(s, text);
    assert_int_equal(blocked_keys_count(keys), 2);
    assert_true(blocks(keys, &s->csr));
    csr_maker_start(&m, "p256", "CN=go.example.com", "DNS:go.example.com");
    other = accepts(&m);
    assert_false(blocks(keys, &other));
    csr_free(&other);
    blocked_keys_free(keys);
    hash[0] = hash[0] == '0' ? '1' : '0';
    keys = read_text(s, hash);
    assert_int_equal(blocked_keys_count(keys), 1);
    assert_false(blocks(keys, &s->csr));
    blocked_keys_free(keys);
    keys = read_text(s, "");
    assert_false(blocks(keys, &s->csr));
    blocked_keys_free(keys);
    assert_false(blocks(NULL, &s->csr));
}

/* badkeys: the first 120 bits of the SHA-256 of the modulus, or of x, without zeros in front. */
static void a_key_is_known_by_its_number_too(void **state)
{
    static const char *const kinds[] = { "rsa2048", "p256", "p384" };
    struct scene *s = *state;

    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        static const size_t places[][2] = { { 33, 256 }, { 27, 32 }, { 24, 48 } };
        struct blocked_keys *keys;
        struct csr_maker m;
        struct csr csr;
        uint8_t hash[32];
        char text[31] = "";

        csr_maker_start(&m, kinds[i], "CN=go.example.com", "DNS:go.example.com");
        csr = accepts(&m);
        while (m.spki.at[places[i][0]] == 0) { /* once in 256 times; then there is nothing to compare with so simply */
            csr_free(&csr);
            return;
        }
        assert_int_equal(EVP_Digest(m.spki.at + places[i][0], places[i][1], hash, NULL, EVP_sha256(), NULL), 1);
        hex(text, hash, 30);
        keys = read_text(s, text);
        assert_true(blocks(keys, &csr));
        blocked_keys_free(keys);
        memcpy(csr.spki_sha256, hash, sizeof hash); /* the two kinds of hashes are not taken for each other */
        memset(csr.number_sha256, 0, sizeof csr.number_sha256);
        keys = read_text(s, text);
        assert_false(blocks(keys, &csr));
        blocked_keys_free(keys);
        csr_free(&csr);
    }
}

static void many_in_any_order_and_of_several_files_are_found(void **state)
{
    enum { MANY = 5000 };
    struct scene *s = *state;
    const char *const paths[] = { s->path, s->second };
    struct cs_error err = { 0 };
    struct blocked_keys *keys;

    for (size_t part = 0; part < 2; part++) {
        FILE *file = fopen(paths[part], "w");

        assert_non_null(file);
        for (unsigned i = 0; i < MANY; i++)
            fprintf(file, "%08X%056u\n", (2 * i + (unsigned)part) * 2654435761u, 7u);
        fclose(file);
    }
    keys = blocked_keys_read_wait(paths, 2, &err);
    assert_non_null(keys);
    assert_int_equal(blocked_keys_count(keys), 2 * MANY);
    for (unsigned i = 0; i < 2 * MANY + 50; i++) {
        const unsigned first = i * 2654435761u;

        memset(s->csr.spki_sha256, 0, sizeof s->csr.spki_sha256);
        for (int byte = 0; byte < 4; byte++)
            s->csr.spki_sha256[byte] = (uint8_t)(first >> (24 - 8 * byte));
        s->csr.spki_sha256[31] = 7;
        assert_int_equal(blocks(keys, &s->csr), i < 2 * MANY);
    }
    blocked_keys_free(keys);
}

static void a_line_that_is_no_hash_is_told_with_its_number(void **state)
{
    struct scene *s = *state;
    char text[2048];

    refuses_text(s, "# one\n0123\n", 11, ":2: ", "64 hexadecimal digits");
    snprintf(text, sizeof text, OTHER "\n" OTHER "0\n");
    refuses_text(s, text, strlen(text), ":2: ", "64 hexadecimal digits");
    refuses_text(s, "\n\nMD5 (x)\n", 10, ":3: ", "neither a hash");
    refuses_text(s, " " OTHER, strlen(OTHER) + 1, ":1: ", "64 hexadecimal digits");
    snprintf(text, sizeof text, "%.63s:\n", OTHER);
    refuses_text(s, text, strlen(text), ":1: ", "neither a hash");
    refuses_text(s, "cuwGhNNI6nfob5aqY90e7BleU6l7rfxku4X3UTJ3Z7M=\n", 45, ":1: ", "neither a hash");
    memset(text, 'a', 1500);
    refuses_text(s, text, 1500, ":1: ", "1000 characters");
    unlink(s->path);
    {
        const char *const paths[] = { s->path };
        struct cs_error err = { 0 };

        assert_null(blocked_keys_read_wait(paths, 1, &err));
        assert_non_null(strstr(err.text, "No such file"));
    }
}

static void no_files_are_no_keys(void **state)
{
    struct scene *s = *state;
    struct cs_error err = { 0 };
    struct blocked_keys *keys = blocked_keys_read_wait(NULL, 0, &err);

    assert_non_null(keys);
    assert_int_equal(blocked_keys_count(keys), 0);
    assert_false(blocks(keys, &s->csr));
    blocked_keys_free(keys);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_listed_key_is_refused_and_no_other, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_key_is_known_by_its_number_too, set_up, tear_down),
        cmocka_unit_test_setup_teardown(many_in_any_order_and_of_several_files_are_found, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_line_that_is_no_hash_is_told_with_its_number, set_up, tear_down),
        cmocka_unit_test_setup_teardown(no_files_are_no_keys, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
