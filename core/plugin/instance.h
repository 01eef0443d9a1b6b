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

struct instances;
struct call;

struct instance {
    struct cs_instance in; /* what the plugin holds a pointer to */
    struct block_settings block;
    struct plugin plugin;
    struct options *options;
    /* NULL: not blocking in that role; store and audit run in threads of the caller's. One that plays both has threads for
     * each, as its orders wait for its own DNS changes. */
    struct workers *ca_workers, *dns_workers;
    void *self;
    bool opened, started, stopped;
    bool closing;     /* no new calls */
    size_t calls;     /* ops that are out */
    struct call *out; /* they themselves */
    size_t appends;   /* what audit sinks have under way with it; theirs */
    bool is_kept;     /* in a set that is being prepared: it runs already */
    /* Of one that leaves: */
    struct instance *next;
    bool is_replaced;         /* nobody uses it but its calls */
    struct instance *heir;    /* a DNS server that answers as soon as it was told what this one serves; else NULL */
    int64_t hands_over_by_ms; /* on cs_now_ms() */
    bool challenges;  /* a CA that has asked for a challenge: it will again (request/publication.c) */
};

/* The start order, one function a step; each collects or reports with *err. */
struct instances *instances_new(struct loop *loop, struct http_client *http, const struct settings *settings,
                                struct config *config, struct cs_error *err);
int instances_bind(struct instances *all, struct cs_error *err);   /* every `listen`; may need privileges          */
/* dlopen, check, fill settings. All complaints go to the config, of plugins that were refused, too; -1 when there was any. */
int instances_load(struct instances *all, uid_t user, uid_t starter, struct cs_error *err);
/* For `countersign check`: would each plugin that was loaded open with its settings? Complaints go to the config. */
int instances_check(const struct instances *all);
int instances_open(struct instances *all, enum role role, struct cs_error *err); /* opens those of one role          */
int instance_open(struct instance *instance, struct cs_error *err); /* that one alone; its settings are filled (options) */
int instances_start(struct instances *all, struct cs_error *err); /* each that is open: store, audit, dns, ca         */
/* What earlier runs left was handed over: DNS servers begin to answer. Once, after instances_start(). */
void instances_caught_up(const struct instances *all);
/* Stop and close one whose calls are all finished, then open and start it anew, as after a restart of the server; its sockets
 * stay bound. For `countersign plugin test`. */
int instance_reopen(struct instance *instance, struct cs_error *err);
/* No new calls: they end with CS_ESHUTDOWN; running ones are cancelled with CS_SHUTDOWN. Stops ca and dns plugins. Store and
 * audit sinks are still needed then: they are stopped by instances_free(). */
void instances_stop(struct instances *all);
size_t instances_calls(const struct instances *all); /* ops that are still out */
/* The store and the outbox are closed, the HTTP client, too. Waits for the threads of blocking plugins, stops and closes each
 * instance in the reverse of the start order. NULL is allowed. Every op should be finished: an instance with one that is not is
 * left as it is, with a line in the log; the process must then end without taking its loop apart. */
void instances_free(struct instances *all);

/* ---- A new file while these run (docs/reload.md). In this order: instances_new() and instances_load() for a set of its own,
 * in any thread; then, on the loop, instances_keep(), instances_begin(), and instances_switch() or instances_drop(). ---- */

/* Instances of `now` whose blocks say the same in both files take the place of their twins, and go on as they are. */
void instances_keep(struct instances *fresh, struct instances *now);
/* What is different, as "ca.le dns.builtin"; of a set that instances_keep() has seen. */
void instances_compare(const struct instances *fresh, const struct instances *now, struct text *added, struct text *changed,
                       struct text *removed);
/* Bind, open and start those that do not run yet; sockets that their predecessors have are shared with them. */
int instances_begin(struct instances *fresh, struct instances *now, struct cs_error *err);
/* `now` is the set of the new file, and `fresh` is freed; the settings that each points to have changed places before. Whom the
 * new set has not leaves: no one finds it any more. Cannot fail. */
void instances_switch(struct instances *now, struct instances *fresh);
/* After the switch: who stands now for one of the set before: itself, its successor, or NULL when it is used to its end. */
struct instance *instances_heir(const struct instances *all, struct instance *before);
/* Close what instances_begin() has opened; `now` goes on as it was. NULL is allowed. */
void instances_drop(struct instances *fresh);

struct instances_watch {
    bool (*is_used)(void *arg, const struct instance *instance);    /* one that has no heir: it cannot be closed yet */
    bool (*is_told)(void *arg, const struct instance *heir);        /* everything that its predecessor serves */
    void (*is_going)(void *arg, const struct instance *instance);   /* it is about to be closed and freed */
    void *arg;
};
/* Close those that leave and are not used any more; to be called again while it returns true: DNS servers hand over. */
bool instances_settle(struct instances *all, const struct instances_watch *watch);
size_t instances_leaving(const struct instances *all);

/* NULL: there is none of that name and role. An instance that plays two roles is found under each of its names. */
struct instance *instances_find(struct instances *all, enum role role, const char *name);
/* Has one of them, or one that leaves, told that it holds the key with this hash (cs_own_key())? */
bool instances_hold_key(const struct instances *all, const uint8_t spki_sha256[OWN_KEY_HASH]);
/* The role's instance number `index` in the file's order; NULL behind the last. */
struct instance *instances_at(struct instances *all, enum role role, size_t index);

/* Calls. Inputs are copied into the op. `done` as in op.h. The op may be finished before these return; `done` runs later. */
void instance_set_txt(struct instance *instance, const struct cs_txt_change *change, const char *about, int64_t deadline_ms,
                      op_done_fn *done, void *arg);

struct sign_call {
    const struct cs_order *order;
    const char *step; /* NULL: sign; otherwise resume from it, with data; CS_ERESTART when the plugin cannot resume */
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

struct revoke_call {
    const char *pem; /* copied; begins with the certificate */
    int reason;
    const char *about; /* for the log */
    int64_t deadline_ms;
    op_done_fn *done;
    void *arg;
};
/* Ask a CA to revoke a certificate; its plugin has `revoke`. -1 without memory: `done` is then not called. */
int instance_revoke(struct instance *instance, const struct revoke_call *call, struct cs_error *err);

/* Ask a CA whether it takes orders; its plugin has `status`. -1 without memory: `done` is then not called. */
int instance_status(struct instance *instance, int64_t deadline_ms, op_done_fn *done, void *arg, struct cs_error *err);

/* What its orders share with those of other instances that have the same (ca.h, account); NULL: nothing. On the loop. */
const char *instance_account(const struct instance *instance);

/* As instance_status(), for its plugin's `examine`. */
int instance_examine(struct instance *instance, int64_t deadline_ms, op_done_fn *done, void *arg, struct cs_error *err);

/* Blocking; in a thread of the caller's. */
int instance_append(struct instance *instance, const struct cs_event *events, size_t n, struct cs_error *err);
/* SIGHUP: tell an audit plugin to open its files anew, if it wants to know. In the thread that appends. */
void instance_audit_reopen(struct instance *instance);

#endif
