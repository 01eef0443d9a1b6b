/* plugins/dns-builtin/answer.c: what the DNS server answers, byte for byte. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "../fakes/dns_asking.h"

/* ---- What is there and what is not -------------------------------------------------------------------------------------- */

static void serves_the_records_of_the_settings(void **state)
{
    (void)state;
    ask_for("go.example.com.", A);
    assert_int_equal(flags(), QR | AA);
    assert_string_equal(record(ldns_pkt_answer(pkt), 0), "go.example.com.\t300\tIN\tA\t192.0.2.1");
    assert_int_equal(count(2) + count(3), 0);
    ask_for("go.example.com.", CAA);
    assert_string_equal(record(ldns_pkt_answer(pkt), 0), "go.example.com.\t300\tIN\tCAA\t0 issue \"ca.example\"");
    ask_for("go.example.com.", TXT);
    assert_string_equal(record(ldns_pkt_answer(pkt), 0), "go.example.com.\t60\tIN\tTXT\t\"v=spf1 -all\"");
    ask_for("www.go.example.com.", AAAA);
    assert_string_equal(record(ldns_pkt_answer(pkt), 0), "www.go.example.com.\t600\tIN\tAAAA\t2001:db8::1");
}

static void ns_answers_carry_the_addresses(void **state)
{
    (void)state;
    ask_for("go.example.com.", NS);
    assert_int_equal(flags(), QR | AA);
    assert_int_equal(count(1), 2);
    assert_int_equal(count(3), 2);
    assert_string_equal(record(ldns_pkt_answer(pkt), 0), "go.example.com.\t300\tIN\tNS\tns1.go.example.com.");
    assert_string_equal(record(ldns_pkt_answer(pkt), 1), "go.example.com.\t300\tIN\tNS\tns.example.net.");
    assert_string_equal(record(ldns_pkt_additional(pkt), 0), "ns1.go.example.com.\t300\tIN\tA\t192.0.2.53");
    assert_string_equal(record(ldns_pkt_additional(pkt), 1), "ns1.go.example.com.\t300\tIN\tAAAA\t2001:db8::53");
}

static void a_missing_name_is_nxdomain_with_soa(void **state)
{
    (void)state;
    ask_for("nobody.go.example.com.", A);
    expect_soa_only(NXDOMAIN);
    assert_string_equal(record(ldns_pkt_authority(pkt), 0),
                        "go.example.com.\t30\tIN\tSOA\tns1.go.example.com. hostmaster.go.example.com. 7 7200 3600 1209600 30");
    ask_for("x.www.go.example.com.", A);
    expect_soa_only(NXDOMAIN);
}

static void a_missing_type_is_nodata_with_soa(void **state)
{
    static const unsigned types[] = { AAAA, 5, 257, 48, 43, 46, 64, 65, 99, 65280, 253, 128 };

    (void)state;
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        ask_for("a.b.c.go.example.com.", types[i]);
        expect_soa_only(NOERROR);
    }
}

static void empty_non_terminals_are_nodata(void **state)
{
    (void)state;
    ask_for("b.c.go.example.com.", TXT);
    expect_soa_only(NOERROR);
    ask_for("c.go.example.com.", ANY);
    expect_soa_only(NOERROR);
    ask_for("d.go.example.com.", TXT);
    expect_soa_only(NXDOMAIN);
    ask_for("deep.go.example.com.", A); /* above another zone of ours */
    expect_soa_only(NOERROR);
}

static void a_challenge_makes_its_name_and_those_above_exist(void **state)
{
    (void)state;
    ask_for("x.go.example.com.", A);
    expect_soa_only(NXDOMAIN);
    assert_int_equal(serve_txt(&served, "_acme-challenge.x.go.example.com.", "token", false, 5, NOW + 1000), 0);
    ask_for("_acme-challenge.x.go.example.com.", TXT);
    assert_int_equal(flags(), QR | AA);
    assert_string_equal(record(ldns_pkt_answer(pkt), 0), "_acme-challenge.x.go.example.com.\t5\tIN\tTXT\t\"token\"");
    ask_for("_acme-challenge.x.go.example.com.", A);
    expect_soa_only(NOERROR);
    ask_for("x.go.example.com.", A);
    expect_soa_only(NOERROR);
    ask_for("y._acme-challenge.x.go.example.com.", A);
    expect_soa_only(NXDOMAIN);
    ask_for("acme-challenge.x.go.example.com.", A); /* ends alike, is not below */
    expect_soa_only(NXDOMAIN);
    assert_int_equal(serve_txt(&served, "_acme-challenge.x.go.example.com.", "token", true, 0, 0), 0);
    ask_for("x.go.example.com.", A);
    expect_soa_only(NXDOMAIN);
}

