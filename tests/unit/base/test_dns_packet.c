/* base/dns_packet.c: DNS packets are looked over by hand before ldns sees them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "../../fakes/dns_message.h"
#include "base/dns_packet.h"

enum { TXT = 16, SOA = 6, OPT = 41, TSIG = 250, IXFR = 251, IN = 1 };

static struct message m;

static enum dns_verdict check(struct dns_question *q)
{
    /* An exact copy, so that ASan sees a read behind the end. */
    uint8_t *exact = test_malloc(m.len);
    enum dns_verdict verdict;

    memcpy(exact, m.at, m.len);
    verdict = dns_check_query(exact, m.len, q);
    if (verdict == DNS_PACKET_OK)
        q->name = m.at + (q->name - exact);
    test_free(exact);
    return verdict;
}

static enum dns_verdict verdict(void)
{
    struct dns_question q;

    return check(&q);
}

static void plain(unsigned additional)
{
    put_header(&m, 0x1234, 0x0100, 1, 0, 0, additional);
    put_question(&m, "Ab.example.", TXT, IN);
}

static void reads_a_plain_question(void **state)
{
    struct dns_question q;

    (void)state;
    plain(0);
    assert_int_equal(check(&q), DNS_PACKET_OK);
    assert_int_equal(q.id, 0x1234);
    assert_int_equal(q.flags, 0x0100);
    assert_int_equal(q.name_len, 12);
    assert_memory_equal(q.name, "\2Ab\7example", 12);
    assert_int_equal(q.type, TXT);
    assert_int_equal(q.class_, IN);
    assert_int_equal(q.end, 28);
    assert_false(q.edns);
    assert_int_equal(q.edns_udp, 512);
    assert_false(q.tsig);
}

static void reads_edns(void **state)
{
    struct dns_question q;

    (void)state;
    plain(1);
    put_opt(&m, 4096, 0x00058000, "\0\144\0\2ab", 6);
    assert_int_equal(check(&q), DNS_PACKET_OK);
    assert_true(q.edns);
    assert_true(q.edns_do);
    assert_int_equal(q.edns_version, 5);
    assert_int_equal(q.edns_udp, 4096);
    plain(1);
    put_opt(&m, 100, 0, "", 0);
    assert_int_equal(check(&q), DNS_PACKET_OK);
    assert_int_equal(q.edns_udp, 512);
    assert_false(q.edns_do);
}

static void says_nothing_to_answers_and_scraps(void **state)
{
    (void)state;
    plain(0);
    for (size_t len = 0; len < 12; len++) {
        m.len = len;
        assert_int_equal(verdict(), DNS_PACKET_DROP);
    }
    put_header(&m, 1, 0x8000, 1, 0, 0, 0);
    put_question(&m, "example.", TXT, IN);
    assert_int_equal(verdict(), DNS_PACKET_DROP);
    put_header(&m, 1, 0xf800, 0, 0, 0, 0);
    assert_int_equal(verdict(), DNS_PACKET_DROP);
}

static void other_opcodes_are_not_implemented(void **state)
{
    struct dns_question q;

    (void)state;
    for (unsigned opcode = 1; opcode < 16; opcode++) {
        put_header(&m, 7, opcode << 11, opcode % 2, 0, 0, 3);
        assert_int_equal(check(&q), DNS_PACKET_NOTIMP);
        assert_int_equal(q.id, 7);
        assert_int_equal(q.flags, opcode << 11);
    }
}

static void counts_must_be_a_querys(void **state)
{
    struct dns_question q;

    (void)state;
    for (size_t at = 4; at <= 10; at += 2) {
        for (unsigned count = 0; count < 4; count++) {
            plain(0);
            change16(&m, at, count);
            assert_int_equal(check(&q), count == (at == 4) ? DNS_PACKET_OK : DNS_PACKET_FORMERR);
            assert_int_equal(q.id, 0x1234);
        }
        change16(&m, at, 0xffff);
        assert_int_equal(verdict(), DNS_PACKET_FORMERR);
    }
    put_header(&m, 1, 0, 2, 0, 0, 0);
    put_question(&m, "example.", TXT, IN);
    put_question(&m, "example.", TXT, IN);
    assert_int_equal(verdict(), DNS_PACKET_FORMERR);
}

