/*
 * The steps of an order's authorizations (RFC 8555 7.5): fetch-authz, publish, answer, poll-authz. The CA is asked one question
 * at a time on one connection; the values are published, and the CA validates, all at once.
 */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/text.h"
#include "step.h"

void authorizations_free(struct order *order)
{
    for (size_t i = 0; i < order->n_authz; i++) {
        json_decref(order->authz[i].json);
        free(order->authz[i].url);
    }
    free(order->authz);
    order->authz = NULL;
    order->n_authz = 0;
}

static bool has_url(const struct order *order, const char *url)
{
    for (size_t i = 0; i < order->n_authz; i++)
        if (strcmp(order->authz[i].url, url) == 0)
            return true;
    return false;
}

/* One for each URL, however often the order lists it. */
static int authorizations_make(struct order *order)
{
    size_t n = json_array_size(order->object.authorizations);

    order->authz = calloc(n, sizeof *order->authz);
    if (!order->authz)
        return -1;
    order->n_authz = 0;
    for (size_t i = 0; i < n; i++) {
        const char *url = json_string_value(json_array_get(order->object.authorizations, i));
        struct authz *authz = &order->authz[order->n_authz];

        if (has_url(order, url))
            continue;
        authz->order = order;
        authz->url = text_copy(url);
        if (!authz->url)
            return -1;
        order->n_authz++;
    }
    return 0;
}

static bool is_open(const struct authz *authz)
{
    return authz->object.status == STATUS_PENDING || authz->object.status == STATUS_PROCESSING;
}

/* The name as we asked for it, without "*."; NULL: we did not. */
static const char *asked_name(const struct cs_order *asked, const struct authorization_object *object)
{
    for (size_t i = 0; i < asked->n_names; i++) {
        const char *name = asked->names[i];
        bool wildcard = strncmp(name, "*.", 2) == 0;

        name += wildcard ? 2 : 0;
        if (wildcard == object->wildcard && strcasecmp(name, object->name) == 0)
            return name;
    }
    return NULL;
}

static int take_authorization(struct authz *authz, const struct reply *reply, struct cs_error *err)
{
    struct authorization_object object;
    const char *name;

    if (object_authorization(&object, reply->json, &authz->order->acme->rules, err) < 0)
        return -1;
    name = asked_name(authz->order->asked, &object);
    if (!name)
        return cs_fail_as(err, CS_EUPSTREAM, "ca-bad-reply", "the CA's order has an authorization that was not asked for");
    json_incref(reply->json);
    json_decref(authz->json);
    authz->json = reply->json;
    authz->object = object;
    authz->name = name;
    return 0;
}

static void authorization_failed(struct authz *authz)
{
    struct text about = TEXT_MAX(400);
    struct cs_error err;

    if (authz->object.status == STATUS_INVALID) {
        text_addf(&about, "the CA could not validate %s", authz->name);
        problem_read_challenge(&err, authz->object.error, text_of(&about));
    } else {
        cs_fail_as(&err, CS_EUPSTREAM, "ca-authorization-ended", "the CA's authorization for %s is %s", authz->name,
                   json_string_value(json_object_get(authz->json, "status")));
    }
    text_free(&about);
    give_up_refused(authz->order, &err, authz->object.error);
}

/* ---- fetch-authz ------------------------------------------------------------------------------------------------- */

/* An authorization that is open needs a challenge that we and the core can answer. */
static int prepare(struct authz *authz, struct cs_error *err)
{
    struct order *order = authz->order;
    char offered[40];

    reply_quote(offered, sizeof offered, authz->object.offered);
    if (!authz->object.url[0])
        return cs_fail_as(err, CS_EREFUSED, "ca-no-dns01", "the CA offers no dns-01 challenge for %s%s%s", authz->name,
                          offered[0] ? ", but " : "", offered);
    if (!(cs_challenge_types(order->op, authz->name) & (1u << CS_DNS_01)))
        return cs_fail_as(err, CS_ECONFIG, "no-dns-instance", "no DNS instance answers challenges for %s", authz->name);
    authz->answered = authz->object.challenge_status != STATUS_PENDING;
    return jose_dns01_value(order->acme->key, authz->object.token, authz->value, err);
}

static bool all_valid(const struct order *order)
{
    for (size_t i = 0; i < order->n_authz; i++)
        if (order->authz[i].object.status != STATUS_VALID)
            return false;
    return true;
}