static void expired_values_are_not_served(void **state)
{
    (void)state;
    assert_int_equal(serve_txt(&served, "old.go.example.com.", "expired", false, 5, NOW), 0);
    ask_for("old.go.example.com.", TXT);
    expect_soa_only(NOERROR);
    assert_int_equal(serve_txt(&served, "old.go.example.com.", "lives", false, 5, NOW + 1), 0);
    ask_for("old.go.example.com.", TXT);
    assert_int_equal(count(1), 1);
    assert_string_equal(record(ldns_pkt_answer(pkt), 0), "old.go.example.com.\t5\tIN\tTXT\t\"lives\"");
}

static void challenges_join_the_txt_records_of_the_settings(void **state)
{
    (void)state;
    assert_int_equal(serve_txt(&served, "go.example.com.", "v=spf1 -all", false, 5, NOW + 1), 0); /* the same once more */
    assert_int_equal(serve_txt(&served, "go.example.com.", "new", false, 7, NOW + 1), 0);
    ask_for("go.example.com.", TXT);
    assert_int_equal(count(1), 2);
    assert_string_equal(record(ldns_pkt_answer(pkt), 0), "go.example.com.\t5\tIN\tTXT\t\"v=spf1 -all\"");
    assert_string_equal(record(ldns_pkt_answer(pkt), 1), "go.example.com.\t5\tIN\tTXT\t\"new\"");
}

static void long_values_are_split_into_strings(void **state)
{
    char value[601] = "";

    (void)state;
    memset(value, 'v', 600);
    assert_int_equal(serve_txt(&served, "long.go.example.com.", value, false, 5, NOW + 1), 0);
    put_header(&m, 1, 0, 1, 0, 0, 0);
    put_question(&m, "long.go.example.com.", TXT, IN);
    ask_most(ANSWER_TCP_MOST);
    assert_int_equal(count(1), 1);
    assert_int_equal(ldns_rr_rd_count(ldns_rr_list_rr(ldns_pkt_answer(pkt), 0)), 3);
}

static void the_deepest_zone_wins(void **state)
{
    (void)state;
    ask_for("x.sub.deep.go.example.com.", A);
    expect_soa_only(NXDOMAIN);
    assert_int_equal(strncmp(record(ldns_pkt_authority(pkt), 0), "sub.deep.go.example.com.\t", 25), 0);
    ask_for("other.example.com.", A);
    assert_int_equal(strncmp(record(ldns_pkt_authority(pkt), 0), "example.com.\t", 13), 0);
}

static void ds_is_answered_by_the_zone_above(void **state)
{
    (void)state;
    ask_for("go.example.com.", DS);
    expect_soa_only(NOERROR);
    assert_int_equal(strncmp(record(ldns_pkt_authority(pkt), 0), "example.com.\t", 13), 0);
    ask_for("example.com.", DS); /* nothing of ours above */
    expect_soa_only(NOERROR);
    assert_int_equal(strncmp(record(ldns_pkt_authority(pkt), 0), "example.com.\t", 13), 0);
}

static void any_gets_one_set(void **state)
{
    (void)state;
    ask_for("go.example.com.", ANY);
    assert_int_equal(flags(), QR | AA);
    assert_true(count(1) >= 1 && count(1) <= 2);
    for (size_t i = 1; i < count(1); i++)
        assert_int_equal(ldns_rr_get_type(ldns_rr_list_rr(ldns_pkt_answer(pkt), i)),
                         ldns_rr_get_type(ldns_rr_list_rr(ldns_pkt_answer(pkt), 0)));
    assert_int_equal(count(2), 0);
    assert_int_equal(serve_txt(&served, "t.go.example.com.", "token", false, 5, NOW + 1), 0);
    ask_for("t.go.example.com.", ANY);
    assert_int_equal(count(1), 1);
    ask_for("nobody.go.example.com.", ANY);
    expect_soa_only(NXDOMAIN);
    assert_int_equal(serve_txt(&served, "a.b.c.go.example.com.", "token", false, 5, NOW + 1), 0);
    ask_for("a.b.c.go.example.com.", ANY);
    assert_int_equal(count(1), 2); /* the set is whole: that of the settings, and the challenge */
}

