/* engine/http_client.c: many requests, few connections, turns, cancelling, stopping. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdatomic.h>
#include <time.h>

#include <curl/curl.h>

#include "exchange.h"

static atomic_int inside, most_inside;
static atomic_bool gate_open;

static void pause_ms(long ms)
{
    nanosleep(&(struct timespec){ .tv_nsec = ms * 1000000 }, NULL);
}

static bool answer(struct web_connection *connection, const struct web_request *request)
{
    int now = ++inside, most = most_inside;

    while (now > most && !atomic_compare_exchange_weak(&most_inside, &most, now))
        continue;
    if (strncmp(request->path, "/gate ", 6) == 0)
        while (!gate_open)
            pause_ms(1);
    if (strncmp(request->path, "/close ", 7) == 0) {
        inside--;
        return web_say(connection, "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok") && false;
    }
    if (strncmp(request->path, "/never ", 7) == 0)
        web_wait_for_hang_up(connection);
    inside--;
    return web_say(connection, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
}

static int begin_with(void **state, size_t most)
{
    inside = most_inside = 0;
    gate_open = false;
    return web_begin(state, answer, NULL, most);
}

static int begin(void **state)
{
    return begin_with(state, 100);
}

static int end(void **state)
{
    gate_open = true;
    return web_end(state);
}

static int begin_few(void **state)
{
    return begin_with(state, 3);
}

static void requests_one_after_another_use_one_connection(void **state)
{
    struct web *web = *state;
    struct exchange x;
    int64_t fastest_ms[2] = { INT64_MAX, INT64_MAX };

    for (int i = 0; i < 100; i++) {
        const int64_t before_ms = cs_now_ms();
        int64_t took_ms;

        exchange_run(web, &x, "/", (struct cs_http_request){ .method = i % 2 ? "POST" : "GET", .body = i % 2 ? "abc" : NULL,
                                                             .body_len = i % 2 ? 3 : 0 });
        assert_int_equal(x.status, 200);
        assert_string_equal(x.body, "ok");
        took_ms = cs_now_ms() - before_ms;
        if (took_ms < fastest_ms[i % 2])
            fastest_ms[i % 2] = took_ms;
    }
    assert_int_equal(web_server_connections(web->server), 1);
    assert_true(fastest_ms[0] < 30 && fastest_ms[1] < 30); /* a delayed ACK or a timer in each would take longer */
}

static void a_connection_that_the_server_closed_is_replaced(void **state)
{
    struct web *web = *state;
    struct exchange x;

    for (int i = 0; i < 3; i++) {
        exchange_run(web, &x, "/close", (struct cs_http_request){ .method = "POST", .body = "abc", .body_len = 3 });
        assert_int_equal(x.status, 200);
    }
    assert_int_equal(web_server_connections(web->server), 3);
}

static void a_hundred_requests_run_side_by_side(void **state)
{
    static struct exchange all[100];
    struct web *web = *state;

    for (int i = 0; i < 100; i++)
        exchange_begin(web, &all[i], "/gate", (struct cs_http_request){ 0 });
    for (int i = 0; i < 1000 && inside < 100; i++)
        loop_run_once(web->loop, 10);
    gate_open = true;
    assert_int_equal(most_inside, 100);
    for (int i = 0; i < 100; i++) {
        exchange_wait(web, &all[i]);
        assert_int_equal(all[i].told, 1);
        assert_int_equal(all[i].status, 200);
    }
}

static void no_more_run_than_are_allowed_and_all_get_their_turn(void **state)
{
    static struct exchange all[50];
    struct web *web = *state;

    gate_open = true;
    for (int i = 0; i < 50; i++)
        exchange_begin(web, &all[i], "/gate", (struct cs_http_request){ 0 });
    for (int i = 0; i < 50; i++) {
        exchange_wait(web, &all[i]);
        assert_int_equal(all[i].status, 200);
    }
    assert_true(most_inside <= 3);
    assert_true(web_server_connections(web->server) <= 3);
}

