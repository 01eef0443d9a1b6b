/* core/command/zone_judge.c: what is wrong with a zone, by facts that a test makes up. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "command/zone_judge.h"

static struct zone_facts facts;
static struct zone_finding finding;

static void put(char out[1024], const char *text)
{
    snprintf(out, 1024, "%s", text);
}

static struct zone_server *add_server(const char *name, uint32_t serial)
{
    struct zone_server *server = &facts.servers[facts.n_servers++];

    *server = (struct zone_server){ .udp = { true, "NOERROR" }, .tcp = { true, "NOERROR" }, .edns = { true, "NOERROR" },
                                    .authoritative = true, .same_case = true, .has_soa = true, .serial = serial,
                                    .negative_s = 60, .at.at.ss_family = AF_INET };
    put(server->name, name);
    return server;
}

/* A zone that is as it should be. */
static int good(void **state)
{
    (void)state;
    facts = (struct zone_facts){ .resolver_asked = true, .resolver = { true, "NOERROR" }, .parent_asked = true,
                                 .is_signed = ZONE_VALID, .parent_ns.n = 1, .child_ns.n = 1 };
    put(facts.zone, "go.example.");
    put(facts.apex, "go.example.");
    put(facts.parent, "example.");
    put(facts.parent_ns.v[0], "ns1.go.example.");
    put(facts.child_ns.v[0], "ns1.go.example.");
    add_server("ns1.go.example.", 7);
    return 0;
}

static void assert_says(enum doctor_verdict verdict, const char *saw, const char *todo)
{
    const char *end = strchr(finding.text, '\n');

    assert_int_equal(finding.verdict, verdict);
    if (!strstr(finding.text, saw))
        fail_msg("\"%s\" does not say \"%s\"", finding.text, saw);
    assert_int_equal(end != NULL, verdict != DOCTOR_OK);
    if (end && !strstr(end, todo))
        fail_msg("\"%s\" does not say \"%s\"", end, todo);
}

static void delegation(bool own, bool has_servers)
{
    zone_judge_delegation(&finding, &facts, own, has_servers);
}

static void a_good_delegation_is_ok(void **state)
{
    (void)state;
    delegation(true, false);
    assert_says(DOCTOR_OK, "example. names the same servers as the zone: ns1.go.example.", "");
}

static void sets_of_name_servers_are_compared_both_ways(void **state)
{
    (void)state;
    put(facts.parent_ns.v[facts.parent_ns.n++], "ns2.go.example.");
    delegation(true, false);
    assert_says(DOCTOR_WARN, "example. names ns2.go.example. as a name server", "take it out of example.");
    facts.parent_ns.n = 1;
    put(facts.child_ns.v[facts.child_ns.n++], "ns3.go.example.");
    delegation(true, false);
    assert_says(DOCTOR_WARN, "the zone go.example. has the name server ns3.go.example., but example. does not name it",
                "add its NS record to example.");
}

static void no_name_server_is_a_failure_unless_the_row_has_some(void **state)
{
    (void)state;
    facts.parent_ns.n = facts.child_ns.n = 0;
    snprintf(facts.resolver.said, sizeof facts.resolver.said, "NXDOMAIN");
    delegation(true, false);
    assert_says(DOCTOR_FAIL, "go.example. is not delegated: a resolver says NXDOMAIN", "add NS records for it to example.");
    delegation(true, true);
    assert_says(DOCTOR_WARN, "only its row names servers", "unless the CA is a private one");
}

static void a_zone_of_our_own_server_must_be_one(void **state)
{
    (void)state;
    put(facts.apex, "example.");
    delegation(true, false);
    assert_says(DOCTOR_FAIL, "nobody asks our DNS server", "add `go.example. NS` records");
    delegation(false, false);
    assert_int_equal(finding.verdict, DOCTOR_OK); /* a back end finds the zone that it lies in */
}

static void a_name_server_needs_an_address(void **state)
{
    (void)state;
    put(facts.no_address, "ns1.go.example.");
    delegation(true, false);
    assert_says(DOCTOR_FAIL, "the name server ns1.go.example. has no address", "glue in example.");
}

static void what_was_not_asked_is_not_judged(void **state)
{
    (void)state;
    facts.resolver_asked = false;
    delegation(true, false);
    assert_says(DOCTOR_WARN, "no resolver answers", "mend the resolver");
    facts.resolver_asked = true;
    facts.parent_asked = false;
    delegation(true, false);
    assert_says(DOCTOR_WARN, "those of the zone above could not be asked", "dig +trace NS go.example.");
}

