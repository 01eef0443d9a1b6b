/* dns-pdns: one change, beside others and beside other programs, on old and new versions of PowerDNS. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "../fakes/pdns_running.h"

/* ---- One change ---- */

static void adds_a_value_with_few_requests(void **state)
{
    (void)state;
    pdns_open();
    pdns_set(OWNER, "v", NULL);
    assert_string_equal(powerdns_set(OWNER), "10 [" ON("v") "] []");
    assert_string_equal(
        powerdns_requests(),
        "GET /zones?dnssec=false&zone=_acme-challenge.www.a.example.\n"
        "GET /zones?dnssec=false&zone=www.a.example.\n"
        "GET /zones?dnssec=false&zone=a.example.\n"
        "GET /zones?dnssec=false&zone=example.\n"
        "GET /search-data?q=_acme-challenge.www.a.example&max=1000&object_type=record\n"
        "GET /zones/a.example.?rrset_name=_acme-challenge.www.a.example.&rrset_type=TXT&include_disabled=true\n"
        "PATCH /zones/a.example.\n"
        "GET /zones/a.example.?rrset_name=_acme-challenge.www.a.example.&rrset_type=TXT&include_disabled=true\n");
    pdns_set(OWNER, NULL, "v");
    assert_string_equal(powerdns_set(OWNER), "");
    assert_null(strstr(powerdns_requests(), "zones?")); /* the zone is remembered */
}

static void changes_nothing_that_is_as_it_must_be(void **state)
{
    (void)state;
    pdns_open();
    pdns_set(OWNER, "v", NULL);
    powerdns_requests();
    pdns_set(OWNER, "v", "other");
    assert_null(strstr(powerdns_requests(), "PATCH"));
}

static void keeps_what_others_have_at_the_same_name(const char *version)
{
    pdns_open_with(version);
    powerdns_replace(OWNER, 300, ON("theirs") "," OFF("parked"), NOTE);
    pdns_set(OWNER, "v", NULL);
    assert_non_null(strstr(powerdns_set(OWNER), ON("theirs")));
    assert_non_null(strstr(powerdns_set(OWNER), ON("v")));
    assert_non_null(strstr(powerdns_set(OWNER), OFF("parked")));
    assert_non_null(strstr(powerdns_set(OWNER), NOTE));
    assert_memory_equal(powerdns_set(OWNER), "300 ", 4);
    pdns_set(OWNER, NULL, "v");
    assert_string_equal(powerdns_set(OWNER), "300 [" ON("theirs") "," OFF("parked") "] [" NOTE "]");
}

static void keeps_what_others_have_on_4_7(void **state)
{
    (void)state;
    keeps_what_others_have_at_the_same_name("4.7.3");
}

static void keeps_what_others_have_on_4_9_12(void **state)
{
    (void)state;
    keeps_what_others_have_at_the_same_name("4.9.12");
}

static void keeps_what_others_have_on_5_1(void **state)
{
    (void)state;
    keeps_what_others_have_at_the_same_name("5.1.0");
}

static void keeps_the_comments_of_a_set_that_becomes_empty(void **state)
{
    static const char *const versions[] = { "4.7.3", "5.1.0" };

    (void)state;
    pdns_open();
    for (size_t i = 0; i < 2; i++) {
        powerdns_become(versions[i]);
        powerdns_replace(OWNER, 300, "", NOTE);
        pdns_set(OWNER, "v", NULL);
        pdns_set(OWNER, NULL, "v");
        assert_non_null(strstr(powerdns_set(OWNER), "[] [" NOTE "]"));
    }
}

static void does_without_the_search_where_it_is_not_wanted_or_not_needed(void **state)
{
    (void)state;
    pdns_conf()->keep_disabled = false;
    pdns_open();
    pdns_set(OWNER, "v", NULL);
    assert_null(strstr(powerdns_requests(), "search-data"));
    pdns_conf()->keep_disabled = true;
    powerdns_become("5.0.2");
    powerdns_pass(600000);
    pdns_set(OTHER, "v", NULL); /* asks for the version beside it */
    powerdns_requests();
    pdns_set(OTHER, NULL, "v");
    assert_null(strstr(powerdns_requests(), "search-data"));
}

/* ---- A second writer ---- */

static int overwrites; /* how often he will */

static bool overwrite_after_patch(const struct host_http *request)
{
    static bool patched;

    if (patched && strcmp(request->method, "GET") == 0 && strstr(request->url, "rrset_name") && overwrites > 0) {
        overwrites--;
        powerdns_replace(OWNER, 10, ON("theirs"), "");
    }
    patched = strcmp(request->method, "PATCH") == 0;
    return false;
}

