/* engine/http_request.c: what is sent, and how failures are told. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <curl/curl.h>

#include "exchange.h"
#include "private_ca.h"

/* Says back what was asked, or misbehaves. */
static bool answer(struct web_connection *connection, const struct web_request *request)
{
    char head[128];
    size_t len = strlen(request->head);

    if (strstr(request->path, "/redirect ") == request->path)
        return web_say(connection, "HTTP/1.1 302 Found\r\nLocation: /elsewhere\r\nX-Test: kept\r\nContent-Length: 0\r\n\r\n");
    if (strstr(request->path, "/cut ") == request->path)
        return web_say(connection, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nonly this") && false;
    if (strstr(request->path, "/nothing ") == request->path)
        return false;
    if (strstr(request->path, "/garbage ") == request->path)
        return web_say(connection, "SSH-2.0-OpenSSH_9.2\r\n\r\n") && false;
    if (strstr(request->path, "/never ") == request->path) {
        web_wait_for_hang_up(connection);
        return false;
    }
    if (strstr(request->head, "HEAD ") == request->head)
        return web_say(connection, "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\nX-Test: head\r\n\r\n");
    snprintf(head, sizeof head, "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n", len + 1 + request->body_len);
    return web_say(connection, head) && web_write(connection, request->head, len) && web_say(connection, "|") &&
           web_write(connection, request->body, request->body_len);
}

static int begin(void **state)
{
    return web_begin(state, answer, NULL, 8);
}

static void line_is_there(const struct exchange *x, const char *line)
{
    if (x->told != 1 || x->status != 200 || !strstr(x->body, line))
        fail_msg("\"%s\" is not in \"%s\" %s", line, x->body, x->err.text);
}

static void method_headers_and_body_are_sent_as_given(void **state)
{
    const char *const headers[] = { "Content-Type: application/jose+json", "X-One: 1" };
    struct exchange x;

    exchange_run(*state, &x, "/a/../b%20c?d=e",
                 (struct cs_http_request){
                     .method = "POST", .headers = headers, .n_headers = 2, .body = "a\0b", .body_len = 3 });
    line_is_there(&x, "POST /a/../b%20c?d=e HTTP/1.1\r\n");
    line_is_there(&x, "\r\nContent-Type: application/jose+json\r\n");
    line_is_there(&x, "\r\nX-One: 1");
    line_is_there(&x, "\r\nUser-Agent: countersign/test\r\n");
    line_is_there(&x, "\r\nContent-Length: 3");
    assert_true(strstr(x.body, "Expect") == NULL);
    assert_true(strstr(x.body, "Cookie") == NULL);
    assert_memory_equal(x.body + x.body_len - 4, "|a\0b", 4);
}

static void what_was_passed_may_change_after_the_call(void **state)
{
    char header[] = "X-One: 1", method[] = "PATCH", body[] = "body", url[256];
    const char *headers[] = { header };
    struct web *web = *state;
    struct exchange x;

    snprintf(url, sizeof url, "%s/patched", web_server_url(web->server));
    exchange_begin(web, &x, "", (struct cs_http_request){ .method = method, .url = url, .headers = headers, .n_headers = 1,
                                                          .body = body, .body_len = 4 });
    memset(header, 'x', 8);
    memset(method, 'x', 5);
    memset(body, 'x', 4);
    memset(url, 'x', 200);
    headers[0] = NULL;
    exchange_wait(web, &x);
    line_is_there(&x, "PATCH /patched HTTP/1.1\r\n");
    line_is_there(&x, "\r\nX-One: 1");
    line_is_there(&x, "|body");
    assert_true(strstr(x.body, "Content-Type") == NULL);
}

static void each_method_has_its_form(void **state)
{
    struct exchange x;

    exchange_run(*state, &x, "/", (struct cs_http_request){ .method = "GET" });
    line_is_there(&x, "GET / HTTP/1.1\r\n");
    assert_true(strstr(x.body, "Content-Length") == NULL);
    exchange_run(*state, &x, "/", (struct cs_http_request){ .method = "POST" });
    line_is_there(&x, "\r\nContent-Length: 0");
    exchange_run(*state, &x, "/", (struct cs_http_request){ .method = "DELETE" });
    line_is_there(&x, "DELETE / HTTP/1.1\r\n");
    exchange_run(*state, &x, "/", (struct cs_http_request){ .method = "HEAD" });
    assert_int_equal(x.status, 200);
    assert_int_equal(x.body_len, 0);
    assert_string_equal(x.x_test[0], "head");
}

static void a_long_body_leaves_in_pieces(void **state)
{
    static char body[60000];
    struct exchange x;

    memset(body, 'b', sizeof body);
    exchange_run(*state, &x, "/", (struct cs_http_request){ .method = "POST", .body = body, .body_len = sizeof body });
    assert_int_equal(x.status, 200);
    assert_true(x.body_len > sizeof body);
}

static void a_redirect_is_an_answer_and_not_followed(void **state)
{
    struct exchange x;

    exchange_run(*state, &x, "/redirect", (struct cs_http_request){ 0 });
    assert_int_equal(x.status, 302);
    assert_string_equal(x.x_test[0], "kept");
}

static void an_old_request_struct_is_read_no_further_than_it_goes(void **state)
{
    struct cs_http_request request;
    struct web *web = *state;
    struct exchange x = { 0 };
    char url[256];

    memset(&request, 0xff, sizeof request);
    snprintf(url, sizeof url, "%s/old", web_server_url(web->server));
    request.size = offsetof(struct cs_http_request, headers);
    request.method = "GET";
    request.url = url;
    cs_http_send(&web->in, &request, exchange_told, &x);
    exchange_wait(web, &x);
    line_is_there(&x, "GET /old HTTP/1.1\r\n");
}

static void failed(struct web *web, const char *path, struct cs_http_request request, enum cs_code code, const char *why)
{
    struct exchange x;

    exchange_begin(web, &x, path, request);
    assert_int_equal(x.told, 0);
    exchange_wait(web, &x);
    assert_int_equal(x.told, 1);
    assert_int_equal(x.status, 0);
    if (x.err.code != code || !strstr(x.err.text, why))
        fail_msg("%s: %d \"%s\" does not say \"%s\"", path, (int)x.err.code, x.err.text, why);
}

static void a_request_that_cannot_be_is_refused_later(void **state)
{
    const char *const bad_headers[] = { "no colon", "Bad Name: x", "X: y\r\nZ: w", ": x", "" };

    failed(*state, "/", (struct cs_http_request){ .method = "G T" }, CS_EINTERNAL, "no valid method");
    failed(*state, "/", (struct cs_http_request){ .method = "GET\r\n" }, CS_EINTERNAL, "no valid method");
    failed(*state, "/", (struct cs_http_request){ .url = "http://ca.example/" }, CS_ECONFIG,
           "plain http is only for this machine");
    for (size_t i = 0; i < 5; i++)
        failed(*state, "/", (struct cs_http_request){ .headers = &bad_headers[i], .n_headers = 1 }, CS_EINTERNAL, "header");
}

static void a_connection_that_breaks_is_told(void **state)
{
    failed(*state, "/cut", (struct cs_http_request){ 0 }, CS_EUPSTREAM, "the connection was cut before the whole answer came");
    failed(*state, "/nothing", (struct cs_http_request){ 0 }, CS_EUPSTREAM, "the connection was cut before the whole answer");
    failed(*state, "/garbage", (struct cs_http_request){ 0 }, CS_EUPSTREAM, "HTTP");
}

static void a_server_that_never_answers_ends_at_the_timeout(void **state)
{
    int64_t before_ms = cs_now_ms();

    failed(*state, "/never", (struct cs_http_request){ .timeout_ms = 100 }, CS_ETIMEDOUT, "no whole answer within 100 ms");
    assert_true(cs_now_ms() - before_ms >= 100);
}

static void a_server_that_is_not_there_is_told(void **state)
{
    struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t len = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    char url[64];

    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof address), 0); /* bound, but nobody listens */
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &len), 0);
    snprintf(url, sizeof url, "http://127.0.0.1:%d/", ntohs(address.sin_port));
    failed(*state, "", (struct cs_http_request){ .url = url }, CS_EUPSTREAM, "cannot connect to 127.0.0.1:");
    close(fd);
}

