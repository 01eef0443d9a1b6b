/*
 * ca-example-async
 *
 * Has another service sign: posts the CSR to it over HTTP, and takes the chain from its answer. That is how csr_proxy, another
 * Countersign (`POST /v1/sign`) and many private CAs are asked. The core loads it as the configuration's `ca` section says, and
 * calls sign() for each order.
 *
 * Nothing here waits: everything runs on the core's loop, and an order is a question and an answer later. Hundreds of them can
 * be under way without a thread. Read it from the end: the descriptor names what the core may call. `backend.py` plays the
 * service for a trial.
 */
#define _POSIX_C_SOURCE 200809L

#include <countersign/ca.h>
#include <countersign/http.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- Settings ---------------------------------------------------------------------------------------------------- */

/* What the operator writes into the block. The core fills the struct from the table below, and checks types and ranges, before
 * it opens the plugin. */
struct settings {
    const char *url, *ca_file;
    int64_t timeout;
    bool insecure;
};

/* Type, field, default (NULL: the operator must write it), one line of help for `countersign plugin help`. */
static const struct cs_option settings[] = {
    CS_SETTING(URL, struct settings, url, NULL, "where CSRs are posted"),
    CS_SETTING(STRING, struct settings, ca_file, "", "trust anchors for that address, PEM; empty: the system's"),
    CS_SETTING_RANGE(SECONDS, struct settings, timeout, "300s", 1000, 3600000, "wait so long for a chain"),
    CS_SETTING(BOOL, struct settings, insecure, "false", "allow http to any host"),
    CS_SETTINGS_END,
};

/* One block of the configuration. There may be several, so nothing may live outside of it. Everything runs on one thread, so it
 * needs no lock. */
struct plugin {
    struct cs_instance *in;
    const struct settings *settings;
};

/* One call of sign(), from its start to its end. */
struct call {
    const struct plugin *p;
    struct cs_op *op;
    const struct cs_order *order; /* the op's copy: valid until the op is finished */
    struct cs_http *http;         /* the request under way, or NULL */
};

/* ---- The end of a call ------------------------------------------------------------------------------------------- */

/* An op is finished exactly once: with a chain, or here. */
static void fail(struct call *call, const struct cs_error *err)
{
    struct cs_op *op = call->op;

    cs_http_cancel(call->http);
    free(call);
    cs_op_err(op, err); /* timers of cs_op_after() end with the op */
}

/* The op's deadline passed, or the server stops. The core has told whoever waits; we end our work. */
static void on_cancel(void *arg, enum cs_cancel why)
{
    struct call *call = arg;
    struct cs_error err = { 0 };

    if (why == CS_SHUTDOWN)
        cs_fail(&err, CS_ESHUTDOWN, "the server is stopping");
    else
        cs_fail(&err, CS_ETIMEDOUT, "%s did not answer in time", call->p->settings->url);
    fail(call, &err);
}

/* The code says who must act, the text what was seen and what to do. The service's own words go to the client and the operator
 * as they are. */
static void refuse(struct call *call, const struct cs_http_reply *reply)
{
    const char *url = call->p->settings->url;
    struct cs_error err = { 0 };

    if (strcmp(reply->content_type, "application/problem+json") == 0)
        cs_op_problem(call->op, reply->body, reply->body_len);
    switch (reply->status) {
    case 401:
    case 404:
        cs_fail(&err, CS_ECONFIG, "%s does not sign for us (%d): mend `url`, or have us let in there", url, reply->status);
        break;
    case 429:
        cs_fail(&err, CS_ELIMIT, "%s takes no more orders for now (429)", url);
        break;
    default:
        cs_fail(&err, reply->status >= 500 ? CS_EUPSTREAM : CS_EREFUSED, "%s answered %d", url, reply->status);
    }
    err.retry_after_ms = reply->retry_after_ms; /* after cs_fail(), which begins a new error */
    fail(call, &err);
}

/* ---- The order: post, and post again while the service is busy --------------------------------------------------- */

static void post(void *arg);
static void on_reply(void *arg, const struct cs_http_reply *reply, const struct cs_error *err);

static void post(void *arg)
{
    static const char *const headers[] = { "Content-Type: application/pkcs10", "Accept: application/problem+json" };
    struct call *call = arg;
    const struct settings *s = call->p->settings;
    struct cs_error err = { 0 };
    const struct cs_http_request request = {
        .size = sizeof request,
        .method = "POST",
        .url = s->url,
        .headers = headers,
        .n_headers = 2,
        .body = call->order->csr,
        .body_len = call->order->csr_len,
        .timeout_ms = s->timeout,
        .ca_file = s->ca_file,
        .insecure = s->insecure,
    };

    cs_op_step(call->op, "post"); /* for the client that asks where its order is */
    call->http = cs_http_send(call->p->in, &request, on_reply, call); /* copies everything */
    if (!call->http) {
        cs_fail(&err, CS_ESHUTDOWN, "no request can be sent: the server is stopping");
        fail(call, &err);
    }
}

/* Later, on the loop. The reply is valid until we return. The core checks the chain (key, names, dates, signatures) before
 * anybody gets it. */
static void on_reply(void *arg, const struct cs_http_reply *reply, const struct cs_error *err)
{
    struct call *call = arg;
    struct cs_chain chain = { .size = sizeof chain, .url = "", .profile = "" };
    struct cs_op *op = call->op;

    call->http = NULL;
    if (!reply) {
        fail(call, err);
    } else if (reply->status == 503 && reply->retry_after_ms > 0) {
        cs_op_step(op, "wait");
        cs_op_after(op, reply->retry_after_ms, post, call); /* the op's deadline ends this, if nothing else does */
    } else if (reply->status != 200) {
        refuse(call, reply);
    } else {
        chain.pem = reply->body;
        chain.len = reply->body_len;
        free(call);
        cs_op_ok_chain(op, &chain); /* copies */
    }
}

/* Runs on the loop and returns at once. The core has checked the CSR: strict DER, signed by its own key, names allowed. A
 * service that wants to see TXT records would get them by cs_challenge_put(). */
static void sign(void *self, const struct cs_order *order, struct cs_op *op)
{
    struct call *call = calloc(1, sizeof *call);
    struct cs_error err = { 0 };

    if (!call) {
        cs_fail(&err, CS_EINTERNAL, "out of memory");
        cs_op_err(op, &err);
        return;
    }
    *call = (struct call){ .p = self, .op = op, .order = order };
    cs_op_on_cancel(op, on_cancel, call);
    post(call);
}

/* ---- The plugin -------------------------------------------------------------------------------------------------- */

/* Once for each block of the configuration, on the loop: it may not wait. */
static int plugin_open(struct cs_instance *in, const void *conf, void **self, struct cs_error *err)
{
    struct plugin *p = calloc(1, sizeof *p);

    if (!p)
        return cs_fail(err, CS_EINTERNAL, "out of memory");
    p->in = in;
    p->settings = conf;
    *self = p;
    return 0;
}

/* Every op is finished: nothing of ours is under way any more. */
static void plugin_close(void *self)
{
    free(self);
}

/* Without `resume` an order that a restart interrupts is signed anew: here that does no harm, as the service answers a CSR that
 * it knows with the chain that there is. Where it would cost something, save what was reached: cs_op_save(). */
static const struct cs_ca_ops ca = { .size = sizeof ca, .sign = sign };

CS_PLUGIN("ca-example-async", "0.1", "has another service sign, over HTTP",
          .settings = settings, .settings_size = sizeof(struct settings), .open = plugin_open, .close = plugin_close,
          .ca = &ca);
