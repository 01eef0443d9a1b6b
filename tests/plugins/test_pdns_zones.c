/* dns-pdns: which zone of PowerDNS a name lies in, and names that several zones of the table have. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "../fakes/pdns_running.h"

/* ---- Zones ---- */

static void the_longest_zone_wins(void **state)
{
    (void)state;
    powerdns_add_zone("example.", "Native");
    powerdns_add_zone("deep.www.a.example.", "Native");
    powerdns_add_zone("_acme-challenge.ftp.a.example.", "Master");
    pdns_open();
    pdns_set("_acme-challenge.x.deep.www.a.example.", "v", NULL);
    assert_non_null(strstr(powerdns_requests(), "PATCH /zones/deep.www.a.example.\n"));
    pdns_set(OWNER, "v", NULL);
    assert_non_null(strstr(powerdns_requests(), "PATCH /zones/a.example.\n"));
    pdns_set(OTHER, "v", NULL);
    assert_non_null(strstr(powerdns_requests(), "PATCH /zones/_acme-challenge.ftp.a.example.\n"));
    pdns_set("_acme-challenge.b.example.", "v", NULL); /* above the zone of the zone table, too */
    assert_non_null(strstr(powerdns_requests(), "PATCH /zones/example.\n"));
}

static void names_of_many_labels_are_asked_some_at_a_time(void **state)
{
    char owner[254] = "_acme-challenge.", first[300];

    (void)state;
    for (int i = 0; i < 100; i++)
        snprintf(owner + strlen(owner), sizeof owner - strlen(owner), "%d.", i % 10);
    snprintf(owner + strlen(owner), sizeof owner - strlen(owner), "a.example.");
    pdns_open();
    pdns_begin(owner, "v", NULL);
    snprintf(first, sizeof first, "%s", host_http()->url);
    assert_int_equal(host_http_count(), 1 + 6);
    assert_non_null(strstr(first, owner));
    powerdns_settle();
    assert_string_equal(powerdns_set(owner), "10 [" ON("v") "] []");
}

static void what_is_no_zone_is_remembered_for_a_minute(void **state)
{
    (void)state;
    pdns_open();
    pdns_set(OWNER, "v", NULL);
    powerdns_add_zone("www.a.example.", "Native");
    pdns_set(OWNER, NULL, "v");
    assert_null(strstr(powerdns_requests(), "/zones/www.a.example."));
    powerdns_pass(60000);
    pdns_set(OWNER, "v", NULL);
    assert_non_null(strstr(powerdns_requests(), "PATCH /zones/www.a.example."));
}

static void a_zone_that_is_gone_is_looked_for_again(void **state)
{
    struct cs_op *op;

    (void)state;
    powerdns_add_zone("www.a.example.", "Native");
    pdns_open();
    pdns_set(OWNER, "v", NULL);
    powerdns_requests();
    powerdns_remove_zone("www.a.example.");
    pdns_set(OWNER, "w", NULL);
    assert_non_null(strstr(powerdns_requests(), "PATCH /zones/a.example."));
    powerdns_remove_zone("a.example.");
    op = pdns_begin(OWNER, "v2", NULL);
    powerdns_settle();
    pdns_expect_failure(op, CS_ECONFIG, "it has no zone for " OWNER);
}

static bool say_out_of_zone(const struct host_http *request)
{
    static const char body[] = "{\"error\": \"RRset x IN TXT: Name is out of zone\"}";

    if (strcmp(request->method, "PATCH") != 0)
        return false;
    host_reply(422, "Content-Type: application/json\n", body, strlen(body));
    return true;
}

static void a_name_that_is_out_of_zone_is_located_once_more(void **state)
{
    struct cs_op *op;

    (void)state;
    pdns_open();
    powerdns_on_request(say_out_of_zone);
    op = pdns_begin(OWNER, "v", NULL);
    powerdns_settle();
    pdns_expect_failure(op, CS_EREFUSED, "out of zone");
    assert_non_null(strstr(strstr(powerdns_requests(), "PATCH") + 1, "PATCH"));
}

static void a_secondary_is_refused(void **state)
{
    struct cs_op *op;

    (void)state;
    powerdns_add_zone("www.a.example.", "Slave");
    pdns_open();
    for (int i = 0; i < 2; i++) {
        op = pdns_begin(OWNER, "v", NULL);
        powerdns_settle();
        pdns_expect_failure(op, CS_ECONFIG, "it is a secondary for www.a.example.: set `api` to the primary");
    }
}

static void many_names_at_once_share_what_is_known(void **state)
{
    struct cs_op *ops[300];
    char owner[100];

    (void)state;
    pdns_conf()->recheck = 0;
    pdns_open();
    for (int i = 0; i < 300; i++) {
        snprintf(owner, sizeof owner, "_acme-challenge.h%d.a.example.", i);
        ops[i] = pdns_begin(owner, "v", NULL);
    }
    powerdns_settle();
    for (int i = 0; i < 300; i++)
        pdns_expect_ok(ops[i]);
    powerdns_requests();
    powerdns_pass(60000);
    for (int i = 0; i < 1200; i++) { /* names of before are forgotten */
        snprintf(owner, sizeof owner, "_acme-challenge.i%d.a.example.", i);
        pdns_begin(owner, "v", NULL);
        powerdns_settle();
    }
}

/* ---- Two zones of the table that have the name ---- */

static void a_second_change_of_a_name_leaves_the_first_one_whole(void **state)
{
    struct cs_op *first, *second;

    (void)state;
    pdns_open();
    first = pdns_begin(OWNER, "one", NULL);
    second = pdns_begin(OWNER, "two", NULL);
    assert_true(host_result(second)->finished);
    assert_int_equal(host_result(second)->err.code, CS_EBUSY);
    powerdns_settle();
    pdns_expect_ok(first);
    assert_string_equal(powerdns_set(OWNER), "10 [" ON("one") "] []");
    powerdns_pass(DEADLINE);
}

/* Both zones of the table have the name: while we watch over it, nobody takes away what either of them wants. */
static void what_one_zone_wants_survives_the_change_of_another(void **state)
{
    (void)state;
    pdns_open();
    pdns_set(OWNER, "above", NULL);
    pdns_set(OWNER, "below", NULL);
    powerdns_replace(OWNER, 10, "", "");
    powerdns_pass(3000);
    assert_non_null(strstr(powerdns_set(OWNER), ON("above")));
    assert_non_null(strstr(powerdns_set(OWNER), ON("below")));
    pdns_set(OWNER, NULL, "above");
    assert_string_equal(powerdns_set(OWNER), "10 [" ON("below") "] []");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, pdns_set_up, pdns_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_longest_zone_wins),
        TEST(a_second_change_of_a_name_leaves_the_first_one_whole),
        TEST(what_one_zone_wants_survives_the_change_of_another),
        TEST(names_of_many_labels_are_asked_some_at_a_time),
        TEST(what_is_no_zone_is_remembered_for_a_minute),
        TEST(a_zone_that_is_gone_is_looked_for_again),
        TEST(a_name_that_is_out_of_zone_is_located_once_more),
        TEST(a_secondary_is_refused),
        TEST(many_names_at_once_share_what_is_known),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