/* ---- What is refused ---------------------------------------------------------------------------------------- */

static void expect_refusal(unsigned rcode)
{
    assert_int_equal(flags(), QR | rcode); /* no AA */
    assert_int_equal(count(0), 1);
    assert_int_equal(count(1) + count(2) + count(3), 0);
}

static void foreign_names_are_refused(void **state)
{
    static const char *const names[] = { "example.net.", "com.", ".", "xgo-example.com.", "notexample.com." };

    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        ask_for(names[i], A);
        expect_refusal(REFUSED);
    }
}

static void transfers_are_refused(void **state)
{
    (void)state;
    ask_for("go.example.com.", AXFR);
    expect_refusal(REFUSED);
    ask_for("go.example.com.", IXFR);
    expect_refusal(REFUSED);
    put_header(&m, 1, 0, 1, 0, 1, 0);
    put_question(&m, "go.example.com.", IXFR, IN);
    put_record(&m, "go.example.com.", SOA, IN, 0, "\0\0\0\0\0\1\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 22);
    ask_most(ANSWER_TCP_MOST);
    expect_refusal(REFUSED);
}

static void other_classes_are_refused(void **state)
{
    (void)state;
    for (unsigned class_ = 0; class_ <= 255; class_ += class_ < 5 ? 1 : 125) {
        put_header(&m, 1, 0, 1, 0, 0, 0);
        put_question(&m, class_ == CHAOS ? "version.bind." : "go.example.com.", TXT, class_);
        ask();
        if (class_ != IN)
            expect_refusal(REFUSED);
    }
}

static void types_that_are_no_questions_are_malformed(void **state)
{
    static const unsigned types[] = { OPT, 249, TSIG };

    (void)state;
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        ask_for("go.example.com.", types[i]);
        expect_refusal(FORMERR);
    }
}

static void other_opcodes_get_a_bare_header(void **state)
{
    (void)state;
    for (unsigned opcode = 1; opcode < 16; opcode++) {
        put_header(&m, 0x4321, opcode << 11 | RD, 1, 0, 0, 0);
        put_question(&m, "go.example.com.", SOA, IN);
        ask();
        assert_int_equal(answer.len, 12);
        assert_memory_equal(answer.at, "\x43\x21", 2);
        assert_int_equal(flags(), QR | opcode << 11 | RD | NOTIMP);
        assert_int_equal(count(0) + count(1) + count(2) + count(3), 0);
    }
}

static void malformed_questions_get_a_bare_header(void **state)
{
    (void)state;
    put_header(&m, 0x4321, RD, 2, 0, 0, 0);
    put_question(&m, "go.example.com.", SOA, IN);
    put_question(&m, "go.example.com.", SOA, IN);
    ask();
    assert_int_equal(answer.len, 12);
    assert_int_equal(flags(), QR | RD | FORMERR);
    put_header(&m, 0x4321, 0, 1, 0, 0, 2);
    put_question(&m, "go.example.com.", SOA, IN);
    put_tsig(&m, "key.");
    put_tsig(&m, "key.");
    ask();
    assert_int_equal(answer.len, 12);
    assert_int_equal(flags(), QR | FORMERR);
    assert_int_equal(answer.rcode, FORMERR);
}

static void answers_are_never_answered(void **state)
{
    (void)state;
    put_header(&m, 1, QR, 1, 0, 0, 0);
    put_question(&m, "go.example.com.", SOA, IN);
    ask();
    assert_int_equal(answer.len, 0);
    m.len = 11;
    ask();
    assert_int_equal(answer.len, 0);
}

/* RFC 8945 5.2.1 and 5.3.2. */
static void a_tsig_is_answered_with_badkey(void **state)
{
    const uint8_t *tail;

    (void)state;
    put_header(&m, 0x1234, 0, 1, 0, 0, 2);
    put_question(&m, "go.example.com.", SOA, IN);
    put_opt(&m, 4096, 0, "", 0);
    put_tsig(&m, "Some.key.");
    ask();
    assert_int_equal(flags(), QR | NOTAUTH);
    assert_int_equal(count(1) + count(2), 0);
    assert_int_equal(count(3), 2);
    tail = answer.at + answer.len - (10 + 10 + 13 + 16);
    assert_memory_equal(tail, "\4Some\3key\0\0\372\0\377\0\0\0\0\0\35\13hmac-sha256\0", 33);
    assert_memory_equal(tail + 33, "\0\0\150\320\22\64\1\54\0\0\1\2\0\21\0\0", 16);
}