static void a_value_that_was_overwritten_is_written_again(void **state)
{
    struct cs_op *op;

    (void)state;
    pdns_open();
    overwrites = 3;
    powerdns_on_request(overwrite_after_patch);
    op = pdns_begin(OWNER, "v", NULL);
    powerdns_pass(2000);
    pdns_expect_ok(op);
    assert_int_equal(overwrites, 0);
    assert_string_equal(powerdns_set(OWNER), "10 [" ON("v") "," ON("theirs") "] []");
    assert_non_null(strstr(host_log(), "it is repaired owner=" OWNER));
}

static void a_fight_without_end_is_an_error(void **state)
{
    struct cs_op *op;

    (void)state;
    pdns_open();
    overwrites = 1000;
    powerdns_on_request(overwrite_after_patch);
    op = pdns_begin(OWNER, "v", NULL);
    powerdns_pass(DEADLINE / 2);
    pdns_expect_failure(op, CS_ECONFLICT, "another program took our change");
}

static void a_value_that_is_lost_after_the_change_is_put_back(void **state)
{
    (void)state;
    pdns_open();
    pdns_set(OWNER, "v", NULL);
    powerdns_replace(OWNER, 10, ON("theirs"), "");
    powerdns_pass(100);
    assert_string_equal(powerdns_set(OWNER), "10 [" ON("v") "," ON("theirs") "] []");
    powerdns_replace(OWNER, 10, ON("theirs"), ""); /* and again, much later */
    powerdns_pass(2900);
    assert_string_equal(powerdns_set(OWNER), "10 [" ON("v") "," ON("theirs") "] []");
}

static void a_value_that_comes_back_is_taken_away_again(void **state)
{
    (void)state;
    pdns_open();
    pdns_set(OWNER, "v", NULL);
    pdns_set(OWNER, NULL, "v");
    powerdns_replace(OWNER, 10, ON("v") "," ON("theirs"), "");
    powerdns_pass(1000);
    assert_string_equal(powerdns_set(OWNER), "10 [" ON("theirs") "] []");
}

static void watching_ends(void **state)
{
    (void)state;
    pdns_open();
    pdns_set(OWNER, "v", NULL);
    pdns_set(OTHER, "v", NULL);
    powerdns_pass(3000);
    powerdns_requests();
    powerdns_pass(3600000);
    assert_string_equal(powerdns_requests(), "");
}

static void watching_can_be_switched_off(void **state)
{
    (void)state;
    pdns_conf()->recheck = 0;
    pdns_open();
    pdns_set(OWNER, "v", NULL);
    assert_int_equal(host_idle_ms(), -1);
}

static void stop_ends_watching_but_not_changes(void **state)
{
    struct cs_op *op;

    (void)state;
    pdns_open();
    pdns_set(OTHER, "v", NULL);
    op = pdns_begin(OWNER, "v", NULL);
    pdns_stop();
    powerdns_settle();
    pdns_expect_ok(op);
    assert_int_equal(host_idle_ms(), -1);
}

/* What a repair does must not come after what the next call does. */
static void a_new_change_waits_for_a_repair_that_is_out(void **state)
{
    struct cs_op *op;

    (void)state;
    pdns_open();
    pdns_set(OWNER, "v", NULL);
    powerdns_replace(OWNER, 10, "", "");
    host_pass(100);
    while (!host_http() || strcmp(host_http()->method, "PATCH") != 0) {
        if (host_http())
            powerdns_answer();
        assert_true(host_turn());
    }
    op = pdns_begin(OWNER, NULL, "v");
    assert_int_equal(host_result(op)->finished, 0);
    assert_non_null(strstr(host_http()->body, "\"REPLACE\"")); /* still the repair */
    powerdns_settle();
    pdns_expect_ok(op);
    assert_string_equal(powerdns_set(OWNER), "");
}

static void a_server_that_is_down_while_we_watch_is_no_end(void **state)
{
    (void)state;
    pdns_open();
    pdns_set(OWNER, "v", NULL);
    powerdns_replace(OWNER, 10, "", "");
    host_pass(100);
    host_cut(CS_EUPSTREAM, "cannot connect");
    powerdns_settle();
    assert_non_null(strstr(host_log(), "cannot see whether another program"));
    powerdns_pass(3000);
    assert_string_equal(powerdns_set(OWNER), "10 [" ON("v") "] []");
}

