/* http/api.c: what it says of a request when it comes in, and how visits end that never reach the heart. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "rig.h"
#include "visits.h"

#define CHAIN "-----BEGIN CERTIFICATE-----\nMA==\n-----END CERTIFICATE-----\n"
#define SIGN(fields, length, body) "POST /v1/sign HTTP/1.1\r\nHost: a\r\n" fields "Content-Length: " length "\r\n\r\n" body
#define HEADER "\r\n\r\n\0\r\nQUIT\n\x21\x11\x00\x0c\xc0\x00\x02\x01\x0a\x00\x00\x01\x12\x67\x20\xfb" /* 192.0.2.1 */

static struct rig rig;
static struct visits visits;
static const struct answer issued = { .chain = CHAIN, .chain_len = sizeof CHAIN - 1, .job = "", .step = "" };

static void serve(const char *const *proxies, size_t n_proxies, enum http_listen what)
{
    const struct http_settings settings = {
        .wait_ms = 1000, .max_connections = 10, .visits = &visits, .proxies = proxies, .n_proxies = n_proxies
    };
    struct cs_error err;

    rig.server = http_server_new(rig.loop, &rig.heart, rig.metrics, &settings, &err);
    assert_non_null(rig.server);
    assert_non_null(http_server_listen(rig.server, rig_listen(AF_INET, NULL, &rig.port), NULL, what, &err));
    rig.heart.answer = &issued;
}

static int begin(void **state)
{
    (void)state;
    rig_begin(&rig);
    visits = (struct visits){ 0 };
    return 0;
}

static int end(void **state)
{
    (void)state;
    rig_end(&rig);
    return 0;
}

static void ask_n(const char *request, size_t len, const char *status)
{
    struct client c = client_connect(&rig, rig.port);

    client_send_n(&c, request, len);
    assert_true(client_sees(&c, status));
    client_close(&c);
}

static void ask(const char *request, const char *status)
{
    ask_n(request, strlen(request), status);
}

static void assert_source(const struct visit *visit, const char *address)
{
    struct source source;

    assert_true(source_parse(address, &source));
    assert_int_equal(visit->arrival.source.family, source.family);
    assert_memory_equal(visit->arrival.source.address, source.address, sizeof source.address);
}

static void a_visit_begins_with_source_kind_of_client_and_labels(void **state)
{
    (void)state;
    serve(NULL, 0, HTTP_PUBLIC);
    ask(SIGN("User-Agent: curl/8.0\r\nX-Forwarded-For: 192.0.2.1\r\nX-Countersign-Label: a=b\r\n"
             "Content-Type: application/json\r\n", "41", "{\"csr\": \"MA==\", \"labels\": {\"c\": \"d\"}}    "), " 200 OK");
    assert_int_equal(visits.n, 1);
    assert_source(&visits.visit[0], "127.0.0.1");
    assert_string_equal(visits.visit[0].arrival.client, "curl");
    assert_string_equal(visits.visit[0].labels, "a=b;c=d;");
    assert_ptr_equal(rig.heart.visit, &visits.visit[0]);
    assert_false(visits.visit[0].ended); /* that is the heart's to do */
}

static void labels_of_header_and_query_are_the_visits(void **state)
{
    (void)state;
    serve(NULL, 0, HTTP_PUBLIC);
    ask("POST /v1/sign?label.a=b%20c&x=y HTTP/1.1\r\nHost: a\r\nX-Countersign-Label: d=e\r\nContent-Length: 1\r\n\r\nC",
        " 200 OK");
    ask(SIGN("", "3", "CSR"), " 200 OK");
    assert_string_equal(visits.visit[0].labels, "d=e;a=b c;");
    assert_string_equal(visits.visit[1].labels, "");
}

