/* request/txt_reply.c: is the value in this answer, and if not, what is? */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "../../fakes/dns_message.h"
#include "request/txt_reply.h"

enum { NS = 2, CNAME = 5, TXT = 16, AA = 0x8400, NOT_AA = 0x8000 };

static struct message m;
static struct txt_reply reply;

static const struct txt_question question = { .owner = "_acme.x.example.", .value = "value", .zone = "example." };

static void begin(unsigned flags, unsigned answers, unsigned authority)
{
    put_header(&m, 1, flags, 1, answers, authority, 0);
    put_question(&m, "_acme.x.example.", TXT, 1);
}

static void put_txt(const char *owner, const char *rdata, size_t n)
{
    put_record(&m, owner, TXT, 1, 5, rdata, n);
}

static void put_target(const char *owner, unsigned type, const char *target)
{
    struct message rdata = { .len = 0 };

    put_name(&rdata, target);
    put_record(&m, owner, type, 1, 5, rdata.at, rdata.len);
}

static void read_it(void)
{
    ldns_pkt *pkt = NULL;

    assert_int_equal(ldns_wire2pkt(&pkt, m.at, m.len), LDNS_STATUS_OK);
    txt_reply_read(&reply, m.at[3] & 15u, pkt, &question);
    ldns_pkt_free(pkt);
}

static void the_value_is_found_among_others(void **state)
{
    (void)state;
    begin(AA, 3, 0);
    put_txt("_acme.x.example.", "\5other", 6);
    put_txt("_ACME.X.example.", "\5value", 6);
    put_txt("_acme.x.example.", "\4last", 5);
    read_it();
    assert_true(reply.has);
}

static void its_strings_are_joined(void **state)
{
    (void)state;
    begin(AA, 1, 0);
    put_txt("_acme.x.example.", "\2va\0\3lue", 8);
    read_it();
    assert_true(reply.has);
}

static void what_only_begins_or_ends_alike_is_another_value(void **state)
{
    static const char *const others[] = { "\4valu", "\6values", "\5Value", "\0" };

    (void)state;
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        begin(AA, 1, 0);
        put_txt("_acme.x.example.", others[i], (size_t)others[i][0] + 1);
        read_it();
        assert_false(reply.has);
        assert_string_equal(reply.said, "1 other value");
    }
}

static void the_value_of_another_name_does_not_count(void **state)
{
    (void)state;
    begin(AA, 1, 0);
    put_txt("x.example.", "\5value", 6);
    read_it();
    assert_false(reply.has);
    assert_string_equal(reply.said, "no TXT record");
}

static void aliases_are_followed_within_the_answer(void **state)
{
    (void)state;
    begin(AA, 3, 0);
    put_txt("c.example.", "\5value", 6); /* in any order */
    put_target("b.example.", CNAME, "c.example.");
    put_target("_acme.x.example.", CNAME, "B.example.");
    read_it();
    assert_true(reply.has);
    begin(AA, 1, 0);
    put_target("_acme.x.example.", CNAME, "elsewhere.");
    read_it();
    assert_false(reply.has);
    assert_string_equal(reply.said, "an alias to elsewhere.");
}

static void aliases_in_a_circle_end(void **state)
{
    (void)state;
    begin(AA, 2, 0);
    put_target("_acme.x.example.", CNAME, "b.example.");
    put_target("b.example.", CNAME, "_acme.x.example.");
    read_it();
    assert_false(reply.has);
    begin(AA, 1, 0);
    put_target("_acme.x.example.", CNAME, "_acme.x.example.");
    read_it();
    assert_string_equal(reply.said, "no TXT record");
}

static void errors_are_named(void **state)
{
    (void)state;
    begin(AA | 3, 0, 0);
    read_it();
    assert_string_equal(reply.said, "NXDOMAIN");
    begin(NOT_AA | 5, 0, 0);
    read_it();
    assert_string_equal(reply.said, "REFUSED");
    txt_reply_read(&reply, 1, NULL, &question);
    assert_string_equal(reply.said, "FORMERR");
    txt_reply_read(&reply, 14, NULL, &question);
    assert_string_equal(reply.said, "RCODE 14");
}

static void a_referral_names_the_zone_below(void **state)
{
    static const struct {
        unsigned flags;
        const char *owner, *referral;
    } cases[] = { { NOT_AA, "X.example.", "x.example." },
                  { NOT_AA, "_acme.x.example.", "_acme.x.example." },
                  { NOT_AA, "example.", "" },  /* their own */
                  { NOT_AA, ".", "" },         /* up: lame */
                  { NOT_AA, "y.example.", "" }, /* beside */
                  { NOT_AA, "a._acme.x.example.", "" },
                  { AA, "x.example.", "" } };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        begin(cases[i].flags, 0, 1);
        put_target(cases[i].owner, NS, "ns.elsewhere.");
        read_it();
        assert_false(reply.has);
        assert_string_equal(reply.referral, cases[i].referral);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_value_is_found_among_others),
        cmocka_unit_test(its_strings_are_joined),
        cmocka_unit_test(what_only_begins_or_ends_alike_is_another_value),
        cmocka_unit_test(the_value_of_another_name_does_not_count),
        cmocka_unit_test(aliases_are_followed_within_the_answer),
        cmocka_unit_test(aliases_in_a_circle_end),
        cmocka_unit_test(errors_are_named),
        cmocka_unit_test(a_referral_names_the_zone_below),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
