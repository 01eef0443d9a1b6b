/* engine/metrics.c: counters, gauges, and their text. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "engine/loop.h"
#include "engine/metrics.h"

static struct metrics *metrics;
static struct text out;

static int begin(void **state)
{
    *state = loop_new(NULL);
    metrics = metrics_new();
    out = TEXT_MAX(1 << 20);
    return *state && metrics ? 0 : -1;
}

static int end(void **state)
{
    text_free(&out);
    metrics_free(metrics);
    loop_free(*state);
    return 0;
}

static void nothing_counted_is_nothing_written(void **state)
{
    (void)state;
    metrics_write(metrics, &out);
    assert_string_equal(text_of(&out), "");
}

static void counters_add_up_and_gauges_are_set(void **state)
{
    (void)state;
    metrics_count(metrics, "cs_orders_total", "Orders that ended.", "outcome=\"issued\"", 1);
    metrics_gauge(metrics, "cs_open", "Connections.", "", 9);
    metrics_count(metrics, "cs_orders_total", "Orders that ended.", "outcome=\"failed\"", 1);
    metrics_count(metrics, "cs_orders_total", "Orders that ended.", "outcome=\"issued\"", 2);
    metrics_gauge(metrics, "cs_open", "Connections.", "", -1);
    metrics_total(metrics, "cs_commits_total", "Commits.", "", 3);
    metrics_total(metrics, "cs_commits_total", "Commits.", "", 5);
    metrics_write(metrics, &out);
    assert_string_equal(text_of(&out), "# HELP cs_orders_total Orders that ended.\n"
                                       "# TYPE cs_orders_total counter\n"
                                       "cs_orders_total{outcome=\"failed\"} 1\n"
                                       "cs_orders_total{outcome=\"issued\"} 3\n"
                                       "# HELP cs_open Connections.\n"
                                       "# TYPE cs_open gauge\n"
                                       "cs_open -1\n"
                                       "# HELP cs_commits_total Commits.\n"
                                       "# TYPE cs_commits_total counter\n"
                                       "cs_commits_total 5\n");
}

static void a_name_is_known_by_its_text(void **state)
{
    char name[] = "cs_x_total";

    (void)state;
    metrics_count(metrics, "cs_x_total", "X.", "", 1);
    metrics_count(metrics, name, "X.", "", 1);
    metrics_write(metrics, &out);
    assert_string_equal(text_of(&out), "# HELP cs_x_total X.\n# TYPE cs_x_total counter\ncs_x_total 2\n");
}

static void labels_are_copied(void **state)
{
    char labels[] = "zone=\"a\"";

    (void)state;
    metrics_count(metrics, "cs_x_total", "X.", labels, 1);
    labels[6] = 'b';
    metrics_count(metrics, "cs_x_total", "X.", labels, 5);
    metrics_write(metrics, &out);
    assert_true(strstr(text_of(&out), "cs_x_total{zone=\"a\"} 1\ncs_x_total{zone=\"b\"} 5\n") != NULL);
}

static void after_a_thousand_labels_the_rest_is_counted_together(void **state)
{
    char labels[32];

    (void)state;
    for (int i = 0; i < 1500; i++) {
        snprintf(labels, sizeof labels, "zone=\"%d\"", i * 7919 % 1500);
        metrics_count(metrics, "cs_x_total", "X.", labels, 1);
    }
    snprintf(labels, sizeof labels, "zone=\"%d\"", 0);
    metrics_count(metrics, "cs_x_total", "X.", labels, 1);
    metrics_write(metrics, &out);
    assert_true(strstr(text_of(&out), "\ncs_x_total 500\n") != NULL);
    assert_true(strstr(text_of(&out), "\ncs_x_total{zone=\"0\"} 2\n") != NULL);
    snprintf(labels, sizeof labels, "zone=\"%d\"", 1400 * 7919 % 1500);
    assert_true(strstr(text_of(&out), labels) == NULL);
}

static void a_line_break_begins_no_metric(void **state)
{
    (void)state;
    metrics_count(metrics, "cs_x_total", "One\nline with a \\.", "zone=\"a\nevil 1\"", 1);
    metrics_write(metrics, &out);
    assert_string_equal(text_of(&out), "# HELP cs_x_total One\\nline with a \\\\.\n# TYPE cs_x_total counter\n"
                                       "cs_x_total{zone=\"a evil 1\"} 1\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(nothing_counted_is_nothing_written, begin, end),
        cmocka_unit_test_setup_teardown(counters_add_up_and_gauges_are_set, begin, end),
        cmocka_unit_test_setup_teardown(a_name_is_known_by_its_text, begin, end),
        cmocka_unit_test_setup_teardown(labels_are_copied, begin, end),
        cmocka_unit_test_setup_teardown(after_a_thousand_labels_the_rest_is_counted_together, begin, end),
        cmocka_unit_test_setup_teardown(a_line_break_begins_no_metric, begin, end),
    };

    return cmocka_run_group_tests_name("metrics", tests, NULL, NULL);
}
