/*
 * Running plugins: one instance for each block of the file. Owns settings, threads and sockets of each; the only way to a
 * plugin's functions. Used by command/serve.c (start order), records/ (store, audit) and request/ (ca, dns).
 */
#ifndef PLUGIN_INSTANCE_H
#define PLUGIN_INSTANCE_H

#include "engine/host.h"
#include "engine/op.h"
#include "engine/sockets.h"
#include "plugin/loader.h"
#include "plugin/options.h"

struct instance {
    struct cs_instance in; /* what the plugin holds a pointer to */
    struct block_settings block;
    struct plugin plugin;
    struct options *options;
    struct workers *workers; /* NULL: not blocking in any role */
    void *self;
    bool opened, started;
    size_t calls; /* ops that are out */
};

struct instances;

/* The start order, one function a step; each collects or reports with *err. */
struct instances *instances_new(struct loop *loop, struct http_client *http, const struct settings *settings,
                                struct config *config, struct cs_error *err);
int instances_bind(struct instances *all, struct cs_error *err);   /* every `listen`; may need privileges          */
/* dlopen, check, fill settings. Complaints of the settings go to the config; -1 when there was any fault. */
int instances_load(struct instances *all, uid_t user, uid_t starter, struct cs_error *err);
int instances_open(struct instances *all, enum role role, struct cs_error *err); /* opens those of one role          */
int instances_start(struct instances *all, struct cs_error *err);
void instances_stop(struct instances *all);   /* no new calls; running ones are cancelled with CS_SHUTDOWN           */
size_t instances_calls(const struct instances *all); /* ops that are still out */
void instances_free(struct instances *all);   /* close each, release; every op is finished */

/* NULL: there is none of that name and role. */
struct instance *instances_find(struct instances *all, enum role role, const char *name);
/* The role's instance number `index` in the file's order; NULL behind the last. */
struct instance *instances_at(struct instances *all, enum role role, size_t index);

/* Calls. Inputs are copied into the op. `done` as in op.h. The op may be finished before these return; `done` runs later. */
void instance_set_txt(struct instance *instance, const struct cs_txt_change *change, const char *about, int64_t deadline_ms,
                      op_done_fn *done, void *arg);

struct sign_call {
    const struct cs_order *order;
    const char *step; /* NULL: sign; otherwise resume from it, with data */
    const void *data;
    size_t data_len;
    void *owner; /* the job */
    int64_t deadline_ms;
    void (*on_step)(void *arg, const char *step);
    op_done_fn *done;
    void *arg;
};
/* The op, for op_cancel(); NULL without memory (`done` is then not called, *err says so). */
struct cs_op *instance_sign(struct instance *instance, const struct sign_call *call, struct cs_error *err);

/* Blocking; in a thread of the caller's. */
int instance_append(struct instance *instance, const struct cs_event *events, size_t n, struct cs_error *err);

#endif
