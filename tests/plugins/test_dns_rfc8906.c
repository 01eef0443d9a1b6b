/* plugins/dns-builtin/answer.c: every test of RFC 8906 8, in its order, by UDP and TCP. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "../fakes/dns_asking.h"

struct rfc8906 {
    const char *section;
    unsigned flags, type; /* of the question; type 0: header only */
    bool edns;
    unsigned payload;
    uint32_t opt_ttl;
    const char *options;
    size_t options_len;
    unsigned want_flags, want_answers;
    bool want_opt, want_do;
    unsigned want_rcode;
};

static const char several[] =
    "\0\12\0\10abcdefgh" /* cookie */ "\0\3\0\0" /* NSID */ "\0\11\0\0" /* expire */ "\0\10\0\4\0\1\0\0";

static const struct rfc8906 cases[] = {
    { "8.1.1 plain", 0, SOA, .want_flags = QR | AA, .want_answers = 1 },
    { "8.1.2 unknown type", 0, 1000, .want_flags = QR | AA },
    { "8.1.3.1 CD", CD, SOA, .want_flags = QR | AA, .want_answers = 1 },
    { "8.1.3.2 AD", AD, SOA, .want_flags = QR | AA, .want_answers = 1 },
    { "8.1.3.3 reserved bit", Z, SOA, .want_flags = QR | AA, .want_answers = 1 },
    { "8.1.3.4 RD", RD, SOA, .want_flags = QR | AA | RD, .want_answers = 1 },
    { "8.1.4 unknown opcode", 15 << 11, 0, .want_flags = QR | 15 << 11 | NOTIMP, .want_rcode = NOTIMP },
    { "8.2.1 EDNS", 0, SOA, true, 4096, 0, .want_flags = QR | AA, .want_answers = 1, .want_opt = true },
    { "8.2.2 EDNS version", 0, SOA, true, 4096, 1 << 16, .want_flags = QR, .want_opt = true, .want_rcode = BADVERS },
    { "8.2.3 unknown option", 0, SOA, true, 4096, 0, "\0\144\0\0", 4, .want_flags = QR | AA, .want_answers = 1,
      .want_opt = true },
    { "8.2.4 unknown flag", 0, SOA, true, 4096, 0x40, .want_flags = QR | AA, .want_answers = 1, .want_opt = true },
    { "8.2.5 version and flag", 0, SOA, true, 4096, 1 << 16 | 0x40, .want_flags = QR, .want_opt = true, .want_rcode = BADVERS },
    { "8.2.6 version and option", 0, SOA, true, 4096, 1 << 16, "\0\144\0\0", 4, .want_flags = QR, .want_opt = true,
      .want_rcode = BADVERS },
    { "8.2.7 small payload", 0, 48, true, 512, 0x8000, .want_flags = QR | AA, .want_opt = true, .want_do = true },
    { "8.2.8 DO", 0, SOA, true, 4096, 0x8000, .want_flags = QR | AA, .want_answers = 1, .want_opt = true, .want_do = true },
    { "8.2.9 version and DO", 0, SOA, true, 4096, 1 << 16 | 0x8000, .want_flags = QR, .want_opt = true, .want_do = true,
      .want_rcode = BADVERS },
    { "8.2.10 several options", 0, SOA, true, 4096, 0, several, sizeof several - 1, .want_flags = QR | AA, .want_answers = 1,
      .want_opt = true },
};

static void put_case(const struct rfc8906 *c)
{
    put_header(&m, 0x1234, c->flags, c->type != 0, 0, 0, c->edns ? 1 : 0);
    if (c->type)
        put_question(&m, "go.example.com.", c->type, IN);
    if (c->edns)
        put_opt(&m, c->payload, c->opt_ttl, c->options, c->options_len);
}

static void check_case(const struct rfc8906 *c)
{
    const bool nodata = c->want_flags & AA && c->want_answers == 0;
    const uint8_t *opt = answer.at + answer.len - 11;

    print_message("# %s\n", c->section);
    assert_true(answer.len >= 12);
    assert_int_equal(read16(answer.at), 0x1234);
    assert_int_equal(flags(), c->want_flags);
    assert_int_equal(count(0), c->type != 0);
    assert_int_equal(count(1), c->want_answers);
    assert_int_equal(count(2), nodata);
    assert_int_equal(count(3), c->want_opt);
    assert_int_equal(answer.rcode, c->want_rcode);
    if (c->want_answers)
        assert_string_equal(record(ldns_pkt_answer(pkt), 0),
                            "go.example.com.\t300\tIN\tSOA\tns1.go.example.com. hostmaster.go.example.com. "
                            "7 7200 3600 1209600 30");
    assert_int_equal(ldns_pkt_edns(pkt), c->want_opt);
    if (!c->want_opt)
        return;
    assert_memory_equal(opt, "\0\0\51\4\320", 5); /* root, OPT, 1232 */
    assert_int_equal(opt[5], c->want_rcode >> 4);
    assert_int_equal(opt[6], 0); /* version */
    assert_int_equal(read16(opt + 7), c->want_do ? 0x8000 : 0);
    assert_int_equal(read16(opt + 9), 0); /* no option comes back */
}

static void every_case_of_rfc_8906(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        put_case(&cases[i]);
        ask();
        check_case(&cases[i]);
        put_case(&cases[i]); /* 8.1.5: the same by TCP */
        ask_most(ANSWER_TCP_MOST);
        check_case(&cases[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(every_case_of_rfc_8906) };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
