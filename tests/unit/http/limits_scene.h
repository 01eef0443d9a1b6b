/*
 * The scene of the tests of limits by source: a server whose clients connect from loopback addresses of their own, in front of
 * fakes/heart.c. Included by test_limits*.c.
 */
#ifndef LIMITS_SCENE_H
#define LIMITS_SCENE_H

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "echo.h"

#define POST "POST /v1/sign HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nCSR"
#define POLL "GET /v1/requests/abcdefghijklmnopqrstuvwxyz HTTP/1.1\r\nHost: a\r\n\r\n"

static struct rig rig;
static struct limits_settings settings;
static struct cs_error refused;
static size_t max_connections;
static struct answer chain = { .chain = "CHAIN", .chain_len = 5, .job = "", .step = "" };

static int begin(void **state)
{
    (void)state;
    settings = (struct limits_settings){ .sources = 1024 };
    cs_fail_as(&refused, CS_EINPUT, "bad-der", "that is no CSR");
    rig_begin(&rig);
    clock_freeze(true);
    rig.heart.answer = &chain;
    max_connections = 100;
    return 0;
}

static int end(void **state)
{
    (void)state;
    clock_freeze(false);
    rig_end(&rig);
    return 0;
}

static struct rate rate(const char *text)
{
    struct rate rate;

    assert_int_equal(rate_parse(text, &rate), 0);
    return rate;
}

static void serve(const char *const *proxies, size_t n, enum http_listen what)
{
    const struct http_settings with = { .wait_ms = 300000, .max_connections = max_connections,
                                        .proxies = proxies, .n_proxies = n, .limits = &settings };
    struct cs_error err;

    rig.server = http_server_new(rig.loop, (struct heart *)&rig.heart, rig.metrics, &with, &err);
    assert_non_null(rig.server);
    assert_non_null(http_server_listen(rig.server, rig_listen(AF_INET, NULL, &rig.port), NULL, what, &err));
}

static struct client connect_from(const char *address)
{
    struct sockaddr_in from = { .sin_family = AF_INET }, to = { .sin_family = AF_INET, .sin_port = htons(rig.port) };
    struct client c = { .rig = &rig, .fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), .got = TEXT_MAX(100000) };

    assert_true(c.fd >= 0);
    assert_int_equal(inet_pton(AF_INET, address, &from.sin_addr), 1);
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_int_equal(bind(c.fd, (struct sockaddr *)&from, sizeof from), 0);
    assert_int_equal(connect(c.fd, (struct sockaddr *)&to, sizeof to), 0);
    assert_int_equal(fcntl(c.fd, F_SETFL, O_NONBLOCK), 0);
    return c;
}

/* One request on a connection that stays. */
static void ask(struct client *c, const char *request, const char *wanted)
{
    client_forget(c);
    client_send(c, request);
    assert_true(client_sees(c, wanted));
    assert_true(client_sees(c, "\r\n\r\n"));
    rig_run(&rig, 2);
    (void)client_sees_nothing(c, 2);
}

static void assert_counted(const char *limit, int n)
{
    struct text page = TEXT_MAX(200000);
    char line[128];

    metrics_write(rig.metrics, &page);
    snprintf(line, sizeof line, "countersign_limits_refused_total{limit=\"%s\"} %d\n", limit, n);
    assert_non_null(strstr(text_of(&page), line));
    assert_null(strstr(text_of(&page), "127.0.0.2"));
    text_free(&page);
}

#endif
