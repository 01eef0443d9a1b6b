/* http/server.c: listeners that go, the graceful stop, and curl as a client. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "rig.h"

#define CHAIN    "-----BEGIN CERTIFICATE-----\nMA==\n-----END CERTIFICATE-----\n"
#define POST_CSR "POST /v1/sign HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nCSR"

extern char **environ;

static struct rig rig;
static int n_done;
static const struct answer issued = { .chain = CHAIN, .chain_len = sizeof CHAIN - 1, .job = "", .step = "" };

static int begin(void **state)
{
    (void)state;
    rig_begin(&rig);
    rig_serve(&rig, NULL);
    n_done = 0;
    return 0;
}

static int end(void **state)
{
    (void)state;
    rig_end(&rig);
    return 0;
}

static void on_done(void *arg)
{
    assert_ptr_equal(arg, &rig);
    n_done++;
}

static void drain(int64_t ms)
{
    http_server_drain(rig.server, cs_now_ms() + ms, on_done, &rig);
}

static bool is_refused(uint16_t port)
{
    struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(port) };
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool refused;

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    refused = connect(fd, (struct sockaddr *)&address, sizeof address) < 0 && errno == ECONNREFUSED;
    close(fd);
    return refused;
}

static void connections_of_a_listener_that_is_taken_away_end_with_their_next_answer(void **state)
{
    struct cs_error err = { 0 };
    uint16_t port;
    struct listener *more = http_server_listen(rig.server, rig_listen(AF_INET, NULL, &port), NULL, HTTP_PUBLIC, &err);
    struct client waiting = client_connect(&rig, port), idle = client_connect(&rig, port), other;

    (void)state;
    client_send(&waiting, POST_CSR);
    rig_until(&rig, rig.heart.n_waiting == 1 && http_server_connections(rig.server) == 2);
    http_server_unlisten(rig.server, more);
    assert_true(is_refused(port));
    heart_answer(&rig.heart, &issued);
    assert_true(client_sees(&waiting, CHAIN));
    assert_true(client_sees_end(&waiting));
    assert_true(client_sees_nothing(&idle, 5));
    client_send(&idle, POST_CSR);
    rig_until(&rig, rig.heart.n_waiting == 1);
    heart_answer(&rig.heart, &issued);
    assert_true(client_sees(&idle, "Connection: close\r\n"));
    assert_true(client_sees(&idle, CHAIN));
    assert_true(client_sees_end(&idle));
    other = client_connect(&rig, rig.port); /* elsewhere all goes on */
    for (int i = 0; i < 2; i++) {
        client_forget(&other);
        client_send(&other, POST_CSR);
        rig_until(&rig, rig.heart.n_waiting == 1);
        heart_answer(&rig.heart, &issued);
        assert_true(client_sees(&other, CHAIN));
    }
    client_close(&waiting);
    client_close(&idle);
    client_close(&other);
}

/* ---- The graceful stop --------------------------------------------------------------------------------------------------- */

static void a_server_without_clients_stops_at_once(void **state)
{
    (void)state;
    drain(30000);
    assert_int_equal(n_done, 0); /* later, never inside the call */
    rig_until(&rig, n_done > 0);
    assert_int_equal(n_done, 1);
}

static void idle_clients_are_closed_and_new_ones_refused(void **state)
{
    struct client idle = client_connect(&rig, rig.port), admin = client_connect(&rig, rig.admin_port);

    (void)state;
    rig_until(&rig, http_server_connections(rig.server) == 2);
    drain(30000);
    assert_true(client_sees_end(&idle));
    assert_true(client_sees_end(&admin));
    rig_until(&rig, n_done > 0);
    assert_int_equal(n_done, 1);
    assert_true(is_refused(rig.port));
    client_close(&idle);
    client_close(&admin);
}

