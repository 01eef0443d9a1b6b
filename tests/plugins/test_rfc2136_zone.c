/* dns-rfc2136 as a whole: in which zone a name lies, and the settings. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../fakes/updating.h"
#include "base/dns_packet.h"
#include "base/dns_reader.h"
#include "engine/clock.h"
#include "engine/host.h"

enum { NS = 2, CNAME = 5, SOA = 6, DNAME = 39, NXDOMAIN = 3, AA = 0x04, REFUSED = 5, SERVFAIL = 2, NOTAUTH = 9, NOTZONE = 10 };

extern const struct cs_plugin cs_plugin;

static struct updating u;
static struct updating_op op;
static char asked[16][256]; /* the names in the questions for a SOA */

static void note_question(struct updating_server *s, const struct fake_question *question)
{
    assert_true(s->questions <= 16);
    assert_true(strlen(question->name) < 256);
    snprintf(asked[s->questions - 1], sizeof asked[0], "%.255s", question->name);
}

/* The zone that the last update was for. */
static void expect_update_of(const char *zone)
{
    const struct updating_request *seen = updating_last(&u.servers[0]);
    struct dns_reader r = { seen->at, seen->len, DNS_HEADER };
    uint8_t name[DNS_NAME_MOST];
    char text[1024];
    size_t len;

    assert_true(seen->update);
    assert_true(dns_reader_name(&r, false, name, &len));
    assert_int_equal(dns_name_from_wire(text, name, len), 0);
    assert_string_equal(text, zone);
}

static void put_target(struct message *reply, const char *owner, unsigned type, const char *target, int section)
{
    fake_name(reply, owner, type, target);
    change16(reply, (size_t)(4 + 2 * section), read16(reply->at + 4 + 2 * section) + 1);
}

static void one_question_finds_the_zone_and_is_remembered_for_minutes(void **state)
{
    (void)state;
    updating_open(&u);
    updating_do(&u, &op);
    assert_int_equal(op.err.code, CS_OK);
    expect_update_of("lab.example.");
    updating_begin(&u, &op, UPDATING_OWNER, NULL, "value");
    updating_finish(&u, &op);
    assert_int_equal(op.err.code, CS_OK);
    assert_int_equal(u.servers[0].questions, 1);
    updating_begin(&u, &op, "_acme-challenge.other.lab.example.", "value", NULL);
    updating_finish(&u, &op);
    assert_int_equal(u.servers[0].questions, 2);
    updating_pass(&u, 300000);
    updating_do(&u, &op);
    assert_int_equal(op.err.code, CS_OK);
    assert_int_equal(u.servers[0].questions, 3);
    assert_true(u.servers[0].seen[0].is_signed);
}

static void not_there(struct updating_server *s, const struct fake_question *question, struct message *reply)
{
    (void)question;
    updating_set_rcode(reply, NXDOMAIN);
    updating_put_soa(reply, "Lab.EXAMPLE.");
    updating_sign(s, reply);
}

static void a_name_that_is_not_there_has_a_zone_too(void **state)
{
    (void)state;
    updating_open(&u);
    u.servers[0].answer_soa = not_there;
    updating_do(&u, &op);
    assert_int_equal(op.err.code, CS_OK);
    expect_update_of("lab.example.");
}

/* The name is the top of a zone itself: the SOA is the answer. */
static void is_the_top(struct updating_server *s, const struct fake_question *question, struct message *reply)
{
    updating_put_soa(reply, question->name);
    change16(reply, 6, 1);
    change16(reply, 8, 0);
    updating_sign(s, reply);
}

static void the_top_of_a_zone_is_in_it(void **state)
{
    (void)state;
    updating_open(&u);
    u.servers[0].answer_soa = is_the_top;
    updating_do(&u, &op);
    assert_int_equal(op.err.code, CS_OK);
    expect_update_of(UPDATING_OWNER);
}

