/* base/caa.c: may a CA issue, by CAA records as they come from a zone? */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "base/caa.h"

static const char *const identities[] = { "letsencrypt.org", "other.example" };
static struct caa_ask ask;
static char why[CAA_WHY];
static uint8_t bytes[8][300];
static struct caa_record records[8];
static size_t n;

static int reset(void **state)
{
    (void)state;
    n = 0;
    ask = (struct caa_ask){ .identities = identities, .n_identities = 2, .account = "https://ca/acct/1", .method = "dns-01" };
    return 0;
}

static void add(uint8_t flags, const char *tag, const char *value)
{
    const size_t tag_len = strlen(tag), len = strlen(value);

    bytes[n][0] = flags;
    bytes[n][1] = (uint8_t)tag_len;
    memcpy(bytes[n] + 2, tag, tag_len);
    memcpy(bytes[n] + 2 + tag_len, value, len);
    records[n] = (struct caa_record){ bytes[n], 2 + tag_len + len };
    n++;
}

static enum caa_verdict judge(void)
{
    return caa_judge(records, n, &ask, why);
}

static enum caa_verdict judge_one(const char *value)
{
    n = 0;
    add(0, "issue", value);
    return judge();
}

static void no_record_about_issuing_permits_all(void **state)
{
    (void)state;
    assert_int_equal(judge(), CAA_PERMITS);
    assert_string_equal(why, "no CAA record");
    add(0, "iodef", "mailto:x@y.example");
    assert_int_equal(judge(), CAA_PERMITS);
    assert_string_equal(why, "no property about issuing");
    add(0, "unheardof", "x");
    add(0, "issuewild", ";"); /* of wildcards only */
    assert_int_equal(judge(), CAA_PERMITS);
}

static void the_named_ca_may_and_others_may_not(void **state)
{
    (void)state;
    assert_int_equal(judge_one("letsencrypt.org"), CAA_PERMITS);
    assert_string_equal(why, "issue \"letsencrypt.org\"");
    assert_int_equal(judge_one("  LetsEncrypt.ORG\t"), CAA_PERMITS);
    assert_int_equal(judge_one("other.example;"), CAA_PERMITS);
    assert_int_equal(judge_one("ca.example"), CAA_FORBIDS);
    assert_string_equal(why, "issue \"ca.example\": that is another CA");
    assert_int_equal(judge_one(";"), CAA_FORBIDS);
    assert_int_equal(judge_one(""), CAA_FORBIDS);
    assert_string_equal(why, "issue \"\": it permits nobody");
    assert_int_equal(judge_one("xletsencrypt.org"), CAA_FORBIDS);
}

static void one_of_several_is_enough(void **state)
{
    (void)state;
    add(0, "issue", ";");
    add(0, "issue", "ca.example");
    add(0, "ISSUE", "other.example");
    assert_int_equal(judge(), CAA_PERMITS);
    assert_string_equal(why, "ISSUE \"other.example\"");
}

static void issuewild_goes_before_issue_for_wildcards_alone(void **state)
{
    (void)state;
    add(0, "issue", "letsencrypt.org");
    ask.wildcard = true;
    assert_int_equal(judge(), CAA_PERMITS);
    add(0, "issuewild", ";");
    assert_int_equal(judge(), CAA_FORBIDS);
    assert_string_equal(why, "issuewild \";\": it permits nobody");
    ask.wildcard = false;
    assert_int_equal(judge(), CAA_PERMITS);
}

static void the_validation_method_must_be_listed(void **state)
{
    (void)state;
    assert_int_equal(judge_one("letsencrypt.org; validationmethods=dns-01"), CAA_PERMITS);
    assert_int_equal(judge_one("letsencrypt.org;validationmethods=http-01,dns-01"), CAA_PERMITS);
    assert_int_equal(judge_one("letsencrypt.org; validationmethods=http-01"), CAA_FORBIDS);
    assert_string_equal(why, "issue \"letsencrypt.org; validationmethods=http-01\": its validationmethods do not have dns-01");
    assert_int_equal(judge_one("letsencrypt.org; validationmethods=dns-01x"), CAA_FORBIDS);
    assert_int_equal(judge_one("letsencrypt.org; validationmethods="), CAA_FORBIDS);
    assert_int_equal(judge_one("letsencrypt.org; validationmethods=dns-01; validationmethods=dns-01"), CAA_FORBIDS);
}

