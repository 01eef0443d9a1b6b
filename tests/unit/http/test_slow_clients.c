/* http/connection.c, connection_events.c, transport.c: deadlines, by the moved clock, and clients that go. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>
#include <sys/socket.h>

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

/* ---- Deadlines --------------------------------------------------------------------------------------------------------- */

static void pass(struct client *c, int64_t ms)
{
    rig_run(&echo.rig, 5);
    clock_move(echo.rig.loop, ms);
    rig_run(&echo.rig, 5);
    (void)client_sees_nothing(c, 5);
}

static void a_header_that_drips_is_cut_at_its_deadline(void **state)
{
    struct client c = connect_client();

    (void)state;
    client_send(&c, "GET / HT");
    pass(&c, 6000);
    client_send(&c, "T");
    pass(&c, 3000);
    client_send(&c, "P");
    assert_false(c.closed);
    pass(&c, 1500);
    assert_true(client_sees(&c, "HTTP/1.1 408 Request Timeout\r\n"));
    assert_true(client_sees_end(&c));
    client_close(&c);
}

static void the_header_of_a_later_request_counts_from_its_first_byte(void **state)
{
    struct client c = connect_client();

    (void)state;
    client_send(&c, GET("/x"));
    assert_true(client_sees(&c, "1 /x []"));
    pass(&c, 50000);
    client_send(&c, "GET");
    pass(&c, 9000);
    assert_false(c.closed);
    client_send(&c, " ");
    pass(&c, 1500);
    assert_true(client_sees(&c, "HTTP/1.1 408 "));
    client_close(&c);
}

static void a_client_that_says_nothing_is_closed_without_a_word(void **state)
{
    struct client c = connect_client();

    (void)state;
    pass(&c, 9000);
    assert_false(c.closed);
    pass(&c, 1500);
    assert_true(client_sees_end(&c));
    assert_int_equal(c.got.len, 0);
    client_close(&c);
}

static void an_idle_connection_is_closed_after_a_minute(void **state)
{
    struct client c = connect_client();

    (void)state;
    client_send(&c, GET("/x"));
    assert_true(client_sees(&c, "1 /x []"));
    client_forget(&c);
    pass(&c, 59000);
    assert_false(c.closed);
    pass(&c, 1500);
    assert_true(client_sees_end(&c));
    assert_int_equal(c.got.len, 0);
    client_close(&c);
}

static void a_body_that_drips_is_cut_at_its_deadline(void **state)
{
    struct client c = connect_client();

    (void)state;
    client_send(&c, POST("/x") "Content-Length: 10\r\n\r\n");
    for (int i = 0; i < 3; i++) {
        pass(&c, 6000);
        client_send(&c, "x");
    }
    assert_false(c.closed);
    pass(&c, 2500);
    assert_true(client_sees(&c, "HTTP/1.1 408 "));
    assert_true(client_sees_end(&c));
    client_close(&c);
}

static void a_client_that_does_not_take_its_answer_is_cut(void **state)
{
    struct client c = connect_client();

    (void)state;
    client_send(&c, GET("/big"));
    rig_until(&echo.rig, echo.n_handled == 1);
    rig_run(&echo.rig, 50); /* until the buffers of the kernel are full */
    assert_int_equal(echo.service.n_connections, 1);
    clock_move(echo.rig.loop, 29000);
    rig_run(&echo.rig, 10);
    assert_int_equal(echo.service.n_connections, 1);
    clock_move(echo.rig.loop, 1500);
    rig_until(&echo.rig, echo.service.n_connections == 0);
    client_close(&c);
}

static void a_client_that_does_not_close_is_closed(void **state)
{
    struct client c = connect_client();

    (void)state;
    client_send(&c, "GET /x HTTP/1.0\r\n\r\n");
    assert_true(client_sees_end(&c));
    rig_run(&echo.rig, 10);
    assert_int_equal(echo.service.n_connections, 1);
    pass(&c, 5500);
    rig_until(&echo.rig, echo.service.n_connections == 0);
    client_close(&c);
}

static void a_handler_that_forgets_is_answered_for(void **state)
{
    struct client c = connect_client();

    (void)state;
    client_send(&c, GET("/wait"));
    rig_until(&echo.rig, echo.waiting);
    pass(&c, 299000);
    assert_int_equal(echo.n_gone, 0);
    pass(&c, 1500);
    rig_until(&echo.rig, echo.n_gone > 0);
    assert_int_equal(echo.n_gone, 1);
    assert_true(client_sees(&c, "HTTP/1.1 504 Gateway Timeout\r\n"));
    assert_true(client_sees(&c, "Retry-After: "));
    client_close(&c);
}

/* ---- Clients that go --------------------------------------------------------------------------------------------------- */

static void wait_for_handler(struct client *c)
{
    client_send(c, GET("/wait"));
    rig_until(&echo.rig, echo.waiting);
}

