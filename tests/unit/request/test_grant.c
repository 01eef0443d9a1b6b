/* request/grant.c: who may have which names from which CA. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "request/grant.h"

/* The configuration: CAs "le" and, when two_cas, "other" (which takes CN-only CSRs); DNS "builtin". */
static struct instance le, other, builtin;
static bool two_cas;

struct instance *instances_find(struct instances *all, enum role role, const char *name)
{
    (void)all;
    if (role == ROLE_CA && strcmp(name, "le") == 0)
        return &le;
    if (role == ROLE_CA && two_cas && strcmp(name, "other") == 0)
        return &other;
    return role == ROLE_DNS && strcmp(name, "builtin") == 0 ? &builtin : NULL;
}

struct instance *instances_at(struct instances *all, enum role role, size_t index)
{
    (void)all, (void)role;
    return index == 0 ? &le : index == 1 && two_cas ? &other : NULL;
}

#define TEXT(s) ((char *)(s)) /* nothing here writes to it */

static struct subject_row row;
static struct csr csr;
static char *names[3];
static struct heart heart;
static struct grant grant;
static struct cs_error err;
static struct asker asker = { .front = "http", .client = "" };

static int set_up(void **state)
{
    (void)state;
    row = (struct subject_row){ .subject = TEXT("CN=a.x.example"),
                                .zone = TEXT("x.example"),
                                .names = TEXT(""),
                                .profile = TEXT("short"),
                                .cas = TEXT(""),
                                .enabled = true,
                                .dns = TEXT("builtin"),
                                .keys = TEXT(""),
                                .zone_enabled = true };
    names[0] = TEXT("a.x.example");
    csr = (struct csr){
        .subject = TEXT("CN=a.x.example"), .cn = "a.x.example", .names = names, .n_names = 1, .key_type = "p256"
    };
    other.block.cn_only = true;
    two_cas = false;
    memset(&err, 0, sizeof err);
    return 0;
}

static int ask(void)
{
    return grant_names(&heart, &asker, &row, &csr, &grant, &err);
}

static void assert_refused(enum cs_code code, const char *reason)
{
    assert_int_equal(ask(), -1);
    assert_int_equal(err.code, code);
    assert_string_equal(err.reason, reason);
}

static void disabled_rows_look_like_none(void **state)
{
    (void)state;
    assert_int_equal(grant_subject(&asker, &row, &err), 0);
    assert_int_equal(grant_subject(&asker, NULL, &err), -1);
    assert_string_equal(err.reason, "unknown-subject");
    row.enabled = false;
    assert_int_equal(grant_subject(&asker, &row, &err), -1);
    row.enabled = true;
    row.zone_enabled = false;
    assert_int_equal(grant_subject(&asker, &row, &err), -1);
    assert_non_null(strstr(err.text, "the server's operator adds one with `countersign subject add`"));
}

static void exactly_the_cn_by_default(void **state)
{
    (void)state;
    assert_int_equal(ask(), 0);
    assert_ptr_equal(grant.ca, &le);
    assert_string_equal(grant.profile, "short");
    names[0] = TEXT("b.x.example");
    assert_refused(CS_EDENIED, "name-not-allowed");
    names[0] = TEXT("a.x.example");
    names[1] = TEXT("*.a.x.example");
    csr.n_names = 2;
    assert_refused(CS_EDENIED, "name-not-allowed");
}

static void only_what_the_row_lists(void **state)
{
    (void)state;
    row.names = TEXT("b.x.example *.c.x.example .d.x.example");
    assert_refused(CS_EDENIED, "name-not-allowed");
    names[0] = TEXT("b.x.example");
    assert_int_equal(ask(), 0);
    names[0] = TEXT("*.c.x.example");
    assert_int_equal(ask(), 0);
    names[0] = TEXT("e.c.x.example");
    assert_refused(CS_EDENIED, "name-not-allowed");
    names[0] = TEXT("e.f.d.x.example");
    assert_int_equal(ask(), 0);
    names[0] = TEXT("d.x.example");
    assert_refused(CS_EDENIED, "name-not-allowed");
}

static void names_of_other_zones_are_foreign(void **state)
{
    (void)state;
    row.names = TEXT(".example");
    names[0] = TEXT("a.y.example");
    assert_refused(CS_EDENIED, "foreign-name");
    names[0] = TEXT("axx.example");
    assert_refused(CS_EDENIED, "foreign-name");
}

static void every_name_is_looked_at(void **state)
{
    (void)state;
    row.names = TEXT("a.x.example");
    names[1] = TEXT("b.x.example");
    csr.n_names = 2;
    assert_refused(CS_EDENIED, "name-not-allowed");
    assert_non_null(strstr(err.text, "b.x.example"));
}

