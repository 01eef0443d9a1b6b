/* request/outcome.c and the visits of requests: how far each came, and how it ended, at every way out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "fakes/rig.h"
#include "fakes/visits_rig.h"
#include "records/visit_parts.h"
#include "request/outcome.h"

static struct rig rig;
static struct visits_rig visits;
static struct rig_answer one, two;
static char *csr;

static int set_up(void **state)
{
    (void)state;
    rig_up(&rig, "");
    visits_rig_open_on(&visits, rig.loop);
    visits_rig_start(&visits);
    rig.heart->visits = visits.visits;
    rig_zone(&rig, "x.example", 1);
    csr = rig_csr("a.x.example");
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    free(csr);
    rig_answer_free(&one);
    rig_answer_free(&two);
    visits_rig_close(&visits);
    rig.heart->visits = NULL;
    rig_down(&rig);
    rig_remove(&rig);
    rig = (struct rig){ 0 };
    return 0;
}

static void subject(const char *profile)
{
    rig_subject(&rig, "CN=a.x.example", "x.example", ".x.example a.x.example", profile);
}

static struct request *post(const char *body, struct rig_answer *answer)
{
    rig.visit = visits_rig_begin(&visits, 1);
    return rig_post(&rig, body, answer);
}

static bool are_written(size_t n)
{
    visit_batch_now(visits.visits);
    return visit_store_count("visit ") >= n;
}

/* The only visit: its zone, then outcome, step, reason and key as the store's line has them. */
static void assert_visit(const char *zone, const char *rest)
{
    const char *line;

    rig_until_true(&rig, are_written(1));
    line = visit_store_lines("visit ");
    assert_null(strchr(line, '\n'));
    assert_non_null(strstr(line, zone));
    assert_non_null(strstr(line, " outcome="));
    assert_string_equal(strstr(line, " outcome=") + 1, rest);
}

static void a_chain_is_issued_and_the_calls_are_measured(void **state)
{
    (void)state;
    subject("put+ok");
    post(csr, &one);
    rig_until(&rig, &one.came);
    assert_visit(" zone=x.example ", "outcome=issued reached=issued error= alg=ecdsa-p256 client=curl");
    rig_rest(&rig);
    rig_until_true(&rig, (visit_batch_now(visits.visits), visit_store_count("latency role=dns instance=fake ") > 0));
    assert_int_equal(visit_store_count("latency role=ca instance=fake "), 1);
}

static void the_chain_of_an_earlier_order_is_a_stored_one(void **state)
{
    (void)state;
    subject("ok");
    rig_post(&rig, csr, &one);
    rig_until(&rig, &one.came);
    post(csr, &two);
    rig_until(&rig, &two.came);
    assert_visit(" zone=x.example ", "outcome=stored reached=issued error= alg=ecdsa-p256 client=curl");
}

static void an_unknown_subject_has_no_zone(void **state)
{
    (void)state;
    post(csr, &one);
    rig_until(&rig, &one.came);
    assert_visit(" zone= ", "outcome=refused reached=posted error=unknown-subject alg= client=curl");
}

static void a_body_without_a_csr_is_refused_at_once(void **state)
{
    (void)state;
    post("hello", &one);
    rig_until(&rig, &one.came);
    assert_visit(" zone= ", "outcome=refused reached=posted error=no-csr alg= client=curl");
}

static void a_name_that_is_not_allowed_makes_no_good_csr(void **state)
{
    char *other = rig_csr_for("a.x.example", "b.y.example");

    (void)state;
    subject("ok");
    post(other, &one);
    rig_until(&rig, &one.came);
    assert_visit(" zone=x.example ", "outcome=refused reached=subject error=foreign-name alg=ecdsa-p256 client=curl");
    free(other);
}

static void a_ca_that_fails_before_the_challenge_is_told_from_one_after(void **state)
{
    (void)state;
    subject("fail:10");
    post(csr, &one);
    rig_until(&rig, &one.came);
    assert_visit(" zone=x.example ", "outcome=failed reached=csr error=upstream-refused alg=ecdsa-p256 client=curl");
    visit_store_forget();
    subject("put+fail:10");
    post(csr, &two);
    rig_until(&rig, &two.came);
    assert_visit(" zone=x.example ", "outcome=failed reached=challenge error=upstream-refused alg=ecdsa-p256 client=curl");
}

static void who_joins_after_the_challenge_has_come_that_far_too(void **state)
{
    (void)state;
    subject("put+gate:go+fail:10");
    post(csr, &one);
    rig_until_true(&rig, rig_at_step(&rig, "gate:go") == 1);
    post(csr, &two);
    rig_until_true(&rig, rig_waiters(&rig) == 2);
    rig_open_gate(&rig, "go");
    rig_until(&rig, &two.came);
    rig_until_true(&rig, are_written(2));
    assert_int_equal(visit_store_count("visit "), 2);
    for (const char *line = visit_store_lines("visit "); line; line = strchr(line, '\n') ? strchr(line, '\n') + 1 : NULL)
        assert_memory_equal(strstr(line, "outcome="), "outcome=failed reached=challenge", 32);
}

