/*
 * A heart that answers as a test tells it to: request_submit(), request_look() and request_detach() without CSRs, jobs or a
 * store. For the tests of http/.
 */
#ifndef FAKES_HEART_H
#define FAKES_HEART_H

#include "engine/loop.h"
#include "request/request.h"

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
    int64_t deadline_ms;
    bool detach, fresh;
    char looked_for[100];
};

/* Answer the request that has waited longest. */
void heart_answer(struct heart *heart, const struct answer *answer);
/* Requests that nobody answered or detached are a fault of the test. */
void heart_end(struct heart *heart);

#endif
