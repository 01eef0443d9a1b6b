/* command/release_make.c: the figures of a release, out of views that say between which numbers the sources lie. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "command/release_make.h"

enum { COLUMNS_MOST = 8, MONDAY = 20766 /* 2026-11-09 */, TODAY = MONDAY + 12 };

struct row {
    const char *view, *texts[COLUMNS_MOST];
};

static const struct {
    const char *view, *columns[COLUMNS_MOST];
} views[] = {
    { "about", { "name", "value" } },
    { "days", { "day", "closed", "k" } },
    { "sources", { "day", "zone", "label", "value", "requests", "at_least", "at_most" } },
    { "requests", { "day", "zone", "label", "value", "outcome", "requests", "at_least", "at_most" } },
};

static const struct row *rows;
static size_t n_rows;
static struct release release;
static struct cs_error err;

static int on_row(const struct row *row, const char *const *columns, cs_report_fn *fn, void *arg)
{
    struct cs_report_value values[COLUMNS_MOST];
    size_t n = 0;

    for (; n < COLUMNS_MOST && columns[n]; n++)
        values[n] = (struct cs_report_value){ columns[n], row->texts[n] };
    return fn(arg, values, n);
}

static int report(void *conn, const char *name, const struct cs_report_value *args, size_t n_args, cs_report_fn *fn, void *arg,
                  struct cs_error *why)
{
    (void)conn, (void)args, (void)n_args, (void)why;
    for (size_t v = 0; v < sizeof views / sizeof *views; v++)
        for (size_t i = 0; i < n_rows && strcmp(views[v].view, name) == 0; i++)
            if (strcmp(rows[i].view, name) == 0 && on_row(&rows[i], views[v].columns, fn, arg))
                return 0;
    return 0;
}

/* The release of 2026-W46, of which the store tells these rows. */
static int read_release(const struct row *told, size_t n)
{
    static const struct cs_store_ops ops = { .size = sizeof ops, .report = report };
    const struct store_conn c = { .ops = &ops };
    const struct report_options options = { .zone = "a.example", .monday = MONDAY, .week = "2026-W46" };

    rows = told;
    n_rows = n;
    return release_read(&c, &options, TODAY, &release, &err);
}

static int tear_down(void **state)
{
    (void)state;
    release_free(&release);
    return 0;
}

static const struct release_table *by_label(const char *label)
{
    for (size_t i = 0; i < release.n_tables; i++)
        if (release.tables[i].label && strcmp(release.tables[i].label, label) == 0)
            return &release.tables[i];
    fail_msg("there is no table by %s", label);
    return NULL;
}

/* `value` NULL: of the requests without that label. */
static const struct release_cell *cell(const char *label, const char *value)
{
    const struct release_table *table = by_label(label);

    for (size_t i = 0; i < table->n_cells; i++)
        if (value ? table->cells[i].value && strcmp(table->cells[i].value, value) == 0 : !table->cells[i].value)
            return &table->cells[i];
    fail_msg("there is no cell %s", value ? value : "of the rest");
    return NULL;
}

#define PUBLISHED { "about", { "published", "2026-11-21T10:00:00Z" } }
#define CLOSED(day) { "days", { day, "1", "10" } }
#define READ(rows) read_release(rows, sizeof rows / sizeof *rows)

static void who_may_be_in_other_is_not_taken_for_a_source_without_the_label(void **state)
{
    static const struct row told[] = {
        PUBLISHED,
        CLOSED("2026-11-10"),
        { "sources", { "2026-11-10", "a.example", "", "", "220", "153", "153" } },
        { "sources", { "2026-11-10", "a.example", "campaign", "big", "120", "100", "100" } },
        /* folded after 30 days: of many values with few sources each, the largest, and all */
        { "sources", { "2026-11-10", "a.example", "campaign", "other", "70", "12", "52" } },
    };

    (void)state;
    assert_int_equal(READ(told), 0);
    assert_int_equal(cell("campaign", NULL)->requests, 30);
    assert_int_equal(cell("campaign", NULL)->sources, 1); /* 153 less 100 and 52; not less 12 */
    release_hide(&release);
    assert_true(cell("campaign", NULL)->hidden);
}