static void who_waits_too_long_for_a_turn_is_told(void **state)
{
    struct exchange busy[3], waiting;
    struct web *web = *state;

    for (int i = 0; i < 3; i++)
        exchange_begin(web, &busy[i], "/gate", (struct cs_http_request){ 0 });
    exchange_begin(web, &waiting, "/", (struct cs_http_request){ .timeout_ms = 5000 });
    loop_run_once(web->loop, 10);
    clock_move(web->loop, 5000);
    exchange_wait(web, &waiting);
    assert_int_equal(waiting.err.code, CS_ETIMEDOUT);
    assert_true(strstr(waiting.err.text, "was not asked: 3 other requests were under way all the time") != NULL);
    gate_open = true;
    for (int i = 0; i < 3; i++) {
        exchange_wait(web, &busy[i]);
        assert_int_equal(busy[i].status, 200);
    }
}

static void a_cancelled_request_is_not_told_and_gives_its_turn_away(void **state)
{
    struct exchange busy[3], waiting, second;
    struct cs_http *first, *queued;
    struct web *web = *state;

    first = exchange_begin(web, &busy[0], "/never", (struct cs_http_request){ 0 });
    exchange_begin(web, &busy[1], "/gate", (struct cs_http_request){ 0 });
    exchange_begin(web, &busy[2], "/gate", (struct cs_http_request){ 0 });
    queued = exchange_begin(web, &waiting, "/", (struct cs_http_request){ 0 });
    exchange_begin(web, &second, "/", (struct cs_http_request){ 0 });
    for (int i = 0; i < 1000 && inside < 3; i++)
        loop_run_once(web->loop, 10);
    cs_http_cancel(queued);
    cs_http_cancel(first);
    cs_http_cancel(NULL);
    exchange_wait(web, &second);
    assert_int_equal(second.status, 200);
    assert_int_equal(busy[0].told, 0);
    assert_int_equal(waiting.told, 0);
    gate_open = true;
    exchange_wait(web, &busy[1]);
    exchange_wait(web, &busy[2]);
    assert_int_equal(busy[2].status, 200);
}

struct chain {
    struct web *web;
    struct cs_http *victim;
    int left;
    char url[128];
};

static void on_link(void *arg, const struct cs_http_reply *reply, const struct cs_error *err)
{
    struct chain *chain = arg;
    struct cs_http_request request = { .size = sizeof request, .method = "GET", .url = chain->url };

    assert_true(err ? chain->url[0] == 'x' : reply->status == 200);
    cs_http_cancel(chain->victim);
    chain->victim = NULL;
    if (--chain->left > 0)
        assert_true(cs_http_send(&chain->web->in, &request, on_link, chain) != NULL);
}

static void a_callback_may_send_and_cancel(void **state)
{
    struct web *web = *state;
    struct exchange other;
    struct chain chain = { .web = web, .left = 20 };
    struct cs_http_request request = { .size = sizeof request, .method = "GET", .url = chain.url };

    snprintf(chain.url, sizeof chain.url, "%s/", web_server_url(web->server));
    chain.victim = exchange_begin(web, &other, "/never", (struct cs_http_request){ 0 });
    cs_http_send(&web->in, &request, on_link, &chain);
    for (int i = 0; i < 1000 && chain.left > 0; i++)
        loop_run_once(web->loop, 10);
    assert_int_equal(chain.left, 0);
    assert_int_equal(other.told, 0);
}

static void a_callback_that_fails_again_and_again_does_not_stop_the_loop(void **state)
{
    struct web *web = *state;
    struct chain chain = { .web = web, .left = 5, .url = "x" };
    struct cs_http_request request = { .size = sizeof request, .method = "GET", .url = chain.url };

    cs_http_send(&web->in, &request, on_link, &chain);
    for (int turn = 4; turn >= 0; turn--) {
        loop_run_once(web->loop, 1000);
        assert_int_equal(chain.left, turn);
    }
}

