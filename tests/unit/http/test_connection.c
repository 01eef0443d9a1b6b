/* http/connection.c, connection_events.c, exchange.c: requests and answers over real sockets. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "echo.h"

#define GET(path)  "GET " path " HTTP/1.1\r\nHost: a\r\n\r\n"
#define POST(path) "POST " path " HTTP/1.1\r\nHost: a\r\n"

static struct echo echo;

static int begin(void **state)
{
    (void)state;
    echo_begin(&echo, NULL);
    return 0;
}

static int end(void **state)
{
    (void)state;
    echo_end(&echo);
    return 0;
}

static struct client connect_client(void)
{
    return client_connect(&echo.rig, echo.port);
}

/* ---- Requests and answers -------------------------------------------------------------------------------------------- */

static void a_connection_serves_one_request_after_another(void **state)
{
    struct client c = connect_client();

    (void)state;
    client_send(&c, GET("/one"));
    assert_true(client_sees(&c, "\r\n\r\n1 /one []"));
    assert_int_equal(client_count(&c, "Connection:"), 0);
    client_send(&c, POST("/two") "Content-Length: 5\r\n\r\nhello");
    assert_true(client_sees(&c, "\r\n\r\n3 /two [hello]"));
    client_send(&c, POST("/three") "Transfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3;x\r\nllo\r\n0\r\nX: y\r\n\r\n");
    assert_true(client_sees(&c, "3 /three [hello]"));
    assert_false(c.closed);
    assert_int_equal(echo.service.n_connections, 1);
    client_close(&c);
}

static void pipelined_requests_are_answered_in_order(void **state)
{
    struct client c = connect_client();
    const char *got;

    (void)state;
    client_send(&c, GET("/1") POST("/2") "Content-Length: 3\r\n\r\nabc" GET("/wait") GET("/4") GET("/5"));
    assert_true(client_sees(&c, "/2 [abc]"));
    assert_true(client_sees_nothing(&c, 50));
    assert_int_equal(echo.n_handled, 3);
    echo_answer(&echo);
    assert_true(client_sees(&c, "/5 []"));
    got = text_of(&c.got);
    assert_true(strstr(got, "/1 []") < strstr(got, "/2 [abc]") && strstr(got, "/2 [abc]") < strstr(got, "waited"));
    assert_true(strstr(got, "waited") < strstr(got, "/4 []") && strstr(got, "/4 []") < strstr(got, "/5 []"));
    assert_int_equal(client_count(&c, "HTTP/1.1 200 OK"), 5);
    client_close(&c);
}

static void a_request_may_be_cut_anywhere(void **state)
{
    const char *request = "\r\n" POST("/cut") "X: y\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nT: u\r\n\r\n";
    struct client c = connect_client();

    (void)state;
    for (size_t cut = 1; cut < strlen(request); cut++) {
        client_send_n(&c, request, cut);
        rig_run(&echo.rig, 1);
        client_send(&c, request + cut);
        assert_true(client_sees(&c, "3 /cut [abc]"));
        client_forget(&c);
    }
    assert_int_equal(echo.n_handled, strlen(request) - 1);
    client_close(&c);
}

static void a_request_may_drip_in(void **state)
{
    const char *request = POST("/drip") "Content-Length: 5\r\n\r\nhello";
    struct client c = connect_client();

    (void)state;
    for (size_t i = 0; i < strlen(request); i++) {
        assert_int_equal(echo.n_handled, 0);
        client_send_n(&c, request + i, 1);
        rig_run(&echo.rig, 1);
    }
    assert_true(client_sees(&c, "3 /drip [hello]"));
    client_close(&c);
}

static void old_and_closing_clients_get_their_answer_and_the_end(void **state)
{
    static const char *const requests[] = { "GET /x HTTP/1.0\r\n\r\n",
                                            "GET /x HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n" };

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct client c = connect_client();

        client_send(&c, requests[i]);
        client_send(&c, GET("/never"));
        assert_true(client_sees(&c, "Connection: close\r\n"));
        assert_true(client_sees(&c, "1 /x []"));
        assert_true(client_sees_end(&c));
        assert_false(c.reset);
        assert_int_equal(client_count(&c, "HTTP/1.1"), 1);
        client_close(&c);
    }
    rig_until(&echo.rig, echo.service.n_connections == 0);
}

