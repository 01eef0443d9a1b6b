/* engine/http_wait.c: a worker sends a request and reads the answer itself. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <pthread.h>
#include <stdatomic.h>

#include <curl/curl.h>

#include "engine/wait.h"
#include "exchange.h"

static bool answer(struct web_connection *connection, const struct web_request *request)
{
    if (strncmp(request->path, "/never ", 7) == 0) {
        web_wait_for_hang_up(connection);
        return false;
    }
    return web_say(connection, "HTTP/1.1 200 OK\r\nX-Test: yes\r\nContent-Length: 2\r\n\r\nok");
}

static int begin(void **state)
{
    return web_begin(state, answer, NULL, 4);
}

struct asker {
    struct web *web;
    const char *path;
    int64_t timeout_ms;
    pthread_t thread, told_in;
    struct exchange x;
    struct cs_error err;
    int rc;
    atomic_bool back;
};

static void on_reply(void *arg, const struct cs_http_reply *reply, const struct cs_error *err)
{
    struct asker *asker = arg;

    asker->told_in = pthread_self();
    exchange_told(&asker->x, reply, err);
}

static void *ask(void *arg)
{
    struct asker *asker = arg;
    char url[128];
    struct cs_http_request request = { .size = sizeof request, .method = "GET", .url = url, .timeout_ms = asker->timeout_ms };

    snprintf(url, sizeof url, "%s%s", web_server_url(asker->web->server), asker->path);
    asker->rc = cs_http_send_wait(&asker->web->in, &request, on_reply, asker, &asker->err);
    memset(url, 'x', sizeof url);
    asker->back = true;
    return NULL;
}

static void start(struct asker *asker, struct web *web, const char *path, int64_t timeout_ms)
{
    *asker = (struct asker){ .web = web, .path = path, .timeout_ms = timeout_ms };
    pthread_create(&asker->thread, NULL, ask, asker);
}

static void run_until_back(struct asker *asker)
{
    for (int i = 0; i < 2000 && !asker->back; i++)
        loop_run_once(asker->web->loop, 10);
    pthread_join(asker->thread, NULL);
}

static void the_answer_is_read_in_the_worker(void **state)
{
    struct asker asker;

    start(&asker, *state, "/", 0);
    run_until_back(&asker);
    assert_int_equal(asker.rc, 0);
    assert_true(pthread_equal(asker.told_in, asker.thread));
    assert_int_equal(asker.x.told, 1);
    assert_int_equal(asker.x.status, 200);
    assert_string_equal(asker.x.body, "ok");
    assert_string_equal(asker.x.x_test[0], "yes");
}

static void without_an_answer_the_error_is_returned(void **state)
{
    struct asker asker;

    start(&asker, *state, "/never", 50);
    run_until_back(&asker);
    assert_int_equal(asker.rc, -1);
    assert_int_equal(asker.err.code, CS_ETIMEDOUT);
    assert_int_equal(asker.x.told, 0);
}

static void at_a_stop_the_worker_returns_at_once(void **state)
{
    struct web *web = *state;
    struct asker asker;

    start(&asker, web, "/never", 0);
    for (int i = 0; i < 1000 && web_server_open(web->server) == 0; i++)
        loop_run_once(web->loop, 10);
    waits_end(web->loop);
    pthread_join(asker.thread, NULL);
    assert_int_equal(asker.rc, -1);
    assert_int_equal(asker.err.code, CS_ESHUTDOWN);
    assert_int_equal(asker.x.told, 0);
}

static void a_client_that_is_gone_is_told(void **state)
{
    struct web *web = *state;
    struct asker asker;

    http_client_free(web->in.http);
    web->in.http = NULL;
    start(&asker, web, "/", 0);
    run_until_back(&asker);
    assert_int_equal(asker.rc, -1);
    assert_int_equal(asker.err.code, CS_ESHUTDOWN);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_answer_is_read_in_the_worker, begin, web_end),
        cmocka_unit_test_setup_teardown(without_an_answer_the_error_is_returned, begin, web_end),
        cmocka_unit_test_setup_teardown(at_a_stop_the_worker_returns_at_once, begin, web_end),
        cmocka_unit_test_setup_teardown(a_client_that_is_gone_is_told, begin, web_end),
    };

    curl_global_init(CURL_GLOBAL_DEFAULT);
    return cmocka_run_group_tests_name("http_wait", tests, NULL, NULL);
}
