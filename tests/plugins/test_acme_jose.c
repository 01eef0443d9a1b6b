/* ca-acme/jose.c: keys, thumbprints and signatures, against RFC 7515, numbers worked out elsewhere, and fakes/jws.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "../fakes/jws.h"
#include "jose.h"

/* RFC 7515 A.3. */
static const char rfc7515_key[] = "-----BEGIN PRIVATE KEY-----\n"
                                  "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgjpsQnnGQmL+YBIff\n"
                                  "H1136cspYG6+0iY7X1fCE9+E9LKhRANCAAR/zc4ncPbEXUGDy+5v20t7WAczNXvp\n"
                                  "7xO6z248e9FURcfxRM0bvZt+hyzf7bnuufSzaV1uqQskrYpGIyiFiOWt\n"
                                  "-----END PRIVATE KEY-----\n";
/* Their x begins with a zero byte. */
static const char short_x_256[] = "-----BEGIN PRIVATE KEY-----\n"
                                  "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgAAAAAAAAAAAAAAAA\n"
                                  "AAAAAAAAAAAAAAAAAAAAAAA2M4qhRANCAAQAl7/vlQ0RJwqV5q2rKsLn70kE5nzX\n"
                                  "VNTDd++c2ZyAltN+zgGa2OHWhZ4D7iCDu7XUsvDepXWzzr0Uu6PfOi4a\n"
                                  "-----END PRIVATE KEY-----\n";
static const char short_x_384[] = "-----BEGIN PRIVATE KEY-----\n"
                                  "MIG2AgEAMBAGByqGSM49AgEGBSuBBAAiBIGeMIGbAgEBBDAAAAAAAAAAAAAAAAAA\n"
                                  "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAABZPkihZANiAAQA+/XYZ7nu\n"
                                  "E/nxXa0E2kCKAmBLggJ69cEyo7FN08J46KvYiA6soKd/ZzhZkIBkQ5zogpS5I8OJ\n"
                                  "jLGdoZdCiujutUQkrHPfFNIBTKTf2YCSJHhJA3v2aCikNEAbifhFETQ=\n"
                                  "-----END PRIVATE KEY-----\n";

static struct jose_key *key_of(const char *pem)
{
    struct jose_key *key = NULL;
    struct cs_error err = { 0 };

    assert_int_equal(jose_key_read(&key, pem, strlen(pem), &err), 0);
    return key;
}

static void assert_member(const struct jose_key *key, const char *name, const char *value)
{
    assert_string_equal(json_string_value(json_object_get(jose_key_jwk(key), name)), value);
}

static void the_key_of_rfc_7515_gives_its_jwk_and_thumbprint(void **state)
{
    struct jose_key *key = key_of(rfc7515_key);

    (void)state;
    assert_string_equal(jose_key_alg(key), "ES256");
    assert_int_equal(json_object_size(jose_key_jwk(key)), 4);
    assert_member(key, "x", "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU");
    assert_member(key, "y", "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0");
    assert_string_equal(jose_key_thumbprint(key), "oKIywvGUpTVTyxMQ3bwIIeQUudfr_CkLMjCE19ECD-U");
    jose_key_free(key);
}

static void coordinates_keep_the_width_of_the_curve(void **state)
{
    struct jose_key *key = key_of(short_x_256);

    (void)state;
    assert_member(key, "x", "AJe_75UNEScKleatqyrC5-9JBOZ811TUw3fvnNmcgJY");
    assert_string_equal(jose_key_thumbprint(key), "NU7qF44ga699AlKd3glsUz3GUP18PfK4kjO894iqYyo");
    jose_key_free(key);
    key = key_of(short_x_384);
    assert_string_equal(jose_key_alg(key), "ES384");
    assert_member(key, "x", "APv12Ge57hP58V2tBNpAigJgS4ICevXBMqOxTdPCeOir2IgOrKCnf2c4WZCAZEOc");
    assert_string_equal(jose_key_thumbprint(key), "S_xdl4PBsGVtS-HQayTyUTXot8IS9v9psPqKoxJLps4");
    jose_key_free(key);
}

static void sign_and_verify(const struct jose_key *key, const char *kid, const char *payload)
{
    const struct jose_header header = { .nonce = "abc-_9", .url = "https://ca.example/a?b=c&d='{e}'", .kid = kid };
    EVP_PKEY *public_key = jws_key(jose_key_jwk(key));
    struct cs_error err = { 0 };
    json_t *message;
    struct jws jws;
    char *text = jose_sign(key, &header, payload, &err);

    assert_non_null(text);
    message = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
    assert_int_equal(json_object_size(message), 3);
    assert_int_equal(jws_read(&jws, message), 0);
    assert_string_equal(jws.payload, payload);
    assert_int_equal(json_object_size(jws.header), 4);
    assert_string_equal(json_string_value(json_object_get(jws.header, "nonce")), header.nonce);
    assert_string_equal(json_string_value(json_object_get(jws.header, "url")), header.url);
    assert_string_equal(json_string_value(json_object_get(jws.header, "alg")), jose_key_alg(key));
    if (kid)
        assert_string_equal(json_string_value(json_object_get(jws.header, "kid")), kid);
    else
        assert_true(json_equal(json_object_get(jws.header, "jwk"), jose_key_jwk(key)));
    assert_int_equal(jws_verify(&jws, message, public_key), 0);
    json_object_set_new(message, "payload", json_string("eyJhIjoyfQ"));
    assert_int_equal(jws_verify(&jws, message, public_key), -1);
    jws_release(&jws);
    EVP_PKEY_free(public_key);
    json_decref(message);
    free(text);
}