static void an_old_client_may_ask_to_go_on(void **state)
{
    struct client c = connect_client();

    (void)state;
    client_send(&c, "GET /x HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    assert_true(client_sees(&c, "Connection: keep-alive\r\n"));
    client_send(&c, GET("/y"));
    assert_true(client_sees(&c, "1 /y []"));
    client_close(&c);
}

static void head_gets_the_length_but_no_body(void **state)
{
    struct client c = connect_client();

    (void)state;
    client_send(&c, "HEAD /x HTTP/1.1\r\nHost: a\r\n\r\n" GET("/y"));
    assert_true(client_sees(&c, "1 /y []"));
    assert_true(client_sees(&c, "Content-Length: 7\r\n"));
    assert_int_equal(client_count(&c, "2 /x []"), 0);
    client_close(&c);
}

static void bad_framing_is_refused_and_ends_the_connection(void **state)
{
    static const struct {
        const char *request, *status;
    } cases[] = {
        { "GET /x HTTP/1.1\r\n\r\n", "HTTP/1.1 400 Bad Request" },
        { POST("/x") "Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc", "HTTP/1.1 400 " },
        { POST("/x") "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n", "HTTP/1.1 400 " },
        { POST("/x") "Transfer-Encoding: gzip, chunked\r\n\r\n", "HTTP/1.1 501 Not Implemented" },
        { POST("/x") "Transfer-Encoding: chunked\r\n\r\nx\r\n", "HTTP/1.1 400 " },
        { POST("/x") "Transfer-Encoding: chunked\r\n\r\n5000\r\n", "HTTP/1.1 413 " },
        { POST("/x") "Content-Length: 16385\r\n\r\n", "HTTP/1.1 413 " },
        { POST("/x") "Expect: x\r\n\r\n", "HTTP/1.1 417 " },
        { "GET /x HTTP/3.0\r\n", "HTTP/1.1 505 " },
        { "\x16\x03\x01", "HTTP/1.1 400 " },
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct client c = connect_client();

        client_send(&c, cases[i].request);
        client_send(&c, GET("/smuggled"));
        assert_true(client_sees(&c, cases[i].status));
        assert_true(client_sees(&c, "Content-Type: application/problem+json\r\n"));
        assert_true(client_sees(&c, "Connection: close\r\n"));
        assert_true(client_sees(&c, "\"type\":\"urn:countersign:error:"));
        assert_true(client_sees_end(&c));
        assert_false(c.reset);
        assert_int_equal(client_count(&c, "\r\nDate: "), 1);
        client_close(&c);
    }
    assert_int_equal(echo.n_handled, 0);
}

static void a_body_of_a_mebibyte_is_refused_so_that_the_client_can_read_it(void **state)
{
    char *body = calloc(1, 1 << 20);
    struct client c = connect_client();

    (void)state;
    client_send(&c, POST("/x") "Content-Length: 1048576\r\n\r\n");
    client_send_n(&c, body, 1 << 20);
    assert_true(client_sees(&c, "HTTP/1.1 413 Content Too Large\r\n"));
    assert_true(client_sees_end(&c));
    assert_false(c.reset);
    client_close(&c);
    free(body);
}

static void what_is_read_for_nothing_has_a_limit(void **state)
{
    char *body = calloc(1, 8 << 20);
    struct client c = connect_client();

    (void)state;
    client_send(&c, POST("/x") "Content-Length: 8388608\r\n\r\n");
    client_send_n(&c, body, 8 << 20);
    assert_true(client_sees_end(&c));
    rig_until(&echo.rig, echo.service.n_connections == 0);
    client_close(&c);
    free(body);
}

/* ---- Expect: 100-continue ---------------------------------------------------------------------------------------------- */

static void a_client_that_waits_for_100_gets_it(void **state)
{
    struct client c = connect_client();

    (void)state;
    client_send(&c, POST("/x") "Expect: 100-continue\r\nContent-Length: 3\r\n\r\n");
    assert_true(client_sees(&c, "HTTP/1.1 100 Continue\r\n\r\n"));
    assert_int_equal(echo.n_checked, 1);
    assert_true(client_sees_nothing(&c, 20));
    client_send(&c, "abc");
    assert_true(client_sees(&c, "HTTP/1.1 200 OK"));
    assert_true(client_sees(&c, "3 /x [abc]"));
    client_send(&c, GET("/y"));
    assert_true(client_sees(&c, "1 /y []"));
    client_close(&c);
}

static void a_client_that_does_not_wait_gets_no_100(void **state)
{
    struct client c = connect_client();

    (void)state;
    client_send(&c, POST("/x") "Expect: 100-continue\r\nContent-Length: 3\r\n\r\nabc");
    assert_true(client_sees(&c, "3 /x [abc]"));
    assert_int_equal(client_count(&c, "100 Continue"), 0);
    client_close(&c);
}

static void a_client_that_waits_for_100_may_be_refused_instead(void **state)
{
    struct client c = connect_client();

    (void)state;
    client_send(&c, POST("/refuse") "Expect: 100-continue\r\nContent-Length: 3\r\n\r\n");
    assert_true(client_sees(&c, "HTTP/1.1 404 Not Found\r\n"));
    assert_true(client_sees(&c, "Connection: close\r\n"));
    client_send(&c, "abc" GET("/y"));
    assert_true(client_sees_end(&c));
    assert_false(c.reset);
    assert_int_equal(client_count(&c, "HTTP/1.1"), 1);
    assert_int_equal(echo.n_handled, 0);
    client_close(&c);
    c = connect_client();
    client_send(&c, POST("/x") "Expect: 100-continue\r\nContent-Length: 1048576\r\n\r\n");
    assert_true(client_sees(&c, "HTTP/1.1 413 "));
    assert_int_equal(client_count(&c, "100 Continue"), 0);
    client_close(&c);
}

/* ---- More than one at a time ------------------------------------------------------------------------------------------- */

static void wait_for_handler(struct client *c)
{
    client_send(c, GET("/wait"));
    rig_until(&echo.rig, echo.waiting);
}

static void a_flood_of_requests_waits_its_turn(void **state)
{
    struct text flood = TEXT_MAX(1 << 20);
    struct client c = connect_client();
    const size_t n = 1500;

    (void)state;
    for (size_t i = 0; i < n; i++)
        text_add(&flood, GET("/flood"));
    wait_for_handler(&c);
    client_send(&c, text_of(&flood));
    rig_run(&echo.rig, 50);
    assert_int_equal(echo.n_handled, 1);
    echo_answer(&echo);
    client_send(&c, GET("/last"));
    assert_true(client_sees(&c, "/last []"));
    assert_int_equal(client_count(&c, "200 OK"), n + 2);
    assert_int_equal(echo.n_handled, n + 2);
    text_free(&flood);
    client_close(&c);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_connection_serves_one_request_after_another),
        TEST(pipelined_requests_are_answered_in_order),
        TEST(a_request_may_be_cut_anywhere),
        TEST(a_request_may_drip_in),
        TEST(old_and_closing_clients_get_their_answer_and_the_end),
        TEST(an_old_client_may_ask_to_go_on),
        TEST(head_gets_the_length_but_no_body),
        TEST(bad_framing_is_refused_and_ends_the_connection),
        TEST(a_body_of_a_mebibyte_is_refused_so_that_the_client_can_read_it),
        TEST(what_is_read_for_nothing_has_a_limit),
        TEST(a_client_that_waits_for_100_gets_it),
        TEST(a_client_that_does_not_wait_gets_no_100),
        TEST(a_client_that_waits_for_100_may_be_refused_instead),
        TEST(a_flood_of_requests_waits_its_turn),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
