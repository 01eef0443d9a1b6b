/* request/challenge.c, publication.c: a value is written down, set, seen, and always taken away. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/clock.h"
#include "fakes/dns_server.h"
#include "order_scene.h"

/* A server that has the value, or has not. */
static struct fake_server server;
static bool server_has_it;
static size_t txt_questions;

static void say(void *arg, struct fake_server *from, const struct fake_question *question, struct message *reply)
{
    const bool is_txt = question->type == 16;

    (void)arg, (void)from;
    txt_questions += is_txt;
    fake_reply(reply, question, 0x8400, server_has_it && is_txt ? 1 : 0, 0);
    if (server_has_it && is_txt)
        fake_txt(reply, question->name, VALUE);
}

static void zone_with(enum cs_visible visible)
{
    txt_questions = 0;
    fake_server_start(&server, rig.loop, "127.0.0.1", 0, say, NULL);
    server_has_it = false;
    rig_zone_as(&rig, "x.example", "fake", visible, server.address);
}

static void assert_clean(void)
{
    rig_rest(&rig);
    assert_null(rig_served(&rig, OWNER));
    assert_int_equal(rig_challenges(&rig), 0);
}

static void the_order_waits_until_the_zones_server_has_the_value(void **state)
{
    char *csr = rig_csr("a.x.example");

    (void)state;
    zone_with(CS_VISIBLE_REQUIRE);
    subject("put+ok");
    rig_post(&rig, csr, &one);
    rig_until_true(&rig, txt_questions > 1);
    assert_false(one.came);
    server_has_it = true;
    rig_until(&rig, &one.came);
    assert_non_null(one.chain);
    fake_server_stop(&server);
    assert_clean();
    free(csr);
}

static void a_value_that_nobody_sees_fails_the_order_where_it_is_required(void **state)
{
    char *csr = rig_csr("a.x.example");

    (void)state;
    zone_with(CS_VISIBLE_REQUIRE);
    subject("put+ok");
    rig_post(&rig, csr, &one);
    rig_until_true(&rig, txt_questions > 1);
    assert_false(one.came);
    clock_move(rig.loop, rig.setup.settings.visible_ms);
    rig_until(&rig, &one.came);
    assert_int_equal(one.code, CS_EUPSTREAM);
    assert_string_equal(one.reason, "not-visible");
    assert_non_null(strstr(one.text, OWNER));
    assert_non_null(strstr(one.text, server.address));
    fake_server_stop(&server);
    assert_clean();
    free(csr);
}

static void a_value_that_nobody_sees_is_only_a_warning_where_the_zone_says_so(void **state)
{
    char *csr = rig_csr("a.x.example");

    (void)state;
    zone_with(CS_VISIBLE_WARN);
    subject("put+ok");
    rig_post(&rig, csr, &one);
    rig_until_true(&rig, txt_questions > 1);
    assert_false(one.came);
    clock_move(rig.loop, rig.setup.settings.visible_ms);
    rig_until(&rig, &one.came);
    assert_non_null(one.chain);
    fake_server_stop(&server);
    assert_clean();
    free(csr);
}

static void nobody_is_asked_where_visibility_is_off(void **state)
{
    char *csr = rig_csr("a.x.example");

    (void)state;
    zone_with(CS_VISIBLE_OFF);
    subject("put+ok");
    rig_post(&rig, csr, &one);
    rig_until(&rig, &one.came);
    assert_non_null(one.chain);
    assert_int_equal(server.questions, 0);
    fake_server_stop(&server);
    assert_clean();
    free(csr);
}

static void the_wait_leaves_time_for_what_comes_after_it(void **state)
{
    char *csr = rig_csr("a.x.example");

    (void)state;
    zone_with(CS_VISIBLE_WARN);
    subject("put+ok");
    rig.setup.settings.visible_ms = 24 * 3600 * 1000;
    rig_post(&rig, csr, &one);
    rig_until_true(&rig, txt_questions > 1);
    assert_false(one.came);
    clock_move(rig.loop, rig.setup.settings.job_deadline_ms - 5000);
    rig_until(&rig, &one.came);
    assert_non_null(one.chain);
    fake_server_stop(&server);
    assert_clean();
    free(csr);
}

static void an_order_that_ends_while_it_waits_takes_its_value_along(void **state)
{
    char *csr = rig_csr("a.x.example");

    (void)state;
    zone_with(CS_VISIBLE_REQUIRE);
    subject("push+gate:go+fail:10");
    rig_post(&rig, csr, &one);
    rig_until_true(&rig, txt_questions > 0);
    rig_open_gate(&rig, "go");
    rig_until(&rig, &one.came);
    assert_int_equal(one.code, CS_EREFUSED);
    fake_server_stop(&server);
    assert_clean();
    free(csr);
}

static void a_stop_ends_the_wait(void **state)
{
    char *csr = rig_csr("a.x.example");

    (void)state;
    zone_with(CS_VISIBLE_REQUIRE);
    subject("save:order+put+ok");
    rig_post(&rig, csr, &one);
    rig_until_true(&rig, txt_questions > 0);
    heart_stop(rig.heart);
    instances_stop(rig.instances);
    rig_until(&rig, &one.came);
    assert_int_equal(one.code, CS_ESHUTDOWN);
    fake_server_stop(&server);
    assert_int_equal(rig_challenges(&rig), 1);
    free(csr);
}

