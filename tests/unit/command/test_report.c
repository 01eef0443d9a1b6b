/* command/report_*.c and chart.c: a report as text, CSV, JSON and HTML, with labels that were chosen to do harm. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "command/chart.h"
#include "command/report.h"
#include "command/report_options.h"

#define EVIL "<script>alert(\"1\")</script>\x1b[2J=1+1"

static const struct grid_column columns[] = { { "day", false },     { "zone", false },    { "label", false },
                                              { "value", false },   { "outcome", false }, { "requests", true },
                                              { "at_least", true }, { "at_most", true } };
static const struct grid_column week_columns[] = { { "week", false }, { "monday", false }, { "requests", true } };
static const struct grid_column flagged_columns[] = { { "day", false }, { "lost", true }, { "flags", false } };

static const char *const rows[][8] = {
    { "2026-11-19", "go.example.com", "", "", "issued", "120", "90", "90" },
    { "2026-11-19", "go.example.com", "campaign", "\xe6\x9d\xb1\xe4\xba\xac", "issued", "7", "7", "7" },
    { "2026-11-20", "go.example.com", "campaign", EVIL, "refused", "9", NULL, NULL },
    { "2026-11-20", "go.example.com", "", "", "refused", "5", NULL, NULL },
};

static int set_up(void **state)
{
    struct report *r = calloc(1, sizeof *r);

    assert_non_null(r);
    r->title = "Countersign report";
    r->notice = "Internal: not for publication";
    r->grids = calloc(2, sizeof *r->grids);
    r->n_grids = 2;
    r->grids[0] = (struct grid){ "requests", "Requests", "How many?", columns, 8, NULL, 0, 0 };
    r->grids[1] = (struct grid){ "weeks", "Weeks", "How many in a week?", week_columns, 3, NULL, 0, 0 };
    r->flagged = (struct grid){ "flagged_days", "Days to read with care", "", flagged_columns, 3, NULL, 0, 0 };
    assert_int_equal(report_add_fact(r, "as of", "2026-11-21T10:00:00Z"), 0);
    r->as_of = r->facts[0].value;
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(grid_add(&r->grids[0], rows[i]), 0);
    assert_int_equal(grid_add(&r->flagged, (const char *const[]){ "2026-11-20", "3", "two keys" }), 0);
    *state = r;
    return 0;
}

static int tear_down(void **state)
{
    report_free(*state);
    free(*state);
    return 0;
}

static void stands_in_columns_on_a_terminal(void **state)
{
    struct text out = TEXT_MAX(10000);

    assert_int_equal(report_text(*state, &out), 0);
    assert_string_equal(
        text_of(&out),
        "Countersign report\nInternal: not for publication\n\nas of  2026-11-21T10:00:00Z\n"
        "\nDays to read with care\n\nday         lost  flags\n2026-11-20     3  two keys\n"
        "\nRequests\nHow many?\n\n"
        "day         zone            label     value                                outcome  requests  at_least  at_most\n"
        "2026-11-19  go.example.com  -         -                                    issued        120        90       90\n"
        "2026-11-19  go.example.com  campaign  \xe6\x9d\xb1\xe4\xba\xac                                 issued          7"
        "         7        7\n"
        "2026-11-20  go.example.com  campaign  <script>alert(\"1\")</script>\xef\xbf\xbd[2J=1+1  refused         9"
        "         -        -\n"
        "2026-11-20  go.example.com  -         -                                    refused         5         -        -\n"
        "\nWeeks\nHow many in a week?\n\nnothing\n");
    text_free(&out);
}

static void is_csv_whose_rows_say_how_to_read_them(void **state)
{
    struct text out = TEXT_MAX(10000);

    assert_int_equal(report_csv(*state, &out), 0);
    assert_string_equal(
        text_of(&out),
        "day,zone,label,value,outcome,requests,at_least,at_most,flags_of_days,as_of,notice\r\n"
        "2026-11-19,go.example.com,\"\",\"\",issued,120,90,90,,2026-11-21T10:00:00Z,Internal: not for publication\r\n"
        "2026-11-19,go.example.com,campaign,\"\xe6\x9d\xb1\xe4\xba\xac\",issued,7,7,7,,2026-11-21T10:00:00Z,"
        "Internal: not for publication\r\n"
        "2026-11-20,go.example.com,campaign,\"<script>alert(\"\"1\"\")</script>\xef\xbf\xbd[2J=1+1\",refused,9,,,"
        "\"two keys, 3 lost\",2026-11-21T10:00:00Z,Internal: not for publication\r\n"
        "2026-11-20,go.example.com,\"\",\"\",refused,5,,,\"two keys, 3 lost\",2026-11-21T10:00:00Z,"
        "Internal: not for publication\r\n");
    text_free(&out);
}

static void flags_a_week_by_its_days(void **state)
{
    struct report *r = *state;
    struct text flags = TEXT_MAX(100);

    assert_int_equal(grid_add(&r->grids[1], (const char *const[]){ "2026-W47", "2026-11-16", "125" }), 0);
    assert_int_equal(grid_add(&r->grids[1], (const char *const[]){ "2026-W46", "2026-11-09", "4" }), 0);
    report_row_flags(r, &r->grids[1], 0, &flags);
    assert_string_equal(text_of(&flags), "2026-11-20: two keys, 3 lost");
    text_clear(&flags);
    report_row_flags(r, &r->grids[1], 1, &flags);
    assert_int_equal(flags.len, 0);
    text_free(&flags);
}

static void is_json_with_numbers_and_nulls(void **state)
{
    struct text out = TEXT_MAX(10000);
    const json_t *row;
    json_t *root;

    assert_int_equal(report_json(*state, &out), 0);
    assert_null(strchr(text_of(&out), 0x1b));
    root = json_loads(text_of(&out), JSON_REJECT_DUPLICATES, NULL);
    assert_string_equal(json_string_value(json_object_get(root, "notice")), "Internal: not for publication");
    assert_string_equal(json_string_value(json_object_get(root, "as_of")), "2026-11-21T10:00:00Z");
    assert_int_equal(json_array_size(json_object_get(root, "flagged_days")), 1);
    row = json_array_get(json_object_get(json_object_get(root, "tables"), "requests"), 2);
    assert_string_equal(json_string_value(json_object_get(row, "value")), "<script>alert(\"1\")</script>\xef\xbf\xbd[2J=1+1");
    assert_int_equal(json_integer_value(json_object_get(row, "requests")), 9);
    assert_true(json_is_null(json_object_get(row, "at_least")));
    assert_int_equal(json_array_size(json_object_get(json_object_get(root, "tables"), "weeks")), 0);
    json_decref(root);
    text_free(&out);
}

static size_t count(const char *in, const char *what)
{
    size_t n = 0;

    for (const char *at = strstr(in, what); at; at = strstr(at + 1, what))
        n++;
    return n;
}

static void is_one_page_without_scripts_or_anything_from_elsewhere(void **state)
{
    static const char *const none[] = { "<script", "javascript:", "http:", "https:", "src=", "href=", "@import", "url(",
                                        "style=", "onload", "\x1b" };
    struct text out = TEXT_MAX(100000);

    assert_int_equal(report_html(*state, &out), 0);
    for (size_t i = 0; i < sizeof none / sizeof *none; i++)
        assert_null(strstr(text_of(&out), none[i]));
    assert_non_null(strstr(text_of(&out), "Internal: not for publication"));
    assert_non_null(strstr(text_of(&out), "2026-11-21T10:00:00Z"));
    assert_non_null(strstr(text_of(&out), "two keys"));
    assert_non_null(strstr(text_of(&out), "default-src 'none'; style-src 'sha256-"));
    assert_non_null(strstr(text_of(&out), "&lt;script&gt;alert(&quot;1&quot;)&lt;/script&gt;"));
    assert_int_equal(count(text_of(&out), "<table"), 3);
    assert_int_equal(count(text_of(&out), "<svg"), count(text_of(&out), "role=\"img\">\n<title>"));
    assert_int_equal(count(text_of(&out), "<svg"), count(text_of(&out), "<desc>"));
    text_free(&out);
}

/* A day in between has its place, and the row of a label is no second request. */
static void draws_every_day_once(void **state)
{
    struct text out = TEXT_MAX(100000);
    struct report *r = *state;

    assert_int_equal(grid_add(&r->grids[0], (const char *const[]){ "2026-11-22", "go.example.com", "", "", "issued", "40", "30",
                                                                   "30" }),
                     0);
    assert_int_equal(report_html(r, &out), 0);
    assert_non_null(strstr(text_of(&out), "<title>2026-11-19: certificate 120, refused 0, failed 0, late or left 0</title>"));
    assert_non_null(strstr(text_of(&out), "<title>2026-11-20: certificate 0, refused 5, failed 0, late or left 0</title>"));
    assert_non_null(strstr(text_of(&out), "<title>2026-11-21: certificate 0, refused 0, failed 0, late or left 0</title>"));
    assert_non_null(strstr(text_of(&out), "<span class=\"number\">165</span>"));
    text_free(&out);
}

