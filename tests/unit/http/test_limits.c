/* http/limits.c, and where listener.c, connection.c and api.c ask it: sources are loopback addresses of their own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "echo.h"

#define POST "POST /v1/sign HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nCSR"
#define POLL "GET /v1/requests/abcdefghijklmnopqrstuvwxyz HTTP/1.1\r\nHost: a\r\n\r\n"

static struct rig rig;
static struct limits_settings settings;
static struct cs_error refused;
static struct answer chain = { .chain = "CHAIN", .chain_len = 5, .job = "", .step = "" };

static int begin(void **state)
{
    (void)state;
    settings = (struct limits_settings){ .sources = 1024 };
    cs_fail_as(&refused, CS_EINPUT, "bad-der", "that is no CSR");
    rig_begin(&rig);
    clock_freeze(true);
    rig.heart.answer = &chain;
    return 0;
}

static int end(void **state)
{
    (void)state;
    clock_freeze(false);
    rig_end(&rig);
    return 0;
}

static struct rate rate(const char *text)
{
    struct rate rate;

    assert_int_equal(rate_parse(text, &rate), 0);
    return rate;
}

static void serve(const char *const *proxies, size_t n, enum http_listen what)
{
    const struct http_settings with = { .wait_ms = 300000, .max_connections = 100, .proxies = proxies, .n_proxies = n,
                                        .limits = &settings };
    struct cs_error err;

    rig.server = http_server_new(rig.loop, (struct heart *)&rig.heart, rig.metrics, &with, &err);
    assert_non_null(rig.server);
    assert_non_null(http_server_listen(rig.server, rig_listen(AF_INET, NULL, &rig.port), NULL, what, &err));
}

static struct client connect_from(const char *address)
{
    struct sockaddr_in from = { .sin_family = AF_INET }, to = { .sin_family = AF_INET, .sin_port = htons(rig.port) };
    struct client c = { .rig = &rig, .fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), .got = TEXT_MAX(100000) };

    assert_true(c.fd >= 0);
    assert_int_equal(inet_pton(AF_INET, address, &from.sin_addr), 1);
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_int_equal(bind(c.fd, (struct sockaddr *)&from, sizeof from), 0);
    assert_int_equal(connect(c.fd, (struct sockaddr *)&to, sizeof to), 0);
    assert_int_equal(fcntl(c.fd, F_SETFL, O_NONBLOCK), 0);
    return c;
}

/* One request on a connection that stays. */
static void ask(struct client *c, const char *request, const char *wanted)
{
    client_forget(c);
    client_send(c, request);
    assert_true(client_sees(c, wanted));
    assert_true(client_sees(c, "\r\n\r\n"));
    rig_run(&rig, 2);
    (void)client_sees_nothing(c, 2);
}

static void assert_counted(const char *limit, int n)
{
    struct text page = TEXT_MAX(200000);
    char line[128];

    metrics_write(rig.metrics, &page);
    snprintf(line, sizeof line, "countersign_limits_refused_total{limit=\"%s\"} %d\n", limit, n);
    assert_non_null(strstr(text_of(&page), line));
    assert_null(strstr(text_of(&page), "127.0.0.2"));
    text_free(&page);
}

/* ---- Requests */

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

/* ---- Connections */

static void connections_of_a_source_come_at_a_rate(void **state)
{
    struct client c[3], other;

    (void)state;
    settings.connections = rate("1/m burst 2");
    serve(NULL, 0, HTTP_PUBLIC);
    for (int i = 0; i < 2; i++) {
        c[i] = connect_from("127.0.0.2");
        ask(&c[i], POST, " 200 OK");
    }
    c[2] = connect_from("127.0.0.2");
    assert_true(client_sees_end(&c[2]));
    assert_int_equal(c[2].got.len, 0);
    assert_true(c[2].reset);
    other = connect_from("127.0.0.3");
    ask(&other, POST, " 200 OK");
    client_close(&c[2]);
    clock_move(rig.loop, 60000);
    c[2] = connect_from("127.0.0.2");
    ask(&c[2], POST, " 200 OK");
    assert_counted("connections", 1);
    for (int i = 0; i < 3; i++)
        client_close(&c[i]);
    client_close(&other);
}

