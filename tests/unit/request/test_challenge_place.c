/* request/challenge_place.c: where a challenge's value goes, and what becomes of chains of CNAME records that lead nowhere. */
#include "alias_scene.h"

/* ---- Names without an alias ---- */

static void without_an_alias_the_value_goes_to_its_own_name(void **state)
{
    (void)state;
    expect_in_own_zone(OWNER);
    assert_int_equal(cname_questions, 1);
}

static void a_name_that_is_not_there_has_no_alias(void **state)
{
    (void)state;
    mood = NXDOMAIN;
    expect_in_own_zone(OWNER);
}

static void a_server_that_says_nothing_is_asked_for_a_short_time_only(void **state)
{
    (void)state;
    mood = SILENT;
    post();
    rig_hurry_until(&rig, 1000, rig_at_step(&rig, "gate:go") == 1);
    assert_true(rig_serves(&rig, OWNER, LINE));
    finish();
}

static void a_server_that_fails_counts_as_one_that_knows_no_alias(void **state)
{
    (void)state;
    mood = SERVFAIL;
    expect_in_own_zone(OWNER);
}

static void nobody_is_asked_where_visibility_is_off(void **state)
{
    (void)state;
    record(OWNER, "here.b.example.");
    rig_sql(&rig, "UPDATE zone SET visible = 'off' WHERE zone = 'x.example'");
    expect_in_own_zone(OWNER);
    assert_int_equal(server.questions, 0);
}

/* ---- Chains ---- */

static void an_alias_is_followed_into_another_zone_and_its_back_end(void **state)
{
    (void)state;
    record(OWNER, "here.b.example.");
    expect_in_b("here.b.example.");
}

static void an_alias_within_the_zone_is_followed(void **state)
{
    (void)state;
    record(OWNER, "_challenges.x.example.");
    expect_in_own_zone("_challenges.x.example.");
}

static void the_longest_zone_of_the_table_takes_the_value(void **state)
{
    (void)state;
    record(OWNER, "here.deep.b.example.");
    row("deep.b.example", "fake", "");
    post_until_published();
    assert_true(rig_serves(&rig, "here.deep.b.example.", LINE));
    assert_int_equal(rig_count(&rig, "job_challenge WHERE zone = 'deep.b.example.'"), 1);
    finish();
}

static void a_chain_through_several_zones_is_followed(void **state)
{
    (void)state;
    record(OWNER, "one.b.example.");
    record("one.b.example.", "two.x.example.");
    record("two.x.example.", "three.b.example.");
    expect_in_b("three.b.example.");
}

static void upper_case_in_a_record_means_the_same(void **state)
{
    (void)state;
    record(OWNER, "One.X.Example.");
    record("one.x.example.", "HERE.B.EXAMPLE.");
    expect_in_b("here.b.example.");
}

static void a_record_beside_the_alias_is_not_looked_at(void **state)
{
    (void)state;
    record(OWNER, "here.b.example.");
    mood = BOTH;
    expect_in_b("here.b.example.");
}

static void a_truncated_answer_is_asked_for_again_by_tcp(void **state)
{
    (void)state;
    record(OWNER, "here.b.example.");
    mood = TRUNCATED;
    expect_in_b("here.b.example.");
    assert_true(tcp_questions > 0);
}

static void an_answer_that_makes_no_sense_is_as_good_as_none(void **state)
{
    (void)state;
    record(OWNER, "here.b.example.");
    mood = GARBAGE;
    rig_sql(&rig, "UPDATE zone SET visible = 'warn' WHERE zone = 'x.example'");
    rig.setup.settings.visible_ms = 0;
    post();
    rig_hurry_until(&rig, 1000, rig_at_step(&rig, "gate:go") == 1);
    assert_true(rig_serves(&rig, OWNER, LINE));
    finish();
}

static void two_aliases_at_one_name_are_as_good_as_none(void **state)
{
    (void)state;
    record(OWNER, "here.b.example.");
    mood = TWO_ALIASES;
    rig_sql(&rig, "UPDATE zone SET visible = 'warn' WHERE zone = 'x.example'");
    rig.setup.settings.visible_ms = 0;
    post();
    rig_hurry_until(&rig, 1000, rig_at_step(&rig, "gate:go") == 1);
    assert_true(rig_serves(&rig, OWNER, LINE));
    finish();
}

static const char *const steps[] = { OWNER, "c1.x.example.", "c2.x.example.", "c3.x.example.", "c4.x.example.",
                                     "c5.x.example.", "c6.x.example.", "c7.x.example.", "c8.b.example.", "c9.b.example." };

static void eight_aliases_in_a_row_are_followed(void **state)
{
    (void)state;
    for (size_t i = 0; i < 8; i++)
        record(steps[i], steps[i + 1]);
    expect_in_b("c8.b.example.");
}

static void nine_aliases_in_a_row_are_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < 9; i++)
        record(steps[i], steps[i + 1]);
    expect_refused("cname-chain", "more than 8 CNAME records in a row");
}

static void a_circle_is_refused(void **state)
{
    (void)state;
    record(OWNER, "c1.x.example.");
    record("c1.x.example.", "c2.b.example.");
    record("c2.b.example.", "c1.x.example.");
    expect_refused("cname-chain",
                   OWNER " CNAME c1.x.example. CNAME c2.b.example. CNAME c1.x.example.");
}

static void an_alias_of_itself_is_refused(void **state)
{
    (void)state;
    record(OWNER, OWNER);
    expect_refused("cname-chain", "in a circle");
}