static void requests_under_way_are_finished(void **state)
{
    struct client waiting = client_connect(&rig, rig.port), reading = client_connect(&rig, rig.port);

    (void)state;
    client_send(&waiting, POST_CSR);
    client_send(&reading, "POST /v1/sign HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\n");
    rig_until(&rig, rig.heart.n_waiting == 1 && http_server_connections(rig.server) == 2);
    rig_run(&rig, 10); /* the header, too */
    drain(30000);
    rig_run(&rig, 10);
    assert_int_equal(http_server_connections(rig.server), 2);
    client_send(&reading, "CSR");
    rig_until(&rig, rig.heart.n_waiting == 2);
    heart_answer(&rig.heart, &issued);
    heart_answer(&rig.heart, &issued);
    assert_true(client_sees(&waiting, "Connection: close\r\n"));
    assert_true(client_sees(&waiting, CHAIN));
    assert_true(client_sees(&reading, "Connection: close\r\n"));
    assert_true(client_sees(&reading, CHAIN));
    assert_true(client_sees_end(&waiting));
    assert_true(client_sees_end(&reading));
    assert_int_equal(n_done, 0);
    client_close(&waiting);
    client_close(&reading);
    rig_until(&rig, n_done > 0);
    assert_int_equal(n_done, 1);
    assert_int_equal(rig.heart.n_detached, 0);
}

static void at_the_limit_requests_get_a_retryable_problem(void **state)
{
    struct client waiting = client_connect(&rig, rig.port), reading = client_connect(&rig, rig.port);

    (void)state;
    client_send(&waiting, POST_CSR);
    client_send(&reading, "POST /v1/sign HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\n");
    rig_until(&rig, rig.heart.n_waiting == 1 && http_server_connections(rig.server) == 2);
    rig_run(&rig, 10); /* the header, too */
    drain(3000);
    clock_move(rig.loop, 2500);
    assert_true(client_sees_nothing(&waiting, 10));
    clock_move(rig.loop, 600);
    assert_true(client_sees(&waiting, "HTTP/1.1 503 Service Unavailable\r\n"));
    assert_true(client_sees(&waiting, "urn:countersign:error:stopping"));
    assert_true(client_sees(&waiting, "Retry-After: "));
    assert_true(client_sees(&reading, "HTTP/1.1 503 "));
    assert_int_equal(rig.heart.n_detached, 1);
    assert_int_equal(rig.heart.n_waiting, 0);
    rig_run(&rig, 10);
    assert_int_equal(n_done, 0); /* they have 2 s to read it */
    clock_move(rig.loop, 2100);
    rig_until(&rig, n_done > 0);
    assert_int_equal(n_done, 1);
    client_close(&waiting);
    client_close(&reading);
}

static void a_stopping_server_is_not_ready(void **state)
{
    struct client admin = client_connect(&rig, rig.admin_port), c = client_connect(&rig, rig.port);

    (void)state;
    client_send(&c, POST_CSR);
    client_send(&admin, "GET /readyz HTTP/1.1\r\nHost: a");
    rig_until(&rig, rig.heart.n_waiting == 1 && http_server_connections(rig.server) == 2);
    rig_run(&rig, 10); /* the first bytes, too */
    drain(3000);
    client_send(&admin, "\r\n\r\n");
    assert_true(client_sees(&admin, "HTTP/1.1 503 "));
    assert_true(client_sees(&admin, "the server is stopping"));
    heart_answer(&rig.heart, &issued);
    assert_true(client_sees(&c, CHAIN));
    client_close(&admin);
    client_close(&c);
}

static void a_server_that_is_freed_detaches_its_requests(void **state)
{
    struct client c = client_connect(&rig, rig.port);

    (void)state;
    client_send(&c, POST_CSR);
    rig_until(&rig, rig.heart.n_waiting == 1);
    http_server_free(rig.server);
    rig.server = NULL;
    assert_int_equal(rig.heart.n_waiting, 0);
    assert_int_equal(rig.heart.n_detached, 1);
    assert_true(client_sees_end(&c));
    client_close(&c);
}

/* ---- curl ---------------------------------------------------------------------------------------------------------------- */