/* As PowerDNS answers when it has the target's zone, too. */
static void is_an_alias(struct updating_server *s, const struct fake_question *question, struct message *reply)
{
    note_question(s, question);
    if (strcmp(question->name, "lab.example.") == 0) {
        updating_put_soa(reply, "lab.example.");
    } else {
        put_target(reply, question->name, CNAME, "target.other.example.", 1);
        updating_set_rcode(reply, NXDOMAIN);
        updating_put_soa(reply, "other.example.");
    }
    updating_sign(s, reply);
}

static void the_zone_of_an_alias_is_not_that_of_its_target(void **state)
{
    (void)state;
    updating_open(&u);
    u.servers[0].answer_soa = is_an_alias;
    updating_do(&u, &op);
    assert_int_equal(op.err.code, CS_OK);
    expect_update_of("lab.example.");
    assert_int_equal(u.servers[0].questions, 3);
    assert_string_equal(asked[0], UPDATING_OWNER);
    assert_string_equal(asked[1], "www.lab.example.");
    assert_string_equal(asked[2], "lab.example.");
}

static void lies_below_a_dname(struct updating_server *s, const struct fake_question *question, struct message *reply)
{
    note_question(s, question);
    if (strcmp(question->name, "www.lab.example.") != 0)
        put_target(reply, "www.lab.example.", DNAME, "other.example.", 1);
    else
        updating_put_soa(reply, "lab.example.");
    updating_sign(s, reply);
}

static void what_lies_below_a_dname_is_not_in_its_targets_zone(void **state)
{
    (void)state;
    updating_open(&u);
    u.servers[0].answer_soa = lies_below_a_dname;
    updating_do(&u, &op);
    expect_update_of("lab.example.");
    assert_int_equal(u.servers[0].questions, 2);
}

static void everything_is_an_alias(struct updating_server *s, const struct fake_question *question, struct message *reply)
{
    put_target(reply, question->name, CNAME, "target.other.example.", 1);
    updating_sign(s, reply);
}

static void aliases_up_to_the_root_end(void **state)
{
    (void)state;
    updating_open(&u);
    u.servers[0].answer_soa = everything_is_an_alias;
    updating_do(&u, &op);
    updating_expect(&op, CS_EUPSTREAM, "everything up to the root is an alias: set `zone`");
    assert_int_equal(u.servers[0].questions, 4);
    assert_int_equal(u.servers[0].updates, 0);
}

static const char *cut; /* where a child zone begins */
static bool authoritative;

static void delegate(struct updating_server *s, const struct fake_question *question, struct message *reply)
{
    (void)question;
    if (!authoritative)
        reply->at[2] &= (uint8_t)~AA;
    if (cut)
        put_target(reply, cut, NS, "ns.child.example.", 2);
    updating_sign(s, reply);
}

static void a_delegated_child_is_somebody_elses(void **state)
{
    (void)state;
    updating_open(&u);
    u.servers[0].answer_soa = delegate;
    cut = "www.lab.example.";
    updating_do(&u, &op);
    updating_expect(&op, CS_ECONFIG, UPDATING_OWNER " lies in www.lab.example., which it delegates to other servers");
    updating_expect(&op, CS_ECONFIG, u.servers[0].fake.address);
    cut = UPDATING_OWNER;
    updating_do(&u, &op);
    updating_expect(&op, CS_ECONFIG, "lies in " UPDATING_OWNER ", which it delegates");
    assert_int_equal(u.servers[0].updates, 0);
}

static void a_server_without_authority_is_said_to_have_none(void **state)
{
    static const char *const cuts[] = { NULL, ".", "else.where." };

    (void)state;
    updating_open(&u);
    u.servers[0].answer_soa = delegate;
    for (size_t i = 0; i < 3; i++) {
        cut = cuts[i];
        updating_do(&u, &op);
        updating_expect(&op, CS_ECONFIG, "it is not authoritative for " UPDATING_OWNER);
    }
    authoritative = true;
    updating_do(&u, &op);
    updating_expect(&op, CS_EUPSTREAM, "names no zone: set `zone`");
    authoritative = false;
    assert_int_equal(u.servers[0].updates, 0);
}

static void names_another_zone(struct updating_server *s, const struct fake_question *question, struct message *reply)
{
    (void)question;
    updating_put_soa(reply, "victim.example.");
    updating_sign(s, reply);
}

