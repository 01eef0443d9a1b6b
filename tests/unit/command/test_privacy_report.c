/* command/privacy_report.c: what `countersign privacy report` says, to programs and to people. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "command/privacy_report.h"

static struct block_settings blocks[] = {
    { .role = ROLE_CA, .name = "le", .plugin = "ca-acme" },
    { .role = ROLE_AUDIT, .name = "siem", .plugin = "audit-syslog", .ledger = LEDGER_VISITS },
    { .role = ROLE_AUDIT, .name = "log", .plugin = "audit-jsonl", .ledger = LEDGER_ISSUANCE },
};

static const struct settings usual = {
    .runtime = "/run/countersign",
    .visits = { .enabled = true, .keep_days = 7, .label_days = 30, .total_months = 25, .k = 10 },
    .blocks = blocks,
    .n_blocks = sizeof blocks / sizeof *blocks,
};

static json_t *server(const char *more)
{
    json_t *status = json_loads("{\"day\":\"2026-11-21\",\"keys\":1,\"key_made\":\"2026-11-21T00:00:12Z\",\"key_in_file\":true,"
                                "\"key_why_not\":\"\",\"flags\":[],\"received\":12,\"open\":3,\"queued\":2,\"lost\":1,"
                                "\"purged\":\"2026-11-21T00:05:11Z\",\"published\":\"2026-11-21T14:00:00Z\",\"scrubbed\":true,"
                                "\"must_confirm\":false,\"recorded\":\"2026-11-21T14:58:58Z\"}", 0, NULL);
    json_t *changes = json_loads(more, 0, NULL);

    assert_int_equal(json_object_update(status, changes), 0);
    json_decref(changes);
    return status;
}

static json_t *two_days(void)
{
    return json_loads("[{\"day\":\"2026-11-20\",\"keys\":2,\"received\":40,\"recorded\":38,\"missing\":2,"
                      "\"flags\":[\"two_keys\",\"closed\"],\"key_destroyed\":\"2026-11-21T00:05:00Z\"},"
                      "{\"day\":\"2026-11-21\",\"keys\":1,\"received\":12,\"recorded\":7,\"missing\":5,\"flags\":[],"
                      "\"key_destroyed\":null}]", 0, NULL);
}

/* What is printed; the caller frees it. Takes the references. */
static char *print_with(const struct settings *settings, json_t *status, json_t *days, json_t *aside)
{
    json_t *report = privacy_report_make(settings, status, days, aside);
    char *text = NULL;
    size_t len;
    FILE *to = open_memstream(&text, &len);

    assert_non_null(report);
    privacy_report_print(report, to);
    fclose(to);
    json_decref(report);
    json_decref(status);
    json_decref(days);
    json_decref(aside);
    return text;
}

static char *print(const struct settings *settings, json_t *status, json_t *days)
{
    return print_with(settings, status, days, json_array());
}

static void check(char *text, const char *wanted)
{
    if (!strstr(text, wanted))
        fprintf(stderr, "# wanted: %s\n# got:\n%s\n", wanted, text);
    assert_non_null(strstr(text, wanted));
}

static void people_read_what_is_kept_for_how_long(void **state)
{
    char *text = print(&usual, server("{}"), two_days());

    (void)state;
    check(text, "visits            kept for 7 days after their day, without any address\n");
    check(text, "labels            those of less than 10 sources become \"other\" after 30 days\n");
    check(text, "counts            kept for 25 months\n");
    check(text, "certificates      kept until 30 days after their end\n");
    check(text, "server            runs; visits under way: 3, waiting to be written: 2, lost since the start: 1\n");
    check(text, "key               of 2026-11-21, made 2026-11-21T00:00:12Z, in memory and in /run/countersign\n");
    check(text, "purged            2026-11-21T00:05:11Z\n");
    check(text, "published         2026-11-21T14:00:00Z\n");
    free(text);
}

static void sinks_are_named_as_copies_outside(void **state)
{
    char *text = print(&usual, server("{}"), two_days());

    (void)state;
    check(text, "copies outside    audit.siem (audit-syslog) gets the visits ledger: outside of purge and erasure\n");
    check(text, "                  audit.log (audit-jsonl) gets the issuance ledger: outside of purge and erasure\n");
    assert_null(strstr(text, "ca-acme"));
    free(text);
}

static json_t *two_files(void)
{
    return json_loads("[{\"file\":\"/s/state.db.replaced-1\",\"visits\":false,\"bytes\":8192,"
                      "\"written\":\"2026-11-20T10:00:00Z\",\"age_days\":1},"
                      "{\"file\":\"/s/visits.db.damaged-1\",\"visits\":true,\"bytes\":40960,"
                      "\"written\":\"2026-11-11T10:00:00Z\",\"age_days\":10}]", 0, NULL);
}