static void draws_bars_in_proportion(void **state)
{
    static const char *const parts[] = { "requests" };
    const struct chart_bar bars[] = { { "posted", { 200 }, "100 %" }, { "a name that is too long & <wide>", { 50 }, NULL } };
    struct text out = TEXT_MAX(10000);

    (void)state;
    chart_rows(&out, &(struct chart){ "Steps", "Of requests.", parts, 1, bars, 2 });
    assert_string_equal(
        text_of(&out),
        "<figure>\n<figcaption>Steps</figcaption>\n<svg viewBox=\"0 0 720 62\" role=\"img\">\n<title>Steps</title>\n"
        "<desc>Of requests.</desc>\n"
        "<g><title>posted: requests 200</title><text class=\"end\" x=\"190\" y=\"20\">posted</text>"
        "<rect class=\"p0\" x=\"200.0\" y=\"6\" width=\"370.0\" height=\"18\"/>"
        "<text class=\"value\" x=\"578.0\" y=\"20\">200 <tspan class=\"soft\">100 %</tspan></text></g>\n"
        "<g><title>a name that is too long &amp; &lt;wide&gt;: requests 50</title>"
        "<text class=\"end\" x=\"190\" y=\"50\">a name that is too long…</text>"
        "<rect class=\"p0\" x=\"200.0\" y=\"36\" width=\"92.5\" height=\"18\"/>"
        "<text class=\"value\" x=\"300.5\" y=\"50\">50</text></g>\n</svg>\n</figure>\n");
    text_free(&out);
}