static void a_trusted_proxys_word_is_the_source(void **state)
{
    static const char *const proxies[] = { "127.0.0.0/8" };

    (void)state;
    serve(proxies, 1, HTTP_PUBLIC);
    ask(SIGN("X-Forwarded-For: 203.0.113.9, 192.0.2.1\r\n", "3", "CSR"), " 200 OK");
    ask(SIGN("Forwarded: for=\"[2001:db8:1:2:3::4]:4711\"\r\n", "3", "CSR"), " 200 OK");
    ask(SIGN("Forwarded: for=_hidden\r\n", "3", "CSR"), " 200 OK");
    assert_int_equal(visits.n, 3);
    assert_source(&visits.visit[0], "192.0.2.1");
    assert_source(&visits.visit[1], "2001:db8:1:2::");
    assert_int_equal(visits.visit[2].arrival.source.family, SOURCE_UNKNOWN);
}

static void a_proxy_headers_client_is_the_source(void **state)
{
    (void)state;
    serve(NULL, 0, HTTP_PROXY_HEADERS);
    ask_n(HEADER SIGN("X-Forwarded-For: 203.0.113.9\r\n", "3", "CSR"),
          sizeof(HEADER SIGN("X-Forwarded-For: 203.0.113.9\r\n", "3", "CSR")) - 1, " 200 OK");
    assert_int_equal(visits.n, 1);
    assert_source(&visits.visit[0], "192.0.2.1");
}

static void what_the_front_refuses_is_a_visit_that_has_ended(void **state)
{
    static const struct {
        const char *request, *status, *error;
    } cases[] = {
        { SIGN("X-Countersign-Label: a\r\n", "3", "CSR"), " 400 ", "bad-label" },
        { SIGN("Content-Encoding: gzip\r\n", "3", "CSR"), " 415 ", "content-coding" },
        { SIGN("Content-Type: application/json\r\n", "3", "CSR"), " 400 ", "bad-json" },
        { SIGN("Content-Type: application/json\r\n", "2", "{}"), " 400 ", "no-csr" },
        { SIGN("Expect: 100-continue\r\nX-Countersign-Label: a\r\n", "3", ""), " 400 ", "bad-label" },
    };

    (void)state;
    serve(NULL, 0, HTTP_PUBLIC);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        ask(cases[i].request, cases[i].status);
        assert_int_equal(visits.n, i + 1);
        assert_true(visits.visit[i].ended);
        assert_int_equal(visits.visit[i].outcome, VISIT_REFUSED);
        assert_string_equal(visits.visit[i].error, cases[i].error);
    }
    assert_int_equal(rig.heart.n_submitted, 0);
}

static void without_memory_the_visit_has_failed(void **state)
{
    (void)state;
    serve(NULL, 0, HTTP_PUBLIC);
    rig.heart.no_memory = true;
    ask(SIGN("", "3", "CSR"), " 503 ");
    assert_int_equal(visits.n, 1);
    assert_true(visits.visit[0].ended);
    assert_int_equal(visits.visit[0].outcome, VISIT_FAILED);
    assert_string_equal(visits.visit[0].error, "busy");
}

static void other_calls_are_no_visits(void **state)
{
    (void)state;
    serve(NULL, 0, HTTP_PUBLIC);
    ask("GET /v1/sign HTTP/1.1\r\nHost: a\r\n\r\n", " 405 ");
    ask("GET /v1/requests/abcdefghijklmnopqrstuvwxyz HTTP/1.1\r\nHost: a\r\n\r\n", " 200 OK");
    ask("POST /v1/other HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n", " 404 ");
    ask(SIGN("Expect: 100-continue\r\n", "3", ""), " 100 ");
    assert_int_equal(visits.n, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_visit_begins_with_source_kind_of_client_and_labels, begin, end),
        cmocka_unit_test_setup_teardown(labels_of_header_and_query_are_the_visits, begin, end),
        cmocka_unit_test_setup_teardown(a_trusted_proxys_word_is_the_source, begin, end),
        cmocka_unit_test_setup_teardown(a_proxy_headers_client_is_the_source, begin, end),
        cmocka_unit_test_setup_teardown(what_the_front_refuses_is_a_visit_that_has_ended, begin, end),
        cmocka_unit_test_setup_teardown(without_memory_the_visit_has_failed, begin, end),
        cmocka_unit_test_setup_teardown(other_calls_are_no_visits, begin, end),
    };

    return cmocka_run_group_tests_name("api_visits", tests, NULL, NULL);
}
