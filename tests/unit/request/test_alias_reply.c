/* request/alias_reply.c: what an answer says about a name being an alias. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "../../fakes/dns_message.h"
#include "request/alias_reply.h"

#define NAME "_acme-challenge.a.x.example."
enum { T_NS = 2, T_CNAME = 5, T_SOA = 6, T_TXT = 16, T_DNAME = 39, F_QR = 0x8000, F_AA = 0x0400 };

static struct message packet;

static void begin(unsigned flags, unsigned answers, unsigned authority)
{
    put_header(&packet, 7, F_QR | flags, 1, answers, authority, 0);
    put_question(&packet, NAME, T_CNAME, 1);
}

static void add(const char *owner, unsigned type, const char *target)
{
    struct message rdata = { .len = 0 };

    put_name(&rdata, target);
    put_record(&packet, owner, type, 1, 300, rdata.at, rdata.len);
}

static void add_soa(const char *owner)
{
    struct message rdata = { .len = 0 };

    put_name(&rdata, "ns1.x.example.");
    put_name(&rdata, "hostmaster.x.example.");
    for (int i = 0; i < 10; i++)
        put16(&rdata, 1);
    put_record(&packet, owner, T_SOA, 1, 300, rdata.at, rdata.len);
}

static struct alias_reply read_it(void)
{
    struct alias_reply reply;
    ldns_pkt *pkt = NULL;

    assert_int_equal(ldns_wire2pkt(&pkt, packet.at, packet.len), LDNS_STATUS_OK);
    alias_reply_read(&reply, packet.at[3] & 15u, pkt, NAME, "x.example.");
    ldns_pkt_free(pkt);
    return reply;
}

static void expect(enum alias_kind kind, const char *text)
{
    const struct alias_reply reply = read_it();

    assert_int_equal(reply.kind, kind);
    if (kind == ALIAS_UNKNOWN)
        assert_string_equal(reply.said, text);
    else if (kind != ALIAS_NONE)
        assert_string_equal(reply.target, text);
}

static void a_cname_record_of_the_name_is_its_alias(void **state)
{
    (void)state;
    begin(F_AA, 1, 0);
    add(NAME, T_CNAME, "b.example.");
    expect(ALIAS_TO, "b.example.");
    begin(F_AA | 3, 1, 1); /* the target is not there */
    add("_ACME-Challenge.A.X.example.", T_CNAME, "Gone.B.example.");
    add_soa("b.example.");
    expect(ALIAS_TO, "gone.b.example.");
}

static void only_the_first_alias_of_a_chain_counts(void **state)
{
    (void)state;
    begin(F_AA, 3, 0);
    add("b.example.", T_CNAME, "c.example.");
    add(NAME, T_CNAME, "b.example.");
    add("c.example.", T_CNAME, "d.example.");
    expect(ALIAS_TO, "b.example.");
}

static void what_a_dname_makes_of_the_name_is_an_alias(void **state)
{
    (void)state;
    begin(F_AA, 2, 0);
    add("a.x.example.", T_DNAME, "b.example.");
    add(NAME, T_CNAME, "_acme-challenge.b.example.");
    expect(ALIAS_TO, "_acme-challenge.b.example.");
}

static void the_same_record_twice_is_one_and_two_records_are_none(void **state)
{
    (void)state;
    begin(F_AA, 2, 0);
    add(NAME, T_CNAME, "b.example.");
    add(NAME, T_CNAME, "B.example.");
    expect(ALIAS_TO, "b.example.");
    begin(F_AA, 2, 0);
    add(NAME, T_CNAME, "b.example.");
    add(NAME, T_CNAME, "c.example.");
    expect(ALIAS_UNKNOWN, "several CNAME records at one name");
}

static void no_record_and_no_name_are_no_alias(void **state)
{
    (void)state;
    begin(F_AA, 0, 1);
    add_soa("x.example.");
    expect(ALIAS_NONE, "");
    begin(F_AA, 0, 0);
    expect(ALIAS_NONE, "");
    begin(F_AA | 3, 0, 0);
    expect(ALIAS_NONE, "");
    begin(3, 0, 0);
    expect(ALIAS_NONE, "");
    begin(0, 0, 1); /* from a cache */
    add_soa("x.example.");
    expect(ALIAS_NONE, "");
    begin(F_AA, 1, 0);
    add("elsewhere.x.example.", T_CNAME, "b.example.");
    expect(ALIAS_NONE, "");
}

static void a_referral_below_the_zone_is_told_and_others_are_not_believed(void **state)
{
    (void)state;
    begin(0, 0, 2);
    add("a.x.example.", T_NS, "ns1.elsewhere.");
    add("a.x.example.", T_NS, "ns2.elsewhere.");
    expect(ALIAS_BELOW, "a.x.example.");
    begin(0, 0, 1);
    add(NAME, T_NS, "ns1.elsewhere.");
    expect(ALIAS_BELOW, NAME);
    begin(0, 0, 1);
    add(".", T_NS, "a.root-servers.net.");
    expect(ALIAS_UNKNOWN, "not authoritative");
    begin(0, 0, 1);
    add("x.example.", T_NS, "ns1.x.example.");
    expect(ALIAS_UNKNOWN, "not authoritative");
    begin(0, 0, 1);
    add("b.x.example.", T_NS, "ns1.x.example.");
    expect(ALIAS_UNKNOWN, "not authoritative");
}

static void an_error_says_nothing_about_the_name(void **state)
{
    struct alias_reply reply;

    (void)state;
    begin(F_AA | 2, 0, 0);
    expect(ALIAS_UNKNOWN, "SERVFAIL");
    begin(5, 1, 0);
    add(NAME, T_CNAME, "b.example.");
    expect(ALIAS_UNKNOWN, "REFUSED");
    alias_reply_read(&reply, 1, NULL, NAME, "x.example.");
    assert_int_equal(reply.kind, ALIAS_UNKNOWN);
    assert_string_equal(reply.said, "FORMERR");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_cname_record_of_the_name_is_its_alias),
        cmocka_unit_test(only_the_first_alias_of_a_chain_counts),
        cmocka_unit_test(what_a_dname_makes_of_the_name_is_an_alias),
        cmocka_unit_test(the_same_record_twice_is_one_and_two_records_are_none),
        cmocka_unit_test(no_record_and_no_name_are_no_alias),
        cmocka_unit_test(a_referral_below_the_zone_is_told_and_others_are_not_believed),
        cmocka_unit_test(an_error_says_nothing_about_the_name),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
