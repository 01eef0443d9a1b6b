/* http/limits.c, and where api.c asks it: how many requests of one source there may be. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "limits_scene.h"

static void posts_of_a_source_have_a_limit_and_an_exact_retry_after(void **state)
{
    struct client c, other;

    (void)state;
    settings.posts = rate("1/m burst 2");
    serve(NULL, 0, HTTP_PUBLIC);
    c = connect_from("127.0.0.2");
    ask(&c, POST, " 200 OK");
    clock_move(rig.loop, 500);
    ask(&c, POST, " 200 OK");
    ask(&c, POST, " 429 Too Many Requests");
    assert_true(client_sees(&c, "urn:countersign:error:too-many-posts"));
    assert_true(client_sees(&c, "\r\nRetry-After: 60\r\n")); /* 59.5 s */
    assert_true(client_sees(&c, "application/problem+json"));
    assert_int_equal(client_count(&c, "Connection: close"), 0);
    other = connect_from("127.0.0.3");
    ask(&other, POST, " 200 OK");
    clock_move(rig.loop, 59499);
    ask(&c, POST, "\r\nRetry-After: 1\r\n");
    clock_move(rig.loop, 1);
    ask(&c, POST, " 200 OK");
    ask(&c, POST, "\r\nRetry-After: 60\r\n");
    assert_int_equal(rig.heart.n_submitted, 4);
    assert_counted("posts", 3);
    client_close(&c);
    client_close(&other);
}

static void polls_have_a_limit_of_their_own(void **state)
{
    struct client c;

    (void)state;
    settings.polls = rate("1/m");
    serve(NULL, 0, HTTP_PUBLIC);
    c = connect_from("127.0.0.2");
    ask(&c, POLL, " 200 OK");
    ask(&c, POLL, "error:too-many-polls");
    ask(&c, "GET /elsewhere HTTP/1.1\r\nHost: a\r\n\r\n", " 429 ");
    ask(&c, POST, " 200 OK");
    assert_int_equal(rig.heart.n_looked, 1);
    client_close(&c);
}

static void refused_posts_have_a_limit_and_what_others_fail_at_is_none(void **state)
{
    const struct answer bad = { .err = &refused, .job = "", .step = "" };
    struct cs_error failure;
    const struct answer broken = { .err = &failure, .job = "", .step = "" };
    struct client c;

    (void)state;
    settings.failed_posts = rate("1/m burst 3");
    serve(NULL, 0, HTTP_PUBLIC);
    c = connect_from("127.0.0.2");
    cs_fail_as(&failure, CS_EUPSTREAM, "ca-unavailable", "the CA is away");
    rig.heart.answer = &broken;
    for (int i = 0; i < 5; i++)
        ask(&c, POST, " 502 ");
    rig.heart.answer = &bad;
    ask(&c, POST, " 400 ");
    ask(&c, "POST /v1/sign HTTP/1.1\r\nHost: a\r\nContent-Encoding: gzip\r\nContent-Length: 3\r\n\r\nCSR", " 415 ");
    ask(&c, "POST /v1/sign HTTP/1.1\r\nHost: a\r\nContent-Encoding: gzip\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n",
        " 415 ");
    client_close(&c);
    c = connect_from("127.0.0.2");
    rig.heart.answer = &chain; /* a good one has to wait, too */
    ask(&c, POST, "error:too-many-failed-posts");
    assert_true(client_sees(&c, "\r\nRetry-After: 60\r\n"));
    clock_move(rig.loop, 60000);
    ask(&c, POST, " 200 OK");
    ask(&c, POST, " 200 OK");
    client_close(&c);
}

static void who_waits_for_100_continue_is_refused_before_the_body_and_counted_once(void **state)
{
    static const char head[] = "POST /v1/sign HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n";
    struct client c;

    (void)state;
    settings.posts = rate("1/m burst 2");
    serve(NULL, 0, HTTP_PUBLIC);
    c = connect_from("127.0.0.2");
    for (int i = 0; i < 2; i++) {
        client_forget(&c);
        client_send(&c, head);
        assert_true(client_sees(&c, "100 Continue"));
        client_send(&c, "CSR");
        assert_true(client_sees(&c, " 200 OK"));
        assert_true(client_sees(&c, "CHAIN"));
    }
    ask(&c, head, " 429 ");
    assert_int_equal(client_count(&c, "100 Continue"), 0);
    client_close(&c);
}

/* One request in, one answer out, also when its body is not looked at. */
static void the_request_behind_a_refused_one_is_answered_as_itself(void **state)
{
    struct client c;

    (void)state;
    settings.posts = rate("1/m");
    serve(NULL, 0, HTTP_PUBLIC);
    c = connect_from("127.0.0.2");
    client_send(&c, POST POST "GET /v1/requests/zzzzzzzzzzzzzzzzzzzzzzzzzz HTTP/1.1\r\nHost: a\r\n\r\n"
                    "POST /v1/sign HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nCSR\r\n0\r\n\r\n" POLL);
    assert_true(client_sees(&c, "too-many-posts"));
    rig_until(&rig, rig.heart.n_looked == 2);
    rig_run(&rig, 5);
    (void)client_sees_nothing(&c, 5);
    assert_int_equal(client_count(&c, "HTTP/1.1 "), 5);
    assert_int_equal(client_count(&c, " 429 "), 2);
    assert_int_equal(client_count(&c, " 200 OK"), 3);
    client_close(&c);
}

