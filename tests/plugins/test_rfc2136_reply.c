/* dns-rfc2136 as a whole: answers that are stale, or say no. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "../fakes/updating.h"
#include "engine/clock.h"

static struct updating u;
static struct updating_op op;

/* ---- Clocks -------------------------------------------------------------------------------------------------------- */

static int64_t server_is_ahead_s;

static void sign_by_another_clock(struct updating_server *s, const struct fake_question *question, struct message *reply)
{
    struct tsig_maker maker = updating_maker(s);

    (void)question;
    maker.time_s = (uint64_t)((int64_t)maker.time_s + server_is_ahead_s);
    updating_sign_as(reply, &maker);
}

static void a_time_within_the_fudge_is_good(void **state)
{
    (void)state;
    updating_set_ms(&u, "fudge", 60000);
    updating_open(&u);
    u.servers[0].answer = sign_by_another_clock;
    for (server_is_ahead_s = -60; server_is_ahead_s <= 60; server_is_ahead_s += 60) {
        updating_do(&u, &op);
        assert_int_equal(op.err.code, CS_OK);
    }
}

static void a_time_outside_the_fudge_is_a_failure_with_both_times(void **state)
{
    char ours[64], theirs[64];
    const int64_t offsets[] = { -61, 61 };

    (void)state;
    updating_set_ms(&u, "fudge", 60000);
    updating_open(&u);
    u.servers[0].answer = sign_by_another_clock;
    for (size_t i = 0; i < 2; i++) {
        time_t now = (time_t)(cs_wall_ms() / 1000), then = now + (time_t)offsets[i];

        server_is_ahead_s = offsets[i];
        strftime(ours, sizeof ours, "here %Y-%m-%d %H:%M:%S UTC", gmtime_r(&now, &(struct tm){ 0 }));
        strftime(theirs, sizeof theirs, "there it is %Y-%m-%d %H:%M:%S UTC", gmtime_r(&then, &(struct tm){ 0 }));
        updating_do(&u, &op);
        updating_expect(&op, CS_ECONFIG, ours);
        updating_expect(&op, CS_ECONFIG, theirs);
        updating_expect(&op, CS_ECONFIG, "(BADTIME): the clocks differ");
    }
}

/* RFC 8945 5.2.3: the time is ours, signed; theirs stands in the other data. */
static void say_badtime(struct updating_server *s, const struct fake_question *question, struct message *reply)
{
    static const uint8_t other[6] = { 0, 0, 0x6b, 0x49, 0xd2, 0 };
    struct tsig_maker maker = updating_maker(s);

    (void)question;
    maker.time_s = updating_last(s)->time_s;
    maker.error = 18;
    maker.other = other;
    maker.other_len = sizeof other;
    updating_set_rcode(reply, 9);
    updating_sign_as(reply, &maker);
}

static void badtime_tells_both_times(void **state)
{
    (void)state;
    updating_open(&u);
    u.servers[0].answer = say_badtime;
    updating_do(&u, &op);
    updating_expect(&op, CS_ECONFIG, "(BADTIME): the clocks differ: there it is 2027-01-15 08:00:00 UTC, here ");
    assert_int_equal(u.servers[0].updates, 1);
}

static void requests_bear_the_time_of_the_wall_clock(void **state)
{
    (void)state;
    updating_open(&u);
    clock_step_wall(3600 * 1000);
    updating_do(&u, &op);
    assert_int_equal(op.err.code, CS_OK);
    assert_int_equal(updating_last(&u.servers[0])->time_s, cs_wall_ms() / 1000);
    clock_step_wall(-3600 * 1000);
    updating_do(&u, &op);
    assert_int_equal(updating_last(&u.servers[0])->time_s, cs_wall_ms() / 1000);
}

/* ---- Refusals ------------------------------------------------------------------------------------------------------ */

static struct {
    unsigned rcode, tsig_error;
    bool is_signed, no_mac, no_question;
} refusal;

static void refuse(struct updating_server *s, const struct fake_question *question, struct message *reply)
{
    struct tsig_maker maker = updating_maker(s);

    (void)question;
    if (refusal.no_question) {
        reply->len = 12;
        change16(reply, 4, 0);
    }
    updating_set_rcode(reply, refusal.rcode);
    maker.error = refusal.tsig_error;
    maker.no_mac = refusal.no_mac;
    if (refusal.is_signed || refusal.no_mac)
        updating_sign_as(reply, &maker);
}

enum { FORMERR = 1, SERVFAIL, NXDOMAIN, NOTIMP, REFUSED, YXDOMAIN, YXRRSET, NXRRSET, NOTAUTH, NOTZONE };
enum { BADSIG = 16, BADKEY = 17, BADTRUNC = 22 };

