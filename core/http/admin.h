/*
 * The operator's pages: /healthz, /readyz, /metrics, on listeners of their own. server.c joins it to them.
 */
#ifndef HTTP_ADMIN_H
#define HTTP_ADMIN_H

#include "http/service.h"

/* What keeps the server from being ready is collected here while the question is answered. */
struct admin_ready;
void admin_not_ready(struct admin_ready *ready, const char *part, const char *text); /* "store", "the last write failed: …" */

/* Asked at every /readyz; says nothing when all is well. */
typedef void admin_ready_fn(void *arg, struct admin_ready *ready);

struct admin {
    struct metrics *metrics;
    admin_ready_fn *ask; /* may be NULL */
    void *arg;
};

/* service_check_fn and service_handle_fn; `arg` is a struct admin. */
bool admin_check(void *arg, struct connection *c, const struct message *m);
void admin_handle(void *arg, struct connection *c, const struct message *m, const char *body, size_t body_len);

#endif
