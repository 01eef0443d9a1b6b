/*
 * The echo service; see echo.h.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "echo.h"

#include "base/address.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define BIG (8 * 1024 * 1024)

static void answer_text(struct connection *c, const char *body, size_t len)
{
    connection_answer(
        c, &(struct reply){ .status = 200, .route = "echo", .content_type = "text/plain", .body = body, .body_len = len });
}

static void answer_big(struct connection *c)
{
    char *body = malloc(BIG);

    assert_non_null(body);
    memset(body, 'x', BIG);
    answer_text(c, body, BIG);
    free(body);
}

static void answer_peer(struct connection *c)
{
    const struct peer *peer = connection_peer(c);
    struct text text = TEXT_MAX(300);
    char address[128];

    address_text(address, &peer->address.any, peer->len);
    text_addf(&text, "peer %s%s.", address, peer->from_proxy ? " from a proxy" : "");
    answer_text(c, text_of(&text), text.len);
    text_free(&text);
}

static void on_gone(void *arg)
{
    struct echo *echo = arg;

    echo->n_gone++;
    echo->waiting = NULL;
}

static void handle(void *arg, struct connection *c, const struct message *m, const char *body, size_t body_len)
{
    struct echo *echo = arg;
    struct span path = message_path(m);
    struct text text = TEXT_MAX(40000);

    echo->n_handled++;
    if (syntax_same(path, "/wait")) {
        echo->waiting = c;
        connection_wait(c, cs_now_ms() + echo->wait_ms, on_gone, echo);
        return;
    }
    if (syntax_same(path, "/peer")) {
        answer_peer(c);
        return;
    }
    if (syntax_same(path, "/big")) {
        answer_big(c);
        return;
    }
    text_addf(&text, "%d %.*s [%.*s]", (int)m->method, (int)path.len, path.at, (int)body_len, body);
    answer_text(c, text_of(&text), text.len);
    text_free(&text);
}

static bool check(void *arg, struct connection *c, const struct message *m)
{
    struct echo *echo = arg;
    struct problem problem = problem_of_http(404, "not here");

    echo->n_checked++;
    if (!syntax_same(message_path(m), "/refuse"))
        return true;
    connection_answer_problem(c, &problem, &(struct reply){ .route = "echo" });
    return false;
}

static void on_room(void *arg)
{
    struct echo *echo = arg;

    if (echo->listener)
        listener_room(echo->listener);
}

void echo_begin_bare(struct echo *echo)
{
    *echo = (struct echo){ .wait_ms = 300000 };
    rig_begin(&echo->rig);
    echo->service = (struct service){ .loop = echo->rig.loop,
                                      .metrics = echo->rig.metrics,
                                      .name = "test",
                                      .deadlines = service_usual_deadlines,
                                      .max_connections = 100,
                                      .check = check,
                                      .handle = handle,
                                      .handler = echo,
                                      .on_room = on_room,
                                      .room = echo };
}

void echo_begin(struct echo *echo, SSL_CTX *tls)
{
    struct cs_error err;

    echo_begin_bare(echo);
    echo->listener = listener_new(&echo->service, rig_listen(AF_INET, NULL, &echo->port), tls, &err);
    assert_non_null(echo->listener);
}

void echo_end(struct echo *echo)
{
    listener_free(echo->listener);
    echo->listener = NULL;
    connection_close_all(&echo->service);
    assert_int_equal(echo->service.n_connections, 0);
    rig_end(&echo->rig);
}

void echo_answer(struct echo *echo)
{
    struct connection *c = echo->waiting;

    assert_non_null(c);
    echo->waiting = NULL;
    answer_text(c, "waited", strlen("waited"));
}