static void the_same_value_put_anew_while_it_is_written_down_is_one_value(void **state)
{
    char *csr = rig_csr("a.x.example");

    (void)state;
    subject("push+fail:13"); /* CS_ERESTART: signs anew at once, up to three times */
    rig_post(&rig, csr, &one);
    rig_until(&rig, &one.came);
    assert_string_equal(one.reason, "order-lost");
    rig_assert_calls(&rig, 4);
    assert_clean();
    free(csr);
}

static void a_value_that_cannot_be_written_down_is_forgotten_once(void **state)
{
    char *csr = rig_csr("a.x.example");

    (void)state;
    subject("push+fail:13"); /* each start puts it again while the first write is on its way */
    rig_sql(&rig, "CREATE TRIGGER no BEFORE INSERT ON job_challenge BEGIN SELECT RAISE(ABORT, 'no'); END");
    rig_post(&rig, csr, &one);
    rig_until(&rig, &one.came);
    rig_rest(&rig);
    assert_string_equal(one.reason, "order-lost");
    assert_null(rig_served(&rig, OWNER));
    rig_sql(&rig, "DROP TRIGGER no");
    free(csr);
}

static void a_value_that_may_not_be_written_down_fails_the_order(void **state)
{
    char *csr = rig_csr("a.x.example");

    (void)state;
    subject("put+ok");
    rig_sql(&rig, "CREATE TRIGGER no BEFORE INSERT ON job_challenge BEGIN SELECT RAISE(ABORT, 'no such thing'); END");
    rig_post(&rig, csr, &one);
    rig_until(&rig, &one.came);
    assert_non_null(strstr(one.text, "no such thing"));
    rig_sql(&rig, "DROP TRIGGER no");
    assert_clean();
    free(csr);
}

static void putting_a_value_twice_is_the_plugins_fault(void **state)
{
    char *csr = rig_csr("a.x.example");

    (void)state;
    subject("push+put+ok");
    rig_post(&rig, csr, &one);
    rig_until(&rig, &one.came);
    assert_int_equal(one.code, CS_EINTERNAL);
    assert_non_null(strstr(one.text, "twice"));
    assert_clean();
    free(csr);
}

static void two_orders_with_one_value_do_not_take_it_from_each_other(void **state)
{
    char *csr = rig_csr("a.x.example"), *other = rig_csr_for("a.x.example", "a.x.example,DNS:b.x.example");

    (void)state;
    rig_zone(&rig, "x.example", 2);
    subject("put+gate:one+ok");
    rig_post(&rig, csr, &one);
    rig_until_true(&rig, rig_at_step(&rig, "gate:one") == 1);
    subject("put+gate:two+ok");
    rig_post(&rig, other, &two);
    rig_until_true(&rig, rig_at_step(&rig, "gate:two") == 1);
    assert_int_equal(rig_challenges(&rig), 2);
    rig_open_gate(&rig, "one");
    rig_until(&rig, &one.came);
    rig_until_true(&rig, rig_challenges(&rig) == 1); /* its own is gone */
    assert_false(two.came);
    assert_true(rig_serves(&rig, OWNER, VALUE "\n"));
    rig_open_gate(&rig, "two");
    rig_until(&rig, &two.came);
    assert_non_null(two.chain);
    assert_clean();
    free(csr);
    free(other);
}

static void a_zone_whose_dns_instance_is_not_there_is_told_before_any_order(void **state)
{
    char *csr = rig_csr("a.x.example");

    (void)state;
    rig_zone_as(&rig, "x.example", "nowhere", CS_VISIBLE_OFF, "");
    subject("put+ok");
    rig_post(&rig, csr, &one);
    rig_until(&rig, &one.came);
    assert_int_equal(one.code, CS_ECONFIG);
    assert_non_null(strstr(one.text, "\"nowhere\""));
    rig_assert_calls(&rig, 0);
    free(csr);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_order_waits_until_the_zones_server_has_the_value),
        TEST(a_value_that_nobody_sees_fails_the_order_where_it_is_required),
        TEST(a_value_that_nobody_sees_is_only_a_warning_where_the_zone_says_so),
        TEST(nobody_is_asked_where_visibility_is_off),
        TEST(the_wait_leaves_time_for_what_comes_after_it),
        TEST(an_order_that_ends_while_it_waits_takes_its_value_along),
        TEST(a_stop_ends_the_wait),
        TEST(the_same_value_put_anew_while_it_is_written_down_is_one_value),
        TEST(a_value_that_cannot_be_written_down_is_forgotten_once),
        TEST(a_value_that_may_not_be_written_down_fails_the_order),
        TEST(putting_a_value_twice_is_the_plugins_fault),
        TEST(two_orders_with_one_value_do_not_take_it_from_each_other),
        TEST(a_zone_whose_dns_instance_is_not_there_is_told_before_any_order),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
