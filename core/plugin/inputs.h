/*
 * Copies of what a call into a plugin is about: the op owns them, as a plugin may still look at them when the caller has given
 * up. Used by instance_calls.c.
 */
#ifndef PLUGIN_INPUTS_H
#define PLUGIN_INPUTS_H

#include <countersign/ca.h>
#include <countersign/dns.h>

struct txt_inputs {
    struct cs_txt_change change; /* deep */
    void *self;
    void (*set_txt)(void *self, const struct cs_txt_change *change, struct cs_op *op);
};

struct sign_inputs {
    struct cs_order order; /* deep */
    char *step;            /* NULL: sign */
    void *data;
    size_t data_len;
    void *self;
    const struct cs_ca_ops *ops;
};

/* NULL without memory. */
struct txt_inputs *inputs_of_txt(const struct cs_txt_change *change);
struct sign_inputs *inputs_of_sign(const struct cs_order *order, const char *step, const void *data, size_t data_len);

/* Fit op_setup.free_inputs. NULL is allowed. */
void inputs_free_txt(void *inputs);
void inputs_free_sign(void *inputs);

#endif