static void an_ixfr_may_carry_its_soa(void **state)
{
    (void)state;
    for (unsigned type = IXFR - 1; type <= IXFR; type++) {
        put_header(&m, 1, 0, 1, 0, 1, 0);
        put_question(&m, "example.", type, IN);
        put_record(&m, "example.", SOA, IN, 0, "\0\0\0\0\0\1\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 22);
        assert_int_equal(verdict(), type == IXFR ? DNS_PACKET_OK : DNS_PACKET_FORMERR);
    }
    put_header(&m, 1, 0, 1, 0, 1, 0);
    put_question(&m, "example.", IXFR, IN);
    put_opt(&m, 512, 0, "", 0);
    assert_int_equal(verdict(), DNS_PACKET_FORMERR);
}

static void every_cut_is_malformed(void **state)
{
    size_t whole;

    (void)state;
    plain(2);
    put_opt(&m, 1232, 0, "\0\12\0\10abcdefgh", 12);
    put_tsig(&m, "key.example.");
    whole = m.len;
    assert_int_equal(verdict(), DNS_PACKET_OK);
    for (m.len = 12; m.len < whole; m.len++)
        assert_int_equal(verdict(), DNS_PACKET_FORMERR);
    m.len = whole;
    put8(&m, 0);
    assert_int_equal(verdict(), DNS_PACKET_FORMERR);
}

static void names_keep_to_their_limits(void **state)
{
    static const char sixty_three[] = "aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeeffffffffffggg.";
    char name[600] = "";
    struct dns_question q;

    (void)state;
    for (int i = 0; i < 3; i++)
        memcpy(name + strlen(name), sixty_three, sizeof sixty_three);
    memcpy(name + strlen(name), sixty_three + 2, sizeof sixty_three - 2); /* 3 * 64 + 62 + 1 = 255 */
    put_header(&m, 1, 0, 1, 0, 0, 0);
    put_question(&m, name, TXT, IN);
    assert_int_equal(check(&q), DNS_PACKET_OK);
    assert_int_equal(q.name_len, 255);
    name[0] = '\0';
    for (int i = 0; i < 4; i++)
        memcpy(name + strlen(name), sixty_three, sizeof sixty_three); /* 257 */
    put_header(&m, 1, 0, 1, 0, 0, 0);
    put_question(&m, name, TXT, IN);
    assert_int_equal(verdict(), DNS_PACKET_FORMERR);
    for (unsigned label = 64; label < 0xc0; label += 63) { /* 64 bytes, or the label types of RFC 6891 5 */
        plain(0);
        m.at[12] = (uint8_t)label;
        assert_int_equal(verdict(), DNS_PACKET_FORMERR);
    }
}

static void a_question_has_no_pointer(void **state)
{
    (void)state;
    put_header(&m, 1, 0, 1, 0, 0, 0);
    put16(&m, 0xc00c); /* to itself */
    put16(&m, TXT);
    put16(&m, IN);
    assert_int_equal(verdict(), DNS_PACKET_FORMERR);
    put_header(&m, 1, 0, 1, 0, 0, 0);
    put8(&m, 1);
    put8(&m, 'a');
    put16(&m, 0xc000); /* into the header */
    put16(&m, TXT);
    put16(&m, IN);
    assert_int_equal(verdict(), DNS_PACKET_FORMERR);
}

/* A record behind the question whose owner is a pointer to `to`. */
static void with_pointer(unsigned to)
{
    plain(1);
    put16(&m, 0xc000 | to);
    put16(&m, TXT);
    put16(&m, IN);
    put16(&m, 0);
    put16(&m, 0);
    put16(&m, 0);
}

static void pointers_lead_backwards_only(void **state)
{
    (void)state;
    with_pointer(12);
    assert_int_equal(verdict(), DNS_PACKET_OK);
    with_pointer(15);
    assert_int_equal(verdict(), DNS_PACKET_OK);
    with_pointer(28); /* to itself */
    assert_int_equal(verdict(), DNS_PACKET_FORMERR);
    with_pointer(30);
    assert_int_equal(verdict(), DNS_PACKET_FORMERR);
    with_pointer(0x3fff);
    assert_int_equal(verdict(), DNS_PACKET_FORMERR);
    with_pointer(0); /* the header is no name */
    assert_int_equal(verdict(), DNS_PACKET_FORMERR);
    plain(1); /* label, then a pointer to that label */
    put_bytes(&m, "\1a\300\34", 4);
    put_bytes(&m, "\0\20\0\1\0\0\0\0\0\0", 10);
    assert_int_equal(verdict(), DNS_PACKET_FORMERR);
}

static void two_opts_are_malformed(void **state)
{
    (void)state;
    plain(2);
    put_opt(&m, 1232, 0, "", 0);
    put_opt(&m, 1232, 0, "", 0);
    assert_int_equal(verdict(), DNS_PACKET_FORMERR);
}

static void an_opt_belongs_to_the_root_and_has_whole_options(void **state)
{
    (void)state;
    plain(1);
    put_record(&m, "a.", OPT, 1232, 0, "", 0);
    assert_int_equal(verdict(), DNS_PACKET_FORMERR);
    for (size_t n = 1; n < 6; n++) {
        plain(1);
        put_opt(&m, 1232, 0, "\0\12\0\2a", n); /* says 2 bytes, has 1 at most */
        assert_int_equal(verdict(), DNS_PACKET_FORMERR);
    }
}

static void a_tsig_is_read(void **state)
{
    struct dns_question q;

    (void)state;
    plain(1);
    put_tsig(&m, "Key.example.");
    assert_int_equal(check(&q), DNS_PACKET_OK);
    assert_true(q.tsig);
    assert_int_equal(q.tsig_name_len, 13);
    assert_memory_equal(q.tsig_name, "\3Key\7example", 13);
    assert_int_equal(q.tsig_algorithm_len, 13);
    assert_memory_equal(q.tsig_algorithm, "\13hmac-sha256", 13);
    assert_memory_equal(q.tsig_time, "\0\0\150\320\22\64\1\54", 8);
    assert_int_equal(q.tsig_id, 0x0102);
}

static void two_tsigs_never_reach_anybody(void **state)
{
    (void)state;
    plain(2);
    put_tsig(&m, "key.");
    put_tsig(&m, "key.");
    assert_int_equal(verdict(), DNS_PACKET_FORMERR);
    plain(3);
    put_tsig(&m, "key.");
    put_tsig(&m, "key.");
    put_opt(&m, 1232, 0, "", 0);
    assert_int_equal(verdict(), DNS_PACKET_FORMERR);
    plain(3);
    put_opt(&m, 1232, 0, "", 0);
    put_tsig(&m, "key.");
    put_tsig(&m, "key.");
    assert_int_equal(verdict(), DNS_PACKET_FORMERR);
}

static void a_tsig_stands_last_and_is_whole(void **state)
{
    (void)state;
    plain(2);
    put_tsig(&m, "key.");
    put_opt(&m, 1232, 0, "", 0);
    assert_int_equal(verdict(), DNS_PACKET_FORMERR);
    plain(1);
    put_record(&m, "key.", TSIG, IN, 0, "\0", 1); /* class must be ANY */
    assert_int_equal(verdict(), DNS_PACKET_FORMERR);
    plain(1);
    put_record(&m, "key.", TSIG, 255, 0, "\1a\0\0\0\0\0\0\0\0\0\0\11\0\0\0\0\0\0", 19); /* a MAC of 9 that is not there */
    assert_int_equal(verdict(), DNS_PACKET_FORMERR);
    plain(1);
    put_record(&m, "key.", TSIG, 255, 0, "\1a\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1", 19); /* other data that is not there */
    assert_int_equal(verdict(), DNS_PACKET_FORMERR);
    plain(1);
    put_record(&m, "key.", TSIG, 255, 0, "\1a\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 19);
    assert_int_equal(verdict(), DNS_PACKET_OK);
}

static const uint8_t owner[] = "\2ab\7example";

static int check_reply(struct cs_error *err)
{
    return dns_check_reply(m.at, m.len, 0x1234, owner, sizeof owner, TXT, err);
}

static void reply(unsigned flags, unsigned an, unsigned ar)
{
    put_header(&m, 0x1234, flags, 1, an, 0, ar);
    put_question(&m, "AB.example.", TXT, IN);
}

static void takes_an_answer_to_our_question(void **state)
{
    struct cs_error err;

    (void)state;
    reply(0x8400, 1, 1);
    put_record(&m, "ab.example.", TXT, IN, 5, "\1x", 2);
    put_opt(&m, 1232, 0, "", 0);
    assert_int_equal(check_reply(&err), 0);
    reply(0x8403, 0, 0);
    assert_int_equal(check_reply(&err), 0);
}

static void refuses_an_answer_to_another_question(void **state)
{
    static const size_t places[] = { 0, 4, 13, 24, 26 }; /* id, QDCOUNT, name, type, class */
    struct cs_error err;

    (void)state;
    reply(0x0400, 0, 0);
    assert_int_equal(check_reply(&err), -1);
    reply(0x8c00, 0, 0);
    assert_int_equal(check_reply(&err), -1);
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        reply(0x8400, 0, 0);
        assert_int_equal(check_reply(&err), 0);
        change16(&m, places[i], 0x7777);
        assert_int_equal(check_reply(&err), -1);
        assert_int_equal(err.code, CS_EUPSTREAM);
    }
}

static void refuses_malformed_answers(void **state)
{
    struct cs_error err;
    size_t whole;

    (void)state;
    reply(0x8400, 1, 0);
    put_record(&m, "ab.example.", TXT, IN, 5, "\1x", 2);
    whole = m.len;
    for (m.len = 0; m.len < whole; m.len++)
        assert_int_equal(check_reply(&err), -1);
    m.len = whole;
    put8(&m, 0);
    assert_int_equal(check_reply(&err), -1);
    reply(0x8400, 0, 2);
    put_opt(&m, 1232, 0, "", 0);
    put_opt(&m, 1232, 0, "", 0);
    assert_int_equal(check_reply(&err), -1);
    reply(0x8400, 0, 1);
    put_tsig(&m, "key.");
    assert_int_equal(check_reply(&err), -1);
    reply(0x8400, 1, 0);
    put_bytes(&m, "\300\34\0\20\0\1\0\0\0\0\0\0", 12); /* a pointer to itself */
    assert_int_equal(check_reply(&err), -1);
}

static void names_go_to_wire_form(void **state)
{
    uint8_t wire[255];
    char name[600];

    (void)state;
    assert_int_equal(dns_name_to_wire(wire, "ab.example."), 12);
    assert_memory_equal(wire, "\2ab\7example", 12);
    assert_int_equal(dns_name_to_wire(wire, "Ab.example"), 12);
    assert_memory_equal(wire, "\2Ab\7example", 12);
    assert_int_equal(dns_name_to_wire(wire, "."), 1);
    assert_int_equal(dns_name_to_wire(wire, ""), -1);
    assert_int_equal(dns_name_to_wire(wire, ".a"), -1);
    assert_int_equal(dns_name_to_wire(wire, "a..b"), -1);
    assert_int_equal(dns_name_to_wire(wire, "a\\.b"), -1);
    memset(name, 'a', sizeof name);
    name[63] = name[127] = name[191] = '.';
    name[253] = '\0';
    assert_int_equal(dns_name_to_wire(wire, name), 255);
    name[253] = 'a';
    name[254] = '\0';
    assert_int_equal(dns_name_to_wire(wire, name), -1);
    name[63] = 'a';
    name[64] = '\0';
    assert_int_equal(dns_name_to_wire(wire, name), -1);
}

static void names_come_back_in_lower_case(void **state)
{
    char name[1024];
    uint8_t longest[255];

    (void)state;
    assert_int_equal(dns_name_from_wire(name, (const uint8_t *)"\2Ab\7_*-xmpl", 12), 0);
    assert_string_equal(name, "ab._*-xmpl.");
    assert_int_equal(dns_name_from_wire(name, (const uint8_t *)"", 1), 0);
    assert_string_equal(name, ".");
    assert_int_equal(dns_name_from_wire(name, (const uint8_t *)"\3a.\377", 5), 0);
    assert_string_equal(name, "a\\046\\255.");
    assert_int_equal(dns_name_from_wire(name, (const uint8_t *)"\3ab", 4), -1);
    assert_int_equal(dns_name_from_wire(name, (const uint8_t *)"\1a\0", 4), -1);
    assert_int_equal(dns_name_from_wire(name, (const uint8_t *)"\300\0", 2), -1);
    assert_int_equal(dns_name_from_wire(name, NULL, 0), -1);
    memset(longest, 0xff, sizeof longest);
    longest[0] = longest[64] = longest[128] = 63;
    longest[192] = 61;
    longest[254] = 0;
    assert_int_equal(dns_name_from_wire(name, longest, sizeof longest), 0);
    assert_int_equal(strlen(name), 250 * 4 + 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_a_plain_question),
        cmocka_unit_test(reads_edns),
        cmocka_unit_test(says_nothing_to_answers_and_scraps),
        cmocka_unit_test(other_opcodes_are_not_implemented),
        cmocka_unit_test(counts_must_be_a_querys),
        cmocka_unit_test(an_ixfr_may_carry_its_soa),
        cmocka_unit_test(every_cut_is_malformed),
        cmocka_unit_test(names_keep_to_their_limits),
        cmocka_unit_test(a_question_has_no_pointer),
        cmocka_unit_test(pointers_lead_backwards_only),
        cmocka_unit_test(two_opts_are_malformed),
        cmocka_unit_test(an_opt_belongs_to_the_root_and_has_whole_options),
        cmocka_unit_test(a_tsig_is_read),
        cmocka_unit_test(two_tsigs_never_reach_anybody),
        cmocka_unit_test(a_tsig_stands_last_and_is_whole),
        cmocka_unit_test(takes_an_answer_to_our_question),
        cmocka_unit_test(refuses_an_answer_to_another_question),
        cmocka_unit_test(refuses_malformed_answers),
        cmocka_unit_test(names_go_to_wire_form),
        cmocka_unit_test(names_come_back_in_lower_case),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
