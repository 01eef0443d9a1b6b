/*
 * Moving between the steps of an order, asking, waiting, failing and ending; see step.h. The table below is the protocol.
 */
#include "step.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "account.h"
#include "base/text.h"
#include "directory.h"

#define MOST_MOVES     200
#define DOWNLOADS_MOST 6

static void step_finished(struct order *order);
static void give_up_for_now(struct order *order, const struct failure *failure, int64_t wait_ms);

static const struct {
    const char *name;
    void (*enter)(struct order *order);
} steps[] = {
    [ACCOUNT]       = { "account",       step_account       },
    [LOAD_ORDER]    = { "load-order",    step_load_order    },
    [NEW_ORDER]     = { "new-order",     step_new_order     },
    [FETCH_AUTHZ]   = { "fetch-authz",   step_fetch_authz   },
    [PUBLISH]       = { "publish",       step_publish       },
    [ANSWER]        = { "answer",        step_answer        },
    [POLL_AUTHZ]    = { "poll-authz",    step_poll_authz    },
    [SAVE_FINALIZE] = { "save-finalize", step_save_finalize },
    [FINALIZE]      = { "finalize",      step_finalize      },
    [POLL_ORDER]    = { "poll-order",    step_poll_order    },
    [DOWNLOAD]      = { "download",      step_download      },
    [CHOOSE]        = { "choose-chain",  step_choose        },
    [FINISHED]      = { "finished",      step_finished      },
};

void go(struct order *order, enum step next)
{
    struct failure circles = { 0 };

    if (++order->moves > MOST_MOVES) {
        cs_fail_as(&circles.err, CS_EUPSTREAM, "ca-in-circles", "the CA leads the order in circles at %s", steps[next].name);
        give_up_for_now(order, &circles, order->acme->conf->retry_most);
        return;
    }
    order->step = next;
    order->at = 0;
    if (next > order->furthest) {
        order->furthest = next;
        order->polls = order->failures = 0;
        order->poll_ms = order->acme->conf->poll_first;
    }
    cs_op_step(order->op, steps[next].name);
    steps[next].enter(order);
}

static void on_go(void *arg)
{
    struct order *order = arg;

    go(order, order->later);
}

void go_in(struct order *order, enum step next, int64_t ms)
{
    order->later = next;
    cs_op_after(order->op, ms, on_go, order);
}

static void on_again(void *arg)
{
    struct order *order = arg;

    steps[order->step].enter(order);
}

void again_in(struct order *order, int64_t ms)
{
    cs_op_after(order->op, ms, on_again, order);
}

static bool is_in_time(const struct order *order, int64_t wait_ms)
{
    return cs_now_ms() + wait_ms < cs_op_deadline_ms(order->op);
}

/* Nothing is wrong with the order, and nobody may ask for it now: it does not sit in its zone's turn meanwhile. */
static void come_back_later(struct order *order, int64_t wait_ms)
{
    struct failure later = { 0 };

    cs_fail_as(&later.err, CS_EBUSY, "ca-unfinished",
               "the CA has not finished, and wants to be asked again in %" PRId64 " s only; the order goes on then",
               (wait_ms + 999) / 1000);
    later.err.retry_after_ms = wait_ms;
    give_up_for_now(order, &later, wait_ms);
}

/* From poll_first doubling to poll_most, with jitter. */
static int64_t poll_wait_ms(struct order *order)
{
    int64_t wait_ms = order->poll_ms, most_ms = order->acme->conf->poll_most;

    order->poll_ms = 2 * wait_ms < most_ms ? 2 * wait_ms : most_ms;
    return wait_ms - wait_ms / 4 + (int64_t)arc4random_uniform((uint32_t)(wait_ms / 2 + 1));
}

void poll_in(struct order *order, enum step next, int64_t retry_after_ms)
{
    const int64_t wait_ms = retry_after_ms > 0 ? retry_after_ms : poll_wait_ms(order);

    if (retry_after_ms > 0 && !is_in_time(order, wait_ms))
        come_back_later(order, wait_ms);
    else if (next == order->step)
        again_in(order, wait_ms);
    else
        go_in(order, next, wait_ms);
}

/* Another order has seen that the account is gone; this one's belongs to the account that it was made under. */
static void account_is_gone(struct order *order)
{
    struct failure failure = { .type = ACME_ACCOUNT_DOES_NOT_EXIST };

    cs_fail_as(&failure.err, CS_EUPSTREAM, "ca-account-lost", "the CA has lost the account of this order");
    failed(order, &failure);
}

