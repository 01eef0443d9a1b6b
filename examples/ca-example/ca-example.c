/*
 * ca-example
 *
 * Has another service sign: posts the CSR to it over HTTP, and takes the chain from its answer. That is how csr_proxy, another
 * Countersign (`POST /v1/sign`) and many private CAs are asked. The core loads it as the configuration's `ca` section says, and
 * calls sign() for each order.
 *
 * Read it from the end: the descriptor names what the core may call. `backend.py` plays the service for a trial.
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

/* One block of the configuration. There may be several, so nothing may live outside of it. It does not change once it is open:
 * that is why the threads of a blocking plugin need no lock here. */
struct plugin {
    struct cs_instance *in;
    const struct settings *settings;
};

/* ---- The answer -------------------------------------------------------------------------------------------------- */

/* The code says who must act, the text what was seen and what to do. The service's own words go to the client and the operator
 * as they are. */
static void explain(const struct plugin *p, struct cs_op *op, const struct cs_http_reply *reply)
{
    const char *url = p->settings->url;
    struct cs_error err = { 0 };

    if (strcmp(reply->content_type, "application/problem+json") == 0)
        cs_op_problem(op, reply->body, reply->body_len);
    switch (reply->status) {
    case 401:
    case 404:
        cs_fail(&err, CS_ECONFIG, "%s does not sign for us (%d): mend `url`, or have us let in there", url, reply->status);
        break;
    case 429:
        cs_fail(&err, CS_ELIMIT, "%s takes no more orders for now (429)", url);
        break;
    case 503:
        cs_fail(&err, CS_EBUSY, "%s is busy (503)", url);
        break;
    default:
        cs_fail(&err, reply->status >= 500 ? CS_EUPSTREAM : CS_EREFUSED, "%s answered %d", url, reply->status);
    }
    err.retry_after_ms = reply->retry_after_ms; /* after cs_fail(), which begins a new error */
    cs_op_err(op, &err);
}

/* What one exchange needs, in the frame of sign(). */
struct exchange {
    const struct plugin *p;
    struct cs_op *op;
};

/* Runs in this same thread, before cs_http_send_wait() returns. The core checks the chain (key, names, dates, signatures)
 * before anybody gets it. */
static void on_reply(void *arg, const struct cs_http_reply *reply, const struct cs_error *err)
{
    const struct exchange *x = arg;
    struct cs_chain chain = { .size = sizeof chain, .url = "", .profile = "" };

    (void)err; /* a waiting form calls us with a reply only */
    if (reply->status != 200) {
        explain(x->p, x->op, reply);
        return;
    }
    chain.pem = reply->body;
    chain.len = reply->body_len;
    cs_op_ok_chain(x->op, &chain); /* copies */
}

/* ---- The order --------------------------------------------------------------------------------------------------- */

/* Runs in a worker thread, as the role says `blocking`, and may wait. The core has checked the CSR: strict DER, signed by its
 * own key, names allowed. A service that wants to see TXT records would get them by cs_challenge_put_wait(). Every path ends in
 * exactly one cs_op_ok_chain() or cs_op_err(). */
static void sign(void *self, const struct cs_order *order, struct cs_op *op)
{
    static const char *const headers[] = { "Content-Type: application/pkcs10", "Accept: application/problem+json" };
    const struct plugin *p = self;
    const struct settings *s = p->settings;
    int64_t left_ms = cs_op_deadline_ms(op) - cs_now_ms();
    struct exchange x = { .p = p, .op = op };
    struct cs_error err = { 0 };
    const struct cs_http_request request = {
        .size = sizeof request,
        .method = "POST",
        .url = s->url,
        .headers = headers,
        .n_headers = 2,
        .body = order->csr,
        .body_len = order->csr_len,
        .timeout_ms = left_ms < s->timeout ? (left_ms > 0 ? left_ms : 1) : s->timeout,
        .ca_file = s->ca_file,
        .insecure = s->insecure,
    };

    cs_op_step(op, "post"); /* for the client that asks where its order is */
    if (cs_http_send_wait(p->in, &request, on_reply, &x, &err) < 0)
        cs_op_err(op, &err);
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

/* Every op is finished, every thread has left. */
static void plugin_close(void *self)
{
    free(self);
}

/* Without `resume` an order that a restart interrupts is signed anew: here that does no harm, as the service answers a CSR that
 * it knows with the chain that there is. Where it would cost something, save what was reached: cs_op_save_wait(). */
static const struct cs_ca_ops ca = { .size = sizeof ca, .blocking = true, .sign = sign };

CS_PLUGIN("ca-example", "0.1", "has another service sign, over HTTP",
          .settings = settings, .settings_size = sizeof(struct settings), .open = plugin_open, .close = plugin_close,
          .ca = &ca);
