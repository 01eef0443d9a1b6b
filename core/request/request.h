/*
 * A client that waits: from the bytes it posted to the answer. Every front (today: http/api.c) calls request_submit().
 * Hang-up and the client's deadline only detach it from the job, which goes on.
 */
#ifndef REQUEST_REQUEST_H
#define REQUEST_REQUEST_H

#include <countersign/plugin.h>

#include "records/visit.h"
#include "request/client.h"
#include "request/order_source.h"

struct heart;   /* everything in request/ that lives as long as the server; heart.h */
struct request;

struct submission {
    const char *front;        /* "http", "self" */
    const char *subject;      /* of "self": SUBJECT_SELF and a name; NULL: that of the CSR */
    struct order_source source;   /* where it comes from, for the order that it may make; request.c keeps it */
    struct credential credential; /* what it shows to say who asks; request.c takes a reference of the certificate */
    const void *body;         /* as posted */
    size_t body_len;
    const char *content_type; /* lower case, without parameters, or "" */
    int64_t deadline_ms; /* on cs_now_ms(): answer by then, at the latest with a retryable problem and the job's place */
    bool detach;         /* do not wait: answer with the job's id as soon as it is stored (Prefer: respond-async) */
    bool respond_async;  /* the job's id is an answer, too, once the deadline has come */
    bool fresh;          /* a stored chain will not do (Cache-Control: no-cache) */
    struct visit *visit; /* that this is; NULL: it is not recorded. request.c ends it, in any case */
};

struct answer {
    const struct cs_error *err; /* NULL: chain, or accepted */
    const char *problem;        /* the CA's own problem document (JSON), or NULL */
    const char *chain;          /* PEM, leaf first, or NULL */
    size_t chain_len;
    const char *job;            /* id, or "" when there is no job */
    const char *step;           /* of a job under way: where it is */
    bool running;               /* the job goes on */
    int64_t wait_ms;            /* of a job that goes on: when its turn may be expected; 0: nothing known */
};
/* On the loop, once, later. All of the answer is valid inside the call only. */
typedef void answer_fn(void *arg, const struct answer *answer);

/* Copies, but for the visit, which is request.c's from now on. NULL without memory: answer busy; the visit has ended. */
struct request *request_submit(struct heart *heart, const struct submission *submission, answer_fn *fn, void *arg);
void request_detach(struct request *request); /* the client is gone: `fn` will not be called */

/* What became of a job: GET /v1/requests/ID. CS_ENOTFOUND "no-such-request". */
struct request *request_look(struct heart *heart, const char *job, answer_fn *fn, void *arg);

#endif
