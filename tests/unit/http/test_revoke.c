/* http/revoke.c: what a key's holder posts, and what he is told, with a heart that answers as the test says. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "http/revoke.h"
#include "rig.h"

#define POST "POST /v1/revoke HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nstatement"

static struct rig rig;
static struct cs_error err;
static const struct revocation_answer revoked = { .serial = "03a1f4", .reason = 4, .revoked_ms = INT64_C(1795273505000) };

static int begin(void **state)
{
    (void)state;
    rig_begin(&rig);
    clock_freeze(true);
    return 0;
}

static int end(void **state)
{
    (void)state;
    clock_freeze(false);
    rig_end(&rig);
    return 0;
}

static void serve(int64_t wait_ms, const struct limits_settings *limits)
{
    const struct http_settings with = { .wait_ms = wait_ms, .max_connections = 100, .limits = limits };

    rig.server = http_server_new(rig.loop, (struct heart *)&rig.heart, rig.metrics, &with, &err);
    assert_non_null(rig.server);
    assert_non_null(http_server_listen(rig.server, rig_listen(AF_INET, NULL, &rig.port), NULL, HTTP_PUBLIC, &err));
}

/* A post that the heart has. */
static struct client post(void)
{
    struct client c = client_connect(&rig, rig.port);

    client_send(&c, POST);
    rig_until(&rig, rig.heart.asking);
    return c;
}

/* The connection looks for that once a second. */
static void hang_up(struct client *c)
{
    client_close(c);
    for (int i = 0; i < 3; i++) {
        rig_run(&rig, 5);
        clock_move(rig.loop, 1000);
    }
    rig_until(&rig, !rig.heart.asking);
}

static void assert_told(struct client *c, const char *status, const char *wanted)
{
    assert_true(client_sees(c, status));
    assert_true(client_sees(c, wanted));
    rig_run(&rig, 2);
    (void)client_sees_nothing(c, 2);
}

/* The heart's error becomes this; what else came is in *c. */
static struct client answer_with(const struct revocation_answer *answer, const char *status, const char *wanted)
{
    struct client c;

    if (!rig.server)
        serve(300000, NULL);
    c = post();
    heart_answer_revocation(&rig.heart, answer);
    assert_told(&c, status, wanted);
    return c;
}

static void a_statement_goes_in_and_what_became_of_it_comes_out(void **state)
{
    struct client c = answer_with(&revoked, "HTTP/1.1 200 OK\r\n", "Content-Type: application/json\r\n");

    (void)state;
    assert_true(client_sees(&c, "\r\n\r\n{\"status\":\"revoked\",\"serial\":\"03a1f4\",\"reason\":\"superseded\","
                                "\"revoked\":\"2026-11-21T15:05:05Z\",\"again\":false}"));
    assert_string_equal(rig.heart.body, "statement");
    assert_int_equal(rig.heart.n_detached, 0);
    client_close(&c);
}

static void that_it_was_revoked_before_is_told(void **state)
{
    struct revocation_answer answer = revoked;
    struct client c;

    (void)state;
    answer.again = true;
    answer.reason = 1;
    c = answer_with(&answer, " 200 OK", "\"reason\":\"keyCompromise\",\"revoked\":\"2026-11-21T15:05:05Z\",\"again\":true}");
    client_close(&c);
}

static void there_is_an_answer_within_a_minute_or_sooner_if_the_server_says_so(void **state)
{
    struct client c;

    (void)state;
    serve(300000, NULL);
    c = post();
    assert_int_equal(rig.heart.deadline_ms - cs_now_ms(), REVOKE_WAIT_MS);
    hang_up(&c);
    http_server_free(rig.server);
    serve(20000, NULL);
    c = post();
    assert_int_equal(rig.heart.deadline_ms - cs_now_ms(), 20000);
    hang_up(&c);
}

static void a_statement_that_is_refused_at_once_is_told_why(void **state)
{
    struct client c;

    (void)state;
    serve(300000, NULL);
    cs_fail_as(&err, CS_EINPUT, "bad-revocation", "it has not exactly one signer");
    rig.heart.refusal = &err;
    c = client_connect(&rig, rig.port);
    client_send(&c, POST);
    assert_told(&c, " 400 Bad Request", "it has not exactly one signer");
    assert_true(client_sees(&c, "urn:countersign:error:bad-revocation"));
    assert_int_equal(client_count(&c, "Retry-After"), 0);
    client_close(&c);
}