static void a_socket_that_we_cannot_have_is_not_the_servers_fault(void **state)
{
    struct rlimit had, none;
    int next = dup(STDERR_FILENO);

    assert_true(next >= 0);
    close(next);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &had), 0);
    none = (struct rlimit){ .rlim_cur = (rlim_t)next, .rlim_max = had.rlim_max };
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    failed(*state, "/", (struct cs_http_request){ .method = "GET" }, CS_EBUSY, "no socket to connect to 127.0.0.1");
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &had), 0);
}

/* ---- TLS --------------------------------------------------------------------------------------------------------- */

static struct private_ca *ca, *other_ca;

static int begin_tls(void **state)
{
    ca = private_ca_new("Test root");
    other_ca = private_ca_new("Another root");
    return web_begin(state, answer, private_ca_server(ca, "127.0.0.1"), 8);
}

static int end_tls(void **state)
{
    int rc = web_end(state);

    private_ca_free(ca);
    private_ca_free(other_ca);
    return rc;
}

static void a_private_ca_works_when_its_file_is_named(void **state)
{
    struct exchange x;

    exchange_run(*state, &x, "/tls", (struct cs_http_request){ .ca_file = private_ca_file(ca) });
    line_is_there(&x, "GET /tls HTTP/1.1\r\n");
}

static unsigned char offered[64];

