/*
 * Calls into plugins; see the second half of instance.h. Each call that is out stands in its instance's list until the plugin
 * has finished it.
 */
#include "plugin/instance_calls.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "engine/log.h"
#include "plugin/inputs.h"

struct call {
    struct instance *instance;
    struct cs_op *op;
    struct call *next, *before;
    void (*on_step)(void *arg, const char *step);
    op_done_fn *done;
    void *arg;
};

static void enlist(struct instance *instance, struct call *call)
{
    call->instance = instance;
    call->next = instance->out;
    if (call->next)
        call->next->before = call;
    instance->out = call;
    instance->calls++;
}

static void delist(struct call *call)
{
    if (call->next)
        call->next->before = call->before;
    if (call->before)
        call->before->next = call->next;
    else
        call->instance->out = call->next;
    call->instance->calls--;
}

/* After a deadline or at shutdown it comes twice: the call is out until the plugin has finished, too. */
static void on_done(void *arg, const struct op_result *result)
{
    struct call *call = arg;
    op_done_fn *done = call->done;
    void *done_arg = call->arg;

    if (result->late || !op_cancelled(call->op)) {
        delist(call);
        free(call);
    }
    done(done_arg, result);
}

static void on_step(void *arg, const char *step)
{
    struct call *call = arg;

    call->on_step(call->arg, step);
}

/* The op and its place in the list; the inputs are the op's, or released. NULL without memory. */
static struct cs_op *start(struct instance *instance, struct op_setup *setup, struct cs_error *err)
{
    struct call *call = calloc(1, sizeof *call);

    assert(on_loop_thread() && instance->opened);
    if (!call) {
        setup->free_inputs(setup->inputs);
        cs_fail(err, CS_EBUSY, "no memory for a call to %s", instance->in.who);
        return NULL;
    }
    *call = (struct call){ .on_step = setup->on_step, .done = setup->done, .arg = setup->arg };
    setup->loop = instance->in.loop;
    setup->who = instance->in.who;
    setup->on_step = setup->on_step ? on_step : NULL;
    setup->done = on_done;
    setup->arg = call;
    call->op = op_new(setup, err);
    if (!call->op) {
        free(call);
        return NULL;
    }
    enlist(instance, call);
    return call->op;
}

static void fail(struct cs_op *op, enum cs_code code, const char *text)
{
    struct cs_error err = { 0 };

    cs_fail(&err, code, "%s", text);
    cs_op_err(op, &err);
}

/* ---- dns ---- */

static void call_set_txt(struct cs_op *op, void *arg)
{
    const struct txt_inputs *inputs = arg;

    inputs->set_txt(inputs->self, &inputs->change, op);
}

void instance_set_txt(struct instance *instance, const struct cs_txt_change *change, const char *about, int64_t deadline_ms,
                      op_done_fn *done, void *arg)
{
    struct txt_inputs *inputs = inputs_of_txt(change);
    struct op_setup setup = { .about = about, .inputs = inputs, .free_inputs = inputs_free_txt, .deadline_ms = deadline_ms,
                              .done = done, .arg = arg };
    struct cs_error err = { 0 };
    struct cs_op *op = start(instance, &setup, &err);

    assert(instance->plugin.about.dns);
    if (!op) {
        done(arg, &(struct op_result){ .err = &err });
    } else if (!inputs) {
        fail(op, CS_EBUSY, "no memory for a DNS change");
    } else if (instance->closing) {
        fail(op, CS_ESHUTDOWN, "the server is stopping");
    } else {
        inputs->self = instance->self;
        inputs->set_txt = instance->plugin.dns.set_txt;
        op_run(op, instance->plugin.dns.blocking ? instance->dns_workers : NULL, call_set_txt);
    }
}

/* ---- ca ---- */

static void run_at_ca(struct instance *instance, struct cs_op *op, void (*fn)(struct cs_op *op, void *inputs))
{
    if (instance->closing)
        fail(op, CS_ESHUTDOWN, "the server is stopping");
    else
        op_run(op, instance->plugin.ca.blocking ? instance->ca_workers : NULL, fn);
}

static void call_sign(struct cs_op *op, void *arg)
{
    const struct sign_inputs *in = arg;

    if (in->step)
        in->ops->resume(in->self, &in->order, in->step, in->data, in->data_len, op);
    else
        in->ops->sign(in->self, &in->order, op);
}

struct cs_op *instance_sign(struct instance *instance, const struct sign_call *call, struct cs_error *err)
{
    struct sign_inputs *inputs = inputs_of_sign(call->order, call->step, call->data, call->data_len);
    struct op_setup setup = { .about = call->order->id, .inputs = inputs, .free_inputs = inputs_free_sign,
                              .owner = call->owner, .deadline_ms = call->deadline_ms, .on_step = call->on_step,
                              .done = call->done, .arg = call->arg };
    struct cs_op *op;