static void a_server_has_one_fault_the_first(void **state)
{
    struct zone_server *s = &facts.servers[0];

    (void)state;
    zone_judge_server(&finding, &facts, s);
    assert_says(DOCTOR_OK, "UDP, TCP and EDNS, with authority, serial 7", "");
    s->truncated = true;
    zone_judge_server(&finding, &facts, s);
    assert_says(DOCTOR_WARN, "cut off", "1232 bytes");
    s->same_case = false;
    zone_judge_server(&finding, &facts, s);
    assert_says(DOCTOR_WARN, "changes the case", "0x20");
    s->edns = (struct zone_answer){ true, "FORMERR" };
    zone_judge_server(&finding, &facts, s);
    assert_says(DOCTOR_WARN, "(FORMERR)", "EDNS");
    s->authoritative = false;
    zone_judge_server(&finding, &facts, s);
    assert_says(DOCTOR_FAIL, "does not serve go.example.: it answers NOERROR without authority", "load the zone there");
    s->tcp = (struct zone_answer){ false, "no answer" };
    zone_judge_server(&finding, &facts, s);
    assert_says(DOCTOR_FAIL, "by UDP, but not by TCP (no answer)", "open TCP port 53");
    s->tcp.came = true;
    s->udp = (struct zone_answer){ false, "no answer" };
    zone_judge_server(&finding, &facts, s);
    assert_says(DOCTOR_FAIL, "by TCP, but not by UDP (no answer)", "open UDP port 53");
    s->tcp.came = false;
    zone_judge_server(&finding, &facts, s);
    assert_says(DOCTOR_FAIL, "neither by UDP nor by TCP", "out of go.example.");
    s->no_route = true;
    zone_judge_server(&finding, &facts, s);
    assert_says(DOCTOR_OK, "this machine has no way there", "");
}

static void serials_are_compared_on_their_circle(void **state)
{
    (void)state;
    zone_judge_serials(&finding, &facts);
    assert_says(DOCTOR_OK, "its server has 7", "");
    add_server("ns2.", 7);
    zone_judge_serials(&finding, &facts);
    assert_says(DOCTOR_OK, "all servers have 7", "");
    add_server("ns3.", UINT32_MAX - 2); /* ten changes ago (RFC 1982) */
    zone_judge_serials(&finding, &facts);
    assert_says(DOCTOR_WARN, "ns1.go.example. has serial 7, ns3. only 4294967293", "see why ns3. does not follow");
    for (size_t i = 0; i < facts.n_servers; i++)
        facts.servers[i].authoritative = false;
    zone_judge_serials(&finding, &facts);
    assert_says(DOCTOR_FAIL, "no name server serves go.example.", "mend the name servers");
}

static void signatures(void **state)
{
    (void)state;
    zone_judge_dnssec(&finding, &facts);
    assert_says(DOCTOR_OK, "validates", "");
    facts.is_signed = ZONE_UNSIGNED;
    zone_judge_dnssec(&finding, &facts);
    assert_says(DOCTOR_OK, "not signed", "");
    facts.is_signed = ZONE_BOGUS;
    zone_judge_dnssec(&finding, &facts);
    assert_says(DOCTOR_FAIL, "the signature is broken", "DS record in example.");
    facts.is_signed = ZONE_UNCHECKED;
    zone_judge_dnssec(&finding, &facts);
    assert_says(DOCTOR_WARN, "does not validate", "set `resolvers`");
}

static void a_long_memory_of_nothing_is_a_warning(void **state)
{
    (void)state;
    zone_judge_negative(&finding, &facts.servers[0]);
    assert_says(DOCTOR_OK, "for 60 s", "");
    facts.servers[0].negative_s = 901;
    zone_judge_negative(&finding, &facts.servers[0]);
    assert_says(DOCTOR_WARN, "for 901 s", "lower the minimum");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_good_delegation_is_ok, good),
        cmocka_unit_test_setup(sets_of_name_servers_are_compared_both_ways, good),
        cmocka_unit_test_setup(no_name_server_is_a_failure_unless_the_row_has_some, good),
        cmocka_unit_test_setup(a_zone_of_our_own_server_must_be_one, good),
        cmocka_unit_test_setup(a_name_server_needs_an_address, good),
        cmocka_unit_test_setup(what_was_not_asked_is_not_judged, good),
        cmocka_unit_test_setup(a_server_has_one_fault_the_first, good),
        cmocka_unit_test_setup(serials_are_compared_on_their_circle, good),
        cmocka_unit_test_setup(signatures, good),
        cmocka_unit_test_setup(a_long_memory_of_nothing_is_a_warning, good),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