static void a_source_that_is_unlimited_has_no_limits(void **state)
{
    static const char *unlimited[] = { "127.0.0.2", "unix" };
    struct client c, other;

    (void)state;
    settings.posts = settings.failed_posts = settings.connections = rate("1/m");
    settings.unfinished = 1;
    settings.unlimited = unlimited;
    settings.n_unlimited = 2;
    serve(NULL, 0, HTTP_PUBLIC);
    for (int i = 0; i < 3; i++) {
        c = connect_from("127.0.0.2");
        ask(&c, POST, " 200 OK");
        client_close(&c);
    }
    other = connect_from("127.0.0.3");
    ask(&other, POST, " 200 OK");
    ask(&other, POST, " 429 ");
    client_close(&other);
}

static void behind_a_proxy_the_client_is_the_source(void **state)
{
    static const char *const proxies[] = { "127.0.0.2" };
    struct client c, direct;

    (void)state;
    settings.posts = rate("1/m");
    settings.connections = rate("1/m");
    settings.unfinished = 1;
    serve(proxies, 1, HTTP_PUBLIC);
    c = connect_from("127.0.0.2");
    client_close(&c);
    c = connect_from("127.0.0.2"); /* the proxy's own connections have no limit */
    ask(&c, "POST /v1/sign HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 192.0.2.1\r\nContent-Length: 3\r\n\r\nCSR", " 200 OK");
    ask(&c, "POST /v1/sign HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 192.0.2.1\r\nContent-Length: 3\r\n\r\nCSR", " 429 ");
    ask(&c, "POST /v1/sign HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 192.0.2.2\r\nContent-Length: 3\r\n\r\nCSR", " 200 OK");
    ask(&c, "POST /v1/sign HTTP/1.1\r\nHost: a\r\nForwarded: for=unknown\r\nContent-Length: 3\r\n\r\nCSR", " 200 OK");
    ask(&c, "POST /v1/sign HTTP/1.1\r\nHost: a\r\nForwarded: for=_hidden\r\nContent-Length: 3\r\n\r\nCSR", " 429 ");
    direct = connect_from("127.0.0.3"); /* who is no proxy says what he likes */
    ask(&direct, "POST /v1/sign HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 192.0.2.7\r\nContent-Length: 3\r\n\r\nCSR", " 200 OK");
    ask(&direct, "POST /v1/sign HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 192.0.2.8\r\nContent-Length: 3\r\n\r\nCSR", " 429 ");
    client_close(&c);
    client_close(&direct);
}

static void other_settings_hold_at_once_and_what_was_used_counts(void **state)
{
    struct cs_error err;
    struct client c;
    static const char *wrong[] = { "example" };
    struct limits_settings bad;

    (void)state;
    settings.posts = rate("1/m burst 4");
    serve(NULL, 0, HTTP_PUBLIC);
    c = connect_from("127.0.0.2");
    for (int i = 0; i < 3; i++)
        ask(&c, POST, " 200 OK");
    settings.posts = rate("1/m burst 3");
    assert_int_equal(http_server_set_limits(rig.server, &settings, &err), 0);
    ask(&c, POST, "\r\nRetry-After: 60\r\n");
    bad = settings;
    bad.posts = (struct rate){ 0 };
    bad.unlimited = wrong;
    bad.n_unlimited = 1;
    assert_int_equal(http_server_set_limits(rig.server, &bad, &err), -1);
    ask(&c, POST, " 429 ");
    settings.posts = rate("off");
    assert_int_equal(http_server_set_limits(rig.server, &settings, &err), 0);
    ask(&c, POST, " 200 OK");
    client_close(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(posts_of_a_source_have_a_limit_and_an_exact_retry_after, begin, end),
        cmocka_unit_test_setup_teardown(polls_have_a_limit_of_their_own, begin, end),
        cmocka_unit_test_setup_teardown(refused_posts_have_a_limit_and_what_others_fail_at_is_none, begin, end),
        cmocka_unit_test_setup_teardown(who_waits_for_100_continue_is_refused_before_the_body_and_counted_once, begin, end),
        cmocka_unit_test_setup_teardown(the_request_behind_a_refused_one_is_answered_as_itself, begin, end),
        cmocka_unit_test_setup_teardown(a_source_that_is_unlimited_has_no_limits, begin, end),
        cmocka_unit_test_setup_teardown(behind_a_proxy_the_client_is_the_source, begin, end),
        cmocka_unit_test_setup_teardown(other_settings_hold_at_once_and_what_was_used_counts, begin, end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