static void nobody_is_left_without_the_label_when_all_may_have_had_it(void **state)
{
    static const struct row told[] = {
        PUBLISHED,
        CLOSED("2026-11-10"),
        CLOSED("2026-11-11"),
        { "sources", { "2026-11-10", "a.example", "", "", "90", "40", "80" } }, /* two keys */
        { "sources", { "2026-11-10", "a.example", "campaign", "big", "50", "30", "60" } },
        { "sources", { "2026-11-11", "a.example", "", "", "25", "20", "20" } },
        { "sources", { "2026-11-11", "a.example", "campaign", "big", "5", "5", "5" } },
    };

    (void)state;
    assert_int_equal(READ(told), 0);
    assert_int_equal(cell("campaign", NULL)->requests, 60);
    assert_int_equal(cell("campaign", NULL)->sources, 15); /* of the second day; on the first 40 less 60 is no less than none */
}

static void sources_without_a_label_are_no_more_than_its_requests(void **state)
{
    static const struct row told[] = {
        PUBLISHED,
        CLOSED("2026-11-10"),
        { "sources", { "2026-11-10", "a.example", "", "", "100", "90", "90" } },
        { "sources", { "2026-11-10", "a.example", "campaign", "big", "97", "20", "20" } },
    };

    (void)state;
    assert_int_equal(READ(told), 0);
    assert_int_equal(cell("campaign", NULL)->sources, 3);
}

static void sources_of_several_days_do_not_add_up(void **state)
{
    static const struct row told[] = {
        PUBLISHED,
        CLOSED("2026-11-10"),
        CLOSED("2026-11-11"),
        { "sources", { "2026-11-10", "a.example", "", "", "30", "25", "25" } },
        { "sources", { "2026-11-11", "a.example", "", "", "40", "20", "30" } },
        { "requests", { "2026-11-10", "a.example", "", "", "issued", "28", "24", "24" } },
        { "requests", { "2026-11-11", "a.example", "", "", "issued", "40", "20", "30" } },
        { "requests", { "2026-11-10", "a.example", "", "", "failed", "2", "1", "1" } },
    };

    (void)state;
    assert_int_equal(READ(told), 0);
    assert_int_equal(release.total.requests, 70);
    assert_int_equal(release.total.sources, 25);
    assert_int_equal(release.tables[0].cells[1].sources, 25); /* Tuesday */
    assert_int_equal(release.tables[0].cells[2].sources, 20); /* at least */
    assert_int_equal(release.tables[1].cells[0].requests, 68);
    assert_int_equal(release.tables[1].cells[0].sources, 24);
}

static void a_day_that_is_open_or_not_published_is_refused(void **state)
{
    static const struct row open[] = {
        PUBLISHED,
        { "days", { "2026-11-15", "0", "0" } },
        { "sources", { "2026-11-10", "a.example", "", "", "30", "25", "25" } },
    };
    static const struct row old[] = { { "about", { "published", "2026-11-15T23:00:00Z" } } };
    static const struct row empty[] = { PUBLISHED };

    (void)state;
    assert_int_equal(READ(open), -1);
    assert_non_null(strstr(err.text, "2026-11-15 of 2026-W46 is not closed yet"));
    release_free(&release);
    assert_int_equal(READ(old), -1);
    assert_non_null(strstr(err.text, "when 2026-W46 was not over"));
    release_free(&release);
    assert_int_equal(READ(empty), -1);
    assert_string_equal(err.text, "no request for a.example is recorded in 2026-W46");
}

int main(void)
{
#define TEST(f) cmocka_unit_test_teardown(f, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(who_may_be_in_other_is_not_taken_for_a_source_without_the_label),
        TEST(nobody_is_left_without_the_label_when_all_may_have_had_it),
        TEST(sources_without_a_label_are_no_more_than_its_requests),
        TEST(sources_of_several_days_do_not_add_up),
        TEST(a_day_that_is_open_or_not_published_is_refused),
    };

    return cmocka_run_group_tests_name("release_make", tests, NULL, NULL);
}