static void the_account_must_be_ours(void **state)
{
    (void)state;
    assert_int_equal(judge_one("letsencrypt.org; accounturi=https://ca/acct/1"), CAA_PERMITS);
    assert_int_equal(judge_one("letsencrypt.org; accounturi=https://ca/acct/2"), CAA_FORBIDS);
    assert_int_equal(judge_one("letsencrypt.org; accounturi=https://ca/acct/1; accounturi=https://ca/acct/1"), CAA_FORBIDS);
    assert_int_equal(judge_one("letsencrypt.org; cansignhttpexchanges=yes"), CAA_PERMITS);
    ask.account = "";
    assert_int_equal(judge_one("letsencrypt.org; accounturi=https://ca/acct/1"), CAA_UNSURE);
    assert_int_equal(judge_one("letsencrypt.org"), CAA_PERMITS);
}

static void a_ca_that_names_no_identity_leaves_it_open(void **state)
{
    (void)state;
    ask.n_identities = 0;
    assert_int_equal(judge_one("ca.example"), CAA_UNSURE);
    assert_int_equal(judge_one(";"), CAA_FORBIDS);
    assert_int_equal(judge_one("ca.example; validationmethods=http-01"), CAA_FORBIDS);
}

static void what_is_malformed_permits_nobody(void **state)
{
    static const char *const values[] = { "letsencrypt.org; validationmethods", "letsencrypt.org; =x", "letsencrypt.org; a b=c",
                                          "letsencrypt.org; ; a=b", "lets encrypt.org", "letsencrypt.org/", "%%%%%",
                                          "letsencrypt.org; a=b c" };
    static const uint8_t cut_off[] = { 0, 9, 'i' };

    (void)state;
    for (size_t i = 0; i < sizeof values / sizeof *values; i++)
        if (judge_one(values[i]) != CAA_FORBIDS)
            fail_msg("permitted: %s", values[i]);
    for (size_t len = 0; len <= sizeof cut_off; len++) {
        records[0] = (struct caa_record){ cut_off, len };
        n = 1;
        assert_int_equal(judge(), CAA_FORBIDS);
        assert_string_equal(why, "a CAA record is malformed: it cannot be read");
    }
}

static void a_critical_property_that_nobody_knows_forbids_all(void **state)
{
    (void)state;
    add(0, "issue", "letsencrypt.org");
    add(0x80, "issue", "letsencrypt.org");
    assert_int_equal(judge(), CAA_PERMITS);
    add(0x80, "tbs", "Unknown");
    assert_int_equal(judge(), CAA_FORBIDS);
    assert_string_equal(why, "tbs \"Unknown\": it is critical, and CAs do not know it");
}

static void odd_bytes_are_not_repeated(void **state)
{
    (void)state;
    assert_int_equal(judge_one("\x1b[31m\"\\\n"), CAA_FORBIDS);
    assert_string_equal(why, "issue \"?[31m???\": its value is malformed, which permits nobody");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(no_record_about_issuing_permits_all, reset),
        cmocka_unit_test_setup(the_named_ca_may_and_others_may_not, reset),
        cmocka_unit_test_setup(one_of_several_is_enough, reset),
        cmocka_unit_test_setup(issuewild_goes_before_issue_for_wildcards_alone, reset),
        cmocka_unit_test_setup(the_validation_method_must_be_listed, reset),
        cmocka_unit_test_setup(the_account_must_be_ours, reset),
        cmocka_unit_test_setup(a_ca_that_names_no_identity_leaves_it_open, reset),
        cmocka_unit_test_setup(what_is_malformed_permits_nobody, reset),
        cmocka_unit_test_setup(a_critical_property_that_nobody_knows_forbids_all, reset),
        cmocka_unit_test_setup(odd_bytes_are_not_repeated, reset),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
