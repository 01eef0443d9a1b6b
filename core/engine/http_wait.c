/*
 * cs_http_send_wait(): a worker sends a request over the loop's connections and reads the answer itself. Called by blocking
 * plugins.
 */
#include <stdatomic.h>
#include <stdlib.h>

#include "engine/host.h"
#include "engine/http_parts.h"
#include "engine/wait.h"

struct errand {
    atomic_int refs; /* the worker, the wait */
    struct cs_instance *in;
    const struct cs_http_request *request; /* the worker's: used while it surely waits */
    struct wait *wait;
    struct http_answer *answer;
};

static void errand_drop(void *arg)
{
    struct errand *errand = arg;

    if (--errand->refs > 0)
        return;
    http_answer_free(errand->answer);
    free(errand);
}

static void on_reply(void *arg, const struct cs_http_reply *reply, const struct cs_error *err)
{
    struct errand *errand = arg;

    if (reply)
        errand->answer = http_answer_take(reply);
    wait_done(errand->wait, err);
}

static void start(void *arg, struct wait *wait)
{
    struct errand *errand = arg;
    struct cs_error err;

    errand->wait = wait;
    if (cs_http_send(errand->in, errand->request, on_reply, errand))
        return;
    cs_fail(&err, CS_ESHUTDOWN, "no request can be sent: the server is stopping");
    wait_done(wait, &err);
}

int cs_http_send_wait(struct cs_instance *in, const struct cs_http_request *request, cs_http_fn *done, void *arg,
                      struct cs_error *err)
{
    struct errand *errand = calloc(1, sizeof *errand);
    int rc;

    if (!errand)
        return cs_fail(err, CS_EBUSY, "no memory for a request");
    *errand = (struct errand){ .refs = 2, .in = in, .request = request };
    rc = wait_for(in->loop, NULL, start, errand, errand_drop, err);
    if (rc == 0)
        done(arg, &errand->answer->reply, NULL);
    errand_drop(errand);
    return rc;
}
