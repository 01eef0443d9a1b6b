/*
 * The steps from which on the CA may issue: save-finalize, finalize, poll-order (RFC 8555 7.4). That finalize is about to be
 * sent is on the disk before it is, and only the CA's own words end the order from there on. The steps before are in order.c
 * and authorization.c.
 */
#include <stdlib.h>
#include <string.h>

#include "account.h"
#include "base/base64url.h"
#include "step.h"

#define PATIENT_POLLS 5 /* how often an order may lag behind what was said about it */

/* ---- save-finalize, finalize -------------------------------------------------------------------------------------- */

static void on_finalize_saved(void *arg, const struct cs_error *err)
{
    struct order *order = arg;

    if (err) {
        give_up(order, err);
        return;
    }
    order->finalize_saved = true;
    go(order, FINALIZE);
}

void step_save_finalize(struct order *order)
{
    char *data;

    if (order->finalize_saved) {
        go(order, FINALIZE);
        return;
    }
    data = order_saved_data(order);
    if (data)
        cs_op_save(order->op, SAVED_FINALIZE, data, strlen(data), on_finalize_saved, order);
    else
        no_memory(order);
    free(data);
}

/* For free(); NULL: no memory. */
static char *finalize_body(const struct cs_order *asked)
{
    char *csr = malloc(BASE64_ENCODED_MAX(asked->csr_len)), *text = NULL;
    json_t *body = NULL;

    if (csr) {
        base64url_encode(csr, asked->csr, asked->csr_len);
        body = json_pack("{s:s}", "csr", csr);
        text = json_dumps(body, JSON_COMPACT);
    }
    json_decref(body);
    free(csr);
    return text;
}

static void on_finalized(void *arg, const struct reply *reply, const struct failure *failure)
{
    struct order *order = arg;
    struct cs_error err;

    order->exchange = NULL;
    order->finalize_taken = !failure;
    order->ours |= !failure;
    order->finalize_unsure = failure && failure->type != ACME_ORDER_NOT_READY && !is_final(order, failure);
    if (failure && failure->type == ACME_ORDER_NOT_READY)
        poll_in(order, POLL_ORDER, failure->err.retry_after_ms);
    else if (failure)
        failed(order, failure);
    else if (order_take(order, reply, &err) < 0)
        misread(order, &err);
    else if (order->object.status == STATUS_VALID)
        go(order, DOWNLOAD);
    else if (order->object.status == STATUS_INVALID)
        order_refused(order);
    else
        poll_in(order, POLL_ORDER, reply->retry_after_ms);
}

void step_finalize(struct order *order)
{
    char *body;

    if (order->finalize_unsure) { /* it may have been executed: look before sending it again */
        order->finalize_unsure = false;
        go(order, POLL_ORDER);
        return;
    }
    body = finalize_body(order->asked);
    order->finalize_sent = true;
    if (body)
        ask(order, order->object.finalize, body, REPLY_JSON, on_finalized);
    else
        no_memory(order);
    free(body);
}

/* ---- poll-order: until it is valid ------------------------------------------------------------------------------- */

static void move_by_status(struct order *order, const struct reply *reply)
{
    const bool is_patient = ++order->polls % PATIENT_POLLS != 0;

    switch (order->object.status) {
    case STATUS_PROCESSING:
        poll_in(order, POLL_ORDER, reply->retry_after_ms);
        break;
    case STATUS_READY: /* finalize was not taken, or the CA has not noticed yet */
        if (order->finalize_taken && is_patient)
            poll_in(order, POLL_ORDER, reply->retry_after_ms);
        else
            go(order, order->finalize_saved ? FINALIZE : SAVE_FINALIZE);
        break;
    case STATUS_PENDING: /* the CA lags behind its own authorizations, or one of them is not valid any more */
        if (is_patient)
            poll_in(order, POLL_ORDER, reply->retry_after_ms);
        else
            go(order, FETCH_AUTHZ);
        break;
    case STATUS_VALID:
        go(order, DOWNLOAD);
        break;
    case STATUS_INVALID:
        order_refused(order);
        break;
    case STATUS_UNKNOWN:
    case STATUS_DEACTIVATED:
    case STATUS_EXPIRED:
    case STATUS_REVOKED:
        order_makes_no_sense(order, "after finalize");
        break;
    }
}

static void on_order(void *arg, const struct reply *reply, const struct failure *failure)
{
    struct order *order = arg;
    struct cs_error err;

    order->exchange = NULL;
    if (failure && failure->type == ACME_ACCOUNT_DOES_NOT_EXIST) {
        account_lost(order->acme->account, order->account);
        order_gone(order);
    } else if (failure) {
        failed(order, failure);
    } else if (order_take(order, reply, &err) < 0) {
        misread(order, &err);
    } else {
        move_by_status(order, reply);
    }
}

void step_poll_order(struct order *order)
{
    ask(order, order->url, NULL, REPLY_JSON, on_order);
}
