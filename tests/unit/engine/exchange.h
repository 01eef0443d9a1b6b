/*
 * One exchange with a fake web server and what came of it: for the tests of the http files.
 */
#ifndef TESTS_EXCHANGE_H
#define TESTS_EXCHANGE_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../fakes/web_server.h"
#include "engine/clock.h"
#include "engine/host.h"
#include "engine/http_client.h"

struct exchange {
    int told, status;
    size_t body_len;
    char body[4096];
    char content_type[128], x_test[2][128];
    int64_t retry_after_ms, date_ms;
    struct cs_error err;
};

struct web {
    struct web_server *server;
    struct loop *loop;
    struct cs_instance in;
};

static inline void exchange_told(void *arg, const struct cs_http_reply *reply, const struct cs_error *err)
{
    struct exchange *x = arg;

    x->told++;
    if (err)
        x->err = *err;
    if (!reply)
        return;
    x->status = reply->status;
    x->body_len = reply->body_len;
    memcpy(x->body, reply->body, reply->body_len < sizeof x->body ? reply->body_len + 1 : sizeof x->body);
    snprintf(x->content_type, sizeof x->content_type, "%s", reply->content_type);
    x->retry_after_ms = reply->retry_after_ms;
    x->date_ms = reply->date_ms;
    for (size_t i = 0; i < 2; i++) {
        const char *value = cs_http_header(reply, "x-TEST", i);

        snprintf(x->x_test[i], sizeof x->x_test[i], "%s", value ? value : "(none)");
    }
}

static inline struct cs_http *exchange_begin(struct web *web, struct exchange *x, const char *path,
                                             struct cs_http_request request)
{
    char url[256];

    *x = (struct exchange){ 0 };
    snprintf(url, sizeof url, "%s%s", web_server_url(web->server), path);
    request.size = sizeof request;
    if (!request.url)
        request.url = url;
    if (!request.method)
        request.method = "GET";
    return cs_http_send(&web->in, &request, exchange_told, x);
}

static inline void exchange_wait(struct web *web, const struct exchange *x)
{
    for (int i = 0; i < 2000 && !x->told; i++)
        loop_run_once(web->loop, 10);
}

static inline void exchange_run(struct web *web, struct exchange *x, const char *path, struct cs_http_request request)
{
    exchange_begin(web, x, path, request);
    exchange_wait(web, x);
}

static inline int web_begin(void **state, web_fn *fn, struct ssl_ctx_st *tls, size_t most)
{
    struct web *web = calloc(1, sizeof *web);

    if (!web)
        return -1;
    web->loop = loop_new(NULL);
    web->in = (struct cs_instance){ .name = "le", .who = "ca.le", .loop = web->loop };
    web->in.http = http_client_new(web->loop, "countersign/test", most, NULL);
    web->server = web_server_start(fn, tls);
    *state = web;
    return web->in.http ? 0 : -1;
}

static inline int web_end(void **state)
{
    struct web *web = *state;

    http_client_free(web->in.http);
    web_server_stop(web->server);
    loop_free(web->loop);
    free(web);
    return 0;
}

#endif
