/* http/connection_preface.c: connections that must begin with a PROXY header, plain and over TLS. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "echo.h"

#define HEADER "\r\n\r\n\0\r\nQUIT\n\x21\x11\x00\x0c\xc0\x00\x02\x01\x0a\x00\x00\x01\x12\x67\x20\xfb"
#define LOCAL  "\r\n\r\n\0\r\nQUIT\n\x20\x00\x00\x00"
#define LEN(text) (sizeof(text) - 1)
#define GET(path) "GET " path " HTTP/1.1\r\nHost: a\r\n\r\n"

static struct echo echo;

static void serve(SSL_CTX *tls)
{
    struct cs_error err;

    echo.listener = listener_new(&echo.service, rig_listen(AF_INET, NULL, &echo.port), tls, &err);
    assert_non_null(echo.listener);
    listener_expect_proxy_header(echo.listener, true);
}

static int begin(void **state)
{
    (void)state;
    echo_begin_bare(&echo);
    return 0;
}

static int end(void **state)
{
    (void)state;
    echo_end(&echo);
    return 0;
}

static void serve_tls(void)
{
    char certificate[200], key[200];
    struct cs_error err = { 0 };
    SSL_CTX *context;

    rig_certificate(&echo.rig, "cert.pem", "key.pem");
    snprintf(certificate, sizeof certificate, "%s", rig_path(&echo.rig, "cert.pem"));
    snprintf(key, sizeof key, "%s", rig_path(&echo.rig, "key.pem"));
    context = tls_context_new(certificate, key, &err);
    assert_non_null(context);
    serve(context);
    SSL_CTX_free(context);
}

static void assert_counted(const char *event, int n)
{
    struct text page = TEXT_MAX(100000);
    char line[200];

    snprintf(line, sizeof line, "countersign_http_connection_events_total{listener=\"test\",event=\"%s\"} %d\n", event, n);
    metrics_write(echo.rig.metrics, &page);
    if (!strstr(text_of(&page), line))
        fail_msg("no %s in:\n%s", line, text_of(&page));
    text_free(&page);
}

static void the_client_is_who_the_header_says(void **state)
{
    struct client c;

    (void)state;
    serve(NULL);
    c = client_connect(&echo.rig, echo.port);
    client_send_n(&c, HEADER GET("/peer"), LEN(HEADER GET("/peer")));
    assert_true(client_sees(&c, "peer 192.0.2.1:0 from a proxy."));
    client_send(&c, GET("/x"));
    assert_true(client_sees(&c, "1 /x []"));
    client_close(&c);
    c = client_connect(&echo.rig, echo.port);
    client_send_n(&c, LOCAL GET("/peer"), LEN(LOCAL GET("/peer")));
    assert_true(client_sees(&c, "peer 127.0.0.1:"));
    assert_int_equal(client_count(&c, "from a proxy"), 0);
    client_close(&c);
}

static void a_header_may_drip_in(void **state)
{
    static const char all[] = HEADER GET("/peer");
    struct client c;

    (void)state;
    serve(NULL);
    c = client_connect(&echo.rig, echo.port);
    for (size_t i = 0; i < sizeof all - 1; i++) {
        client_send_n(&c, all + i, 1);
        rig_run(&echo.rig, 0);
    }
    assert_true(client_sees(&c, "peer 192.0.2.1:0 from a proxy."));
    client_close(&c);
}

/* The header and the client's first message of TLS in one write: not a byte of the latter is lost. */
static void tls_begins_behind_the_header(void **state)
{
    struct client c;
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());
    BIO *in = BIO_new(BIO_s_mem()), *out = BIO_new(BIO_s_mem());
    struct text first = TEXT_MAX(10000);
    char *hello;
    long hello_len;
    int rc = -1;

    (void)state;
    serve_tls();
    c = client_connect(&echo.rig, echo.port);
    c.ssl = SSL_new(context);
    SSL_CTX_free(context);
    SSL_set_bio(c.ssl, in, out);
    assert_int_equal(SSL_get_error(c.ssl, SSL_connect(c.ssl)), SSL_ERROR_WANT_READ);
    hello_len = BIO_get_mem_data(out, &hello);
    text_add_n(&first, HEADER, LEN(HEADER));
    text_add_n(&first, hello, (size_t)hello_len);
    assert_int_equal(send(c.fd, first.at, first.len, MSG_NOSIGNAL), first.len);
    text_free(&first);
    SSL_set_fd(c.ssl, c.fd);
    for (int turns = 0; rc != 1 && turns < 2000; turns++) {
        rc = SSL_connect(c.ssl);
        assert_true(rc == 1 || SSL_get_error(c.ssl, rc) == SSL_ERROR_WANT_READ);
        loop_run_once(echo.rig.loop, 1);
    }
    assert_int_equal(rc, 1);
    client_send(&c, GET("/peer"));
    assert_true(client_sees(&c, "peer 192.0.2.1:0 from a proxy."));
    client_send(&c, GET("/big"));
    assert_true(client_sees(&c, "xxxx"));
    client_close(&c);
    assert_counted("tls", 1);
}

