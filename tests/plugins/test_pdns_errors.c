/* dns-pdns: what the operator is told, deadlines, and settings. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "../fakes/pdns_running.h"

/* ---- Errors ---- */

static struct {
    int status;
    const char *headers, *body;
    const char *only; /* requests whose URL has this, and whose method is `method` unless that is NULL */
    const char *method;
} fault;

static bool answer_with_fault(const struct host_http *request)
{
    if (!strstr(request->url, fault.only) || (fault.method && strcmp(request->method, fault.method) != 0))
        return false;
    if (fault.status)
        host_reply(fault.status, fault.headers, fault.body, strlen(fault.body));
    else
        host_cut(CS_EUPSTREAM, fault.body);
    return true;
}

static const struct host_result *set_with_fault(int status, const char *headers, const char *body, const char *only,
                                                const char *method)
{
    struct cs_op *op;

    fault.status = status;
    fault.headers = headers;
    fault.body = body;
    fault.only = only;
    fault.method = method;
    powerdns_on_request(answer_with_fault);
    op = pdns_begin(OWNER, "v", NULL);
    powerdns_pass(5000);
    powerdns_on_request(NULL);
    pdns_expect_failure(op, host_result(op)->err.code, "");
    return host_result(op);
}

static void each_status_says_what_to_change(void **state)
{
    static const struct {
        int status;
        enum cs_code code;
        const char *words;
    } cases[] = {
        { 400, CS_EREFUSED, "it refuses (400)" },
        { 401, CS_ECONFIG, "`key` must be its api-key" },
        { 403, CS_ECONFIG, "forbidden (403)" },
        { 404, CS_ECONFIG, "must run with api=yes, and `api` lead to" },
        { 405, CS_EREFUSED, "it refuses (405): why not " },
        { 408, CS_EUPSTREAM, "it failed (408)" },
        { 422, CS_EREFUSED, "it refuses (422): why not" },
        { 429, CS_ELIMIT, "too many requests" },
        { 301, CS_ECONFIG, "redirect (301): set `api`" },
        { 500, CS_EUPSTREAM, "it failed (500), its log says why: why not " },
        { 502, CS_EUPSTREAM, "it failed (502)" },
        { 503, CS_EUPSTREAM, "it failed (503)" },
    };
    static const char *const where[] = { "/zones?", "rrset_name", "search-data" };

    (void)state;
    pdns_open();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        for (size_t k = 0; k < 4; k++) {
            const bool in_patch = k == 3;
            const struct host_result *result;

            if (k == 0 && (cases[i].status == 400 || cases[i].status == 422))
                continue; /* it is no name for PowerDNS: no zone, then */
            pdns_close();
            pdns_open();
            result = set_with_fault(cases[i].status, "Retry-After: 7\n", "{\"error\": \"why not " POWERDNS_URL "\"}",
                                    in_patch ? "" : where[k], in_patch ? "PATCH" : NULL);
            if (cases[i].status == 404 && k != 0 && k != 2)
                assert_int_equal(result->err.code, CS_ECONFIG);
            else if (!strstr(result->err.text, cases[i].words) || result->err.code != cases[i].code)
                fail_msg("%d at %zu: %s", cases[i].status, k, result->err.text);
            if (cases[i].status == 503 || cases[i].status == 429)
                assert_int_equal(result->err.retry_after_ms, 7000);
        }
    }
}

static void no_answer_says_what_may_be_wrong(void **state)
{
    const struct host_result *result;

    (void)state;
    pdns_open();
    result = set_with_fault(0, "", "127.0.0.1:8081: the connection was cut", "/zones?", NULL);
    assert_int_equal(result->err.code, CS_EUPSTREAM);
    assert_non_null(strstr(result->err.text, "webserver-allow-from must name this host"));
    pdns_set(OWNER, "v", NULL); /* and when it is back, it works */
}

static void an_answer_that_is_not_powerdns_s_is_an_error(void **state)
{
    static const char *const where[] = { "/zones?", "rrset_name", "search-data" };

    (void)state;
    for (size_t k = 0; k < 3; k++) {
        const struct host_result *result;

        pdns_open();
        result = set_with_fault(200, "Content-Type: text/html\n", "<html>Welcome to nginx</html>", where[k], NULL);
        assert_int_equal(result->err.code, CS_EUPSTREAM);
        assert_non_null(strstr(result->err.text, "is not valid JSON: does `api` lead to PowerDNS itself?"));
        pdns_close();
    }
    pdns_open();
    assert_non_null(
        strstr(set_with_fault(200, "", "[{\"name\":\"" OWNER "\",\"id\":\"../x\"}]", "=_acme", NULL)->err.text, "proper id"));
}