static void says_so_when_a_report_is_too_large(void **state)
{
    struct text out = TEXT_MAX(200);

    assert_int_equal(report_text(*state, &out), -1);
    text_clear(&out);
    assert_int_equal(report_csv(*state, &out), -1);
    text_clear(&out);
    assert_int_equal(report_json(*state, &out), -1);
    text_clear(&out);
    assert_int_equal(report_html(*state, &out), -1);
    text_free(&out);
}

/* Years that begin on each day of the week, leap years, and years of 53 weeks. */
static void counts_weeks_as_iso_8601_does(void **state)
{
    static const struct {
        const char *day, *week;
    } days[] = {
        { "2026-11-09", "2026-W46" }, { "2026-11-15", "2026-W46" }, { "2026-11-16", "2026-W47" }, { "2021-01-03", "2020-W53" },
        { "2021-01-04", "2021-W01" }, { "2024-12-30", "2025-W01" }, { "2023-01-01", "2022-W52" }, { "2026-12-31", "2026-W53" },
        { "2027-01-03", "2026-W53" }, { "2000-02-29", "2000-W09" }, { "1970-01-01", "1970-W01" },
    };
    static const char *const wrong[] = { "2026-W54", "2025-W53", "2026-47", "2026-w47", "2026-W4", "2026-W470", "" };
    int64_t day, monday;
    char week[REPORT_WEEK_TEXT];

    (void)state;
    for (size_t i = 0; i < sizeof days / sizeof *days; i++) {
        assert_true(day_parse(days[i].day, &day));
        report_week_text(week, day);
        assert_string_equal(week, days[i].week);
        assert_true(report_week_parse(days[i].week, &monday));
        assert_true(monday <= day && day <= monday + 6);
    }
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_false(report_week_parse(wrong[i], &monday));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(stands_in_columns_on_a_terminal, set_up, tear_down),
        cmocka_unit_test_setup_teardown(is_csv_whose_rows_say_how_to_read_them, set_up, tear_down),
        cmocka_unit_test_setup_teardown(flags_a_week_by_its_days, set_up, tear_down),
        cmocka_unit_test_setup_teardown(is_json_with_numbers_and_nulls, set_up, tear_down),
        cmocka_unit_test_setup_teardown(is_one_page_without_scripts_or_anything_from_elsewhere, set_up, tear_down),
        cmocka_unit_test_setup_teardown(draws_every_day_once, set_up, tear_down),
        cmocka_unit_test(draws_bars_in_proportion),
        cmocka_unit_test_setup_teardown(says_so_when_a_report_is_too_large, set_up, tear_down),
        cmocka_unit_test(counts_weeks_as_iso_8601_does),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