static void files_that_lie_aside_are_told_with_what_to_do(void **state)
{
    char *text = print_with(&usual, server("{}"), two_days(), two_files());

    (void)state;
    check(text, "put aside         /s/state.db.replaced-1: 8192 bytes, written 2026-11-20T10:00:00Z (1 d ago); has orders and "
                "certificates, outside of purge and erasure: remove it when all is well\n"
                "                  /s/visits.db.damaged-1: 40960 bytes, written 2026-11-11T10:00:00Z (10 d ago); has "
                "requests with their pseudonyms, outside of purge and erasure: remove it\n");
    free(text);
    text = print(&usual, server("{}"), two_days());
    assert_null(strstr(text, "put aside"));
    free(text);
}

static void they_are_told_also_when_the_days_cannot_be_read(void **state)
{
    json_t *files = two_files(), *report = privacy_report_make(&usual, NULL, NULL, files);
    char *text = print_with(&usual, NULL, NULL, two_files());

    (void)state;
    check(text, "/s/visits.db.damaged-1: 40960 bytes");
    assert_true(json_is_null(json_object_get(report, "days")));
    assert_true(json_equal(json_object_get(report, "aside"), files));
    free(text);
    json_decref(report);
    json_decref(files);
}

static void days_are_listed_with_what_is_missing_and_their_flags(void **state)
{
    char *text = print(&usual, server("{}"), two_days());

    (void)state;
    check(text, "DAY         RECEIVED  RECORDED  MISSING  KEYS  KEY DESTROYED         FLAGS\n");
    check(text, "2026-11-20  40        38        2        2     2026-11-21T00:05:00Z  two_keys closed\n");
    check(text, "2026-11-21  12        7         5        1     -                     -\n");
    free(text);
}

static void what_wants_attention_is_said(void **state)
{
    char *text = print(&usual, server("{\"keys\":2,\"key_in_file\":false,\"key_why_not\":\"there is swap on /dev/sda2\","
                                      "\"scrubbed\":false}"), json_array());

    (void)state;
    check(text, "in memory only: there is swap on /dev/sda2\n");
    check(text, "2 keys were made for that day: a source may count more than once\n");
    check(text, "bytes of it are still in the files, because somebody reads them\n");
    free(text);
    text = print(&usual, server("{\"must_confirm\":true}"), json_array());
    check(text, "purged            NOT: the clock is more than 48 h past the last record (2026-11-21T14:58:58Z). If it is "
                "right: countersign privacy confirm\n");
    free(text);
    text = print(&usual, server("{\"keys\":0,\"key_made\":null,\"purged\":null,\"published\":null}"), json_array());
    check(text, "key               none for 2026-11-21: it could not be made (the log says why), so sources are not counted\n");
    check(text, "purged            not since the start\n");
    free(text);
}

static void without_visits_there_is_no_key(void **state)
{
    struct settings off = usual;
    char *text;

    (void)state;
    off.visits.enabled = false;
    text = print(&off, server("{\"keys\":0,\"key_made\":null}"), json_array());
    check(text, "key               none for 2026-11-21: no visits are recorded\n");
    free(text);
}

static void without_a_server_the_store_alone_tells(void **state)
{
    struct settings off = usual;
    char *text = print(&usual, NULL, two_days());

    (void)state;
    check(text, "server            does not run, or records no visits; so there is no key but what is in /run/countersign\n");
    check(text, "2026-11-20  40 ");
    free(text);
    off.visits.enabled = false;
    text = print(&off, NULL, json_array());
    check(text, "visits            not recorded (visits.enabled = false)");
    assert_null(strstr(text, "DAY "));
    free(text);
}

static void programs_get_all_of_it_as_json(void **state)
{
    json_t *status = server("{}"), *days = two_days(), *aside = two_files(),
           *report = privacy_report_make(&usual, status, days, aside);

    (void)state;
    assert_int_equal(json_integer_value(json_object_get(json_object_get(report, "retention"), "visits_days")), 7);
    assert_true(json_equal(json_object_get(report, "server"), status));
    assert_true(json_equal(json_object_get(report, "days"), days));
    assert_int_equal(json_array_size(json_object_get(report, "sinks")), 2);
    assert_string_equal(json_string_value(json_object_get(json_array_get(json_object_get(report, "sinks"), 0), "ledger")),
                        "visits");
    json_decref(report);
    report = privacy_report_make(&usual, NULL, days, aside);
    assert_true(json_is_null(json_object_get(report, "server")));
    json_decref(report);
    json_decref(status);
    json_decref(days);
    json_decref(aside);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(people_read_what_is_kept_for_how_long),
        cmocka_unit_test(sinks_are_named_as_copies_outside),
        cmocka_unit_test(files_that_lie_aside_are_told_with_what_to_do),
        cmocka_unit_test(they_are_told_also_when_the_days_cannot_be_read),
        cmocka_unit_test(days_are_listed_with_what_is_missing_and_their_flags),
        cmocka_unit_test(what_wants_attention_is_said),
        cmocka_unit_test(without_visits_there_is_no_key),
        cmocka_unit_test(without_a_server_the_store_alone_tells),
        cmocka_unit_test(programs_get_all_of_it_as_json),
    };

    return cmocka_run_group_tests_name("privacy_report", tests, NULL, NULL);
}