static void the_key_is_never_repeated(void **state)
{
    (void)state;
    pdns_open();
    set_with_fault(422, "", "{\"error\": \"you sent X-API-Key: " POWERDNS_KEY "\"}", "rrset_name", NULL);
    set_with_fault(500, "", "X-API-Key: " POWERDNS_KEY, "rrset_name", NULL);
}

static void a_wrong_key_is_told_at_the_start(void **state)
{
    (void)state;
    pdns_conf()->key = "another";
    pdns_open();
    assert_non_null(strstr(host_log(), "it does not know the key (401)"));
}

static void a_search_that_fails_names_its_setting(void **state)
{
    (void)state;
    pdns_open();
    assert_non_null(strstr(set_with_fault(403, "", "", "search-data", NULL)->err.text, "keep_disabled = false"));
}

/* ---- Deadlines ---- */

static void the_deadline_ends_a_change_in_each_step(void **state)
{
    (void)state;
    pdns_open();
    for (size_t answered = 0; answered < 8; answered++) {
        struct cs_op *op;

        pdns_close();
        powerdns_replace(OWNER, 10, "", "");
        pdns_open();
        op = pdns_begin(OWNER, "v", NULL);
        for (size_t i = 0; i < answered; i++) {
            powerdns_answer();
            while (!host_http() && host_turn())
                ;
        }
        if (host_result(op)->finished)
            fail_msg("%zu answers were enough", answered);
        host_pass(DEADLINE);
        pdns_expect_failure(op, CS_ETIMEDOUT, "the deadline passed in step");
        powerdns_requests();
        powerdns_pass(10000);
        assert_null(strstr(powerdns_requests(), "PATCH"));
    }
}

static void shutdown_ends_a_change(void **state)
{
    struct cs_op *op;

    (void)state;
    pdns_open();
    op = pdns_begin(OWNER, "v", NULL);
    host_cancel(op, CS_SHUTDOWN);
    while (host_turn())
        ;
    pdns_expect_failure(op, CS_ESHUTDOWN, "stopping");
}

static void what_the_stop_cuts_short_is_no_warning(void **state)
{
    (void)state;
    pdns_open();
    set_with_fault(0, "", "the connection was cut", "/zones?", NULL); /* the version is asked for again at the next change */
    pdns_begin(OWNER, "v", NULL);
    pdns_stop();
    fault.only = "";
    fault.body = "the server is stopping";
    powerdns_on_request(answer_with_fault);
    assert_non_null(strstr(host_http()->url, "/servers/localhost"));
    powerdns_settle();
    powerdns_on_request(NULL);
    assert_null(strstr(host_log(), "the server is stopping"));
}

/* ---- Settings ---- */

static void refuse(const char *words)
{
    struct cs_error err = { 0 };

    assert_int_equal(pdns_refuses(&err), -1);
    assert_int_equal(err.code, CS_ECONFIG);
    if (!strstr(err.text, words) || strstr(err.text, "secret"))
        fail_msg("%s", err.text);
}

static void odd_settings_are_refused(void **state)
{
    const struct pdns_settings good = *pdns_conf();
    struct pdns_settings *conf = pdns_conf();
    static char long_one[5000];

    (void)state;
    memset(long_one, 'x', sizeof long_one - 1);
    for (size_t i = 0; i < 3; i++) {
        *conf = good;
        conf->api = (const char *const[]){ "http://127.0.0.1/?x", "http://me:secret@127.0.0.1/", long_one }[i];
        refuse("api: ");
        *conf = good;
        conf->key = (const char *const[]){ "", "secret\nX-Other: 1", long_one }[i];
        refuse("key: ");
        *conf = good;
        conf->server = (const char *const[]){ "", "a/../b", long_one }[i];
        refuse("server: ");
    }
    *conf = good;
    conf->ca_file = "/nonexistent/ca.pem";
    refuse("ca_file: ");
}

static void the_url_may_be_written_in_several_ways(void **state)
{
    static const char *const urls[] = { POWERDNS_URL "/", POWERDNS_URL "/api/v1", POWERDNS_URL "/api/v1/" };

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        pdns_conf()->api = urls[i];
        pdns_open();
        pdns_set(OWNER, "v", NULL);
        pdns_set(OWNER, NULL, "v");
        pdns_close();
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, pdns_set_up, pdns_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(each_status_says_what_to_change),
        TEST(no_answer_says_what_may_be_wrong),
        TEST(an_answer_that_is_not_powerdns_s_is_an_error),
        TEST(the_key_is_never_repeated),
        TEST(a_wrong_key_is_told_at_the_start),
        TEST(a_search_that_fails_names_its_setting),
        TEST(what_the_stop_cuts_short_is_no_warning),
        TEST(the_deadline_ends_a_change_in_each_step),
        TEST(shutdown_ends_a_change),
        TEST(odd_settings_are_refused),
        TEST(the_url_may_be_written_in_several_ways),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
