/* http/authorization.c: the field, and what is answered to it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "http/authorization.h"
#include "request_head.h"

#define FIELD(value) "Authorization: " value "\r\n"
#define MANY(x) x x x x x x x x x x x x x x x x

static struct credential read_fields(const char *fields)
{
    struct request_head head;
    struct credential credential = { 0 };

    authorization_read(&credential, request_head_of(&head, fields));
    return credential;
}

static void what_a_field_says(void **state)
{
    static const struct {
        const char *fields;
        enum client_token token;
    } cases[] = {
        { "", CLIENT_NO_TOKEN },
        { "Proxy-Authorization: Bearer abc\r\n", CLIENT_NO_TOKEN },
        { FIELD("Bearer abc"), CLIENT_TOKEN },
        { FIELD("bearer abc"), CLIENT_TOKEN },
        { FIELD("BEARER    abc  "), CLIENT_TOKEN },
        { "aUTHORIZATION:Bearer abc\r\n", CLIENT_TOKEN },
        { FIELD("Bearer abc=="), CLIENT_TOKEN },
        { FIELD("Bearer aB9-._~+/"), CLIENT_TOKEN },
        { FIELD("Bearer a=b"), CLIENT_MALFORMED_TOKEN },
        { FIELD("Bearer ="), CLIENT_MALFORMED_TOKEN },
        { FIELD("Bearer a b"), CLIENT_MALFORMED_TOKEN },
        { FIELD("Bearer a, Bearer b"), CLIENT_MALFORMED_TOKEN },
        { FIELD("Bearer \ta"), CLIENT_MALFORMED_TOKEN },
        { FIELD("Bearer \"a\""), CLIENT_MALFORMED_TOKEN },
        { FIELD("Bearer \xc3\xa4"), CLIENT_MALFORMED_TOKEN },
        { FIELD("Bearer " MANY(MANY("abcd"))), CLIENT_TOKEN },
        { FIELD("Bearer " MANY(MANY("abcd")) "e"), CLIENT_MALFORMED_TOKEN },
        { FIELD("Bearer"), CLIENT_BAD_FIELD },
        { FIELD("Bearer "), CLIENT_BAD_FIELD },
        { FIELD(""), CLIENT_BAD_FIELD },
        { FIELD("Bearer=abc"), CLIENT_BAD_FIELD },
        { FIELD("Bearer\tabc"), CLIENT_BAD_FIELD },
        { FIELD("Bearer abc") FIELD("Bearer abc"), CLIENT_BAD_FIELD },
        { FIELD("Bearer abc") FIELD(""), CLIENT_BAD_FIELD },
        { FIELD("Basic dTpw"), CLIENT_OTHER_SCHEME },
        { FIELD("Bearers abc"), CLIENT_OTHER_SCHEME },
        { FIELD("Negotiate"), CLIENT_OTHER_SCHEME },
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        if (read_fields(cases[i].fields).token != cases[i].token)
            fail_msg("%s: %d", cases[i].fields, (int)read_fields(cases[i].fields).token);
}

/* printf %s abc | sha256sum */
static void the_hash_is_that_of_the_token_s_text(void **state)
{
    (void)state;
    assert_string_equal(read_fields(FIELD("Bearer abc")).token_sha256,
                        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    assert_string_equal(read_fields(FIELD("bEARER   abc ")).token_sha256, read_fields(FIELD("Bearer abc")).token_sha256);
    assert_string_not_equal(read_fields(FIELD("Bearer abc=")).token_sha256, read_fields(FIELD("Bearer abc")).token_sha256);
    assert_string_equal(read_fields(FIELD("Bearer a b")).token_sha256, "");
}

static const char *challenge_of(enum cs_code code, const char *reason)
{
    struct cs_error err;

    cs_fail_as(&err, code, reason, "no");
    return authorization_challenge(&err);
}

/* RFC 9110 15.5.2: a 401 always has one; RFC 6750 3.1 has the words. tests/unit/request/test_access.c has each type's. */
static void whoever_needs_another_credential_is_told_which(void **state)
{
    (void)state;
    assert_string_equal(challenge_of(CS_ECREDENTIAL, "token-needed"), "Bearer realm=\"countersign\"");
    assert_string_equal(challenge_of(CS_ECREDENTIAL, "bad-token"), "Bearer realm=\"countersign\", error=\"invalid_token\"");
    assert_string_equal(challenge_of(CS_ECREDENTIAL, "certificate-needed"), "ClientCertificate realm=\"countersign\"");
    assert_string_equal(challenge_of(CS_ECREDENTIAL, "one-of-tomorrow"), "ClientCertificate realm=\"countersign\"");
    assert_null(challenge_of(CS_EDENIED, "wrong-subject"));
    assert_null(challenge_of(CS_EINPUT, "bad-token"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_a_field_says),
        cmocka_unit_test(the_hash_is_that_of_the_token_s_text),
        cmocka_unit_test(whoever_needs_another_credential_is_told_which),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