void ask(struct order *order, const char *url, const char *payload, enum reply_kind kind, exchange_fn *fn)
{
    if (strcmp(order->account, account_url(order->acme->account)) != 0) {
        account_is_gone(order);
        return;
    }
    order->exchange = transport_ask(order->acme,
                                    &(struct exchange_want){ .url = url,
                                                             .sign = SIGN_ACCOUNT,
                                                             .kid = order->account,
                                                             .payload = payload,
                                                             .kind = kind },
                                    fn, order);
    if (!order->exchange)
        no_memory(order);
}

static void order_free(struct order *order)
{
    waiter_leave(&order->waiter);
    transport_cancel(order->exchange);
    authorizations_free(order);
    chains_free(order);
    json_decref(order->json);
    free(order->url);
    free(order->account);
    free(order);
}

void give_up(struct order *order, const struct cs_error *err)
{
    cs_op_err(order->op, err);
    order_free(order);
}

void give_up_with(struct order *order, const struct cs_error *err, const json_t *problem)
{
    char *text = problem ? json_dumps(problem, JSON_COMPACT | JSON_PRESERVE_ORDER) : NULL;

    if (text)
        cs_op_problem(order->op, text, strlen(text));
    free(text);
    give_up(order, err);
}

/* The CA may have looked for the challenge of a resumed order while the server was down, which says nothing about the name. */
void give_up_refused(struct order *order, const struct cs_error *err, const json_t *problem)
{
    struct cs_error anew;

    if (order->origin != ORIGIN_SAVED_ORDER || order->finalize_sent) {
        give_up_with(order, err, problem);
        return;
    }
    cs_fail(&anew, CS_ERESTART, "the order failed around the restart: %s", err->text);
    give_up(order, &anew);
}

void give_up_failed(struct order *order, const struct failure *failure)
{
    struct cs_error err = failure->err;

    if (failure->problem)
        cs_op_problem(order->op, failure->problem, failure->problem_len);
    cs_fail_in(&err, "%s", steps[order->step].name);
    give_up(order, &err);
}

void no_memory(struct order *order)
{
    struct cs_error err;

    cs_fail(&err, CS_EBUSY, "out of memory");
    give_up(order, &err);
}

/* ---- finished: the chain, unless it is another order's ------------------------------------------------------------ */

static void end_with_chain(struct order *order)
{
    struct cs_chain chain = { .size = sizeof chain,
                              .pem = order->chain.pem,
                              .len = order->chain.len,
                              .url = order->object.certificate,
                              .alternates = (const char *const *)order->alternates,
                              .n_alternates = order->n_alternates,
                              .profile = order->object.profile };

    cs_op_ok_chain(order->op, &chain);
    order_free(order);
}

/* The core refuses the chain, and has it downloaded again by and by: it is the CA's fault then, too. */
static void on_ours_saved(void *arg, const struct cs_error *err)
{
    (void)err;
    end_with_chain(arg);
}

static void save_ours(struct order *order)
{
    char *data = order_saved_data(order);

    if (data)
        cs_op_save(order->op, SAVED_FINALIZE, data, strlen(data), on_ours_saved, order);
    else
        no_memory(order);
    free(data);
}

/* A certificate for another key, when nobody has seen the CA take our finalize: the state is older than the order, as after a
 * backup was restored, or the CA handed the order to another request for the same names, which finalized it. */
static void end_order_of_another(struct order *order)
{
    struct cs_error anew;

    cs_fail_as(&anew, CS_ERESTART, CS_ORDER_TAKEN,
               "the CA handed the order to another one for the same names, which has its certificate");
    give_up(order, &anew);
}

static void step_finished(struct order *order)
{
    if (!chain_is_foreign(order))
        end_with_chain(order);
    else if (!order->ours)
        end_order_of_another(order);
    else if (!order->ours_saved)
        save_ours(order);
    else
        end_with_chain(order);
}

/* ---- failures ---------------------------------------------------------------------------------------------------- */

/* Full jitter: anything up to a ceiling that doubles (1, 2, 4 … 30 s); Retry-After wins. */
static int64_t back_off_ms(struct order *order, const struct failure *failure)
{
    const struct acme_settings *conf = order->acme->conf;
    int64_t ceiling = conf->retry_first;

    if (failure->err.retry_after_ms > 0)
        return failure->err.retry_after_ms;
    for (unsigned i = 1; i < order->failures && ceiling < conf->retry_most; i++)
        ceiling *= 2;
    if (ceiling > conf->retry_most)
        ceiling = conf->retry_most;
    return (int64_t)arc4random_uniform((uint32_t)ceiling + 1);
}