static void unfinished_connections_of_a_source_have_a_limit(void **state)
{
    struct client silent, half, more, other;

    (void)state;
    settings.unfinished = 2;
    serve(NULL, 0, HTTP_PUBLIC);
    silent = connect_from("127.0.0.2");
    half = connect_from("127.0.0.2");
    client_send(&half, "POST /v1/sign HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\n");
    rig_until(&rig, http_server_connections(rig.server) == 2);
    more = connect_from("127.0.0.2");
    assert_true(client_sees_end(&more));
    client_close(&more);
    other = connect_from("127.0.0.3");
    ask(&other, POST, " 200 OK");
    client_send(&half, "CSR"); /* finished: there is room for another */
    assert_true(client_sees(&half, " 200 OK"));
    more = connect_from("127.0.0.2");
    ask(&more, POST, " 200 OK");
    assert_counted("unfinished", 1);
    client_close(&silent);
    client_close(&half);
    client_close(&more);
    client_close(&other);
}

/* Who finishes a first request cannot drip in as many second ones as he likes. */
static void part_of_a_later_request_is_unfinished_too(void **state)
{
    struct client c[3];

    (void)state;
    settings.unfinished = 2;
    serve(NULL, 0, HTTP_PUBLIC);
    for (int i = 0; i < 3; i++) {
        c[i] = connect_from("127.0.0.2");
        ask(&c[i], POST, " 200 OK");
    }
    for (int i = 0; i < 3; i++) {
        client_forget(&c[i]);
        client_send(&c[i], "POST /v1/");
        rig_run(&rig, 5);
    }
    assert_true(client_sees_end(&c[2]));
    assert_true(client_sees_nothing(&c[0], 5) && client_sees_nothing(&c[1], 5));
    client_send(&c[0], "sign HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nCSR");
    assert_true(client_sees(&c[0], " 200 OK"));
    for (int i = 0; i < 3; i++)
        client_close(&c[i]);
}

static void behind_proxy_headers_the_one_in_them_is_the_source(void **state)
{
    static const char head[] = "\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\xc0\0\x02\x01\x7f\0\0\x01\x10\0\x20";
    struct client c[3], other;

    (void)state;
    settings.connections = rate("1/m burst 2");
    serve(NULL, 0, HTTP_PROXY_HEADERS);
    for (int i = 0; i < 3; i++) {
        c[i] = connect_from("127.0.0.2");
        client_send_n(&c[i], head, sizeof head);
        if (i < 2)
            ask(&c[i], POST, " 200 OK");
    }
    assert_true(client_sees_end(&c[2]));
    assert_int_equal(c[2].got.len, 0);
    other = connect_from("127.0.0.2"); /* the same proxy, somebody else behind it */
    {
        char else_head[sizeof head];

        memcpy(else_head, head, sizeof head);
        else_head[19] = 9; /* 192.0.2.9 */
        client_send_n(&other, else_head, sizeof else_head);
    }
    ask(&other, POST, " 200 OK");
    for (int i = 0; i < 3; i++)
        client_close(&c[i]);
    client_close(&other);
}

static void a_source_is_forgotten_when_its_buckets_are_full(void **state)
{
    struct text page = TEXT_MAX(200000);
    struct client c;

    (void)state;
    settings.posts = rate("1/m burst 2");
    serve(NULL, 0, HTTP_PUBLIC);
    c = connect_from("127.0.0.2");
    ask(&c, POST, " 200 OK");
    client_close(&c);
    metrics_write(rig.metrics, &page);
    assert_non_null(strstr(text_of(&page), "\ncountersign_limits_sources 1\n"));
    clock_move(rig.loop, 60000);
    for (int i = 0; i < 31; i++) {
        clock_move(rig.loop, 1000);
        rig_run(&rig, 1);
    }
    text_clear(&page);
    metrics_write(rig.metrics, &page);
    assert_non_null(strstr(text_of(&page), "\ncountersign_limits_sources 0\n"));
    text_free(&page);
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
        cmocka_unit_test_setup_teardown(connections_of_a_source_come_at_a_rate, begin, end),
        cmocka_unit_test_setup_teardown(unfinished_connections_of_a_source_have_a_limit, begin, end),
        cmocka_unit_test_setup_teardown(part_of_a_later_request_is_unfinished_too, begin, end),
        cmocka_unit_test_setup_teardown(behind_proxy_headers_the_one_in_them_is_the_source, begin, end),
        cmocka_unit_test_setup_teardown(a_source_is_forgotten_when_its_buckets_are_full, begin, end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