static const struct {
    unsigned rcode, tsig_error;
    bool is_signed, no_mac;
    enum cs_code code;
    const char *words;
} refusals[] = {
    { FORMERR, 0, false, false, CS_EREFUSED, "(FORMERR): it does not understand the update" },
    { SERVFAIL, 0, true, false, CS_EUPSTREAM, "(SERVFAIL): it could not do it: see the log of that server" },
    { NXDOMAIN, 0, true, false, CS_EREFUSED, "(NXDOMAIN): it speaks of a prerequisite" },
    { NOTIMP, 0, false, false, CS_EREFUSED, "(NOTIMP): it takes no updates: name the zone's primary in `servers`" },
    { REFUSED, 0, true, false, CS_EREFUSED, "(REFUSED): its policy does not let this key change TXT records" },
    { REFUSED, 0, false, false, CS_EREFUSED,
      "(REFUSED): the answer is not signed by our key, so it is the policy, the key or the clock" },
    { YXDOMAIN, 0, true, false, CS_EREFUSED, "(YXDOMAIN): it speaks of a prerequisite" },
    { YXRRSET, 0, true, false, CS_EREFUSED, "(YXRRSET): there is a CNAME at that name" },
    { NXRRSET, 0, true, false, CS_EREFUSED, "(NXRRSET): it speaks of a prerequisite" },
    { NOTAUTH, 0, true, false, CS_EREFUSED, "(NOTAUTH): it is not the primary of that zone" },
    { NOTAUTH, 0, false, false, CS_EREFUSED, "(NOTAUTH): it is not the primary of that zone" },
    { NOTAUTH, BADSIG, false, true, CS_ECONFIG, "(BADSIG): it has another secret for key key.example." },
    { NOTAUTH, BADKEY, false, true, CS_ECONFIG, "(BADKEY): it has no key key.example. with hmac-sha256" },
    { NOTAUTH, BADTRUNC, true, false, CS_ECONFIG, "(TSIG error 22): it does not like how the request is signed" },
    { NOTZONE, 0, true, false, CS_EREFUSED, "(NOTZONE): for it the name does not lie in that zone: correct `zone`" },
    { 15, 0, true, false, CS_EREFUSED, "(RCODE 15): nobody expects that answer" },
};

static void each_refusal_says_what_to_change(void **state)
{
    char who[200];

    (void)state;
    updating_set(&u, "zone", "lab.example"); /* so that nothing is asked for again */
    updating_open(&u);
    u.servers[0].answer = refuse;
    for (size_t i = 0; i < sizeof refusals / sizeof *refusals; i++)
        for (int question = 0; question < 2; question++) {
            refusal.rcode = refusals[i].rcode;
            refusal.tsig_error = refusals[i].tsig_error;
            refusal.is_signed = refusals[i].is_signed;
            refusal.no_mac = refusals[i].no_mac;
            refusal.no_question = question == 1; /* RFC 2136 3.8 */
            updating_do(&u, &op);
            updating_expect(&op, refusals[i].code, refusals[i].words);
            snprintf(who, sizeof who, "%s did not change %s in zone lab.example. ", u.servers[0].fake.address, UPDATING_OWNER);
            updating_expect(&op, refusals[i].code, who);
            assert_null(strstr(op.err.text, UPDATING_BASE64));
        }
    assert_int_equal(u.servers[0].updates, 2 * sizeof refusals / sizeof *refusals);
}

static void refuse_by_another_secret(struct updating_server *s, const struct fake_question *question, struct message *reply)
{
    struct tsig_maker maker = updating_maker(s);

    (void)question;
    updating_set_rcode(reply, REFUSED);
    maker.secret = "another secret of the same bytes";
    updating_sign_as(reply, &maker);
}

static void a_refusal_with_a_bad_signature_is_one_that_nobody_signed(void **state)
{
    (void)state;
    updating_open(&u);
    u.servers[0].answer = refuse_by_another_secret;
    updating_do(&u, &op);
    updating_expect(&op, CS_EREFUSED, "the answer is not signed by our key");
}

/* ---- Without a key ------------------------------------------------------------------------------------------------- */

static void sign_uncalled_for(struct updating_server *s, const struct fake_question *question, struct message *reply)
{
    const struct tsig_maker maker = { .name = UPDATING_KEY,
                                      .algorithm = "hmac-sha256.",
                                      .digest = "SHA256",
                                      .secret = "x",
                                      .secret_len = 1,
                                      .original_id = question->id };

    (void)s;
    updating_sign_as(reply, &maker);
}

static void without_a_key_nothing_is_signed(void **state)
{
    (void)state;
    updating_set(&u, "key_name", "");
    updating_set(&u, "key", "");
    updating_open(&u);
    updating_do(&u, &op);
    assert_int_equal(op.err.code, CS_OK);
    assert_int_equal(u.servers[0].n, 2);
    assert_false(u.servers[0].seen[0].is_signed);
    assert_false(u.servers[0].seen[1].is_signed);
    u.servers[0].answer = refuse;
    refusal.rcode = REFUSED;
    refusal.is_signed = refusal.no_mac = refusal.no_question = false;
    updating_do(&u, &op);
    updating_expect(&op, CS_EREFUSED, "takes no unsigned updates from this address: set `key_name` and `key`");
    refusal.rcode = NOTAUTH;
    updating_do(&u, &op);
    updating_expect(&op, CS_EREFUSED, "or wants the update signed");
    u.servers[0].answer = sign_uncalled_for;
    updating_begin(&u, &op, UPDATING_OWNER, "value", NULL);
    updating_hurry(&u, &op);
    updating_expect(&op, CS_EUPSTREAM, "a TSIG that nobody asked for");
}

static int set_up(void **state)
{
    (void)state;
    updating_up(&u, 1);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    updating_down(&u);
    return 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_time_within_the_fudge_is_good),
        TEST(a_time_outside_the_fudge_is_a_failure_with_both_times),
        TEST(badtime_tells_both_times),
        TEST(requests_bear_the_time_of_the_wall_clock),
        TEST(each_refusal_says_what_to_change),
        TEST(a_refusal_with_a_bad_signature_is_one_that_nobody_signed),
        TEST(without_a_key_nothing_is_signed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
