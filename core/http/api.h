/*
 * The public API, version 1: POST /v1/sign and GET /v1/requests/ID (docs/api.md). Everything that takes long is asked of
 * request/request.h. server.c joins it to the public listeners.
 */
#ifndef HTTP_API_H
#define HTTP_API_H

#include "http/limits.h"
#include "http/proxies.h"
#include "http/service.h"
#include "request/request.h"

struct api {
    struct heart *heart;
    struct metrics *metrics;
    struct visits *visits; /* NULL: none are recorded */
    bool visits_are_lost;  /* though they should be */
    struct proxies proxies;
    struct limits *limits; /* NULL: none */
    int64_t wait_ms; /* how long a client waits by default, and at most */
};

/* service_check_fn and service_handle_fn; `arg` is a struct api. */
bool api_check(void *arg, struct connection *c, const struct message *m);
void api_handle(void *arg, struct connection *c, const struct message *m, const char *body, size_t body_len);

#endif