static void an_alias_to_something_odd_is_refused(void **state)
{
    (void)state;
    record(OWNER, "-rf.b.example.");
    expect_refused("cname-chain", "no challenge can be at");
}

static void an_alias_to_the_root_is_refused(void **state)
{
    (void)state;
    record(OWNER, ".");
    expect_refused("cname-chain", "no challenge can be at");
}

static void a_name_in_no_zone_of_the_table_is_refused(void **state)
{
    (void)state;
    record(OWNER, "here.elsewhere.example.");
    expect_refused("cname-target", OWNER " CNAME here.elsewhere.example.: the last name lies in no zone of the table");
}

static void a_name_in_a_disabled_zone_is_refused(void **state)
{
    (void)state;
    record(OWNER, "here.b.example.");
    rig_sql(&rig, "UPDATE zone SET enabled = 0 WHERE zone = 'b.example'");
    expect_refused("cname-target", "zone b.example is disabled");
}

static void a_zone_without_its_instance_is_told(void **state)
{
    (void)state;
    record(OWNER, "here.b.example.");
    rig_sql(&rig, "UPDATE zone SET dns = 'nowhere' WHERE zone = 'b.example'");
    post();
    rig_until(&rig, &one.came);
    assert_int_equal(one.code, CS_ECONFIG);
    assert_non_null(strstr(one.text, "zone b.example names the DNS instance \"nowhere\""));
}

/* ---- Wildcards ---- */

static void a_wildcard_into_a_zone_of_the_table_is_followed(void **state)
{
    (void)state;
    record("*.a.x.example.", "here.b.example.");
    expect_in_b("here.b.example.");
}

static void a_wildcard_that_leads_elsewhere_is_hidden_by_the_value(void **state)
{
    char question[40] = { 0 };

    (void)state;
    record("*.a.x.example.", "lb.elsewhere.example.");
    rig_sql(&rig, "UPDATE zone SET visible = 'warn' WHERE zone = 'x.example'"); /* the fake does not know what hides what */
    rig.setup.settings.visible_ms = 0;
    post();
    rig_hurry_until(&rig, 1000, rig_at_step(&rig, "gate:go") == 1);
    assert_true(rig_serves(&rig, OWNER, LINE));
    assert_int_equal(sscanf(asked, OWNER " _acme-%8[0-9a-f].a.x.example. ", question), 1);
    finish();
}

/* ---- Long names ---- */

#define L60 "012345678901234567890123456789012345678901234567890123456789"

static void a_target_of_253_characters_is_followed(void **state)
{
    static const char target[] = L60 "." L60 "." L60 "." L60 ".b.example.";

    (void)state;
    assert_int_equal(sizeof target - 2, 253);
    record(OWNER, target);
    expect_in_b(target);
}

#define LONGEST L60 "." L60 "." L60 "." "01234567890123456789012345678901234567890123" ".x.example"

static void the_longest_name_that_a_challenge_can_be_for_works(void **state)
{
    (void)state;
    assert_int_equal(strlen("_acme-challenge." LONGEST), 253);
    record("_acme-challenge." LONGEST ".", "here.b.example.");
    post_for(LONGEST);
    rig_until_true(&rig, rig_at_step(&rig, "gate:go") == 1);
    assert_true(other_serves("here.b.example.", LINE));
    rig_open_gate(&rig, "go"); /* the fake CA's certificates have no room for such a name */
    rig_until(&rig, &one.came);
    rig_rest(&rig);
    assert_true(other_serves("here.b.example.", NULL));
}

static void a_name_that_is_too_long_for_a_challenge_is_refused(void **state)
{
    (void)state;
    post_for("1" LONGEST);
    rig_until(&rig, &one.came);
    assert_int_equal(one.code, CS_EINPUT);
    assert_non_null(strstr(one.text, "more than 253 characters"));
    assert_int_equal(server.questions, 0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(without_an_alias_the_value_goes_to_its_own_name),
        TEST(a_name_that_is_not_there_has_no_alias),
        TEST(a_server_that_says_nothing_is_asked_for_a_short_time_only),
        TEST(a_server_that_fails_counts_as_one_that_knows_no_alias),
        TEST(nobody_is_asked_where_visibility_is_off),
        TEST(an_alias_is_followed_into_another_zone_and_its_back_end),
        TEST(an_alias_within_the_zone_is_followed),
        TEST(the_longest_zone_of_the_table_takes_the_value),
        TEST(a_chain_through_several_zones_is_followed),
        TEST(upper_case_in_a_record_means_the_same),
        TEST(a_record_beside_the_alias_is_not_looked_at),
        TEST(a_truncated_answer_is_asked_for_again_by_tcp),
        TEST(an_answer_that_makes_no_sense_is_as_good_as_none),
        TEST(two_aliases_at_one_name_are_as_good_as_none),
        TEST(eight_aliases_in_a_row_are_followed),
        TEST(nine_aliases_in_a_row_are_refused),
        TEST(a_circle_is_refused),
        TEST(an_alias_of_itself_is_refused),
        TEST(an_alias_to_something_odd_is_refused),
        TEST(an_alias_to_the_root_is_refused),
        TEST(a_name_in_no_zone_of_the_table_is_refused),
        TEST(a_name_in_a_disabled_zone_is_refused),
        TEST(a_zone_without_its_instance_is_told),
        TEST(a_wildcard_into_a_zone_of_the_table_is_followed),
        TEST(a_wildcard_that_leads_elsewhere_is_hidden_by_the_value),
        TEST(a_target_of_253_characters_is_followed),
        TEST(the_longest_name_that_a_challenge_can_be_for_works),
        TEST(a_name_that_is_too_long_for_a_challenge_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
