/* http/limits.c, where listener.c and connection.c ask it: connections of one source, and which make room in a full service. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "limits_scene.h"

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

/* A source with more than a tenth of all connections loses them first, then whoever has waited longest. */
static void a_full_service_closes_idle_connections_of_a_source_that_has_many(void **state)
{
    struct client old[2], many[8], new[8];
    char address[16];

    (void)state;
    max_connections = 10;
    serve(NULL, 0, HTTP_PUBLIC);
    for (size_t i = 0; i < 2; i++) {
        old[i] = connect_from(i ? "127.0.0.4" : "127.0.0.3");
        ask(&old[i], POST, " 200 OK");
    }
    for (size_t i = 0; i < 8; i++) {
        many[i] = connect_from("127.0.0.2");
        ask(&many[i], POST, " 200 OK");
    }
    for (size_t i = 0; i < 8; i++) {
        snprintf(address, sizeof address, "127.0.1.%zu", i + 1);
        new[i] = connect_from(address);
        ask(&new[i], POST, " 200 OK");
        assert_int_equal(http_server_connections(rig.server), 10);
        if (i < 7)
            assert_true(client_sees_end(&many[i + 1])); /* with the first one it had not many */
    }
    assert_true(client_sees_end(&old[0]));
    assert_true(client_sees_nothing(&old[1], 5) && client_sees_nothing(&many[0], 5));
    for (size_t i = 0; i < 8; i++) {
        client_close(&many[i]);
        client_close(&new[i]);
    }
    client_close(&old[0]);
    client_close(&old[1]);
}

/* Who is trusted to stand for many is no source, so it never has many. */
static void a_proxy_s_connections_are_closed_like_those_of_others(void **state)
{
    static const char *const proxies[] = { "127.0.0.2" };
    struct client direct, proxy[9], other;

    (void)state;
    max_connections = 10;
    serve(proxies, 1, HTTP_PUBLIC);
    for (size_t i = 0; i < 9; i++) {
        proxy[i] = connect_from("127.0.0.2");
        ask(&proxy[i], POST, " 200 OK");
        if (i == 0) {
            direct = connect_from("127.0.0.3");
            ask(&direct, POST, " 200 OK");
        }
    }
    ask(&proxy[0], POST, " 200 OK"); /* it is connected longest */
    other = connect_from("127.0.0.4");
    ask(&other, POST, " 200 OK");
    assert_true(client_sees_end(&direct)); /* longest idle, not longest connected */
    for (size_t i = 0; i < 9; i++) {
        assert_true(client_sees_nothing(&proxy[i], 1));
        client_close(&proxy[i]);
    }
    client_close(&direct);
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
        cmocka_unit_test_setup_teardown(connections_of_a_source_come_at_a_rate, begin, end),
        cmocka_unit_test_setup_teardown(unfinished_connections_of_a_source_have_a_limit, begin, end),
        cmocka_unit_test_setup_teardown(part_of_a_later_request_is_unfinished_too, begin, end),
        cmocka_unit_test_setup_teardown(behind_proxy_headers_the_one_in_them_is_the_source, begin, end),
        cmocka_unit_test_setup_teardown(a_full_service_closes_idle_connections_of_a_source_that_has_many, begin, end),
        cmocka_unit_test_setup_teardown(a_proxy_s_connections_are_closed_like_those_of_others, begin, end),
        cmocka_unit_test_setup_teardown(a_source_is_forgotten_when_its_buckets_are_full, begin, end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
