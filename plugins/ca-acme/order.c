/*
 * The first steps of an order: account, load-order (after a restart), new-order; and what its own words lead to. The steps of
 * its authorizations are in authorization.c, those from finalize on in finalize.c, of its certificate in certificate.c; the
 * table is in step.c.
 */
#include "order.h"

#include <stdlib.h>
#include <string.h>

#include "account.h"
#include "base/text.h"
#include "directory.h"
#include "step.h"

#define SAVED_ORDER "order"
#define FAILED_MS   30000 /* until another order may do better, when the CA had a fault */

/* ---- account: directory and account are there -------------------------------------------------------------------- */

static void on_account(void *arg, const struct failure *failure)
{
    struct order *order = arg;

    if (failure) {
        failed(order, failure);
        return;
    }
    free(order->account);
    order->account = text_copy(account_url(order->acme->account));
    if (order->account)
        go(order, order->url ? LOAD_ORDER : NEW_ORDER);
    else
        no_memory(order);
}

void step_account(struct order *order)
{
    account_wait(order->acme->account, &order->waiter, on_account, order);
}

/* ---- what an order's own words lead to --------------------------------------------------------------------------- */

int order_take(struct order *order, const struct reply *reply, struct cs_error *err)
{
    struct order_object object;

    if (object_order(&object, reply->json, &order->acme->rules, order->asked->names, order->asked->n_names, err) < 0)
        return -1;
    json_incref(reply->json);
    json_decref(order->json);
    order->json = reply->json;
    order->object = object;
    return 0;
}

/* What its error says may pass, as a limit does; this order is over. Without a finalize nobody asks for it again. */
static void make_final(struct cs_error *err)
{
    if (err->code == CS_ELIMIT || err->code == CS_EUPSTREAM)
        err->retry_after_ms = err->code == CS_ELIMIT ? LIMITED_MS : FAILED_MS;
    err->code = CS_EREFUSED;
}

void order_refused(struct order *order)
{
    struct cs_error err;

    if (order->object.error)
        problem_read(&err, order->object.error, "the CA refused the order");
    else
        cs_fail_as(&err, CS_EREFUSED, "ca-refused", "the CA made the order invalid without saying why");
    if (may_be_issued(order))
        make_final(&err);
    give_up_refused(order, &err, order->object.error);
}

void order_makes_no_sense(struct order *order, const char *when)
{
    struct cs_error err;
    char status[32];

    reply_quote(status, sizeof status, json_string_value(json_object_get(order->json, "status")));
    cs_fail_as(&err, CS_EUPSTREAM, "ca-bad-reply", "the CA's order is \"%s\" %s", status, when);
    misread(order, &err);
}

/* ---- load-order: where is an order that an earlier run of the server left? --------------------------------------- */

/* The CA does not know the order any more. */
void order_gone(struct order *order)
{
    struct cs_error err;

    if (order->origin == ORIGIN_SAVED_ORDER)
        cs_fail(&err, CS_ERESTART, "the CA does not know the order any more");
    else
        cs_fail_as(&err, CS_EUPSTREAM, "ca-order-gone",
                   "the CA does not know the order any more, though its certificate was asked for already");
    give_up(order, &err);
}

/* A page of somebody between us and the CA is no reason to give up a certificate; an order without one is made anew. */
static bool means_gone(const struct order *order, const struct failure *failure)
{
    if (failure->transient || (may_be_issued(order) && !failure->is_acme))
        return false;
    return failure->type == ACME_ACCOUNT_DOES_NOT_EXIST || failure->type == ACME_MALFORMED ||
           failure->type == ACME_UNAUTHORIZED || failure->status == 404 || failure->status == 410;
}

static void on_loaded(void *arg, const struct reply *reply, const struct failure *failure)
{
    struct order *order = arg;
    struct cs_error err;

    order->exchange = NULL;
    if (failure && means_gone(order, failure)) {
        if (failure->type == ACME_ACCOUNT_DOES_NOT_EXIST)
            account_lost(order->acme->account, order->account);
        order_gone(order);
    } else if (failure) {
        failed(order, failure);
    } else if (order_take(order, reply, &err) < 0) {
        misread(order, &err);
    } else {
        switch (order->object.status) {
        case STATUS_PENDING:
            go(order, FETCH_AUTHZ);
            break;
        case STATUS_READY:
            go(order, SAVE_FINALIZE);
            break;
        case STATUS_PROCESSING:
            poll_in(order, POLL_ORDER, reply->retry_after_ms);
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
            order_makes_no_sense(order, "after the restart");
            break;
        }
    }
}

void step_load_order(struct order *order)
{
    ask(order, order->url, NULL, REPLY_JSON, on_loaded);
}

/* ---- new-order --------------------------------------------------------------------------------------------------- */

static const char *wanted_profile(const struct order *order)
{
    return order->asked->profile && order->asked->profile[0] ? order->asked->profile : order->acme->conf->profile;
}

static bool wants_replaces(const struct order *order)
{
    return order->asked->replaces && order->asked->replaces[0] && !order->without_replaces &&
           directory_object(order->acme->directory)->renewal_info[0];
}

