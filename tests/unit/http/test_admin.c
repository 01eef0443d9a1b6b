/* http/admin.c: /healthz, /readyz, /metrics, and nothing else. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "rig.h"

static struct rig rig;

static int begin(void **state)
{
    (void)state;
    rig_begin(&rig);
    rig_serve(&rig, NULL);
    return 0;
}

static int end(void **state)
{
    (void)state;
    rig_end(&rig);
    return 0;
}

static void check(const char *line, const char *status, const char *wanted)
{
    struct client c = client_connect(&rig, rig.admin_port);

    client_send(&c, line);
    client_send(&c, " HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_true(client_sees(&c, status));
    assert_true(client_sees(&c, wanted));
    client_close(&c);
}

static void a_server_that_turns_is_healthy(void **state)
{
    (void)state;
    check("GET /healthz", " 200 OK", "\r\n\r\nok\n");
    check("HEAD /healthz", " 200 OK", "Content-Length: 3\r\n");
}

static void not_ready(void *arg, struct admin_ready *ready)
{
    (void)arg;
    admin_not_ready(ready, "store", "the last write failed: \"disk full\"");
    admin_not_ready(ready, "ca.le", "no directory yet");
}

static void all_well(void *arg, struct admin_ready *ready)
{
    (void)ready;
    ++*(int *)arg;
}

static void readiness_says_what_is_missing(void **state)
{
    int asked = 0;

    (void)state;
    check("GET /readyz", " 200 OK", "\r\n\r\n{\"ready\":true,\"reasons\":[]}");
    http_server_on_ready(rig.server, not_ready, NULL);
    check("GET /readyz", " 503 Service Unavailable",
          "{\"ready\":false,\"reasons\":[{\"part\":\"store\",\"text\":\"the last write failed: \\\"disk full\\\"\"},"
          "{\"part\":\"ca.le\",\"text\":\"no directory yet\"}]}");
    http_server_on_ready(rig.server, all_well, &asked);
    check("GET /readyz", " 200 OK", "\"ready\":true");
    assert_int_equal(asked, 1);
}

static void metrics_are_in_the_text_format(void **state)
{
    (void)state;
    check("GET /healthz", " 200 OK", "ok");
    check("GET /metrics", " 200 OK", "Content-Type: text/plain; version=0.0.4; charset=utf-8\r\n");
    check("GET /metrics", " 200 OK", "countersign_http_connections{listener=\"admin\"} 1\n");
    check("GET /metrics", " 200 OK", "countersign_http_answers_total{listener=\"admin\",route=\"healthz\",status=\"200\"} 1\n");
    check("GET /metrics", " 200 OK", "countersign_http_connection_events_total{listener=\"admin\",event=\"accepted\"} 5\n");
}

static void nothing_else_is_here(void **state)
{
    (void)state;
    check("GET /", " 404 Not Found", "urn:countersign:error:not-found");
    check("POST /v1/sign", " 404 Not Found", "not-found");
    check("GET /healthz/", " 404 Not Found", "not-found");
    check("POST /metrics", " 405 Method Not Allowed", "Allow: GET, HEAD\r\n");
    check("OPTIONS *", " 404 Not Found", "not-found");
    check("BREW /healthz", " 501 Not Implemented", "not-implemented");
    assert_int_equal(rig.heart.n_submitted, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_server_that_turns_is_healthy),
        TEST(readiness_says_what_is_missing),
        TEST(metrics_are_in_the_text_format),
        TEST(nothing_else_is_here),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
