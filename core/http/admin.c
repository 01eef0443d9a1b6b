/*
 * Answers the operator's questions; see admin.h. Called by connection.c.
 */
#include "http/admin.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "http/connection.h"

#define MAX_METRICS   (8 * 1024 * 1024)
#define READY_RETRY_S 5

struct admin_ready {
    json_t *reasons;
};

void admin_not_ready(struct admin_ready *ready, const char *part, const char *text)
{
    json_array_append_new(ready->reasons, json_pack("{s:s, s:s}", "part", part, "text", text));
}

static void answer_text(struct connection *c, const char *route, const char *type, const char *text, size_t len)
{
    connection_answer(c, &(struct reply){ .status = 200, .route = route, .content_type = type, .body = text, .body_len = len });
}

static void healthz(struct admin *admin, struct connection *c)
{
    (void)admin;
    answer_text(c, "healthz", "text/plain; charset=utf-8", "ok\n", strlen("ok\n"));
}

static void readyz(struct admin *admin, struct connection *c)
{
    struct admin_ready ready = { .reasons = json_array() };
    json_t *json;
    bool is_ready;
    char *text;

    if (admin->ask)
        admin->ask(admin->arg, &ready);
    is_ready = json_array_size(ready.reasons) == 0;
    json = json_pack("{s:b, s:o}", "ready", is_ready, "reasons", ready.reasons);
    text = json ? json_dumps(json, JSON_COMPACT) : NULL;
    connection_answer(c, &(struct reply){ .status = is_ready && text ? 200 : 503,
                                          .route = "readyz",
                                          .content_type = text ? "application/json" : NULL,
                                          .body = text,
                                          .body_len = text ? strlen(text) : 0,
                                          .retry_after_s = is_ready ? 0 : READY_RETRY_S });
    free(text);
    json_decref(json);
}

static void metrics(struct admin *admin, struct connection *c)
{
    struct text text = TEXT_MAX(MAX_METRICS);

    metrics_write(admin->metrics, &text);
    answer_text(c, "metrics", "text/plain; version=0.0.4; charset=utf-8", text_of(&text), text.len);
    text_free(&text);
}

static const struct {
    const char *path, *route;
    void (*answer)(struct admin *admin, struct connection *c);
} pages[] = {
    { "/healthz", "healthz", healthz },
    { "/readyz", "readyz", readyz },
    { "/metrics", "metrics", metrics },
};

static void refuse(struct connection *c, const char *route, int status, const char *detail)
{
    struct problem problem = problem_of_http(status, detail);

    connection_answer_problem(c, &problem, &(struct reply){ .route = route, .allow = status == 405 ? "GET, HEAD" : NULL });
}

/* The page's index, or -1 when it has been answered. */
static int find_page(struct connection *c, const struct message *m)
{
    for (size_t i = 0; i < sizeof pages / sizeof *pages; i++) {
        if (!syntax_same(message_path(m), pages[i].path))
            continue;
        if (m->method == METHOD_GET || m->method == METHOD_HEAD)
            return (int)i;
        if (m->method == METHOD_OTHER)
            break;
        refuse(c, pages[i].route, 405, "This page can be got, nothing else.");
        return -1;
    }
    if (m->method == METHOD_OTHER)
        refuse(c, "other", 501, "This server does not know this method.");
    else
        refuse(c, "other", 404, "There are /healthz, /readyz and /metrics here.");
    return -1;
}

bool admin_check(void *arg, struct connection *c, const struct message *m)
{
    (void)arg;
    return find_page(c, m) >= 0;
}

void admin_handle(void *arg, struct connection *c, const struct message *m, const char *body, size_t body_len)
{
    int page = find_page(c, m);

    (void)body, (void)body_len;
    if (page >= 0)
        pages[page].answer(arg, c);
}