/* A number of the signature begins with a zero byte once in 128 signatures. */
static void signatures_fit_however_short_their_numbers(void **state)
{
    static const char *const kinds[] = { "es256", "es384" };
    struct cs_error err = { 0 };

    (void)state;
    for (int i = 0; i < 2; i++) {
        struct jose_key *key = NULL;

        assert_int_equal(jose_key_make(&key, kinds[i], &err), 0);
        for (int n = 0; n < 600; n++)
            sign_and_verify(key, NULL, "{\"a\":1}");
        sign_and_verify(key, "https://ca.example/1", "");
        jose_key_free(key);
    }
}

static void rsa_keys_are_made_and_sign(void **state)
{
    struct jose_key *key = NULL;
    struct cs_error err = { 0 };
    char thumbprint[44];

    (void)state;
    assert_int_equal(jose_key_make(&key, "rs256", &err), 0);
    assert_string_equal(jose_key_alg(key), "RS256");
    assert_member(key, "e", "AQAB");
    jws_thumbprint(jose_key_jwk(key), thumbprint);
    assert_string_equal(jose_key_thumbprint(key), thumbprint);
    sign_and_verify(key, "https://ca.example/1", "{}");
    sign_and_verify(key, NULL, "{}");
    jose_key_free(key);
}

static void what_json_would_escape_is_not_signed(void **state)
{
    static const char *const bad[] = { "a\"b", "a\\b", "a\nb", "a b", "a\x7f", "\xc3\xa4" };
    struct jose_key *key = key_of(rfc7515_key);

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        const struct jose_header headers[] = { { bad[i], "b", "c" }, { "a", bad[i], "c" }, { "a", "b", bad[i] } };

        for (size_t j = 0; j < 3; j++) {
            struct cs_error err = { 0 };

            assert_null(jose_sign(key, &headers[j], "", &err));
            assert_int_equal(err.code, CS_EINTERNAL);
        }
    }
    jose_key_free(key);
}

static void a_key_survives_being_written_and_read(void **state)
{
    static const char *const kinds[] = { "es256", "es384", "rs256" };
    struct cs_error err = { 0 };

    (void)state;
    for (int i = 0; i < 3; i++) {
        struct jose_key *made = NULL, *read = NULL;
        char *pem = NULL;
        size_t len = 0;

        assert_int_equal(jose_key_make(&made, kinds[i], &err), 0);
        assert_int_equal(jose_key_write(made, &pem, &len, &err), 0);
        assert_int_equal(jose_key_read(&read, pem, len, &err), 0);
        assert_string_equal(jose_key_thumbprint(made), jose_key_thumbprint(read));
        jose_wipe(pem, len);
        jose_key_free(made);
        jose_key_free(read);
    }
}

static void what_no_ca_takes_is_refused(void **state)
{
    static const char ed25519[] = "-----BEGIN PRIVATE KEY-----\n"
                                  "MC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC\n"
                                  "-----END PRIVATE KEY-----\n";
    struct jose_key *key = NULL;
    struct cs_error err = { 0 };

    (void)state;
    assert_int_equal(jose_key_make(&key, "ed25519", &err), -1);
    assert_int_equal(err.code, CS_ECONFIG);
    assert_int_equal(jose_key_read(&key, ed25519, strlen(ed25519), &err), -1);
    assert_non_null(strstr(err.text, "P-256, P-384 and RSA"));
    assert_int_equal(jose_key_read(&key, "nonsense", 8, &err), -1);
    assert_int_equal(err.code, CS_ECONFIG);
    assert_null(key);
}

static void a_mac_fits_its_secret_only(void **state)
{
    static const uint8_t secret[] = "0123456789abcdef";
    json_t *header = json_pack("{s:s}", "kid", "k1"), *message;
    struct cs_error err = { 0 };
    struct jws jws;

    (void)state;
    message = jose_mac(secret, 16, header, "{}", &err);
    assert_int_equal(jws_read(&jws, message), 0);
    assert_string_equal(json_string_value(json_object_get(jws.header, "kid")), "k1");
    assert_int_equal(jws_verify_mac(&jws, message, secret, 16), 0);
    assert_int_equal(jws_verify_mac(&jws, message, secret, 15), -1);
    jws_release(&jws);
    json_decref(message);
    json_decref(header);
}

/* printf 'evaGxfADs6pSRb2LAv9IZf17Dt3juxGJ-PCt92wr-oA.oKIywvGU…' | openssl dgst -sha256 -binary | basenc --base64url */
static void the_value_of_a_record_follows_rfc_8555(void **state)
{
    struct jose_key *key = key_of(rfc7515_key);
    struct cs_error err = { 0 };
    char value[44];

    (void)state;
    assert_int_equal(jose_dns01_value(key, "evaGxfADs6pSRb2LAv9IZf17Dt3juxGJ-PCt92wr-oA", value, &err), 0);
    assert_string_equal(value, "ZaJgFtIV4WA0t2MzN7kbSk0sfRd2GZjaxRqaSTAK6lI");
    jose_key_free(key);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_key_of_rfc_7515_gives_its_jwk_and_thumbprint),
        cmocka_unit_test(coordinates_keep_the_width_of_the_curve),
        cmocka_unit_test(signatures_fit_however_short_their_numbers),
        cmocka_unit_test(rsa_keys_are_made_and_sign),
        cmocka_unit_test(what_json_would_escape_is_not_signed),
        cmocka_unit_test(a_key_survives_being_written_and_read),
        cmocka_unit_test(what_no_ca_takes_is_refused),
        cmocka_unit_test(a_mac_fits_its_secret_only),
        cmocka_unit_test(the_value_of_a_record_follows_rfc_8555),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