static void on_authorization(void *arg, const struct reply *reply, const struct failure *failure)
{
    struct order *order = arg;
    struct authz *authz = &order->authz[order->at];
    struct cs_error err;

    order->exchange = NULL;
    if (failure) {
        failed(order, failure);
    } else if (take_authorization(authz, reply, &err) < 0 || (is_open(authz) && prepare(authz, &err) < 0)) {
        give_up(order, &err);
    } else if (!is_open(authz) && authz->object.status != STATUS_VALID) {
        authorization_failed(authz);
    } else if (++order->at < order->n_authz) {
        step_fetch_authz(order);
    } else {
        go(order, all_valid(order) ? SAVE_FINALIZE : PUBLISH);
    }
}

void step_fetch_authz(struct order *order)
{
    if (!order->authz && authorizations_make(order) < 0)
        no_memory(order);
    else
        ask(order, order->authz[order->at].url, NULL, REPLY_JSON, on_authorization);
}

/* ---- publish ----------------------------------------------------------------------------------------------------- */

static void on_published(void *arg, const struct cs_error *err)
{
    struct authz *authz = arg;
    struct order *order = authz->order;

    if (err) {
        give_up(order, err);
        return;
    }
    authz->published = true;
    if (--order->publishing == 0)
        go(order, ANSWER);
}

static void publish(struct authz *authz)
{
    struct cs_challenge challenge = { .size = sizeof challenge,
                                      .type = CS_DNS_01,
                                      .name = authz->name,
                                      .token = authz->object.token,
                                      .value = authz->value };

    cs_challenge_put(authz->order->op, &challenge, on_published, authz);
}

/* A wildcard and its domain have one name; with one token they want one value there. */
static bool is_put_by_another(const struct authz *authz)
{
    for (const struct authz *other = authz->order->authz; other < authz; other++)
        if ((other->published || is_open(other)) && strcmp(other->name, authz->name) == 0 &&
            strcmp(other->value, authz->value) == 0)
            return true;
    return false;
}

static bool is_to_put(const struct authz *authz)
{
    return is_open(authz) && !authz->published && !is_put_by_another(authz);
}

void step_publish(struct order *order)
{
    for (size_t i = 0; i < order->n_authz; i++)
        order->publishing += is_to_put(&order->authz[i]);
    if (order->publishing == 0) {
        go(order, ANSWER);
        return;
    }
    for (size_t i = 0; i < order->n_authz; i++)
        if (is_to_put(&order->authz[i]))
            publish(&order->authz[i]);
}

/* ---- answer: the CA may look now --------------------------------------------------------------------------------- */

static struct authz *next_to_answer(struct order *order)
{
    for (size_t i = 0; i < order->n_authz; i++)
        if (is_open(&order->authz[i]) && !order->authz[i].answered)
            return &order->authz[i];
    return NULL;
}

/* An answer whose reply was lost may have been taken; sent again it is then refused, and poll-authz tells the truth. */
static bool was_taken_before(const struct authz *authz, const struct failure *failure)
{
    return authz->answer_unsure && failure->err.code == CS_EREFUSED;
}

static void on_answered(void *arg, const struct reply *reply, const struct failure *failure)
{
    struct order *order = arg;
    struct authz *authz = next_to_answer(order);

    order->exchange = NULL;
    if (failure && !was_taken_before(authz, failure)) {
        authz->answer_unsure |= failure->transient;
        failed(order, failure);
        return;
    }
    authz->answered = true;
    if (next_to_answer(order))
        step_answer(order);
    else
        poll_in(order, POLL_AUTHZ, reply ? reply->retry_after_ms : 0);
}

void step_answer(struct order *order)
{
    struct authz *authz = next_to_answer(order);

    if (authz)
        ask(order, authz->object.url, "{}", REPLY_JSON, on_answered);
    else
        go(order, POLL_AUTHZ);
}

/* ---- poll-authz: until each is valid ----------------------------------------------------------------------------- */

static void on_polled(void *arg, const struct reply *reply, const struct failure *failure)
{
    struct order *order = arg;
    struct authz *authz = &order->authz[order->at];
    struct cs_error err;

    order->exchange = NULL;
    if (failure)
        failed(order, failure);
    else if (take_authorization(authz, reply, &err) < 0)
        give_up(order, &err);
    else if (authz->object.status == STATUS_VALID)
        step_poll_authz(order);
    else if (is_open(authz))
        poll_in(order, POLL_AUTHZ, reply->retry_after_ms);
    else
        authorization_failed(authz);
}

void step_poll_authz(struct order *order)
{
    while (order->at < order->n_authz && order->authz[order->at].object.status == STATUS_VALID)
        order->at++;
    if (order->at < order->n_authz)
        ask(order, order->authz[order->at].url, NULL, REPLY_JSON, on_polled);
    else
        go(order, SAVE_FINALIZE);
}