/* Run curl against the server; its output and "STATUS" behind it. */
static char *run_curl(const char *const *options, const char *path)
{
    char url[100], output[200], *content = calloc(1, 100000);
    const char *argv[30] = { "curl", "-sS", "--max-time", "60", "-w", "%{http_code}", "-o", output };
    posix_spawn_file_actions_t actions;
    size_t n = 8, len;
    FILE *file;
    pid_t pid;
    int status;

    snprintf(output, sizeof output, "%s", rig_path(&rig, "body"));
    snprintf(url, sizeof url, "http://127.0.0.1:%u%s", (unsigned)rig.port, path);
    while (*options)
        argv[n++] = *options++;
    argv[n] = url;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, 1, rig_path(&rig, "code"), O_WRONLY | O_CREAT | O_TRUNC, 0600);
    assert_int_equal(posix_spawnp(&pid, "curl", &actions, NULL, (char **)argv, environ), 0);
    posix_spawn_file_actions_destroy(&actions);
    while (waitpid(pid, &status, WNOHANG) == 0)
        rig_run(&rig, 1);
    if (status != 0)
        fprintf(stderr, "# curl ended with %d\n", WEXITSTATUS(status));
    assert_int_equal(status, 0);
    file = fopen(output, "re");
    len = file ? fread(content, 1, 90000, file) : 0;
    if (file)
        fclose(file);
    file = fopen(rig_path(&rig, "code"), "re");
    assert_non_null(file);
    assert_true(fread(content + len, 1, 100, file) == 3);
    fclose(file);
    return content;
}

static const char *write_body(const char *name, size_t len)
{
    FILE *file = fopen(rig_path(&rig, name), "we");
    static char at[250];

    assert_non_null(file);
    for (size_t i = 0; i < len; i++)
        fputc("CSR\n"[i % 4], file);
    fclose(file);
    snprintf(at, sizeof at, "@%s", rig_path(&rig, name));
    return at;
}

static void curl_gets_its_chain_both_ways(void **state)
{
    static const char *const ways[] = { "-d", "--data-binary" };

    (void)state;
    rig.heart.answer = &issued;
    for (size_t i = 0; i < 2; i++) {
        char *out = run_curl((const char *const[]){ ways[i], write_body("csr", 8), NULL }, "/v1/sign");

        assert_string_equal(out, CHAIN "200");
        assert_string_equal(rig.heart.body, i == 0 ? "CSRCSR" : "CSR\nCSR\n");
        assert_string_equal(rig.heart.content_type, "application/x-www-form-urlencoded");
        free(out);
    }
}

static void curl_can_read_why_a_mebibyte_is_refused(void **state)
{
    static const char *const expect[] = { "Expect:", "Expect: 100-continue" };

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        const char *const options[] = { "--data-binary", write_body("big", 1 << 20), "-H", expect[i], NULL };
        char *out = run_curl(options, "/v1/sign");

        assert_non_null(strstr(out, "urn:countersign:error:body-too-large"));
        assert_non_null(strstr(out, "}413"));
        free(out);
    }
    assert_int_equal(rig.heart.n_submitted, 0);
}

static void curl_may_send_chunks(void **state)
{
    char *out;

    (void)state;
    rig.heart.answer = &issued;
    out = run_curl((const char *const[]){ "--data-binary", write_body("csr", 12000), "-H", "Transfer-Encoding: chunked", NULL },
                   "/v1/sign");
    assert_string_equal(out, CHAIN "200");
    assert_int_equal(rig.heart.body_len, 12000);
    free(out);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(connections_of_a_listener_that_is_taken_away_end_with_their_next_answer),
        TEST(a_server_without_clients_stops_at_once),
        TEST(idle_clients_are_closed_and_new_ones_refused),
        TEST(requests_under_way_are_finished),
        TEST(at_the_limit_requests_get_a_retryable_problem),
        TEST(a_stopping_server_is_not_ready),
        TEST(a_server_that_is_freed_detaches_its_requests),
        TEST(curl_gets_its_chain_both_ways),
        TEST(curl_can_read_why_a_mebibyte_is_refused),
        TEST(curl_may_send_chunks),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
