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

static void who_waits_for_100_continue_is_counted_wherever_he_asks(void **state)
{
    static const char *const heads[] = { "POST /nowhere HTTP/1.1\r\n",
                                         "POST /v1/requests/abcdefghijklmnopqrstuvwxyz HTTP/1.1\r\n",
                                         "POST /v1/sign HTTP/1.1\r\nContent-Encoding: gzip\r\n" };
    struct client c;

    (void)state;
    settings.posts = rate("1/m burst 3");
    serve(NULL, 0, HTTP_PUBLIC);
    for (size_t i = 0; i <= sizeof heads / sizeof *heads; i++) {
        c = connect_from("127.0.0.2");
        client_send(&c, heads[i % 3]);
        ask(&c, "Host: a\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n", i < 3 ? " 4" : " 429 ");
        assert_int_equal(client_count(&c, " 429 "), i == 3);
        client_close(&c);
    }
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

/* Each wait of this source has a connection of its own. */
static void wait_from(struct client *c, size_t n, const char *address)
{
    for (size_t i = 0; i < n; i++) {
        const size_t waiting = rig.heart.n_waiting;

        c[i] = connect_from(address);
        client_send(&c[i], POST);
        rig_until(&rig, rig.heart.n_waiting == waiting + 1);
    }
}

static void posts_of_a_source_that_wait_have_a_limit(void **state)
{
    struct client c[3], more, again, other;

    (void)state;
    settings.waiting = 3;
    settings.posts = rate("1/h burst 6");
    serve(NULL, 0, HTTP_PUBLIC);
    rig.heart.answer = NULL;
    wait_from(c, 3, "127.0.0.2");
    more = connect_from("127.0.0.2");
    ask(&more, POST, " 429 Too Many Requests");
    assert_true(client_sees(&more, "urn:countersign:error:too-many-waiting"));
    assert_true(client_sees(&more, "\r\nRetry-After: 5\r\n"));
    ask(&more, "POST /v1/revoke HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nCMS", "error:too-many-waiting");
    ask(&more, "POST /v1/sign HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n",
        "error:too-many-waiting");
    assert_counted("waiting", 3);
    client_close(&more);
    more = connect_from("127.0.0.2");
    rig.heart.answer = &chain;
    ask(&more, POLL, " 200 OK"); /* a poll does not wait */
    rig.heart.answer = NULL;
    wait_from(&other, 1, "127.0.0.3");
    client_close(&c[1]); /* who hangs up waits no more */
    for (int i = 0; i < 3; i++) {
        rig_run(&rig, 5);
        clock_move(rig.loop, 1000);
    }
    rig_until(&rig, rig.heart.n_detached == 1);
    wait_from(&again, 1, "127.0.0.2");
    ask(&more, POST, "error:too-many-waiting");
    heart_answer(&rig.heart, &chain);
    assert_true(client_sees(&c[0], " 200 OK"));
    rig.heart.answer = &chain;
    ask(&more, POST, " 200 OK");
    ask(&more, POST, " 200 OK"); /* refused ones took no token: this is the sixth */
    ask(&more, POST, "error:too-many-posts");
    while (rig.heart.n_waiting)
        heart_answer(&rig.heart, &chain);
    for (int i = 0; i < 3; i++)
        client_close(&c[i]);
    client_close(&more);
    client_close(&again);
    client_close(&other);
}

static void revocations_wait_like_other_posts(void **state)
{
    struct client c, more;

    (void)state;
    settings.waiting = 1;
    serve(NULL, 0, HTTP_PUBLIC);
    c = connect_from("127.0.0.2");
    client_send(&c, "POST /v1/revoke HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nCMS");
    rig_until(&rig, rig.heart.asking);
    more = connect_from("127.0.0.2");
    ask(&more, POST, "error:too-many-waiting");
    heart_answer_revocation(&rig.heart, &(struct revocation_answer){ .err = &refused });
    assert_true(client_sees(&c, " 400 "));
    ask(&more, POST, " 200 OK");
    rig.heart.refusal = &refused; /* at once */
    for (int i = 0; i < 3; i++)
        ask(&more, "POST /v1/revoke HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nCMS", " 400 ");
    ask(&more, "POST /elsewhere HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nCMS", " 404 ");
    ask(&more, POST, " 200 OK");
    client_close(&c);
    client_close(&more);
}

/* As with max_in_flight: how many wait is none of the limit's business, but whose they are. */
static void a_proxy_s_clients_wait_each_for_themselves(void **state)
{
    static const char *const proxies[] = { "127.0.0.2" };
    static const char *unlimited[] = { "127.0.0.5" };
    static const char from_one[] = "POST /v1/sign HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 192.0.2.1\r\n"
                                   "Content-Length: 3\r\n\r\nCSR";
    struct client c[4];

    (void)state;
    settings.waiting = 1;
    settings.unlimited = unlimited;
    settings.n_unlimited = 1;
    serve(proxies, 1, HTTP_PUBLIC);
    rig.heart.answer = NULL;
    wait_from(c, 2, "127.0.0.5");
    c[2] = connect_from("127.0.0.2");
    client_send(&c[2], from_one);
    rig_until(&rig, rig.heart.n_waiting == 3);
    c[3] = connect_from("127.0.0.2");
    ask(&c[3], from_one, "error:too-many-waiting");
    client_send(&c[3], "POST /v1/sign HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 192.0.2.2\r\nContent-Length: 3\r\n\r\nCSR");
    rig_until(&rig, rig.heart.n_waiting == 4);
    for (int i = 0; i < 4; i++)
        heart_answer(&rig.heart, &chain);
    for (int i = 0; i < 4; i++)
        client_close(&c[i]);
}

/* What the job does with what the post hands on. */
static int take_order(const struct order_source *source)
{
    struct cs_error err;
    const int taken = source->ops->take(source, &err);

    if (taken < 0) {
        assert_int_equal(err.code, CS_ELIMIT);
        assert_string_equal(err.reason, "too-many-open-orders");
        assert_int_equal(err.retry_after_ms, 30000);
    }
    return taken;
}

static struct order_source post_from(struct client *c)
{
    rig.heart.answer = NULL;
    client_send(c, POST);
    rig_until(&rig, rig.heart.n_waiting == 1);
    heart_answer(&rig.heart, &chain);
    return rig.heart.source;
}

static void open_orders_of_a_source_have_a_limit_and_outlive_post_and_server(void **state)
{
    struct order_source orders[3];
    struct cs_error err;
    struct client c, other;

    (void)state;
    settings.open_orders = 2;
    serve(NULL, 0, HTTP_PUBLIC);
    c = connect_from("127.0.0.2");
    rig.heart.answer = NULL;
    for (int i = 0; i < 3; i++) {
        client_send(&c, POST);
        rig_until(&rig, rig.heart.n_waiting == 1);
        orders[i] = order_source_keep(&rig.heart.source);
        heart_answer(&rig.heart, &chain);
        assert_int_equal(take_order(&orders[i]), i < 2 ? 1 : -1);
    }
    client_close(&c);
    for (int i = 0; i < 40; i++) { /* nothing is forgotten meanwhile */
        clock_move(rig.loop, 1000);
        rig_run(&rig, 1);
    }
    assert_int_equal(take_order(&orders[2]), -1);
    settings.open_orders = 3;
    assert_int_equal(http_server_set_limits(rig.server, &settings, &err), 0);
    assert_int_equal(take_order(&orders[2]), 1);
    assert_int_equal(take_order(&orders[2]), -1);
    orders[2].ops->give_back(&orders[2]);
    assert_int_equal(take_order(&orders[2]), 1);
    other = connect_from("127.0.0.3");
    assert_ptr_not_equal(post_from(&other).place, orders[0].place);
    client_close(&other);
    rig_run(&rig, 5);
    http_server_free(rig.server);
    rig.server = NULL;
    for (int i = 0; i < 3; i++) {
        orders[i].ops->give_back(&orders[i]);
        order_source_release(&orders[i]);
    }
}

/* Or newcomers would have no place, and so no limits. */
static void sources_with_open_orders_fill_half_of_the_table_at_most(void **state)
{
    static const char *const proxies[] = { "127.0.0.2" };
    static struct order_source orders[1024];
    char request[200];
    struct client c;
    size_t n = 0;

    (void)state;
    serve(proxies, 1, HTTP_PUBLIC);
    c = connect_from("127.0.0.2");
    rig.heart.answer = NULL;
    while (n < 520) {
        snprintf(request, sizeof request,
                 "POST /v1/sign HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 192.0.%zu.%zu\r\nContent-Length: 3\r\n\r\nCSR", n / 200,
                 n % 200);
        client_send(&c, request);
        rig_until(&rig, rig.heart.n_waiting == 1);
        orders[n] = order_source_keep(&rig.heart.source);
        heart_answer(&rig.heart, &chain);
        assert_int_equal(take_order(&orders[n]), n < 512);
        n++;
    }
    while (n-- > 0) {
        if (n < 512)
            orders[n].ops->give_back(&orders[n]);
        order_source_release(&orders[n]);
    }
    client_close(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(posts_of_a_source_have_a_limit_and_an_exact_retry_after, begin, end),
        cmocka_unit_test_setup_teardown(polls_have_a_limit_of_their_own, begin, end),
        cmocka_unit_test_setup_teardown(refused_posts_have_a_limit_and_what_others_fail_at_is_none, begin, end),
        cmocka_unit_test_setup_teardown(who_waits_for_100_continue_is_refused_before_the_body_and_counted_once, begin, end),
        cmocka_unit_test_setup_teardown(who_waits_for_100_continue_is_counted_wherever_he_asks, begin, end),
        cmocka_unit_test_setup_teardown(the_request_behind_a_refused_one_is_answered_as_itself, begin, end),
        cmocka_unit_test_setup_teardown(a_source_that_is_unlimited_has_no_limits, begin, end),
        cmocka_unit_test_setup_teardown(behind_a_proxy_the_client_is_the_source, begin, end),
        cmocka_unit_test_setup_teardown(other_settings_hold_at_once_and_what_was_used_counts, begin, end),
        cmocka_unit_test_setup_teardown(posts_of_a_source_that_wait_have_a_limit, begin, end),
        cmocka_unit_test_setup_teardown(open_orders_of_a_source_have_a_limit_and_outlive_post_and_server, begin, end),
        cmocka_unit_test_setup_teardown(sources_with_open_orders_fill_half_of_the_table_at_most, begin, end),
        cmocka_unit_test_setup_teardown(revocations_wait_like_other_posts, begin, end),
        cmocka_unit_test_setup_teardown(a_proxy_s_clients_wait_each_for_themselves, begin, end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