static void each_refusal_has_its_status(void **state)
{
    static const struct {
        enum cs_code code;
        const char *reason, *status;
        bool again; /* with Retry-After */
    } rows[] = {
        { CS_EDENIED, "revocation-proof", " 403 ", false },
        { CS_ENOTFOUND, "not-issued-here", " 404 ", false },
        { CS_EINPUT, "certificate-ended", " 409 ", false },
        { CS_EREFUSED, "ca-no-revocation", " 502 ", false },
        { CS_EBUSY, "revocation-pending", " 503 ", true },
        { CS_ESHUTDOWN, "", " 503 ", true },
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const struct revocation_answer answer = { .err = &err };
        struct client c;

        cs_fail_as(&err, rows[i].code, rows[i].reason, "for that reason");
        c = answer_with(&answer, rows[i].status, "for that reason");
        assert_true(client_sees(&c, rows[i].reason));
        assert_int_equal(client_count(&c, "Retry-After: "), rows[i].again);
        client_close(&c);
    }
}

static void who_waits_in_vain_hears_when_to_ask_again(void **state)
{
    const struct revocation_answer answer = { .err = &err };
    struct client c;

    (void)state;
    cs_fail_as(&err, CS_EBUSY, "revocation-pending", "it goes on by itself");
    err.retry_after_ms = 29500;
    c = answer_with(&answer, " 503 ", "\r\nRetry-After: 30\r\n");
    client_close(&c);
}

static void what_the_ca_said_is_handed_on(void **state)
{
    const struct revocation_answer answer = { .err = &err,
                                              .problem = "{\"type\":\"urn:ietf:params:acme:error:unauthorized\"}" };
    struct client c;

    (void)state;
    cs_fail_as(&err, CS_EREFUSED, "ca-refused", "the CA says no");
    c = answer_with(&answer, " 502 ", "\"upstream\":{\"type\":\"urn:ietf:params:acme:error:unauthorized\"}");
    client_close(&c);
}

static void a_fault_of_the_server_is_not_explained(void **state)
{
    const struct revocation_answer answer = { .err = &err };
    struct client c;

    (void)state;
    cs_fail(&err, CS_EINTERNAL, "hunter2");
    c = answer_with(&answer, " 500 ", "urn:countersign:error:internal");
    assert_int_equal(client_count(&c, "hunter2"), 0);
    client_close(&c);
}

static void refusals_count_against_their_source(void **state)
{
    struct limits_settings limits = { .sources = 1024 };
    const struct revocation_answer answer = { .err = &err };
    struct client c;

    (void)state;
    assert_int_equal(rate_parse("1/m burst 2", &limits.failed_posts), 0);
    serve(300000, &limits);
    cs_fail_as(&err, CS_EINPUT, "bad-revocation", "no");
    rig.heart.refusal = &err; /* at once */
    c = client_connect(&rig, rig.port);
    client_send(&c, POST);
    assert_told(&c, " 400 ", "bad-revocation");
    client_close(&c);
    rig.heart.refusal = NULL;
    cs_fail_as(&err, CS_EDENIED, "revocation-proof", "no"); /* and later */
    c = answer_with(&answer, " 403 ", "revocation-proof");
    client_close(&c);
    c = client_connect(&rig, rig.port);
    client_send(&c, POST);
    assert_told(&c, " 429 ", "too-many-failed-posts");
    client_close(&c);
}

static void who_hangs_up_is_not_waited_for(void **state)
{
    struct client c;

    (void)state;
    serve(300000, NULL);
    c = post();
    hang_up(&c);
    assert_int_equal(rig.heart.n_detached, 1);
}

static void a_heart_that_forgets_the_deadline_is_not_waited_for(void **state)
{
    struct client c;

    (void)state;
    serve(300000, NULL);
    c = post();
    clock_move(rig.loop, REVOKE_WAIT_MS + 4999);
    rig_run(&rig, 5);
    assert_int_equal(rig.heart.n_detached, 0);
    clock_move(rig.loop, 1);
    assert_told(&c, "HTTP/1.1 504 Gateway Timeout\r\n", "urn:countersign:error:");
    assert_int_equal(rig.heart.n_detached, 1);
    client_close(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_statement_goes_in_and_what_became_of_it_comes_out, begin, end),
        cmocka_unit_test_setup_teardown(that_it_was_revoked_before_is_told, begin, end),
        cmocka_unit_test_setup_teardown(there_is_an_answer_within_a_minute_or_sooner_if_the_server_says_so, begin, end),
        cmocka_unit_test_setup_teardown(a_statement_that_is_refused_at_once_is_told_why, begin, end),
        cmocka_unit_test_setup_teardown(each_refusal_has_its_status, begin, end),
        cmocka_unit_test_setup_teardown(who_waits_in_vain_hears_when_to_ask_again, begin, end),
        cmocka_unit_test_setup_teardown(what_the_ca_said_is_handed_on, begin, end),
        cmocka_unit_test_setup_teardown(a_fault_of_the_server_is_not_explained, begin, end),
        cmocka_unit_test_setup_teardown(refusals_count_against_their_source, begin, end),
        cmocka_unit_test_setup_teardown(who_hangs_up_is_not_waited_for, begin, end),
        cmocka_unit_test_setup_teardown(a_heart_that_forgets_the_deadline_is_not_waited_for, begin, end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