/* ---- Form ------------------------------------------------------------------------------------------ */

static void the_case_of_the_question_comes_back(void **state)
{
    (void)state;
    ask_for("wWw.Go.eXample.cOM.", AAAA);
    assert_memory_equal(answer.at + 12, "\3wWw\2Go\7eXample\3cOM", 20);
    assert_int_equal(count(1), 1);
    assert_int_equal(read16(answer.at + 12 + 20 + 4), 0xc00c); /* the owner is a pointer to it */
}

static void fill_with_values(const char *owner, int n)
{
    for (int i = 0; i < n; i++) {
        char value[48];

        snprintf(value, sizeof value, "%043d", i);
        assert_int_equal(serve_txt(&served, owner, value, false, 5, NOW + 1), 0);
    }
}

static void what_does_not_fit_is_truncated_whole(void **state)
{
    static const unsigned payloads[] = { 0, 100, 512, 600, 1232, 4096, 65535 };

    (void)state;
    fill_with_values("full.go.example.com.", 20); /* 20 * 56 + 36 bytes */
    for (size_t i = 0; i < sizeof payloads / sizeof *payloads; i++) {
        put_header(&m, 1, 0, 1, 0, 0, i > 0);
        put_question(&m, "full.go.example.com.", TXT, IN);
        if (i > 0)
            put_opt(&m, payloads[i], 0, "", 0);
        ask();
        assert_true(answer.len <= (payloads[i] < 512 ? 512 : payloads[i]) && answer.len <= 1232);
        assert_int_equal(flags(), payloads[i] >= 1232 ? QR | AA : QR | AA | TC);
        assert_int_equal(count(1), payloads[i] >= 1232 ? 20 : 0);
        assert_int_equal(count(2), 0);
        assert_int_equal(count(3), i > 0);
        ask_most(ANSWER_TCP_MOST);
        assert_int_equal(flags(), QR | AA);
        assert_int_equal(count(1), 20);
    }
}

static void every_size_is_kept_to(void **state)
{
    (void)state;
    fill_with_values("full.go.example.com.", 20);
    for (unsigned payload = 512; payload <= 1300; payload++) {
        put_header(&m, 1, 0, 1, 0, 0, 1);
        put_question(&m, "full.go.example.com.", TXT, IN);
        put_opt(&m, payload, 0, "", 0);
        ask();
        assert_true(answer.len <= payload && answer.len <= 1232);
        assert_int_equal((flags() & TC) != 0, count(1) == 0);
    }
}

static void a_no_stays_small(void **state)
{
    (void)state;
    ask_for("_acme-challenge.some-host.go.example.com.", TXT);
    assert_true(answer.len < 3 * m.len);
    print_message("# question %zu, answer %zu bytes\n", m.len, answer.len);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(serves_the_records_of_the_settings),
        cmocka_unit_test(ns_answers_carry_the_addresses),
        cmocka_unit_test(a_missing_name_is_nxdomain_with_soa),
        cmocka_unit_test(a_missing_type_is_nodata_with_soa),
        cmocka_unit_test(empty_non_terminals_are_nodata),
        cmocka_unit_test(a_challenge_makes_its_name_and_those_above_exist),
        cmocka_unit_test(expired_values_are_not_served),
        cmocka_unit_test(challenges_join_the_txt_records_of_the_settings),
        cmocka_unit_test(long_values_are_split_into_strings),
        cmocka_unit_test(the_deepest_zone_wins),
        cmocka_unit_test(ds_is_answered_by_the_zone_above),
        cmocka_unit_test(any_gets_one_set),
        cmocka_unit_test(foreign_names_are_refused),
        cmocka_unit_test(transfers_are_refused),
        cmocka_unit_test(other_classes_are_refused),
        cmocka_unit_test(types_that_are_no_questions_are_malformed),
        cmocka_unit_test(other_opcodes_get_a_bare_header),
        cmocka_unit_test(malformed_questions_get_a_bare_header),
        cmocka_unit_test(answers_are_never_answered),
        cmocka_unit_test(a_tsig_is_answered_with_badkey),
        cmocka_unit_test(the_case_of_the_question_comes_back),
        cmocka_unit_test(what_does_not_fit_is_truncated_whole),
        cmocka_unit_test(every_size_is_kept_to),
        cmocka_unit_test(a_no_stays_small),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
