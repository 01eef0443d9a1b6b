/* dns-pdns: how a set is changed: EXTEND and PRUNE where PowerDNS has them, else the whole set. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "../fakes/pdns_running.h"

static char last_body[2000];

static bool remember_patch(const struct host_http *request)
{
    if (strcmp(request->method, "PATCH") == 0)
        snprintf(last_body, sizeof last_body, "%s", request->body);
    return false;
}

static bool add_theirs_before_patch(const struct host_http *request)
{
    if (strcmp(request->method, "PATCH") != 0)
        return false;
    remember_patch(request);
    powerdns_on_request(remember_patch);
    powerdns_replace(OWNER, 10, ON("theirs"), "");
    return false;
}

static void newer_servers_lose_nothing_between_our_reading_and_writing(void **state)
{
    static const char *const versions[] = { "4.9.12", "4.9.17-1pgdg", "5.0.2", "5.1.0", "6.0.0-alpha1" };

    (void)state;
    pdns_open();
    for (size_t i = 0; i < sizeof versions / sizeof *versions; i++) {
        powerdns_become(versions[i]);
        powerdns_pass(600000);
        pdns_set(OTHER, "v", NULL);
        pdns_set(OTHER, NULL, "v");
        powerdns_replace(OWNER, 10, "", "");
        powerdns_on_request(add_theirs_before_patch);
        pdns_set(OWNER, "v", NULL);
        assert_non_null(strstr(last_body, "\"EXTEND\""));
        assert_string_equal(powerdns_set(OWNER), "10 [" ON("theirs") "," ON("v") "] []");
        pdns_set(OWNER, NULL, "v");
        assert_non_null(strstr(last_body, "\"PRUNE\""));
        assert_string_equal(powerdns_set(OWNER), "10 [" ON("theirs") "] []");
        powerdns_on_request(NULL);
    }
}

static void older_servers_are_read_and_replaced(void **state)
{
    static const char *const versions[] = { "4.7.3", "4.8.4", "4.9.11", "5.0.1" };

    (void)state;
    pdns_open();
    for (size_t i = 0; i < sizeof versions / sizeof *versions; i++) {
        powerdns_become(versions[i]);
        powerdns_pass(600000);
        pdns_set(OTHER, "v", NULL);
        pdns_set(OTHER, NULL, "v");
        powerdns_on_request(remember_patch);
        pdns_set(OWNER, "v", NULL);
        assert_non_null(strstr(last_body, "\"REPLACE\""));
        pdns_set(OWNER, NULL, "v");
        assert_non_null(strstr(last_body, "\"DELETE\""));
        powerdns_on_request(NULL);
    }
}

/* A proxy, or a build whose version says nothing: it is tried once, and believed. */
static void an_unknown_version_is_tried_and_remembered(void **state)
{
    (void)state;
    pdns_open_with("g1t-build");
    pdns_set(OWNER, "v", NULL);
    assert_non_null(strstr(powerdns_requests(), "PATCH /zones/a.example.\nPATCH /zones/a.example.\n"));
    assert_non_null(strstr(host_log(), "no EXTEND and PRUNE"));
    pdns_set(OWNER, NULL, "v");
    assert_null(strstr(powerdns_requests(), "PATCH /zones/a.example.\nPATCH /zones/a.example.\n"));
    assert_string_equal(powerdns_set(OWNER), "");
}

static bool say_nothing_of_the_version(const struct host_http *request)
{
    if (strcmp(request->url, POWERDNS_URL "/api/v1/servers/localhost") != 0)
        return false;
    host_reply(404, "", "", 0);
    return true;
}

/* All are answered before it, but not the question for the version. */
static void put_off_until(const char *method)
{
    while (strcmp(host_http()->method, method) != 0) {
        if (strcmp(host_http()->url, POWERDNS_URL "/api/v1/servers/localhost") == 0)
            host_put_off();
        else
            powerdns_answer();
        while (host_turn())
            ;
    }
}

/* It says its version while a change is out that has EXTEND: what was sent counts. */
static void a_version_that_comes_after_the_extend_changes_nothing(void **state)
{
    struct cs_op *op;

    (void)state;
    powerdns_on_request(say_nothing_of_the_version);
    pdns_open();
    pdns_set(OTHER, "v", NULL); /* the zone is known, EXTEND refused */
    powerdns_on_request(NULL);
    powerdns_pass(3600000);
    powerdns_requests();
    op = pdns_begin(OWNER, "v", NULL);
    put_off_until("PATCH");
    assert_non_null(strstr(host_http()->body, "\"EXTEND\""));
    host_put_off();
    powerdns_settle();
    assert_non_null(strstr(powerdns_requests(), "GET \nPATCH /zones/a.example.\nPATCH /zones/a.example.\n"));
    pdns_expect_ok(op);
    assert_string_equal(powerdns_set(OWNER), "10 [" ON("v") "] []");
}

static void a_set_with_disabled_records_is_never_extended(void **state)
{
    (void)state;
    pdns_open_with("5.1.0");
    powerdns_replace(OWNER, 10, OFF("parked"), "");
    powerdns_on_request(remember_patch);
    pdns_set(OWNER, "v", NULL);
    assert_non_null(strstr(last_body, "\"REPLACE\""));
    assert_string_equal(powerdns_set(OWNER), "10 [" ON("v") "," OFF("parked") "] []");
}

static bool shorten_ttl_before_patch(const struct host_http *request)
{
    if (!request->body || !strstr(request->body, "EXTEND"))
        return false;
    powerdns_replace(OWNER, 77, ON("theirs"), "");
    return false;
}

static void a_refused_extend_is_followed_by_the_whole_set(void **state)
{
    (void)state;
    pdns_open_with("5.1.0");
    powerdns_replace(OWNER, 300, ON("theirs"), "");
    powerdns_on_request(shorten_ttl_before_patch);
    pdns_set(OWNER, "v", NULL);
    powerdns_on_request(NULL);
    assert_string_equal(powerdns_set(OWNER), "300 [" ON("v") "," ON("theirs") "] []");
    powerdns_on_request(remember_patch);
    pdns_set(OTHER, "v", NULL);
    assert_non_null(strstr(last_body, "EXTEND")); /* it was about that set, not about the server */
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, pdns_set_up, pdns_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(newer_servers_lose_nothing_between_our_reading_and_writing),
        TEST(older_servers_are_read_and_replaced),
        TEST(an_unknown_version_is_tried_and_remembered),
        TEST(a_version_that_comes_after_the_extend_changes_nothing),
        TEST(a_set_with_disabled_records_is_never_extended),
        TEST(a_refused_extend_is_followed_by_the_whole_set),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