static void who_comes_without_a_header_is_not_served(void **state)
{
    static const char *const first[] = { GET("/x"), "PROXY TCP4 192.0.2.1 10.0.0.1 4711 8443\r\n" GET("/x"),
                                         "\r\n\r\nGET / HTTP/1.1\r\n\r\n" };

    (void)state;
    serve(NULL);
    for (size_t i = 0; i < sizeof first / sizeof *first; i++) {
        struct client c = client_connect(&echo.rig, echo.port);

        client_send(&c, first[i]);
        assert_true(client_sees_end(&c));
        assert_int_equal(c.got.len, 0);
        client_close(&c);
    }
    assert_counted("no-proxy-header", 3);
    assert_int_equal(echo.n_handled, 0);
}

static void tls_without_a_header_is_not_served(void **state)
{
    struct client c;

    (void)state;
    serve_tls();
    c = client_connect_tls(&echo.rig, echo.port, NULL);
    assert_true(c.closed);
    client_close(&c);
    assert_counted("no-proxy-header", 1);
}

static void a_header_has_a_deadline_of_its_own(void **state)
{
    struct client c;

    (void)state;
    serve(NULL);
    c = client_connect(&echo.rig, echo.port);
    client_send_n(&c, HEADER, LEN(HEADER) - 1);
    assert_true(client_sees_nothing(&c, 5));
    clock_move(echo.rig.loop, service_usual_deadlines.preface_ms);
    assert_true(client_sees_end(&c));
    assert_int_equal(c.got.len, 0);
    client_close(&c);
}

static void a_client_that_hangs_up_or_a_server_that_stops_ends_it(void **state)
{
    struct client c;

    (void)state;
    serve_tls();
    c = client_connect(&echo.rig, echo.port);
    client_send_n(&c, HEADER, 7);
    rig_until(&echo.rig, echo.service.n_connections == 1);
    client_close(&c);
    rig_until(&echo.rig, echo.service.n_connections == 0);
    c = client_connect(&echo.rig, echo.port);
    client_send_n(&c, HEADER, 20);
    rig_until(&echo.rig, echo.service.n_connections == 1);
    connection_drain_all(&echo.service);
    assert_true(client_sees_end(&c));
    client_close(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_client_is_who_the_header_says, begin, end),
        cmocka_unit_test_setup_teardown(a_header_may_drip_in, begin, end),
        cmocka_unit_test_setup_teardown(tls_begins_behind_the_header, begin, end),
        cmocka_unit_test_setup_teardown(who_comes_without_a_header_is_not_served, begin, end),
        cmocka_unit_test_setup_teardown(tls_without_a_header_is_not_served, begin, end),
        cmocka_unit_test_setup_teardown(a_header_has_a_deadline_of_its_own, begin, end),
        cmocka_unit_test_setup_teardown(a_client_that_hangs_up_or_a_server_that_stops_ends_it, begin, end),
    };

    return cmocka_run_group_tests_name("connection_preface", tests, NULL, NULL);
}