/* The body of newOrder (RFC 8555 7.4; RFC 9773 5; draft-ietf-acme-profiles 4), for free(); NULL: no memory. */
static char *new_order_body(const struct order *order)
{
    json_t *identifiers = json_array(), *body;
    char *text = NULL;
    int rc = 0;

    for (size_t i = 0; i < order->asked->n_names; i++)
        rc |= json_array_append_new(identifiers, json_pack("{s:s, s:s}", "type", "dns", "value", order->asked->names[i]));
    body = json_pack("{s:o}", "identifiers", identifiers);
    if (wanted_profile(order)[0])
        rc |= json_object_set_new(body, "profile", json_string(wanted_profile(order)));
    if (wants_replaces(order))
        rc |= json_object_set_new(body, "replaces", json_string(order->asked->replaces));
    if (rc == 0)
        text = json_dumps(body, JSON_COMPACT);
    json_decref(body);
    return text;
}

/* What is saved with a step, for free(): enough to find the order again, and whose its certificate must be. */
char *order_saved_data(const struct order *order)
{
    json_t *data = json_pack("{s:s}", "order", order->url);
    char *text;

    if (order->ours)
        json_object_set_new(data, "taken", json_true());
    text = json_dumps(data, JSON_COMPACT);

    json_decref(data);
    return text;
}

/* Nobody waits for it: it is committed with the challenge's row, before publish leaves the first trace. */
static int save_order(struct order *order)
{
    char *data = order_saved_data(order);

    if (!data)
        return -1;
    cs_op_save(order->op, SAVED_ORDER, data, strlen(data), NULL, NULL);
    free(data);
    return 0;
}

static int take_new_order(struct order *order, const struct reply *reply, struct cs_error *err)
{
    if (!reply->location[0])
        return cs_fail_as(err, CS_EUPSTREAM, "ca-bad-reply", "the CA's newOrder gave no Location");
    if (url_check(&order->acme->rules, reply->location, "order", err) < 0 || order_take(order, reply, err) < 0)
        return -1;
    order->url = text_copy(reply->location);
    return order->url ? 0 : cs_fail(err, CS_EBUSY, "out of memory");
}

static void begin_order(struct order *order)
{
    switch (order->object.status) {
    case STATUS_PENDING:
        if (save_order(order) < 0)
            no_memory(order);
        else
            go(order, FETCH_AUTHZ);
        break;
    case STATUS_READY: /* every name was validated lately: the finalize step saves the URL */
        go(order, SAVE_FINALIZE);
        break;
    case STATUS_INVALID:
        order_refused(order);
        break;
    case STATUS_PROCESSING:
    case STATUS_VALID: /* somebody else's certificate: our CSR was not sent yet */
    case STATUS_UNKNOWN:
    case STATUS_DEACTIVATED:
    case STATUS_EXPIRED:
    case STATUS_REVOKED:
        order_makes_no_sense(order, "although it is new");
        break;
    }
}

static void on_new_order(void *arg, const struct reply *reply, const struct failure *failure)
{
    struct order *order = arg;
    struct cs_error err;

    order->exchange = NULL;
    if (failure && failure->err.code == CS_EREFUSED && wants_replaces(order)) {
        cs_op_log(order->op, CS_LOG_WARN, "the CA did not take `replaces`, ordering without it: %s", failure->err.text);
        order->without_replaces = true;
        step_new_order(order);
    } else if (failure) {
        failed(order, failure);
    } else if (take_new_order(order, reply, &err) < 0) {
        give_up(order, &err);
    } else {
        begin_order(order);
    }
}

void step_new_order(struct order *order)
{
    const struct directory_object *directory = directory_object(order->acme->directory);
    struct cs_error err;
    char *body;

    if (wanted_profile(order)[0] && directory_check_profile(order->acme->directory, wanted_profile(order), &err) < 0) {
        give_up(order, &err);
        return;
    }
    body = new_order_body(order);
    if (body)
        ask(order, directory->new_order, body, REPLY_JSON, on_new_order);
    else
        no_memory(order);
    free(body);
}

/* ---- the two ways in --------------------------------------------------------------------------------------------- */

void order_sign(struct acme *acme, const struct cs_order *asked, struct cs_op *op)
{
    struct order *order = order_new(acme, asked, op);

    if (order)
        go(order, ACCOUNT);
}

static void refuse_to_resume(struct cs_op *op)
{
    struct cs_error err;

    cs_fail(&err, CS_ERESTART, "nothing is known of the order's saved step");
    cs_op_err(op, &err);
}

/* The order's URL of what was saved, for free(), and whether the CA had taken our finalize; NULL: it cannot be used. */
static char *read_saved(const struct acme *acme, const void *data, size_t len, bool *ours)
{
    json_t *json = data ? reply_json(data, len, NULL) : NULL;
    const char *url = json_string_value(json_object_get(json, "order"));
    char *copy = url && url_check(&acme->rules, url, "saved order", NULL) == 0 ? text_copy(url) : NULL;

    *ours = json_is_true(json_object_get(json, "taken"));
    json_decref(json);
    return copy;
}

void order_resume(struct acme *acme, const struct cs_order *asked, const char *step, const void *data, size_t len,
                  struct cs_op *op)
{
    bool finalize = strcmp(step, SAVED_FINALIZE) == 0, ours = false;
    char *url = finalize || strcmp(step, SAVED_ORDER) == 0 ? read_saved(acme, data, len, &ours) : NULL;
    struct order *order;

    if (!url) {
        refuse_to_resume(op);
        return;
    }
    order = order_new(acme, asked, op);
    if (!order) {
        free(url);
        return;
    }
    order->url = url;
    order->origin = finalize ? ORIGIN_SAVED_FINALIZE : ORIGIN_SAVED_ORDER;
    order->finalize_saved = finalize;
    order->ours = order->ours_saved = ours;
    go(order, ACCOUNT);
}