/* ---- One change at a time ---- */

static bool theirs_added;

static bool add_theirs_after_first_patch(const struct host_http *request)
{
    if (strcmp(request->method, "PATCH") == 0 && !theirs_added) {
        theirs_added = true;
        powerdns_replace(OTHER, 10, ON("theirs"), "");
    }
    return false;
}

static void changes_of_several_names_go_one_at_a_time_each_with_a_fresh_look(void **state)
{
    struct cs_op *ops[3];
    const char *requests;
    int patches = 0;

    (void)state;
    pdns_conf()->keep_disabled = false;
    pdns_open();
    theirs_added = false;
    powerdns_on_request(add_theirs_after_first_patch);
    ops[0] = pdns_begin(OWNER, "v", NULL);
    ops[1] = pdns_begin(OTHER, "v", NULL);
    ops[2] = pdns_begin("_acme-challenge.x.a.example.", "v", NULL);
    powerdns_settle();
    for (int i = 0; i < 3; i++)
        pdns_expect_ok(ops[i]);
    assert_string_equal(powerdns_set(OTHER), "10 [" ON("v") "," ON("theirs") "] []");
    requests = powerdns_requests();
    assert_null(strstr(requests, "PATCH /zones/a.example.\nPATCH"));
    for (const char *at = requests; (at = strstr(at, "PATCH")); at++)
        patches++;
    assert_int_equal(patches, 3);
}

static void one_that_is_cancelled_lets_the_next_go_on(void **state)
{
    struct cs_op *first, *second, *third;

    (void)state;
    pdns_open();
    pdns_set(OWNER, "known", NULL);
    pdns_set(OTHER, "known", NULL);
    pdns_set("_acme-challenge.x.a.example.", "known", NULL);
    first = pdns_begin(OWNER, "v", NULL);
    second = pdns_begin(OTHER, "v", NULL);
    third = pdns_begin("_acme-challenge.x.a.example.", "v", NULL);
    while (strcmp(host_http()->method, "PATCH") != 0) {
        powerdns_answer();
        while (host_turn())
            ;
    }
    host_cancel(second, CS_DEADLINE);
    host_cancel(first, CS_DEADLINE);
    powerdns_settle();
    pdns_expect_failure(first, CS_ETIMEDOUT, "in step \"change\"");
    pdns_expect_failure(second, CS_ETIMEDOUT, "in step \"turn\"");
    pdns_expect_ok(third);
}

static int locks;

static bool lock_database(const struct host_http *request)
{
    if (strcmp(request->method, "PATCH") != 0 || locks == 0)
        return false;
    locks--;
    host_reply(500, "", "Internal Server Error", strlen("Internal Server Error"));
    return true;
}

static void a_database_that_is_locked_is_tried_again_soon(void **state)
{
    struct cs_op *op;

    (void)state;
    pdns_open();
    powerdns_on_request(lock_database);
    locks = 4;
    op = pdns_begin(OWNER, "v", NULL);
    powerdns_pass(2000);
    pdns_expect_ok(op);
    locks = 1000;
    op = pdns_begin(OWNER, "w", NULL);
    powerdns_pass(DEADLINE / 2);
    pdns_expect_failure(op, CS_EUPSTREAM, "it failed (500)");
    assert_int_equal(locks, 1000 - 7);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, pdns_set_up, pdns_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(adds_a_value_with_few_requests),
        TEST(changes_nothing_that_is_as_it_must_be),
        TEST(keeps_what_others_have_on_4_7),
        TEST(keeps_what_others_have_on_4_9_12),
        TEST(keeps_what_others_have_on_5_1),
        TEST(keeps_the_comments_of_a_set_that_becomes_empty),
        TEST(does_without_the_search_where_it_is_not_wanted_or_not_needed),
        TEST(a_value_that_was_overwritten_is_written_again),
        TEST(a_fight_without_end_is_an_error),
        TEST(a_value_that_is_lost_after_the_change_is_put_back),
        TEST(a_value_that_comes_back_is_taken_away_again),
        TEST(watching_ends),
        TEST(watching_can_be_switched_off),
        TEST(stop_ends_watching_but_not_changes),
        TEST(a_new_change_waits_for_a_repair_that_is_out),
        TEST(changes_of_several_names_go_one_at_a_time_each_with_a_fresh_look),
        TEST(one_that_is_cancelled_lets_the_next_go_on),
        TEST(a_database_that_is_locked_is_tried_again_soon),
        TEST(a_server_that_is_down_while_we_watch_is_no_end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
