/* dns-rfc2136, update.c: the bytes of an update, section by section. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/dns_packet.h"
#include "base/dns_reader.h"
#include "update.h"

enum { TXT = 16, CNAME = 5, SOA = 6, IN = 1, NONE = 254 };

static uint8_t *bytes;
static size_t bytes_len;
static struct dns_reader reader;
static char zone[1024];

static int tear_down(void **state)
{
    (void)state;
    free(bytes);
    bytes = NULL;
    return 0;
}

static int build(const char *owner, const char *const *want, size_t n_want, const char *const *gone, size_t n_gone,
                 struct cs_error *err)
{
    const struct cs_txt_change change = { .size = sizeof change,
                                          .zone = "trial.example.",
                                          .owner = owner,
                                          .want = want,
                                          .n_want = n_want,
                                          .gone = gone,
                                          .n_gone = n_gone,
                                          .ttl = 10 };
    uint8_t zone_wire[DNS_NAME_MOST], owner_wire[DNS_NAME_MOST];
    struct wire_name z = { zone_wire, (size_t)dns_name_to_wire(zone_wire, change.zone) };
    struct wire_name o = { owner_wire, (size_t)dns_name_to_wire(owner_wire, owner) };

    free(bytes);
    return update_build(&bytes, &bytes_len, z, o, &change, err);
}

static unsigned count(int section)
{
    return dns_reader_get16(bytes + 4 + 2 * section);
}

static void begin_reading(void)
{
    uint8_t name[DNS_NAME_MOST];
    size_t len;

    reader = (struct dns_reader){ bytes, bytes_len, DNS_HEADER };
    assert_int_equal(dns_reader_get16(bytes + 2), UPDATE_OPCODE << 11);
    assert_int_equal(count(0), 1);
    assert_int_equal(count(3), 0);
    assert_true(dns_reader_name(&reader, false, name, &len));
    assert_int_equal(dns_name_from_wire(zone, name, len), 0);
    assert_int_equal(dns_reader_get16(bytes + reader.at), SOA);
    assert_int_equal(dns_reader_get16(bytes + reader.at + 2), IN);
    reader.at += 4;
}

static void expect(const char *owner, unsigned type, unsigned class_, uint32_t ttl, const char *rdata)
{
    struct dns_record rr;
    char name[1024];

    assert_true(dns_reader_record(&reader, &rr));
    assert_int_equal(dns_name_from_wire(name, rr.owner, rr.owner_len), 0);
    assert_string_equal(name, owner);
    assert_int_equal(rr.type, type);
    assert_int_equal(rr.class_, class_);
    assert_int_equal(rr.ttl, ttl);
    assert_int_equal(rr.rdata_len, strlen(rdata));
    assert_memory_equal(rr.rdata, rdata, rr.rdata_len);
}

static void adds_and_deletes_stand_in_one_message(void **state)
{
    const char *const want[] = { "one", "two" }, *const gone[] = { "old" };

    (void)state;
    assert_int_equal(build("_acme-challenge.x.trial.example.", want, 2, gone, 1, NULL), 0);
    begin_reading();
    assert_string_equal(zone, "trial.example.");
    assert_int_equal(count(1), 1);
    assert_int_equal(count(2), 3);
    expect("_acme-challenge.x.trial.example.", CNAME, NONE, 0, "");
    expect("_acme-challenge.x.trial.example.", TXT, NONE, 0, "\3old");
    expect("_acme-challenge.x.trial.example.", TXT, IN, 10, "\3one");
    expect("_acme-challenge.x.trial.example.", TXT, IN, 10, "\3two");
    assert_int_equal(reader.at, bytes_len);
}

static void what_only_deletes_has_no_prerequisite(void **state)
{
    const char *const gone[] = { "old" };

    (void)state;
    assert_int_equal(build("x.trial.example.", NULL, 0, gone, 1, NULL), 0);
    begin_reading();
    assert_int_equal(count(1), 0);
    expect("x.trial.example.", TXT, NONE, 0, "\3old");
    assert_int_equal(reader.at, bytes_len);
}

static void wildcards_and_the_longest_names_are_names_like_others(void **state)
{
    static const char label[] = "a23456789012345678901234567890123456789012345678901234567890123";
    const char *const want[] = { "v" };
    char longest[300];

    (void)state;
    assert_int_equal(strlen(label), 63);
    snprintf(longest, sizeof longest, "%s.%s.%s.%.47s.trial.example.", label, label, label, label);
    assert_int_equal(strlen(longest) + 1, 255);
    assert_int_equal(build(longest, want, 1, NULL, 0, NULL), 0);
    begin_reading();
    expect(longest, CNAME, NONE, 0, "");
    expect(longest, TXT, IN, 10, "\1v");
    assert_int_equal(build("*.trial.example.", want, 1, NULL, 0, NULL), 0);
    begin_reading();
    expect("*.trial.example.", CNAME, NONE, 0, "");
    expect("*.trial.example.", TXT, IN, 10, "\1v");
    assert_int_equal(build("trial.example.", want, 1, NULL, 0, NULL), 0);
    begin_reading();
    expect("trial.example.", CNAME, NONE, 0, "");
    expect("trial.example.", TXT, IN, 10, "\1v");
}

static void long_values_are_cut_into_strings(void **state)
{
    char value[601], rdata[700];
    const char *const want[] = { value }, *const empty[] = { "" };

    (void)state;
    memset(value, 'x', 600);
    value[600] = '\0';
    snprintf(rdata, sizeof rdata, "\377%.255s\377%.255s\132%.90s", value, value, value);
    assert_int_equal(build("x.trial.example.", want, 1, NULL, 0, NULL), 0);
    begin_reading();
    expect("x.trial.example.", CNAME, NONE, 0, "");
    expect("x.trial.example.", TXT, IN, 10, rdata);
    value[255] = '\0';
    snprintf(rdata, sizeof rdata, "\377%s", value);
    assert_int_equal(build("x.trial.example.", want, 1, NULL, 0, NULL), 0);
    begin_reading();
    expect("x.trial.example.", CNAME, NONE, 0, "");
    expect("x.trial.example.", TXT, IN, 10, rdata);
    assert_int_equal(build("x.trial.example.", empty, 1, NULL, 0, NULL), 0);
    begin_reading();
    expect("x.trial.example.", CNAME, NONE, 0, "");
    assert_int_equal(bytes_len - reader.at, 2 + 10 + 1); /* a pointer, and one empty string */
}

static void what_no_message_can_hold_is_refused(void **state)
{
    const char *want[1000];
    struct cs_error err = { 0 };
    char value[100];

    (void)state;
    memset(value, 'x', sizeof value - 1);
    value[sizeof value - 1] = '\0';
    for (size_t i = 0; i < 1000; i++)
        want[i] = value;
    assert_int_equal(build("x.trial.example.", want, 400, NULL, 0, &err), 0);
    assert_true(bytes_len < UPDATE_MOST);
    assert_int_equal(build("x.trial.example.", want, 1000, NULL, 0, &err), -1);
    assert_int_equal(err.code, CS_EINPUT);
    assert_null(bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(adds_and_deletes_stand_in_one_message),
        cmocka_unit_test(what_only_deletes_has_no_prerequisite),
        cmocka_unit_test(wildcards_and_the_longest_names_are_names_like_others),
        cmocka_unit_test(long_values_are_cut_into_strings),
        cmocka_unit_test(what_no_message_can_hold_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, tear_down);
}
