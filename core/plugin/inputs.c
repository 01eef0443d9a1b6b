/*
 * Deep copies of a call's inputs; see inputs.h.
 */
#include "plugin/inputs.h"

#include <stdlib.h>
#include <string.h>

#include "base/text.h"

static void free_strings(const char *const *strings, size_t n)
{
    for (size_t i = 0; strings && i < n; i++)
        free((void *)(uintptr_t)strings[i]);
    free((void *)(uintptr_t)strings);
}

/* NULL without memory; never NULL otherwise, also when n is 0. */
static const char *const *copy_strings(const char *const *strings, size_t n)
{
    const char **copies = calloc(n + 1, sizeof *copies);

    for (size_t i = 0; copies && i < n; i++) {
        copies[i] = text_copy(strings[i]);
        if (!copies[i]) {
            free_strings(copies, n);
            return NULL;
        }
    }
    return copies;
}

static void *copy_bytes(const void *bytes, size_t len)
{
    void *copy = malloc(len + 1);

    if (copy && len)
        memcpy(copy, bytes, len);
    return copy;
}

struct txt_inputs *inputs_of_txt(const struct cs_txt_change *change)
{
    struct txt_inputs *inputs = calloc(1, sizeof *inputs);
    struct cs_txt_change *copy;

    if (!inputs)
        return NULL;
    copy = &inputs->change;
    *copy = *change;
    copy->size = sizeof *copy;
    copy->zone = text_copy(change->zone);
    copy->owner = text_copy(change->owner);
    copy->want = copy_strings(change->want, change->n_want);
    copy->gone = copy_strings(change->gone, change->n_gone);
    if (copy->zone && copy->owner && copy->want && copy->gone)
        return inputs;
    inputs_free_txt(inputs);
    return NULL;
}

void inputs_free_txt(void *inputs)
{
    struct txt_inputs *txt = inputs;

    if (!txt)
        return;
    free((void *)(uintptr_t)txt->change.zone);
    free((void *)(uintptr_t)txt->change.owner);
    free_strings(txt->change.want, txt->change.n_want);
    free_strings(txt->change.gone, txt->change.n_gone);
    free(txt);
}

struct sign_inputs *inputs_of_sign(const struct cs_order *order, const char *step, const void *data, size_t data_len)
{
    struct sign_inputs *inputs = calloc(1, sizeof *inputs);
    struct cs_order *copy;

    if (!inputs)
        return NULL;
    copy = &inputs->order;
    *copy = *order;
    copy->size = sizeof *copy;
    copy->id = text_copy(order->id);
    copy->csr = copy_bytes(order->csr, order->csr_len);
    copy->names = copy_strings(order->names, order->n_names);
    copy->profile = text_copy(order->profile);
    copy->replaces = text_copy(order->replaces);
    inputs->step = step ? text_copy(step) : NULL;
    inputs->data = copy_bytes(data, data_len);
    inputs->data_len = data_len;
    if (copy->id && copy->csr && copy->names && copy->profile && copy->replaces && (!step || inputs->step) && inputs->data)
        return inputs;
    inputs_free_sign(inputs);
    return NULL;
}

void inputs_free_sign(void *inputs)
{
    struct sign_inputs *sign = inputs;

    if (!sign)
        return;
    free((void *)(uintptr_t)sign->order.id);
    free((void *)(uintptr_t)sign->order.csr);
    free_strings(sign->order.names, sign->order.n_names);
    free((void *)(uintptr_t)sign->order.profile);
    free((void *)(uintptr_t)sign->order.replaces);
    free(sign->step);
    free(sign->data);
    free(sign);
}