static int note_offer(SSL *tls, const unsigned char **out, unsigned char *out_len, const unsigned char *in, unsigned in_len,
                      void *arg)
{
    (void)tls, (void)arg;
    memcpy(offered, in, in_len < sizeof offered ? in_len : sizeof offered);
    *out = in + 1;
    *out_len = in[0];
    return SSL_TLSEXT_ERR_OK;
}

static int begin_alpn(void **state)
{
    ca = private_ca_new("Test root");
    other_ca = private_ca_new("Another root");
    memset(offered, 0, sizeof offered);
    SSL_CTX_set_alpn_select_cb(private_ca_server(ca, "127.0.0.1"), note_offer, NULL);
    return web_begin(state, answer, ca->server, 8);
}

static void only_version_1_1_is_offered_to_a_server(void **state)
{
    struct exchange x;

    exchange_run(*state, &x, "/tls", (struct cs_http_request){ .ca_file = private_ca_file(ca) });
    line_is_there(&x, "GET /tls HTTP/1.1\r\n");
    assert_string_equal(offered, "\x08http/1.1");
}

static void a_private_ca_is_not_trusted_by_itself(void **state)
{
    failed(*state, "/", (struct cs_http_request){ 0 }, CS_EUPSTREAM, "set `ca_file` if its CA is a private one");
    failed(*state, "/", (struct cs_http_request){ .insecure = true }, CS_EUPSTREAM, "its certificate is not trusted");
    failed(*state, "/", (struct cs_http_request){ .ca_file = private_ca_file(other_ca) }, CS_EUPSTREAM,
           "its certificate is not one of `ca_file`");
}

static void a_connection_is_not_used_under_other_trust(void **state)
{
    struct web *web = *state;
    struct exchange x;

    exchange_run(web, &x, "/", (struct cs_http_request){ .ca_file = private_ca_file(ca) });
    assert_int_equal(x.status, 200);
    failed(web, "/", (struct cs_http_request){ .ca_file = private_ca_file(other_ca) }, CS_EUPSTREAM, "its certificate");
    exchange_run(web, &x, "/", (struct cs_http_request){ .ca_file = private_ca_file(ca) });
    assert_int_equal(x.status, 200);
    assert_int_equal(web_server_connections(web->server), 2);
}

static void a_certificate_for_another_name_is_refused(void **state)
{
    struct web *web = *state;
    char url[64];

    snprintf(url, sizeof url, "https://localhost%s/", strrchr(web_server_url(web->server), ':'));
    failed(web, "", (struct cs_http_request){ .url = url, .ca_file = private_ca_file(ca) }, CS_EUPSTREAM, "its certificate");
}

static void a_ca_file_that_is_not_there_is_told(void **state)
{
    failed(*state, "/", (struct cs_http_request){ .ca_file = "/nonexistent/ca.pem" }, CS_ECONFIG,
           "cannot read the trust anchors in /nonexistent/ca.pem");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(method_headers_and_body_are_sent_as_given, begin, web_end),
        cmocka_unit_test_setup_teardown(what_was_passed_may_change_after_the_call, begin, web_end),
        cmocka_unit_test_setup_teardown(each_method_has_its_form, begin, web_end),
        cmocka_unit_test_setup_teardown(a_long_body_leaves_in_pieces, begin, web_end),
        cmocka_unit_test_setup_teardown(a_redirect_is_an_answer_and_not_followed, begin, web_end),
        cmocka_unit_test_setup_teardown(an_old_request_struct_is_read_no_further_than_it_goes, begin, web_end),
        cmocka_unit_test_setup_teardown(a_request_that_cannot_be_is_refused_later, begin, web_end),
        cmocka_unit_test_setup_teardown(a_connection_that_breaks_is_told, begin, web_end),
        cmocka_unit_test_setup_teardown(a_server_that_never_answers_ends_at_the_timeout, begin, web_end),
        cmocka_unit_test_setup_teardown(a_server_that_is_not_there_is_told, begin, web_end),
        cmocka_unit_test_setup_teardown(a_socket_that_we_cannot_have_is_not_the_servers_fault, begin, web_end),
        cmocka_unit_test_setup_teardown(a_private_ca_works_when_its_file_is_named, begin_tls, end_tls),
        cmocka_unit_test_setup_teardown(only_version_1_1_is_offered_to_a_server, begin_alpn, end_tls),
        cmocka_unit_test_setup_teardown(a_private_ca_is_not_trusted_by_itself, begin_tls, end_tls),
        cmocka_unit_test_setup_teardown(a_connection_is_not_used_under_other_trust, begin_tls, end_tls),
        cmocka_unit_test_setup_teardown(a_certificate_for_another_name_is_refused, begin_tls, end_tls),
        cmocka_unit_test_setup_teardown(a_ca_file_that_is_not_there_is_told, begin_tls, end_tls),
    };

    curl_global_init(CURL_GLOBAL_DEFAULT);
    return cmocka_run_group_tests_name("http_request", tests, NULL, NULL);
}