/* The account is gone, and with it the order; both are made anew, once. */
static void start_over(struct order *order, const struct failure *failure)
{
    struct cs_error err;

    if (order->account)
        account_lost(order->acme->account, order->account);
    if (order->account_renewed || may_be_issued(order)) {
        give_up_failed(order, failure);
        return;
    }
    if (order->origin == ORIGIN_SAVED_ORDER) {
        cs_fail(&err, CS_ERESTART, "the CA has lost the account, and the order with it");
        give_up(order, &err);
        return;
    }
    order->account_renewed = true;
    order->finalize_saved = false;
    free(order->url);
    order->url = NULL;
    authorizations_free(order);
    go(order, ACCOUNT);
}

bool may_be_issued(const struct order *order)
{
    return order->finalize_sent || order->origin == ORIGIN_SAVED_FINALIZE;
}

/* What the core itself holds back while the CA is out, it goes on with by itself. */
bool is_final(const struct order *order, const struct failure *failure)
{
    if (failure->transient)
        return false;
    if (!may_be_issued(order) || strcmp(failure->err.reason, CS_CA_OUT) == 0)
        return true;
    return failure->is_acme && failure->err.code == CS_EREFUSED;
}

/* The certificate is issued, and counts against the CA's limits: whatever keeps it from us is tried a few times. */
static bool is_worth_it(const struct order *order)
{
    return order->step == DOWNLOAD && order->failures < DOWNLOADS_MOST - 1;
}

/* An order that is told to ask less does not sit in its zone's turn meanwhile. */
static bool may_pass(struct order *order, const struct failure *failure, int64_t *wait_ms)
{
    if (is_final(order, failure) ? !is_worth_it(order) : failure->err.code == CS_ELIMIT)
        return false;
    order->failures++;
    order->last = failure->err;
    *wait_ms = back_off_ms(order, failure);
    return is_in_time(order, *wait_ms);
}

static int64_t worth_asking_ms(const struct failure *failure, int64_t wait_ms)
{
    if (failure->err.retry_after_ms > 0)
        return failure->err.retry_after_ms;
    if (failure->err.code == CS_ELIMIT)
        return LIMITED_MS;
    return wait_ms > 0 ? wait_ms : 1;
}

/* The order may be valid: by a Retry-After the core sees that it is worth asking for it again. What somebody else refused, the
 * CA has not. */
static void give_up_for_now(struct order *order, const struct failure *failure, int64_t wait_ms)
{
    struct failure later = *failure;

    if (may_be_issued(order)) {
        later.err.retry_after_ms = worth_asking_ms(failure, wait_ms);
        if (later.err.code == CS_EREFUSED)
            later.err.code = CS_EUPSTREAM;
    }
    give_up_failed(order, &later);
}

void failed(struct order *order, const struct failure *failure)
{
    int64_t wait_ms = 0;

    if (failure->status == 404 || failure->transient)
        directory_doubt(order->acme->directory);
    if (failure->type == ACME_ACCOUNT_DOES_NOT_EXIST)
        start_over(order, failure);
    else if (may_pass(order, failure, &wait_ms))
        again_in(order, wait_ms);
    else if (is_final(order, failure))
        give_up_failed(order, failure);
    else
        give_up_for_now(order, failure, wait_ms);
}

void misread(struct order *order, const struct cs_error *err)
{
    failed(order, &(struct failure){ .err = *err, .status = 200, .transient = err->code == CS_EBUSY });
}

static void on_cancel(void *arg, enum cs_cancel why)
{
    struct order *order = arg;
    struct cs_error err = { 0 };

    switch (why) {
    case CS_SHUTDOWN:
        cs_fail(&err, CS_ESHUTDOWN, "the server stops while the order is at %s", steps[order->step].name);
        break;
    case CS_DEADLINE:
        cs_fail(&err, CS_ETIMEDOUT, "the deadline passed while the order was at %s%s%s", steps[order->step].name,
                order->last.code ? "; last trouble: " : "", order->last.text);
        break;
    }
    give_up(order, &err);
}

struct order *order_new(struct acme *acme, const struct cs_order *asked, struct cs_op *op)
{
    struct order *order = calloc(1, sizeof *order);
    struct cs_error err;

    if (!order) {
        cs_fail(&err, CS_EBUSY, "out of memory");
        cs_op_err(op, &err);
        return NULL;
    }
    *order = (struct order){ .acme = acme, .asked = asked, .op = op, .origin = ORIGIN_NEW };
    order->poll_ms = acme->conf->poll_first;
    cs_op_on_cancel(op, on_cancel, order);
    return order;
}
