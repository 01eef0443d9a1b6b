/* request/counts.c: what /metrics tells of requests, orders and DNS changes, over a whole core. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "engine/clock.h"
#include "fakes/rig.h"
#include "request/counts.h"

#define SUBJECT "CN=a.x.example"

static struct rig rig;
static struct rig_answer one;
static struct text shown;

static int set_up(void **state)
{
    (void)state;
    rig_up(&rig, "");
    rig_zone(&rig, "x.example", 1);
    shown = TEXT_MAX(1 << 20);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    text_free(&shown);
    rig_answer_free(&one);
    rig_down(&rig);
    rig_remove(&rig);
    return 0;
}

static void order(const char *profile)
{
    char *csr = rig_csr("a.x.example");

    rig_subject(&rig, SUBJECT, "x.example", "a.x.example", profile);
    rig_post(&rig, csr, &one);
    rig_until(&rig, &one.came);
    rig_rest(&rig);
    free(csr);
}

static void expect(const char *line)
{
    text_clear(&shown);
    metrics_write(rig.metrics, &shown);
    if (!strstr(text_of(&shown), line))
        fail_msg("there is no line \"%s\" in:\n%s", line, text_of(&shown));
}

static void an_issued_certificate_is_counted(void **state)
{
    (void)state;
    order("put+ok");
    assert_non_null(one.chain);
    expect("\ncountersign_requests_total{outcome=\"issued\"} 1\n");
    expect("\ncountersign_orders_total{ca=\"fake\",result=\"issued\"} 1\n");
    expect("\ncountersign_order_seconds_count{ca=\"fake\",result=\"issued\"} 1\n");
    expect("\ncountersign_order_seconds_bucket{ca=\"fake\",result=\"issued\",le=\"+Inf\"} 1\n");
    expect("\ncountersign_certificates_issued_total{ca=\"fake\"} 1\n");
    expect("\ncountersign_ca_last_success_timestamp_seconds{ca=\"fake\"} ");
    expect("\ncountersign_order_step_seconds_count{ca=\"fake\",step=\"queued\"} 1\n");
    expect("\ncountersign_order_step_seconds_count{ca=\"fake\",step=\"storing\"} 1\n");
    expect("\ncountersign_dns_changes_total{dns=\"fake\",result=\"done\"} 2\n");
    expect("\ncountersign_dns_change_seconds_count{dns=\"fake\"} 2\n");
}

static void a_failure_is_counted_by_its_reason(void **state)
{
    (void)state;
    order("fail:10");
    expect("\ncountersign_requests_total{outcome=\"upstream-refused\"} 1\n");
    expect("\ncountersign_orders_total{ca=\"fake\",result=\"upstream-refused\"} 1\n");
    expect("\ncountersign_order_seconds_count{ca=\"fake\",result=\"failed\"} 1\n");
    assert_null(strstr(text_of(&shown), "countersign_certificates_issued_total{"));
    assert_null(strstr(text_of(&shown), "countersign_ca_last_success_timestamp_seconds{"));
}

static void a_reason_that_nobody_knows_is_other(void **state)
{
    struct cs_error err = { 0 };

    (void)state;
    cs_fail_as(&err, CS_EUPSTREAM, "moon-phase-3", "x");
    counts_request(rig.metrics, false, &err);
    cs_fail_as(&err, CS_EUPSTREAM, "moon-phase-4", "x");
    counts_request(rig.metrics, false, &err);
    counts_request(rig.metrics, false, NULL);
    expect("\ncountersign_requests_total{outcome=\"other\"} 2\n");
    expect("\ncountersign_requests_total{outcome=\"accepted\"} 1\n");
    assert_null(strstr(text_of(&shown), "moon"));
}

static void a_step_is_timed_and_its_name_is_looked_at(void **state)
{
    struct instance ca = { .in.name = "fake" };
    struct job job = { .heart = rig.heart, .ca = &ca, .ca_name = ca.in.name };

    (void)state;
    clock_freeze(true);
    counts_step(&job, NULL);
    clock_move(rig.loop, 1500);
    counts_step(&job, "new-order");
    clock_move(rig.loop, 20);
    counts_step(&job, "Order \"7\"");
    clock_freeze(false);
    expect("\ncountersign_order_step_seconds_bucket{ca=\"fake\",step=\"new-order\",le=\"1\"} 0\n");
    expect("\ncountersign_order_step_seconds_bucket{ca=\"fake\",step=\"new-order\",le=\"2.5\"} 1\n");
    expect("\ncountersign_order_step_seconds_sum{ca=\"fake\",step=\"new-order\"} 1.5\n");
    expect("\ncountersign_order_step_seconds_sum{ca=\"fake\",step=\"other\"} 0.02\n");
}

static void every_metric_is_there_from_the_start(void **state)
{
    static const char *const names[] = { "requests_total", "orders_total", "order_seconds", "order_step_seconds",
                                         "certificates_issued_total", "ca_last_success_timestamp_seconds",
                                         "dns_changes_total", "dns_change_seconds", "dns_visible_seconds" };
    char line[128];

    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        snprintf(line, sizeof line, "# TYPE countersign_%s ", names[i]);
        expect(line);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(an_issued_certificate_is_counted, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_failure_is_counted_by_its_reason, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_reason_that_nobody_knows_is_other, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_step_is_timed_and_its_name_is_looked_at, set_up, tear_down),
        cmocka_unit_test_setup_teardown(every_metric_is_there_from_the_start, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