static void a_client_that_resets_is_noticed_at_once(void **state)
{
    const struct linger hard = { .l_onoff = 1, .l_linger = 0 };
    struct client c = connect_client();

    (void)state;
    wait_for_handler(&c);
    setsockopt(c.fd, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
    client_close(&c);
    rig_until(&echo.rig, echo.n_gone > 0);
    assert_int_equal(echo.n_gone, 1);
    assert_int_equal(echo.service.n_connections, 0);
}

static void a_client_that_closes_is_noticed_soon(void **state)
{
    struct client c = connect_client();

    (void)state;
    wait_for_handler(&c);
    client_close(&c);
    rig_run(&echo.rig, 10);
    clock_move(echo.rig.loop, 600);
    rig_run(&echo.rig, 10);
    clock_move(echo.rig.loop, 1100);
    rig_until(&echo.rig, echo.n_gone > 0);
    assert_int_equal(echo.n_gone, 1);
    assert_int_equal(echo.service.n_connections, 0);
}

static void a_client_that_ends_its_side_still_gets_its_answer(void **state)
{
    struct client c = connect_client();

    (void)state;
    wait_for_handler(&c);
    client_half_close(&c);
    for (int i = 0; i < 25; i++)
        pass(&c, 1000);
    assert_int_equal(echo.n_gone, 0);
    assert_int_equal(client_count(&c, "HTTP/1.1 100 Continue\r\n\r\n"), 3);
    echo_answer(&echo);
    assert_true(client_sees(&c, "HTTP/1.1 200 OK\r\n"));
    assert_true(client_sees(&c, "\r\n\r\nwaited"));
    assert_true(client_sees_end(&c));
    assert_false(c.reset);
    client_close(&c);
}

static void an_old_client_that_ends_its_side_gets_no_interim_answer(void **state)
{
    struct client c = connect_client();

    (void)state;
    client_send(&c, "GET /wait HTTP/1.0\r\n\r\n");
    client_half_close(&c);
    rig_until(&echo.rig, echo.waiting);
    for (int i = 0; i < 3; i++)
        pass(&c, 1000);
    echo_answer(&echo);
    assert_true(client_sees(&c, "\r\n\r\nwaited"));
    assert_int_equal(client_count(&c, "HTTP/1.1"), 1);
    client_close(&c);
}

static void requests_before_the_end_are_all_answered(void **state)
{
    struct client c = connect_client();

    (void)state;
    client_send(&c, GET("/1") GET("/wait") GET("/3"));
    client_half_close(&c);
    assert_true(client_sees(&c, "/1 []"));
    rig_until(&echo.rig, echo.waiting);
    rig_run(&echo.rig, 10); /* the end of its side, too */
    echo_answer(&echo);
    assert_true(client_sees(&c, "/3 []"));
    assert_true(client_sees_end(&c));
    assert_int_equal(client_count(&c, "200 OK"), 3);
    client_close(&c);
}

static void a_request_that_ends_too_early_is_refused(void **state)
{
    static const char *const requests[] = { "GET / HTTP/1.1\r\nHost: a\r\n", POST("/x") "Content-Length: 5\r\n\r\nabc",
                                            POST("/x") "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n" };

    (void)state;
    for (size_t i = 0; i < sizeof requests / sizeof *requests; i++) {
        struct client c = connect_client();

        client_send(&c, requests[i]);
        client_half_close(&c);
        assert_true(client_sees(&c, "HTTP/1.1 400 "));
        assert_true(client_sees_end(&c));
        client_close(&c);
    }
    assert_int_equal(echo.n_handled, 0);
}

static void a_client_that_goes_between_requests_leaves_nothing(void **state)
{
    struct client c = connect_client();

    (void)state;
    client_send(&c, GET("/x"));
    assert_true(client_sees(&c, "/x []"));
    client_close(&c);
    c = connect_client();
    client_send(&c, "GET /");
    client_close(&c);
    rig_run(&echo.rig, 20);
    rig_until(&echo.rig, echo.service.n_connections == 0);
}

static void a_client_that_goes_while_its_answer_is_written_leaves_nothing(void **state)
{
    struct client c = connect_client();

    (void)state;
    client_send(&c, GET("/big"));
    assert_true(client_sees(&c, "xxxx"));
    client_close(&c);
    rig_until(&echo.rig, echo.service.n_connections == 0);
}

static void an_idle_connection_makes_room(void **state)
{
    struct client waiting = connect_client(), idle = connect_client();

    (void)state;
    wait_for_handler(&waiting);
    assert_int_equal(echo.service.n_connections, 2);
    assert_true(connection_close_idle(&echo.service));
    assert_false(connection_close_idle(&echo.service));
    assert_true(client_sees_end(&idle));
    echo_answer(&echo);
    assert_true(client_sees(&waiting, "waited"));
    client_close(&idle);
    client_close(&waiting);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_header_that_drips_is_cut_at_its_deadline),
        TEST(the_header_of_a_later_request_counts_from_its_first_byte),
        TEST(a_client_that_says_nothing_is_closed_without_a_word),
        TEST(an_idle_connection_is_closed_after_a_minute),
        TEST(a_body_that_drips_is_cut_at_its_deadline),
        TEST(a_client_that_does_not_take_its_answer_is_cut),
        TEST(a_client_that_does_not_close_is_closed),
        TEST(a_handler_that_forgets_is_answered_for),
        TEST(a_client_that_resets_is_noticed_at_once),
        TEST(a_client_that_closes_is_noticed_soon),
        TEST(a_client_that_ends_its_side_still_gets_its_answer),
        TEST(an_old_client_that_ends_its_side_gets_no_interim_answer),
        TEST(requests_before_the_end_are_all_answered),
        TEST(a_request_that_ends_too_early_is_refused),
        TEST(a_client_that_goes_between_requests_leaves_nothing),
        TEST(a_client_that_goes_while_its_answer_is_written_leaves_nothing),
        TEST(an_idle_connection_makes_room),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