static void who_hangs_up_has_left(void **state)
{
    struct request *r;

    (void)state;
    subject("gate:go+ok");
    r = post(csr, &one);
    rig_until_true(&rig, rig_at_step(&rig, "gate:go") == 1);
    request_detach(r);
    assert_visit(" zone=x.example ", "outcome=left reached=csr error= alg=ecdsa-p256 client=curl");
    rig_open_gate(&rig, "go");
    rig_rest(&rig);
    assert_int_equal(visit_store_count("visit "), 1);
}

static void who_is_told_to_ask_again_was_late(void **state)
{
    (void)state;
    subject("gate:go+ok");
    rig.visit = visits_rig_begin(&visits, 1);
    rig_submit(&rig, csr, 200, false, false, &one);
    rig_until_true(&rig, rig_at_step(&rig, "gate:go") == 1);
    rig_until(&rig, &one.came);
    assert_string_equal(one.reason, "still-running");
    assert_visit(" zone=x.example ", "outcome=late reached=csr error=still-running alg=ecdsa-p256 client=curl");
    rig_open_gate(&rig, "go");
    rig_rest(&rig);
}

/* Prefer: respond-async, with and without wait=N. */
static void who_takes_a_place_for_an_answer_ends_with_the_job(void **state)
{
    (void)state;
    rig.respond_async = true;
    subject("put+gate:go+ok");
    rig.visit = visits_rig_begin(&visits, 1);
    rig_submit(&rig, csr, 3600 * 1000, true, false, &one);
    rig_until(&rig, &one.came);
    assert_true(one.running);
    rig.visit = visits_rig_begin(&visits, 2);
    rig_submit(&rig, csr, 200, false, false, &two);
    rig_until(&rig, &two.came);
    assert_int_equal(visits.visits->days->n_open, 2);
    assert_false(are_written(1));
    rig_until_true(&rig, rig_at_step(&rig, "gate:go") == 1);
    rig_open_gate(&rig, "go");
    rig_rest(&rig);
    rig_until_true(&rig, are_written(2));
    for (const char *line = visit_store_lines("visit "); line; line = strchr(line, '\n') ? strchr(line, '\n') + 1 : NULL)
        assert_memory_equal(strstr(line, "outcome="), "outcome=issued reached=issued", 29);
}

static void a_server_that_stops_leaves_visits_unfinished(void **state)
{
    (void)state;
    rig.respond_async = true;
    subject("gate:go+ok");
    rig.visit = visits_rig_begin(&visits, 1);
    rig_submit(&rig, csr, 3600 * 1000, true, false, &one);
    rig_until(&rig, &one.came);
    rig.visit = visits_rig_begin(&visits, 2);
    rig_submit(&rig, csr, 3600 * 1000, false, false, &two);
    rig_until_true(&rig, rig_at_step(&rig, "gate:go") == 1 && rig_waiters(&rig) == 1);
    heart_stop(rig.heart);
    instances_stop(rig.instances);
    rig_until(&rig, &two.came);
    rig_until_true(&rig, are_written(2));
    for (const char *line = visit_store_lines("visit "); line; line = strchr(line, '\n') ? strchr(line, '\n') + 1 : NULL)
        assert_memory_equal(strstr(line, "outcome="), "outcome=unfinished reached=csr error= ", 38);
}

static void every_key_that_is_accepted_has_a_word(void **state)
{
    static const char *const types[] = { "rsa2048", "rsa3072", "rsa4096", "p256", "p384" };

    (void)state;
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        assert_string_not_equal(outcome_alg(types[i]), "other");
    assert_string_equal(outcome_alg("ed448"), "other");
}

static void who_is_one_too_many_fails(void **state)
{
    (void)state;
    rig.setup.settings.max_in_flight = 0;
    post(csr, &one);
    rig_until(&rig, &one.came);
    assert_visit(" zone= ", "outcome=failed reached=posted error=busy alg= client=curl");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(a_chain_is_issued_and_the_calls_are_measured),
        TEST(the_chain_of_an_earlier_order_is_a_stored_one),
        TEST(an_unknown_subject_has_no_zone),
        TEST(a_body_without_a_csr_is_refused_at_once),
        TEST(a_name_that_is_not_allowed_makes_no_good_csr),
        TEST(a_ca_that_fails_before_the_challenge_is_told_from_one_after),
        TEST(who_joins_after_the_challenge_has_come_that_far_too),
        TEST(who_hangs_up_has_left),
        TEST(who_is_told_to_ask_again_was_late),
        TEST(who_takes_a_place_for_an_answer_ends_with_the_job),
        TEST(a_server_that_stops_leaves_visits_unfinished),
        TEST(who_is_one_too_many_fails),
        cmocka_unit_test(every_key_that_is_accepted_has_a_word),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
