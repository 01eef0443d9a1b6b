/* request/challenge_place.c, publication.c: challenge_zone, seeing chains of aliases, orders that meet, the table changes. */
#include "alias_scene.h"

/* ---- challenge_zone ---- */

static void challenge_zone(const char *zone)
{
    char sql[200];

    snprintf(sql, sizeof sql, "UPDATE zone SET challenge_zone = '%s' WHERE zone = 'x.example'", zone);
    rig_sql(&rig, sql);
}

static void a_challenge_zone_takes_the_value_at_the_end_of_the_alias(void **state)
{
    (void)state;
    challenge_zone("b.example");
    record(OWNER, "any.name.b.example.");
    expect_in_b("any.name.b.example.");
}

static void without_the_alias_the_record_to_create_is_told(void **state)
{
    (void)state;
    challenge_zone("b.example");
    expect_refused("cname-missing", "create it: " OWNER " CNAME a.x.example.b.example.");
}

static void an_alias_out_of_the_challenge_zone_is_refused(void **state)
{
    (void)state;
    row("c.example", "fake", "");
    challenge_zone("b.example");
    record(OWNER, "here.c.example.");
    expect_refused("cname-target", "leads out of b.example");
}

static void with_a_challenge_zone_no_answer_is_no_reason_to_guess(void **state)
{
    (void)state;
    challenge_zone("b.example");
    mood = SERVFAIL;
    post();
    rig_until(&rig, &one.came);
    assert_int_equal(one.code, CS_EUPSTREAM);
    assert_non_null(strstr(one.text, "no server says where the CNAME at " OWNER " leads: SERVFAIL"));
    assert_int_equal(rig_dns_calls(&rig), 0);
}

static void a_challenge_zone_is_used_unasked_where_visibility_is_off(void **state)
{
    (void)state;
    challenge_zone("b.example");
    rig_sql(&rig, "UPDATE zone SET visible = 'off'");
    expect_in_b("a.x.example.b.example.");
    assert_int_equal(server.questions, 0);
}

static void a_zone_that_is_its_own_challenge_zone_follows_no_alias(void **state)
{
    (void)state;
    challenge_zone("x.example");
    record(OWNER, "here.b.example.");
    rig_sql(&rig, "UPDATE zone SET visible = 'warn' WHERE zone = 'x.example'"); /* the fake has the alias all the same */
    rig.setup.settings.visible_ms = 0;
    post();
    rig_hurry_until(&rig, 1000, rig_at_step(&rig, "gate:go") == 1);
    assert_true(rig_serves(&rig, OWNER, LINE));
    assert_int_equal(cname_questions, 0);
    finish();
}

static void a_challenge_zone_around_the_challenges_name_needs_no_alias(void **state)
{
    (void)state;
    row("a.x.example", "other", "");
    challenge_zone("a.x.example");
    post_until_published();
    assert_true(other_serves(OWNER, LINE));
    assert_int_equal(rig_count(&rig, "job_challenge WHERE zone = 'a.x.example.'"), 1);
    finish();
}

static void a_change_of_the_challenge_zone_holds_for_the_next_order(void **state)
{
    (void)state;
    record(OWNER, "here.b.example.");
    post_until_published();
    challenge_zone("x.example");
    assert_true(other_serves("here.b.example.", LINE));
    finish();
    assert_true(other_serves("here.b.example.", NULL));
    rig_answer_free(&one);
    challenge_zone("b.example");
    n_records = 0;
    post_for("a.x.example");
    rig_until(&rig, &one.came);
    assert_string_equal(one.reason, "cname-missing");
}

/* ---- Seeing it ---- */

static void the_order_waits_until_every_server_has_the_alias(void **state)
{
    (void)state;
    record(OWNER, "here.b.example.");
    post();
    rig_until_true(&rig, rig_challenges(&rig) == 1); /* the alias was followed; from now on the server denies it */
    n_records = 0;
    cname_questions = 0;
    rig_hurry_until(&rig, 100, cname_questions > 1);
    assert_int_equal(rig_at_step(&rig, "gate:go"), 0);
    record(OWNER, "here.b.example.");
    rig_hurry_until(&rig, 100, rig_at_step(&rig, "gate:go") == 1);
    assert_true(other_serves("here.b.example.", LINE));
    finish();
}

static void an_alias_that_cannot_be_seen_is_named(void **state)
{
    (void)state;
    record(OWNER, "here.b.example.");
    post();
    rig_until_true(&rig, rig_challenges(&rig) == 1);
    records[0].target = "there.b.example.";
    rig_hurry_until(&rig, 10000, one.came);
    assert_string_equal(one.reason, "not-visible");
    assert_non_null(strstr(one.text, "the CNAME at " OWNER " cannot be seen"));
    assert_non_null(strstr(one.text, "an alias to there.b.example."));
}

/* ---- Several orders ---- */