static void the_row_picks_the_ca(void **state)
{
    (void)state;
    two_cas = true;
    assert_refused(CS_ECONFIG, "");
    row.cas = TEXT("other le");
    assert_int_equal(ask(), 0);
    assert_ptr_equal(grant.ca, &other);
    row.cas = TEXT("gone");
    assert_refused(CS_ECONFIG, "");
}

static void cn_only_is_the_cas_choice(void **state)
{
    (void)state;
    csr.cn_only = true;
    assert_refused(CS_EINPUT, "cn-only");
    assert_non_null(strstr(err.text, "subjectAltName=DNS:a.x.example"));
    two_cas = true;
    row.cas = TEXT("other");
    assert_int_equal(ask(), 0);
}

static void a_dns_instance_that_is_not_configured(void **state)
{
    (void)state;
    row.dns = TEXT("gone");
    assert_refused(CS_ECONFIG, "");
}

#define TEST(f) cmocka_unit_test_setup(f, set_up)

static void a_zone_may_take_some_types_of_key_only(void **state)
{
    static const char *const takes[] = { "", "p256", "rsa2048 p256", "p256 rsa2048" };
    static const char *const refuses[] = { "p384", "rsa2048 p384", "p25", "p2567" };

    (void)state;
    for (size_t i = 0; i < sizeof takes / sizeof *takes; i++) {
        row.keys = TEXT(takes[i]);
        assert_int_equal(grant_names(&heart, &asker, &row, &csr, &grant, &err), 0);
    }
    for (size_t i = 0; i < sizeof refuses / sizeof *refuses; i++) {
        row.keys = TEXT(refuses[i]);
        assert_int_equal(grant_names(&heart, &asker, &row, &csr, &grant, &err), -1);
        assert_int_equal(err.code, CS_EINPUT);
        assert_string_equal(err.reason, "key-type");
        assert_non_null(strstr(err.text, refuses[i]));
        assert_non_null(strstr(err.text, "x.example"));
    }
}

/* The hash of nothing, in base32. */
#define LABEL "4oymiquy7qobjgx36tejs35zeqt24qpemsnzgtfeswmrw6csxbkq"

static void the_name_that_follows_from_the_key(void **state)
{
    static const uint8_t hash[32] = {
        0xe3, 0xb0, 0xc4, 0x42, 0x98, 0xfc, 0x1c, 0x14,
        0x9a, 0xfb, 0xf4, 0xc8, 0x99, 0x6f, 0xb9, 0x24,
        0x27, 0xae, 0x41, 0xe4, 0x64, 0x9b, 0x93, 0x4c,
        0xa4, 0x95, 0x99, 0x1b, 0x78, 0x52, 0xb8, 0x55,
    };

    (void)state;
    memcpy(csr.spki_sha256, hash, sizeof hash);
    row.names = TEXT("b.x.example {key}.x.example {key}.c.x.example");
    names[0] = TEXT(LABEL ".x.example");
    assert_int_equal(ask(), 0);
    names[0] = TEXT(LABEL ".c.x.example");
    assert_int_equal(ask(), 0);
    names[0] = TEXT("b.x.example");
    assert_int_equal(ask(), 0);
    names[0] = TEXT("a.x.example");
    assert_refused(CS_EDENIED, "name-not-of-key");
    assert_non_null(strstr(err.text, "it is " LABEL ".x.example"));
    names[0] = TEXT("*." LABEL ".x.example");
    assert_refused(CS_EDENIED, "name-not-of-key");
    names[0] = TEXT(LABEL ".d.x.example");
    assert_refused(CS_EDENIED, "name-not-of-key");
    names[0] = TEXT(LABEL ".x.example");
    csr.spki_sha256[31] ^= 1;
    assert_refused(CS_EDENIED, "name-not-of-key");
    names[0] = TEXT("a.y.example");
    assert_refused(CS_EDENIED, "foreign-name");
    row.names = TEXT("b.x.example");
    names[0] = TEXT("a.x.example");
    assert_refused(CS_EDENIED, "name-not-allowed");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(disabled_rows_look_like_none), TEST(exactly_the_cn_by_default),
        TEST(only_what_the_row_lists),      TEST(names_of_other_zones_are_foreign),
        TEST(every_name_is_looked_at),      TEST(the_row_picks_the_ca),
        TEST(cn_only_is_the_cas_choice),    TEST(a_dns_instance_that_is_not_configured),
        TEST(a_zone_may_take_some_types_of_key_only),
        TEST(the_name_that_follows_from_the_key),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