static void the_soa_of_another_zone_is_none(void **state)
{
    (void)state;
    updating_open(&u);
    u.servers[0].answer_soa = names_another_zone;
    updating_do(&u, &op);
    updating_expect(&op, CS_EUPSTREAM, "names no zone");
}

static void not_there_and_not_signed(struct updating_server *s, const struct fake_question *question, struct message *reply)
{
    (void)s, (void)question;
    updating_set_rcode(reply, NXDOMAIN);
    updating_put_soa(reply, "example.");
}

static void an_unsigned_zone_is_not_believed(void **state)
{
    (void)state;
    updating_open(&u);
    u.servers[0].answer_soa = not_there_and_not_signed;
    updating_begin(&u, &op, UPDATING_OWNER, "value", NULL);
    updating_hurry(&u, &op);
    updating_expect(&op, CS_EUPSTREAM, "but is not signed");
    assert_int_equal(u.servers[0].updates, 0);
}

static unsigned rcode;

static void refuse(struct updating_server *s, const struct fake_question *question, struct message *reply)
{
    (void)s, (void)question;
    updating_set_rcode(reply, rcode);
}

static void a_refused_question_says_what_to_change(void **state)
{
    static const struct {
        unsigned rcode;
        enum cs_code code;
        const char *words;
    } cases[] = {
        { REFUSED, CS_EREFUSED, "(REFUSED): it serves no zone that has this name, or does not answer us" },
        { NOTAUTH, CS_EREFUSED, "(NOTAUTH): it does not accept the key, or the clocks differ" },
        { SERVFAIL, CS_EUPSTREAM, "(SERVFAIL): the zone cannot be served there at present" },
        { 4, CS_EREFUSED, "(NOTIMP): it does not understand the question" },
        { 7, CS_EREFUSED, "(YXRRSET): nobody expects that answer" },
    };

    (void)state;
    updating_open(&u);
    u.servers[0].answer_soa = refuse;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        rcode = cases[i].rcode;
        updating_do(&u, &op);
        updating_expect(&op, cases[i].code, cases[i].words);
        updating_expect(&op, cases[i].code, "did not say in which zone " UPDATING_OWNER " lies");
    }
    assert_int_equal(u.servers[0].updates, 0);
}

static void a_zone_that_has_moved_is_asked_for_again_once(void **state)
{
    (void)state;
    updating_open(&u);
    updating_do(&u, &op);
    u.servers[0].answer = refuse;
    for (rcode = NOTAUTH; rcode <= NOTZONE; rcode++) {
        u.servers[0].questions = u.servers[0].updates = 0;
        updating_do(&u, &op);
        assert_int_equal(op.err.code, CS_EREFUSED);
        assert_int_equal(u.servers[0].questions, 1);
        assert_int_equal(u.servers[0].updates, 2);
    }
    u.servers[0].questions = 0;
    rcode = REFUSED;
    updating_do(&u, &op);
    assert_int_equal(u.servers[0].questions, 0);
}

static void a_zone_that_is_set_is_not_asked_for(void **state)
{
    (void)state;
    updating_set(&u, "zone", "Lab.Example");
    updating_open(&u);
    updating_do(&u, &op);
    assert_int_equal(op.err.code, CS_OK);
    expect_update_of("lab.example.");
    updating_begin(&u, &op, "_acme-challenge.www.lap.example.", "value", NULL);
    updating_finish(&u, &op);
    updating_expect(&op, CS_ECONFIG, "does not lie in lab.example., the `zone` of this DNS instance");
    assert_int_equal(u.servers[0].n, 1);
}

static void thousands_of_names_are_remembered_and_forgotten(void **state)
{
    static char owners[3000][64];

    (void)state;
    updating_open(&u);
    for (size_t i = 0; i < 3000; i++) {
        snprintf(owners[i], sizeof owners[i], "_acme-challenge.h%zu.lab.example.", i % 1500);
        updating_begin(&u, &op, owners[i], "value", NULL);
        updating_finish(&u, &op);
        assert_int_equal(op.err.code, CS_OK);
    }
    assert_int_equal(u.servers[0].updates, 3000);
    assert_true(u.servers[0].questions > 1500 && u.servers[0].questions <= 3000);
}

