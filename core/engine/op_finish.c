/*
 * How a pending call ends: cs_op_ok() and its kin, called by plugins from any thread. What they pass is copied.
 */
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "engine/log.h"
#include "engine/op_parts.h"

#define CHAIN_MAX_BYTES      ((size_t)1 << 20)
#define CHAIN_MAX_ALTERNATES 64

void op_win(struct cs_op *op, const char *service)
{
    const char *before = NULL;

    if (atomic_compare_exchange_strong(&op->finished_by, &before, service))
        return;
    log_line(CS_LOG_ERROR, op->who, op->about,
             "the plugin finished one call twice, with %s() after %s(): a fault of the plugin, the program ends here", service,
             before);
    abort();
}

static void deliver(struct cs_op *op)
{
    op->mail.fn = op_on_finished;
    loop_post(op->setup.loop, &op->mail);
}

static void fail(struct cs_op *op, enum cs_code code, const char *text)
{
    op->failed = true;
    cs_fail(&op->err, code, "%s: %s", op->who, text);
}

void cs_op_ok(struct cs_op *op)
{
    op_win(op, "cs_op_ok");
    deliver(op);
}

void cs_op_ok_data(struct cs_op *op, const void *data, size_t len)
{
    op_win(op, "cs_op_ok_data");
    op->data = malloc(len + 1);
    if (op->data) {
        if (len)
            memcpy(op->data, data, len);
        ((char *)op->data)[len] = '\0';
        op->len = len;
    } else {
        fail(op, CS_EBUSY, "no memory for the answer");
    }
    deliver(op);
}

void op_finish_err(struct cs_op *op, const char *service, const struct cs_error *err)
{
    op_win(op, service);
    if (!err || err->code <= CS_OK || err->code > CS_ERESTART) {
        fail(op, CS_EINTERNAL, "the plugin failed without saying why");
    } else {
        op->failed = true;
        op->err = *err;
        op->err.reason[sizeof op->err.reason - 1] = '\0';
        op->err.text[sizeof op->err.text - 1] = '\0';
    }
    deliver(op);
}

void cs_op_err(struct cs_op *op, const struct cs_error *err)
{
    op_finish_err(op, "cs_op_err", err);
}

static void chain_free(struct cs_chain *chain)
{
    if (!chain)
        return;
    for (size_t i = 0; chain->alternates && i < chain->n_alternates; i++)
        free((char *)chain->alternates[i]);
    free((void *)chain->alternates);
    free((char *)chain->pem);
    free((char *)chain->url);
    free((char *)chain->profile);
    free(chain);
}

static int copy_alternates(struct cs_chain *copy, const char *const *from, size_t n)
{
    const char **to = calloc(n + 1, sizeof *to);

    copy->alternates = to;
    if (!to)
        return -1;
    for (copy->n_alternates = 0; copy->n_alternates < n; copy->n_alternates++) {
        to[copy->n_alternates] = text_copy(from[copy->n_alternates]);
        if (!to[copy->n_alternates])
            return -1;
    }
    return 0;
}

/* `from` was already cut to what the plugin's version of the struct had. NULL: no memory. */
static struct cs_chain *chain_copy(const struct cs_chain *from)
{
    struct cs_chain *copy = calloc(1, sizeof *copy);

    if (!copy)
        return NULL;
    copy->size = sizeof *copy;
    copy->len = from->len;
    copy->pem = text_copy_n(from->pem, from->len);
    copy->url = text_copy(from->url ? from->url : "");
    copy->profile = text_copy(from->profile ? from->profile : "");
    if (!copy->pem || !copy->url || !copy->profile || copy_alternates(copy, from->alternates, from->n_alternates) < 0) {
        chain_free(copy);
        return NULL;
    }
    return copy;
}

void cs_op_ok_chain(struct cs_op *op, const struct cs_chain *chain)
{
    struct cs_chain known = { 0 };

    op_win(op, "cs_op_ok_chain");
    memcpy(&known, chain, chain->size < sizeof known ? chain->size : sizeof known);
    if (!known.pem || known.len == 0 || known.len > CHAIN_MAX_BYTES || memchr(known.pem, '\0', known.len) ||
        known.n_alternates > CHAIN_MAX_ALTERNATES || (known.n_alternates && !known.alternates))
        fail(op, CS_EINTERNAL, "the plugin's chain is empty, too long, or not text");
    else if (!(op->chain = chain_copy(&known)))
        fail(op, CS_EBUSY, "no memory for the chain");
    deliver(op);
}

void op_result_free(struct cs_op *op)
{
    chain_free(op->chain);
    op->chain = NULL;
    free(op->data);
    op->data = NULL;
    free(op->problem);
    op->problem = NULL;
}
