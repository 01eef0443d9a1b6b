/* command/control_client.c: asks a control socket, here one of another process. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "command/control_client.h"
#include "engine/metrics.h"
#include "engine/sockets.h"
#include "http/server.h"

static char folder[64], path[100];
static pid_t server;

static void on_status(void *arg, struct control_call *call)
{
    (void)arg;
    control_answer(call, json_pack("{s:s}", "asked", "status"), NULL);
}

static void on_confirm(void *arg, struct control_call *call)
{
    struct cs_error err = { 0 };

    (void)arg;
    cs_fail(&err, CS_EBUSY, "somebody holds \x1b[31mthe database");
    control_answer(call, NULL, &err);
}

static void on_erase(void *arg, const struct control_what *what, struct control_call *call)
{
    struct cs_error err = { 0 };

    (void)arg;
    if (what->erasure.zone && strcmp(what->erasure.zone, "unrecorded.example") == 0) {
        cs_fail_as(&err, CS_ENOTFOUND, CONTROL_NO_VISITS, "this server records no visits");
        control_answer(call, NULL, &err);
        return;
    }
    control_answer(call, json_pack("{s:s, s:i}", "zone", what->erasure.zone ? what->erasure.zone : "", "family",
                                   what->source.family), NULL);
}

/* The server's end of it: what it asks dies in its hands. */
static void on_export(void *arg, const struct control_what *what, struct control_call *call)
{
    (void)arg, (void)what, (void)call;
    _exit(0);
}

static void serve(int fd)
{
    static const struct control_ops ops = {
        .status = on_status, .confirm = on_confirm, .erase = on_erase, .export = on_export
    };
    const struct control control = { .ops = &ops };
    const struct http_settings settings = { .wait_ms = 1000, .max_connections = 1 };
    struct cs_error err = { 0 };
    struct loop *loop = loop_new(&err);
    struct http_server *http = http_server_new(loop, NULL, metrics_new(), &settings, &err);

    if (!http || http_server_control(http, fd, &control, &err) < 0)
        _exit(1);
    loop_run(loop);
    _exit(0);
}

static int begin(void **state)
{
    int fd;

    (void)state;
    signal(SIGPIPE, SIG_IGN);
    snprintf(folder, sizeof folder, "/tmp/countersign-control.XXXXXX");
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/" CONTROL_SOCKET, folder);
    fd = socket_listen_private(path, NULL);
    assert_true(fd >= 0);
    server = fork();
    assert_true(server >= 0);
    if (server == 0)
        serve(fd);
    close(fd);
    return 0;
}

static void stop_server(void)
{
    if (server > 0) {
        kill(server, SIGKILL);
        waitpid(server, NULL, 0);
    }
    server = 0;
}

static int end(void **state)
{
    (void)state;
    stop_server();
    unlink(path);
    return rmdir(folder);
}

static void a_question_without_words_is_got(void **state)
{
    struct cs_error err = { 0 };
    json_t *answer;

    (void)state;
    assert_int_equal(control_ask(folder, "/v1/privacy/status", NULL, &answer, &err), 0);
    assert_string_equal(json_string_value(json_object_get(answer, "asked")), "status");
    json_decref(answer);
}

static void a_question_with_words_is_posted(void **state)
{
    json_t *question = json_pack("{s:s, s:s}", "zone", "a.example", "address", "192.0.2.7"), *answer;
    struct cs_error err = { 0 };

    (void)state;
    assert_int_equal(control_ask(folder, "/v1/privacy/erase", question, &answer, &err), 0);
    assert_string_equal(json_string_value(json_object_get(answer, "zone")), "a.example");
    assert_int_equal(json_integer_value(json_object_get(answer, "family")), 4);
    json_decref(answer);
    json_decref(question);
}

/* A proxy would get to know the address. */
static void no_proxy_of_the_environment_is_asked(void **state)
{
    setenv("http_proxy", "http://127.0.0.1:1", 1);
    setenv("ALL_PROXY", "http://127.0.0.1:1", 1);
    a_question_without_words_is_got(state);
    unsetenv("http_proxy");
    unsetenv("ALL_PROXY");
}

static void what_the_server_says_is_told_in_clean_words(void **state)
{
    json_t *question = json_object(), *answer;
    struct cs_error err = { 0 };

    (void)state;
    assert_int_equal(control_ask(folder, "/v1/privacy/confirm", question, &answer, &err), -1);
    assert_null(answer);
    assert_int_equal(err.code, CS_EBUSY);
    assert_non_null(strstr(err.text, "somebody holds  [31mthe database"));
    assert_int_equal(control_ask(folder, "/v1/privacy/erase", question, &answer, &err), -1);
    assert_int_equal(err.code, CS_EINPUT);
    assert_int_equal(control_ask(folder, "/v1/privacy/whatever", NULL, &answer, &err), -1);
    assert_int_equal(err.code, CS_EINTERNAL); /* there is a server: nobody may go on as if there were none */
    assert_non_null(strstr(err.text, "another version"));
    json_decref(question);
}

static void a_server_without_visits_is_told_apart_from_none(void **state)
{
    json_t *question = json_pack("{s:s}", "zone", "unrecorded.example"), *answer;
    struct cs_error err = { 0 };

    (void)state;
    assert_int_equal(control_ask(folder, "/v1/privacy/erase", question, &answer, &err), -1);
    assert_int_equal(err.code, CS_ENOTFOUND);
    assert_string_equal(err.reason, CONTROL_NO_VISITS);
    json_decref(question);
}

static void no_server_is_told_apart_from_a_server_that_fails(void **state)
{
    struct cs_error err = { 0 };
    json_t *question = json_pack("{s:s}", "address", "192.0.2.7"), *answer;

    (void)state;
    assert_int_equal(control_ask(folder, "/v1/privacy/export", question, &answer, &err), -1);
    assert_int_equal(err.code, CS_EDENIED);
    assert_int_equal(waitpid(server, NULL, 0), server);
    server = 0;
    assert_int_equal(control_ask(folder, "/v1/privacy/status", NULL, &answer, &err), -1); /* its socket is still there */
    assert_int_equal(err.code, CS_ENOTFOUND);
    assert_non_null(strstr(err.text, "no server answers at "));
    unlink(path);
    assert_int_equal(control_ask(folder, "/v1/privacy/status", NULL, &answer, &err), -1);
    assert_int_equal(err.code, CS_ENOTFOUND);
    json_decref(question);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_question_without_words_is_got, begin, end),
        cmocka_unit_test_setup_teardown(a_question_with_words_is_posted, begin, end),
        cmocka_unit_test_setup_teardown(no_proxy_of_the_environment_is_asked, begin, end),
        cmocka_unit_test_setup_teardown(what_the_server_says_is_told_in_clean_words, begin, end),
        cmocka_unit_test_setup_teardown(a_server_without_visits_is_told_apart_from_none, begin, end),
        cmocka_unit_test_setup_teardown(no_server_is_told_apart_from_a_server_that_fails, begin, end),
    };

    return cmocka_run_group_tests_name("control_client", tests, NULL, NULL);
}