static void nothing_to_do_is_done_at_once(void **state)
{
    (void)state;
    updating_open(&u);
    updating_begin(&u, &op, UPDATING_OWNER, NULL, NULL);
    updating_finish(&u, &op);
    assert_int_equal(op.err.code, CS_OK);
    updating_begin(&u, &op, "a..b.", "value", NULL);
    updating_finish(&u, &op);
    updating_expect(&op, CS_EINPUT, "\"a..b.\" is not a DNS name");
    assert_int_equal(u.servers[0].n, 0);
}

/* ---- Settings ------------------------------------------------------------------------------------------------------ */

static void expect_complaint(const char *words)
{
    static struct cs_instance in = { .name = "lab", .role = "dns", .who = "dns.lab" };
    struct cs_error err = { 0 };
    void *self = NULL;

    assert_int_equal(cs_plugin.check(u.settings, &(struct cs_strings){ NULL, 0 }, &err), -1);
    assert_int_equal(err.code, CS_ECONFIG);
    if (!strstr(err.text, words))
        fail_msg("not \"%s\": %s", words, err.text);
    assert_null(strstr(err.text, UPDATING_BASE64));
    assert_int_equal(cs_plugin.open(&in, u.settings, &self, &err), -1);
    assert_null(self);
}

static void settings_that_make_no_sense_are_refused(void **state)
{
    static const char *many[17], *const bad[] = { "ns1.example" }, *const unix_socket[] = { "unix:/run/dns" };

    (void)state;
    updating_set(&u, "key", "");
    expect_complaint("`key_name` is set, but `key` is not");
    updating_set(&u, "key", UPDATING_BASE64);
    updating_set(&u, "key_name", "");
    expect_complaint("`key` is set, but `key_name` is not");
    updating_set(&u, "key_name", "key..example");
    expect_complaint("`key_name`: \"key..example\" is not a DNS name");
    updating_set(&u, "key_name", "key.example");
    updating_set(&u, "algorithm", "hmac-sha1");
    expect_complaint("`algorithm`: \"hmac-sha1\" is none of");
    updating_set(&u, "algorithm", "hmac-sha512");
    updating_set(&u, "tcp", "never");
    expect_complaint("`tcp`: \"never\" is neither auto nor always");
    updating_set(&u, "tcp", "auto");
    updating_set(&u, "zone", "a..b");
    expect_complaint("`zone`: \"a..b\" is not a DNS name");
    updating_set(&u, "zone", "");
    updating_set_servers(&u, bad, 1);
    expect_complaint("`servers`: \"ns1.example\" is not an IPv4 address");
    updating_set_servers(&u, unix_socket, 1);
    expect_complaint("is not the address of a DNS server");
    updating_set_servers(&u, NULL, 0);
    expect_complaint("`servers` is empty");
    for (size_t i = 0; i < 17; i++)
        many[i] = "192.0.2.1";
    updating_set_servers(&u, many, 17);
    expect_complaint("`servers` has 17 entries, at most 16");
    updating_set_servers(&u, many, 16);
    updating_open(&u);
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
        TEST(one_question_finds_the_zone_and_is_remembered_for_minutes),
        TEST(a_name_that_is_not_there_has_a_zone_too),
        TEST(the_top_of_a_zone_is_in_it),
        TEST(the_zone_of_an_alias_is_not_that_of_its_target),
        TEST(what_lies_below_a_dname_is_not_in_its_targets_zone),
        TEST(aliases_up_to_the_root_end),
        TEST(a_delegated_child_is_somebody_elses),
        TEST(a_server_without_authority_is_said_to_have_none),
        TEST(the_soa_of_another_zone_is_none),
        TEST(an_unsigned_zone_is_not_believed),
        TEST(a_refused_question_says_what_to_change),
        TEST(a_zone_that_has_moved_is_asked_for_again_once),
        TEST(a_zone_that_is_set_is_not_asked_for),
        TEST(thousands_of_names_are_remembered_and_forgotten),
        TEST(nothing_to_do_is_done_at_once),
        TEST(settings_that_make_no_sense_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