static void when_the_server_stops_every_request_is_told(void **state)
{
    struct exchange all[6], late;
    struct web *web = *state;

    for (int i = 0; i < 5; i++)
        exchange_begin(web, &all[i], "/never", (struct cs_http_request){ 0 });
    exchange_begin(web, &all[5], "/", (struct cs_http_request){ .url = "nonsense" });
    loop_run_once(web->loop, 10);
    http_client_free(web->in.http);
    web->in.http = NULL;
    for (int i = 0; i < 5; i++) {
        assert_int_equal(all[i].told, 1);
        assert_int_equal(all[i].err.code, CS_ESHUTDOWN);
    }
    assert_int_equal(all[5].told, 1);
    assert_true(exchange_begin(web, &late, "/", (struct cs_http_request){ 0 }) == NULL);
    assert_int_equal(late.told, 0);
}

/* ---- A guard ---- */

struct guarded {
    bool refuses;
    int admitted, replies, errors, given_up;
};

static int admit(void *arg, uint64_t *mark, struct cs_error *err)
{
    struct guarded *seen = arg;

    if (seen->refuses)
        return cs_fail_as(err, CS_EBUSY, CS_CA_OUT, "not now");
    *mark = (uint64_t)++seen->admitted;
    return 0;
}

static void see_end(void *arg, uint64_t mark, const struct cs_http_reply *reply, const struct cs_error *err)
{
    struct guarded *seen = arg;

    assert_false(reply && err);
    assert_int_equal(mark, seen->admitted); /* one at a time here */
    seen->replies += reply != NULL;
    seen->errors += err != NULL;
    seen->given_up += !reply && !err;
}

static void a_guard_sees_each_exchange_once_and_may_refuse_it(void **state)
{
    struct web *web = *state;
    struct guarded seen = { 0 };
    const struct http_guard guard = { .admit = admit, .ended = see_end, .arg = &seen };
    struct exchange x;

    web->in.guard = &guard;
    exchange_run(web, &x, "/", (struct cs_http_request){ 0 });
    assert_int_equal(x.status, 200);
    exchange_run(web, &x, "/", (struct cs_http_request){ .url = "http://127.0.0.1:1/" });
    assert_int_equal(x.err.code, CS_EUPSTREAM);
    exchange_run(web, &x, "/", (struct cs_http_request){ .url = "ftp://127.0.0.1/" }); /* ours: it is not shown */
    cs_http_cancel(exchange_begin(web, &x, "/never", (struct cs_http_request){ 0 }));
    seen.refuses = true;
    exchange_run(web, &x, "/", (struct cs_http_request){ 0 });
    assert_string_equal(x.err.reason, CS_CA_OUT);
    assert_int_equal(seen.admitted, 3);
    assert_int_equal(seen.replies, 1);
    assert_int_equal(seen.errors, 1);
    assert_int_equal(seen.given_up, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(requests_one_after_another_use_one_connection, begin, end),
        cmocka_unit_test_setup_teardown(a_connection_that_the_server_closed_is_replaced, begin, end),
        cmocka_unit_test_setup_teardown(a_hundred_requests_run_side_by_side, begin, end),
        cmocka_unit_test_setup_teardown(no_more_run_than_are_allowed_and_all_get_their_turn, begin_few, end),
        cmocka_unit_test_setup_teardown(who_waits_too_long_for_a_turn_is_told, begin_few, end),
        cmocka_unit_test_setup_teardown(a_cancelled_request_is_not_told_and_gives_its_turn_away, begin_few, end),
        cmocka_unit_test_setup_teardown(a_callback_may_send_and_cancel, begin, end),
        cmocka_unit_test_setup_teardown(a_callback_that_fails_again_and_again_does_not_stop_the_loop, begin, end),
        cmocka_unit_test_setup_teardown(when_the_server_stops_every_request_is_told, begin_few, end),
        cmocka_unit_test_setup_teardown(a_guard_sees_each_exchange_once_and_may_refuse_it, begin, end),
    };

    curl_global_init(CURL_GLOBAL_DEFAULT);
    return cmocka_run_group_tests_name("http_client", tests, NULL, NULL);
}
