/*
 * A heart that answers as a test tells it to: request_submit(), request_look(), request_detach() and revocations without
 * CSRs, jobs or a store. For the tests of http/.
 */
#ifndef FAKES_HEART_H
#define FAKES_HEART_H

#include "engine/loop.h"
#include "request/request.h"
#include "request/revocation.h"

struct request {
    struct heart *heart;
    struct request *next;
    struct mail mail;
    bool mailed, detached;
    answer_fn *fn;
    void *arg;
};

struct heart {
    struct loop *loop;
    const struct answer *answer; /* at the loop's next turn; NULL: the request waits for heart_answer() */
    bool no_memory;

    struct request *waiting; /* oldest first */
    size_t n_submitted, n_looked, n_detached, n_waiting;

    /* The last submission, copied. */
    char body[20000];
    size_t body_len;
    char content_type[100], front[20];
    struct visit *visit;
    struct order_source source; /* kept by nobody */
    int64_t deadline_ms;
    bool detach, fresh;
    char looked_for[100];

    /* Revocations: the body of a holder's stands in `body`. */
    const struct cs_error *refusal; /* at once; NULL: it waits for heart_answer_revocation() */
    struct revocation_ask *asking;  /* the last one */
    struct revocation_wish wish;
    char serial[70], ca[20];
    uint8_t sha256[32];
};

struct revocation_ask {
    struct heart *heart;
    revocation_fn *fn;
    void *arg;
};

/* Answer the request that has waited longest. */
void heart_answer(struct heart *heart, const struct answer *answer);
void heart_answer_revocation(struct heart *heart, const struct revocation_answer *answer);
/* Requests that nobody answered or detached are a fault of the test. */
void heart_end(struct heart *heart);

#endif