    assert(instance->plugin.about.ca);
    if (!inputs) {
        cs_fail(err, CS_EBUSY, "no memory for an order");
        return NULL;
    }
    op = start(instance, &setup, err);
    if (!op)
        return NULL;
    if (instance->closing) {
        fail(op, CS_ESHUTDOWN, "the server is stopping");
    } else if (call->step && !instance->plugin.ca.resume) {
        fail(op, CS_ERESTART, "the CA plugin cannot go on with an order of an earlier run");
    } else {
        inputs->self = instance->self;
        inputs->ops = &instance->plugin.ca;
        op_run(op, instance->plugin.ca.blocking ? instance->ca_workers : NULL, call_sign);
    }
    return op;
}

/* A question about the CA as a whole. */
typedef void question_fn(void *self, struct cs_op *op);

struct question_inputs {
    void *self;
    question_fn *fn;
};

static void call_question(struct cs_op *op, void *arg)
{
    const struct question_inputs *in = arg;

    in->fn(in->self, op);
}

static int ask(struct instance *instance, question_fn *fn, int64_t deadline_ms, op_done_fn *done, void *arg,
               struct cs_error *err)
{
    struct question_inputs *inputs = calloc(1, sizeof *inputs);
    struct op_setup setup = { .about = "", .inputs = inputs, .free_inputs = free, .deadline_ms = deadline_ms, .done = done,
                              .arg = arg };
    struct cs_op *op;

    assert(instance->plugin.about.ca && fn);
    if (!inputs)
        return cs_fail(err, CS_EINTERNAL, "no memory for a question");
    *inputs = (struct question_inputs){ .self = instance->self, .fn = fn };
    op = start(instance, &setup, err);
    if (!op)
        return -1;
    run_at_ca(instance, op, call_question);
    return 0;
}

struct revoke_inputs {
    void *self;
    const struct cs_ca_ops *ops;
    int reason;
    size_t len;
    char pem[];
};

static void call_revoke(struct cs_op *op, void *arg)
{
    const struct revoke_inputs *in = arg;

    in->ops->revoke(in->self, in->pem, in->len, in->reason, op);
}

int instance_revoke(struct instance *instance, const struct revoke_call *call, struct cs_error *err)
{
    const size_t len = strlen(call->pem);
    struct revoke_inputs *inputs = calloc(1, sizeof *inputs + len + 1);
    struct op_setup setup = { .about = call->about, .inputs = inputs, .free_inputs = free, .deadline_ms = call->deadline_ms,
                              .done = call->done, .arg = call->arg };
    struct cs_op *op;

    assert(instance->plugin.about.ca && instance->plugin.ca.revoke);
    if (!inputs)
        return cs_fail(err, CS_EBUSY, "no memory for a revocation");
    *inputs = (struct revoke_inputs){ .self = instance->self, .ops = &instance->plugin.ca, .reason = call->reason, .len = len };
    memcpy(inputs->pem, call->pem, len + 1);
    op = start(instance, &setup, err);
    if (!op)
        return -1;
    run_at_ca(instance, op, call_revoke);
    return 0;
}

int instance_status(struct instance *instance, int64_t deadline_ms, op_done_fn *done, void *arg, struct cs_error *err)
{
    return ask(instance, instance->plugin.ca.status, deadline_ms, done, arg, err);
}

const char *instance_account(const struct instance *instance)
{
    return instance->opened && instance->plugin.ca.account ? instance->plugin.ca.account(instance->self) : NULL;
}

int instance_examine(struct instance *instance, int64_t deadline_ms, op_done_fn *done, void *arg, struct cs_error *err)
{
    return ask(instance, instance->plugin.ca.examine, deadline_ms, done, arg, err);
}

/* ---- audit ---- */

int instance_append(struct instance *instance, const struct cs_event *events, size_t n, struct cs_error *err)
{
    assert(!on_loop_thread() && instance->opened && instance->plugin.about.audit);
    return instance->plugin.audit.append(instance->self, events, n, err);
}

void instance_audit_reopen(struct instance *instance)
{
    struct cs_error err = { 0 };

    assert(!on_loop_thread() && instance->opened && instance->plugin.about.audit);
    if (instance->plugin.audit.reopen && instance->plugin.audit.reopen(instance->self, &err) < 0)
        log_line(CS_LOG_WARN, instance->in.who, "", "cannot open anew after SIGHUP: %s", err.text);
}

/* ---- The end ---- */

void instance_cancel_calls(struct instance *instance)
{
    for (struct call *call = instance->out; call; call = call->next)
        op_cancel(call->op, CS_SHUTDOWN);
}
