/* audit-syslog's message.c: RFC 5424 to the byte. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "message.h"

static const struct message_style style = { .facility = 3, .hostname = "ns1.example.com", .app_name = "countersign", .pid = 71,
                                            .enterprise = 32473, .most = 8192 };
static struct text out;
static struct cs_error err;

static int begin(void **state)
{
    (void)state;
    out = TEXT_MAX(1 << 20);
    return 0;
}

static int end(void **state)
{
    (void)state;
    text_free(&out);
    return 0;
}

static struct cs_event event(int64_t number, const char *kind, const char *json)
{
    return (struct cs_event){ .size = sizeof(struct cs_event), .number = number, .time_ms = number ? 1700000000123 : 0,
                              .kind = kind, .json = json, .json_len = strlen(json) };
}

static void expect(const struct cs_event *e, const char *message)
{
    text_clear(&out);
    assert_int_equal(message_write(&out, &style, e, &err), 0);
    assert_string_equal(text_of(&out), message);
}

static void an_event_has_its_exact_time_a_sequence_and_its_json(void **state)
{
    const struct cs_event e =
        event(5, "issued", "{\"zone\":\"lab.example\",\"names\":[\"a.lab.example\"],\"days\":90,\"new\":true}");

    (void)state;
    expect(&e, "<30>1 2023-11-14T22:13:20.123Z ns1.example.com countersign 71 issued [meta sequenceId=\"5\"]"
               "[countersign@32473 number=\"5\" zone=\"lab.example\" days=\"90\" new=\"true\"] "
               "{\"number\":5,\"time\":\"2023-11-14T22:13:20.123Z\",\"kind\":\"issued\",\"zone\":\"lab.example\","
               "\"names\":[\"a.lab.example\"],\"days\":90,\"new\":true}");
}

static void a_visit_has_neither_time_nor_sequence_nor_process(void **state)
{
    const struct cs_event e = event(0, "visit", "{\"day\":\"2026-11-21\",\"labels\":{\"a\":\"b\"},\"n\":2}");

    (void)state;
    expect(&e, "<30>1 - ns1.example.com countersign - visit [countersign@32473 day=\"2026-11-21\" n=\"2\"] "
               "{\"kind\":\"visit\",\"day\":\"2026-11-21\",\"labels\":{\"a\":\"b\"},\"n\":2}");
}

static void values_are_escaped(void **state)
{
    const struct cs_event e =
        event(1, "failed", "{\"text\":\"a \\\"b\\\" \\\\ [c]\\nd\\u00e4\",\"bad key\":1,\"x=y\":1,\"number\":9}");

    (void)state;
    expect(&e, "<28>1 2023-11-14T22:13:20.123Z ns1.example.com countersign 71 failed [meta sequenceId=\"1\"]"
               "[countersign@32473 number=\"1\" text=\"a \\\"b\\\" \\\\ [c\\] d\xc3\xa4\"] "
               "{\"number\":1,\"time\":\"2023-11-14T22:13:20.123Z\",\"kind\":\"failed\","
               "\"text\":\"a \\\"b\\\" \\\\ [c]\\nd\\u00E4\",\"bad key\":1,\"x=y\":1}");
}

static void what_is_no_json_is_kept(void **state)
{
    const struct cs_event e = event(2, "odd kind", "{broken");

    (void)state;
    expect(&e, "<30>1 2023-11-14T22:13:20.123Z ns1.example.com countersign 71 - [meta sequenceId=\"2\"]"
               "[countersign@32473 number=\"2\" unreadable=\"{broken\"] "
               "{\"number\":2,\"time\":\"2023-11-14T22:13:20.123Z\",\"kind\":\"odd kind\",\"unreadable\":\"{broken\"}");
}

static void a_message_that_is_too_long_goes_without_its_text(void **state)
{
    struct message_style narrow = style;
    const struct cs_event e = event(3, "started", "{\"version\":\"a version that is longer than this message may be\"}");

    (void)state;
    narrow.most = 150;
    text_add(&out, "before");
    assert_int_equal(message_write(&out, &narrow, &e, &err), 0);
    assert_string_equal(text_of(&out), "before<29>1 2023-11-14T22:13:20.123Z ns1.example.com countersign 71 started "
                                       "[meta sequenceId=\"3\"][countersign@32473 number=\"3\" cut=\"true\"]");
}

/* RFC 5424 7.3.1: from 1 to 2147483647, then from 1 again. */
static void the_sequence_begins_again_in_time(void **state)
{
    struct cs_event e = event(INT64_C(2147483647), "issued", "{}");

    (void)state;
    assert_int_equal(message_write(&out, &style, &e, &err), 0);
    assert_non_null(strstr(text_of(&out), "[meta sequenceId=\"2147483647\"][countersign@32473 number=\"2147483647\"]"));
    text_clear(&out);
    e.number++;
    assert_int_equal(message_write(&out, &style, &e, &err), 0);
    assert_non_null(strstr(text_of(&out), "[meta sequenceId=\"1\"][countersign@32473 number=\"2147483648\"]"));
}

static void a_time_that_no_calendar_has_is_none(void **state)
{
    struct cs_event e = event(1, "issued", "{}");

    (void)state;
    e.time_ms = INT64_MAX;
    expect(&e, "<30>1 - ns1.example.com countersign 71 issued [meta sequenceId=\"1\"][countersign@32473 number=\"1\"] "
               "{\"number\":1,\"time\":null,\"kind\":\"issued\"}");
}

static void without_room_it_fails(void **state)
{
    const struct cs_event e = event(1, "issued", "{}");

    (void)state;
    out = TEXT_MAX(50);
    assert_int_equal(message_write(&out, &style, &e, &err), -1);
    assert_int_equal(err.code, CS_EINTERNAL);
}

static void facilities_are_rfc_5424_s(void **state)
{
    (void)state;
    assert_int_equal(message_facility("kern"), 0);
    assert_int_equal(message_facility("daemon"), 3);
    assert_int_equal(message_facility("authpriv"), 10);
    assert_int_equal(message_facility("local0"), 16);
    assert_int_equal(message_facility("local7"), 23);
    assert_int_equal(message_facility("local8"), -1);
    assert_int_equal(message_facility(""), -1);
}

static void words_of_the_header_are_printable(void **state)
{
    (void)state;
    assert_true(message_is_word("ns1", 3));
    assert_false(message_is_word("ns1", 2));
    assert_false(message_is_word("", 2));
    assert_false(message_is_word("a b", 10));
    assert_false(message_is_word("\xc3\xa4", 10));
    assert_false(message_is_word("a\n", 10));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(an_event_has_its_exact_time_a_sequence_and_its_json, begin, end),
        cmocka_unit_test_setup_teardown(a_visit_has_neither_time_nor_sequence_nor_process, begin, end),
        cmocka_unit_test_setup_teardown(values_are_escaped, begin, end),
        cmocka_unit_test_setup_teardown(what_is_no_json_is_kept, begin, end),
        cmocka_unit_test_setup_teardown(a_message_that_is_too_long_goes_without_its_text, begin, end),
        cmocka_unit_test_setup_teardown(the_sequence_begins_again_in_time, begin, end),
        cmocka_unit_test_setup_teardown(a_time_that_no_calendar_has_is_none, begin, end),
        cmocka_unit_test_setup_teardown(without_room_it_fails, begin, end),
        cmocka_unit_test(facilities_are_rfc_5424_s),
        cmocka_unit_test(words_of_the_header_are_printable),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
