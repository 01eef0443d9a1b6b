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

static void a_histogram_has_rising_buckets_a_sum_and_a_count(void **state)
{
    (void)state;
    metrics_time(metrics, "cs_x_seconds", "X.", "ca=\"a\"", &histogram_disk, 250);
    metrics_time(metrics, "cs_x_seconds", "X.", "ca=\"a\"", &histogram_disk, 2400000);
    metrics_time(metrics, "cs_x_seconds", "X.", "ca=\"a\"", &histogram_disk, 60000000);
    metrics_write(metrics, &out);
    assert_string_equal(text_of(&out), "# HELP cs_x_seconds X.\n# TYPE cs_x_seconds histogram\n"
                                       "cs_x_seconds_bucket{ca=\"a\",le=\"0.00025\"} 1\n"
                                       "cs_x_seconds_bucket{ca=\"a\",le=\"0.0005\"} 1\n"
                                       "cs_x_seconds_bucket{ca=\"a\",le=\"0.001\"} 1\n"
                                       "cs_x_seconds_bucket{ca=\"a\",le=\"0.0025\"} 1\n"
                                       "cs_x_seconds_bucket{ca=\"a\",le=\"0.005\"} 1\n"
                                       "cs_x_seconds_bucket{ca=\"a\",le=\"0.01\"} 1\n"
                                       "cs_x_seconds_bucket{ca=\"a\",le=\"0.025\"} 1\n"
                                       "cs_x_seconds_bucket{ca=\"a\",le=\"0.05\"} 1\n"
                                       "cs_x_seconds_bucket{ca=\"a\",le=\"0.1\"} 1\n"
                                       "cs_x_seconds_bucket{ca=\"a\",le=\"0.25\"} 1\n"
                                       "cs_x_seconds_bucket{ca=\"a\",le=\"0.5\"} 1\n"
                                       "cs_x_seconds_bucket{ca=\"a\",le=\"1\"} 1\n"
                                       "cs_x_seconds_bucket{ca=\"a\",le=\"2.5\"} 2\n"
                                       "cs_x_seconds_bucket{ca=\"a\",le=\"5\"} 2\n"
                                       "cs_x_seconds_bucket{ca=\"a\",le=\"10\"} 2\n"
                                       "cs_x_seconds_bucket{ca=\"a\",le=\"+Inf\"} 3\n"
                                       "cs_x_seconds_sum{ca=\"a\"} 62.40025\n"
                                       "cs_x_seconds_count{ca=\"a\"} 3\n");
}

static void a_histogram_of_somebody_else_is_shown_as_it_is_now(void **state)
{
    struct histogram theirs = { .scale = &histogram_order };

    (void)state;
    histogram_add(&theirs, 1);
    metrics_histogram(metrics, "cs_x_seconds", "X.", "", &theirs);
    histogram_add(&theirs, 2000000);
    metrics_histogram(metrics, "cs_x_seconds", "X.", "", &theirs);
    metrics_write(metrics, &out);
    assert_non_null(strstr(text_of(&out), "\ncs_x_seconds_bucket{le=\"0.005\"} 1\n"));
    assert_non_null(strstr(text_of(&out), "\ncs_x_seconds_sum 2.000001\ncs_x_seconds_count 2\n"));
}

static void times_are_in_seconds(void **state)
{
    (void)state;
    metrics_gauge_us(metrics, "cs_a_seconds", "A.", "", INT64_C(1795273190123456));
    metrics_total_us(metrics, "cs_b_seconds_total", "B.", "", 60000000);
    metrics_gauge_us(metrics, "cs_c_seconds", "C.", "", -1500000);
    metrics_gauge_us(metrics, "cs_d_seconds", "D.", "", 0);
    metrics_write(metrics, &out);
    assert_non_null(strstr(text_of(&out), "\ncs_a_seconds 1795273190.123456\n"));
    assert_non_null(strstr(text_of(&out), "# TYPE cs_b_seconds_total counter\ncs_b_seconds_total 60\n"));
    assert_non_null(strstr(text_of(&out), "\ncs_c_seconds -1.5\n"));
    assert_non_null(strstr(text_of(&out), "\ncs_d_seconds 0\n"));
}

static void a_declared_metric_is_found_without_a_value(void **state)
{
    (void)state;
    metrics_declare(metrics, "cs_x_seconds", "X.", METRIC_HISTOGRAM);
    metrics_declare(metrics, "cs_x_seconds", "X.", METRIC_HISTOGRAM);
    metrics_write(metrics, &out);
    assert_string_equal(text_of(&out), "# HELP cs_x_seconds X.\n# TYPE cs_x_seconds histogram\n");
}

static void labels_are_escaped(void **state)
{
    struct text labels = TEXT_MAX(200);

    (void)state;
    metrics_add_label(&labels, "plugin", "a\"b\\c\nd\xff");
    metrics_add_label(&labels, "role", "ca");
    assert_string_equal(text_of(&labels), "plugin=\"a\\\"b\\\\c?d?\",role=\"ca\"");
    text_free(&labels);
}

static void histograms_are_bounded_sooner(void **state)
{
    char labels[32];

    (void)state;
    for (int i = 0; i < 150; i++) {
        snprintf(labels, sizeof labels, "step=\"%d\"", i);
        metrics_time(metrics, "cs_x_seconds", "X.", labels, &histogram_order, 1);
    }
    metrics_write(metrics, &out);
    assert_non_null(strstr(text_of(&out), "\ncs_x_seconds_count 50\n"));
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
        cmocka_unit_test_setup_teardown(a_histogram_has_rising_buckets_a_sum_and_a_count, begin, end),
        cmocka_unit_test_setup_teardown(a_histogram_of_somebody_else_is_shown_as_it_is_now, begin, end),
        cmocka_unit_test_setup_teardown(times_are_in_seconds, begin, end),
        cmocka_unit_test_setup_teardown(a_declared_metric_is_found_without_a_value, begin, end),
        cmocka_unit_test_setup_teardown(labels_are_escaped, begin, end),
        cmocka_unit_test_setup_teardown(histograms_are_bounded_sooner, begin, end),
    };

    return cmocka_run_group_tests_name("metrics", tests, NULL, NULL);
}