static void two_zones_may_meet_at_one_name(void **state)
{
    char *other = rig_csr("a.y.example");

    (void)state;
    row("y.example", "fake", "");
    rig_subject(&rig, "CN=a.y.example", "y.example", "", "put+gate:more+ok");
    record(OWNER, "here.b.example.");
    record("_acme-challenge.a.y.example.", "here.b.example.");
    post_until_published();
    rig_post(&rig, other, &two);
    rig_until_true(&rig, rig_at_step(&rig, "gate:more") == 1);
    assert_int_equal(rig_count(&rig, "job_challenge WHERE owner = 'here.b.example.'"), 2);
    finish_one();
    assert_true(other_serves("here.b.example.", LINE)); /* the fake CA's values are all the same: the other's stays */
    rig_open_gate(&rig, "more");
    rig_until(&rig, &two.came);
    assert_non_null(two.chain);
    rig_rest(&rig);
    assert_true(other_serves("here.b.example.", NULL));
    free(other);
}

static void the_places_are_looked_for_before_the_ca_asks_once_it_has_asked_before(void **state)
{
    (void)state;
    expect_in_own_zone(OWNER);
    rig_answer_free(&one);
    cname_questions = 0;
    rig_subject(&rig, "CN=a.x.example", "x.example", ".x.example", "gate:before+put+ok");
    post_for("a.x.example");
    rig_until_true(&rig, rig_at_step(&rig, "gate:before") == 1 && cname_questions == 1);
    assert_int_equal(rig_challenges(&rig), 0);
    rig_open_gate(&rig, "before");
    rig_until(&rig, &one.came);
    assert_non_null(one.chain);
    assert_int_equal(cname_questions, 1); /* what was found is not asked for again */
    rig_rest(&rig);
}

/* ---- Change of a back end, and a restart ---- */

static void a_change_of_the_back_end_holds_for_the_next_order_and_the_old_one_is_cleaned(void **state)
{
    char *other = rig_csr("b.x.example");

    (void)state;
    rig_sql(&rig, "UPDATE zone SET parallel = 2 WHERE zone = 'x.example'");
    rig_subject(&rig, "CN=b.x.example", "x.example", "", "put+gate:more+ok");
    post_until_published();
    rig_sql(&rig, "UPDATE zone SET dns = 'other' WHERE zone = 'x.example'");
    rig_post(&rig, other, &two);
    rig_until_true(&rig, rig_at_step(&rig, "gate:more") == 1);
    assert_true(rig_serves(&rig, OWNER, LINE));
    assert_true(other_serves("_acme-challenge.b.x.example.", LINE));
    finish_one();
    assert_true(rig_serves(&rig, OWNER, NULL));
    assert_true(other_serves("_acme-challenge.b.x.example.", LINE));
    rig_open_gate(&rig, "more");
    rig_until(&rig, &two.came);
    rig_rest(&rig);
    assert_true(other_serves("_acme-challenge.b.x.example.", NULL));
    assert_int_equal(rig_challenges(&rig), 0);
    free(other);
}

static void a_value_is_served_again_and_taken_away_where_an_earlier_run_put_it(void **state)
{
    (void)state;
    record(OWNER, "here.b.example.");
    rig_subject(&rig, "CN=a.x.example", "x.example", ".x.example", "put+save:put+gate:go+ok");
    post();
    rig_until_true(&rig, rig_at_step(&rig, "gate:go") == 1);
    rig_sql(&rig, "UPDATE zone SET dns = 'fake' WHERE zone = 'b.example'");
    fake_server_stop(&server);
    rig_down(&rig);
    assert_true(other_serves("here.b.example.", LINE));
    rig_up(&rig, "");
    fake_server_start(&server, rig.loop, "127.0.0.1", 0, answer, NULL);
    rig_open_gate(&rig, "go");
    rig_rest(&rig);
    assert_true(other_serves("here.b.example.", NULL));
    assert_int_equal(rig_challenges(&rig), 0);
}

static void a_stop_ends_the_search(void **state)
{
    (void)state;
    mood = SILENT;
    post();
    rig_until_true(&rig, cname_questions > 0);
    heart_stop(rig.heart);
    instances_stop(rig.instances);
    rig_until(&rig, &one.came);
    assert_int_equal(one.code, CS_ESHUTDOWN);
    assert_int_equal(rig_challenges(&rig), 0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_challenge_zone_takes_the_value_at_the_end_of_the_alias),
        TEST(without_the_alias_the_record_to_create_is_told),
        TEST(an_alias_out_of_the_challenge_zone_is_refused),
        TEST(with_a_challenge_zone_no_answer_is_no_reason_to_guess),
        TEST(a_challenge_zone_is_used_unasked_where_visibility_is_off),
        TEST(a_zone_that_is_its_own_challenge_zone_follows_no_alias),
        TEST(a_challenge_zone_around_the_challenges_name_needs_no_alias),
        TEST(a_change_of_the_challenge_zone_holds_for_the_next_order),
        TEST(the_order_waits_until_every_server_has_the_alias),
        TEST(an_alias_that_cannot_be_seen_is_named),
        TEST(two_zones_may_meet_at_one_name),
        TEST(the_places_are_looked_for_before_the_ca_asks_once_it_has_asked_before),
        TEST(a_change_of_the_back_end_holds_for_the_next_order_and_the_old_one_is_cleaned),
        TEST(a_value_is_served_again_and_taken_away_where_an_earlier_run_put_it),
        TEST(a_stop_ends_the_search),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
