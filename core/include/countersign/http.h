/*
 * Outgoing HTTP for plugins: one curl multi on the core's loop, with kept-alive connections, limits and no redirects.
 */
#ifndef COUNTERSIGN_HTTP_H
#define COUNTERSIGN_HTTP_H

#include <countersign/plugin.h>

#ifdef __cplusplus
extern "C" {
#endif

struct cs_http_request {
    uint32_t size;
    const char *method;         /* "GET", "HEAD", "POST", "PATCH", …                                              */
    const char *url;            /* https; http only to a loopback address or with `insecure`                      */
    const char *const *headers; /* "Name: value" each                                                             */
    size_t n_headers;
    const void *body;
    size_t body_len;
    int64_t timeout_ms;  /* for the whole exchange; 0: 30 s                                                       */
    size_t max_reply;    /* bytes of body; 0: 1 MiB. More is an error.                                            */
    const char *ca_file; /* PEM trust anchors; NULL or "": the system's                                           */
    bool insecure;       /* allow http to any host; TLS is always verified                                        */
};

/* Valid inside the callback only. */
struct cs_http_reply {
    uint32_t size;
    int status;
    const char *body; /* NUL-terminated after body_len bytes */
    size_t body_len;
    const char *content_type;  /* lower case, without parameters, or "" */
    int64_t retry_after_ms;    /* from Retry-After, seconds or date (RFC 9110 10.2.3), at most 7 days; 0: none, or over */
    int64_t date_ms;           /* the Date header on the wall clock; 0: none */
    const void *internal;
};

/* Value number `index` (from 0) of a header, name compared without case; NULL: there is none. Inside the callback. */
CS_EXPORT const char *cs_http_header(const struct cs_http_reply *reply, const char *name, size_t index);

/* The reason of an error of an exchange that was not made, because the CA of this instance is out. An order that ends with it
 * is not lost: the core goes on with it, from the step that was saved last, when the CA is back. */
#define CS_CA_OUT "ca-out"

/* `reply` is NULL when no whole answer came: `err` then says why. Any status is a reply, not an error. */
typedef void cs_http_fn(void *arg, const struct cs_http_reply *reply, const struct cs_error *err);

struct cs_http;
/* Send a request; everything is copied. `done` runs once, on the loop, later, unless cs_http_cancel() came first. A request
 * that is wrong in itself ends in `done`, too. NULL: no memory, or the server is stopping; `done` will not run. */
CS_EXPORT struct cs_http *cs_http_send(struct cs_instance *in, const struct cs_http_request *request, cs_http_fn *done,
                                       void *arg);
CS_EXPORT void cs_http_cancel(struct cs_http *http); /* NULL is allowed; not inside its own callback */

/* The same in a worker: `done` is called in this worker, before the function returns 0; -1: no answer, *err says why. */
CS_EXPORT int cs_http_send_wait(struct cs_instance *in, const struct cs_http_request *request, cs_http_fn *done, void *arg,
                                struct cs_error *err);

#ifdef __cplusplus
}
#endif
#endif
