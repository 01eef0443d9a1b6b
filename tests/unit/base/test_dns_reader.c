/* base/dns_reader.c: names, records and TSIGs, each cut short at every byte. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "../../fakes/dns_message.h"
#include "base/dns_reader.h"

static struct message m;

/* Reads the record at `at` of the first `len` bytes, as an exact copy, so that ASan sees a read behind the end. */
static bool read_record(size_t len, size_t at, struct dns_record *rr, struct dns_tsig *tsig)
{
    uint8_t *exact = test_malloc(len);
    struct dns_reader r = { exact, len, at };
    bool good;

    memcpy(exact, m.at, len);
    good = dns_reader_record(&r, rr) && (!tsig || dns_reader_tsig(tsig, rr));
    test_free(exact);
    return good;
}

static void a_record_is_read_and_no_shorter_one(void **state)
{
    struct dns_record rr;

    (void)state;
    put_header(&m, 1, 0x8000, 0, 1, 0, 0);
    put_record(&m, "Ab.example.", 16, 1, 0x01020304, "\3abc", 4);
    assert_true(read_record(m.len, 12, &rr, NULL));
    assert_int_equal(rr.owner_len, 12);
    assert_memory_equal(rr.owner, "\2Ab\7example", 12);
    assert_int_equal(rr.type, 16);
    assert_int_equal(rr.class_, 1);
    assert_int_equal(rr.ttl, 0x01020304);
    assert_int_equal(rr.rdata_len, 4);
    for (size_t len = 12; len < m.len; len++)
        assert_false(read_record(len, 12, &rr, NULL));
}

static void a_pointer_leads_back_only(void **state)
{
    struct dns_record rr;

    (void)state;
    put_header(&m, 1, 0x8000, 0, 2, 0, 0);
    put_record(&m, "b.", 16, 1, 0, "", 0);
    put8(&m, 1);
    put8(&m, 'a');
    put16(&m, 0xc00c);
    put16(&m, 16);
    put16(&m, 1);
    put16(&m, 0);
    put16(&m, 0);
    put16(&m, 0);
    assert_true(read_record(m.len, 25, &rr, NULL));
    assert_int_equal(rr.owner_len, 5);
    assert_memory_equal(rr.owner, "\1a\1b", 5);
    for (unsigned to = 0xc000; to < 0xc040; to++) { /* into the header, to itself, ahead, into the middle of things */
        change16(&m, 27, to);
        assert_int_equal(read_record(m.len, 25, &rr, NULL), to >= 0xc00c && to < 0xc019 && to != 0xc00d);
    }
}

static void a_tsig_is_read_and_no_shorter_one(void **state)
{
    struct dns_record rr;
    struct dns_tsig tsig;

    (void)state;
    put_header(&m, 1, 0x8000, 0, 0, 0, 1);
    put_tsig(&m, "key.");
    assert_true(read_record(m.len, 12, &rr, &tsig));
    assert_int_equal(tsig.algorithm_len, 13);
    assert_memory_equal(tsig.algorithm, "\13hmac-sha256", 13);
    assert_int_equal(tsig.time_s, 0x68d01234);
    assert_int_equal(tsig.fudge_s, 300);
    assert_int_equal(tsig.mac_len, 32);
    assert_int_equal(tsig.original_id, 0x0102);
    assert_int_equal(tsig.error, 0);
    assert_int_equal(tsig.other_len, 0);
    for (size_t len = 12; len < m.len; len++) {
        struct dns_record cut = rr;
        const size_t rdata = m.len - rr.rdata_len;

        assert_false(read_record(len, 12, &rr, &tsig));
        if (len < rdata)
            continue;
        cut.rdata = m.at + rdata;
        cut.rdata_len = (uint16_t)(len - rdata);
        assert_false(dns_reader_tsig(&tsig, &cut));
    }
}

static void a_tsig_has_class_any_and_no_ttl(void **state)
{
    struct dns_record rr;
    struct dns_tsig tsig;

    (void)state;
    put_header(&m, 1, 0x8000, 0, 0, 0, 1);
    put_tsig(&m, ".");
    assert_true(read_record(m.len, 12, &rr, &tsig));
    change16(&m, 15, 1);
    assert_false(read_record(m.len, 12, &rr, &tsig));
    change16(&m, 15, 255);
    change16(&m, 19, 1);
    assert_false(read_record(m.len, 12, &rr, &tsig));
}

static bool lies_in(const char *name, const char *above)
{
    struct message a = { .len = 0 }, b = { .len = 0 };

    put_name(&a, name);
    put_name(&b, above);
    return dns_reader_lies_in(a.at, a.len, b.at, b.len);
}

static void a_name_lies_in_itself_and_in_what_is_above(void **state)
{
    (void)state;
    assert_true(lies_in("a.b.c.", "a.b.c."));
    assert_true(lies_in("a.B.c.", "b.C."));
    assert_true(lies_in("a.b.c.", "."));
    assert_true(lies_in(".", "."));
    assert_false(lies_in("a.b.c.", "x.a.b.c."));
    assert_false(lies_in("ab.c.", "b.c."));
    assert_false(lies_in(".", "c."));
    assert_false(lies_in("a.b.", "c."));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_record_is_read_and_no_shorter_one),
        cmocka_unit_test(a_pointer_leads_back_only),
        cmocka_unit_test(a_tsig_is_read_and_no_shorter_one),
        cmocka_unit_test(a_tsig_has_class_any_and_no_ttl),
        cmocka_unit_test(a_name_lies_in_itself_and_in_what_is_above),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
