/*
 * A plugin frozen at ABI 1.0: it knows the declarations of v1_0.h and nothing of today's headers. It answers every call with
 * what it saw, so that test_v1_0.c can tell whether both sides still mean the same. This file never changes.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "v1_0.h"

int cs_fail(struct v1_error *err, enum v1_code code, const char *format, ...) __attribute__((format(printf, 3, 4)));
int cs_fail_as(struct v1_error *err, enum v1_code code, const char *reason, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
void cs_op_ok(void *op);
void cs_op_ok_data(void *op, const void *data, size_t len);
void cs_op_ok_chain(void *op, const struct v1_chain *chain);
void cs_op_err(void *op, const struct v1_error *err);
void cs_op_after(void *op, int64_t ms, void (*fn)(void *arg), void *arg);
void cs_op_on_cancel(void *op, void (*fn)(void *arg, enum v1_cancel why), void *arg);
void cs_op_step(void *op, const char *name);
int64_t cs_op_deadline_ms(const void *op);
int64_t cs_now_ms(void);
const char *cs_instance_name(const void *in);

struct settings {
    const char *text, *secret, *url;
    int64_t number, seconds, bytes;
    bool flag;
    struct v1_strings list;
};

static const struct v1_option settings[] = {
    { V1_OPTION_STRING, "text", offsetof(struct settings, text), NULL, 0, 0, "a text" },
    { V1_OPTION_SECRET, "secret", offsetof(struct settings, secret), "", 0, 0, "a secret" },
    { V1_OPTION_URL, "url", offsetof(struct settings, url), "https://ca.example", 0, 0, "a URL" },
    { V1_OPTION_INT, "number", offsetof(struct settings, number), "5", 1, 9, "a number" },
    { V1_OPTION_SECONDS, "seconds", offsetof(struct settings, seconds), "250ms", 0, 0, "a time" },
    { V1_OPTION_SIZE, "bytes", offsetof(struct settings, bytes), "64K", 0, 0, "a size" },
    { V1_OPTION_BOOL, "flag", offsetof(struct settings, flag), "true", 0, 0, "a switch" },
    { V1_OPTION_STRINGS, "list", offsetof(struct settings, list), "", 0, 0, "a list" },
    { V1_OPTION_END, NULL, 0, NULL, 0, 0, NULL },
};

struct frozen {
    const struct settings *settings;
    const char *name;
    bool started;
};

static int frozen_open(void *in, const void *filled, void **self, struct v1_error *err)
{
    struct frozen *frozen = calloc(1, sizeof *frozen);

    if (!frozen)
        return cs_fail(err, V1_EINTERNAL, "no memory");
    *frozen = (struct frozen){ .settings = filled, .name = cs_instance_name(in) };
    *self = frozen;
    return 0;
}

static int frozen_start(void *self, struct v1_error *err)
{
    struct frozen *frozen = self;

    (void)err;
    frozen->started = true;
    return 0;
}

static void frozen_stop(void *self)
{
    struct frozen *frozen = self;

    frozen->started = false;
}

static void frozen_close(void *self)
{
    free(self);
}

static void frozen_set_txt(void *self, const struct v1_txt_change *change, void *op)
{
    const struct frozen *f = self;
    const struct settings *s = f->settings;
    char out[1024];
    int n = snprintf(out, sizeof out, "%s %d|%s %s %s %lld %lld %lld %d %zu:%s|%d %s %s %zu:%s %zu:%s %u %lld", f->name,
                     f->started, s->text, s->secret, s->url, (long long)s->number, (long long)s->seconds,
                     (long long)s->bytes, s->flag, s->list.n, s->list.n ? s->list.v[s->list.n - 1] : "",
                     change->size >= sizeof *change, change->zone, change->owner, change->n_want, change->want[0],
                     change->n_gone, change->gone[0], change->ttl, (long long)change->expires_ms);

    cs_op_ok_data(op, out, (size_t)n);
}

static void frozen_sign(void *self, const struct v1_order *order, void *op)
{
    static const char pem[] = "-----BEGIN CERTIFICATE-----\n";
    static const char *const alternates[] = { "https://ca.example/alternate" };
    char url[256];

    (void)self;
    cs_op_step(op, "frozen-step");
    snprintf(url, sizeof url, "%s/%zu:%.*s/%zu:%s/%s/%s/%02x", order->id, order->csr_len, (int)order->csr_len,
             (const char *)order->csr, order->n_names, order->names[0], order->profile, order->replaces,
             order->spki_sha256[31]);
    cs_op_ok_chain(op, &(struct v1_chain){ .size = sizeof(struct v1_chain), .pem = pem, .len = sizeof pem - 1, .url = url,
                                           .alternates = alternates, .n_alternates = 1, .profile = "granted" });
}

static void on_later(void *op)
{
    cs_op_ok(op);
}

static void on_cancel(void *op, enum v1_cancel why)
{
    struct v1_error err = { 0 };

    cs_fail_as(&err, V1_ELIMIT, "frozen-reason", "cancelled by %s", why == V1_SHUTDOWN ? "shutdown" : "deadline");
    err.retry_after_ms = 1234;
    cs_op_err(op, &err);
}

static void frozen_resume(void *self, const struct v1_order *order, const char *step, const void *data, size_t len,
                          void *op)
{
    struct v1_error err = { 0 };

    (void)self;
    if (strcmp(step, "later") == 0 && cs_op_deadline_ms(op) > cs_now_ms()) {
        cs_op_after(op, 1, on_later, op);
    } else if (strcmp(step, "wait") == 0) {
        cs_op_on_cancel(op, on_cancel, op);
    } else {
        cs_fail(&err, V1_ERESTART, "%s at %s with %.*s", order->id, step, (int)len, (const char *)data);
        cs_op_err(op, &err);
    }
}

static int frozen_append(void *self, const struct v1_event *events, size_t n, struct v1_error *err)
{
    (void)self;
    return cs_fail(err, V1_EUPSTREAM, "%zu: %lld %lld %s %.*s", n, (long long)events[n - 1].number,
                   (long long)events[n - 1].time_ms, events[n - 1].kind, (int)events[n - 1].json_len, events[n - 1].json);
}

static const struct v1_ca_ops ca = { .size = sizeof ca, .sign = frozen_sign, .resume = frozen_resume };
static const struct v1_dns_ops dns = { .size = sizeof dns, .set_txt = frozen_set_txt };
static const struct v1_audit_ops audit = { .size = sizeof audit, .blocking = true, .append = frozen_append };

extern __attribute__((visibility("default"))) const struct v1_plugin cs_plugin;
__attribute__((visibility("default"))) const struct v1_plugin cs_plugin = {
    .abi_major = 1,
    .abi_minor = 0,
    .size = sizeof(struct v1_plugin),
    .option_size = sizeof(struct v1_option),
    .name = "v1_0",
    .version = "1.0",
    .summary = "frozen at ABI 1.0",
    .settings = settings,
    .settings_size = sizeof(struct settings),
    .open = frozen_open,
    .start = frozen_start,
    .stop = frozen_stop,
    .close = frozen_close,
    .ca = &ca,
    .dns = &dns,
    .audit = &audit,
};
