/*
 * A plugin for test_instance.c: plays ca, dns and audit, and writes down in the file `trace` what the core asks of it. Built
 * twice: RECORDER_BLOCKING says which of the two it is. The blocking one cannot resume.
 */
#include <countersign/audit.h>
#include <countersign/ca.h>
#include <countersign/dns.h>

#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

struct settings {
    const char *trace, *mode;
    int64_t pause;
};

static const struct cs_option settings[] = {
    CS_SETTING(STRING, struct settings, trace, NULL, "the file to write to"),
    CS_SETTING(STRING, struct settings, mode, "ok", "ok, fail, later, until-cancel, never; no-open, no-start"),
    CS_SETTING(SECONDS, struct settings, pause, "0", "a blocking call takes that long"),
    CS_SETTINGS_END,
};

struct recorder {
    const struct settings *settings;
    struct cs_instance *in;
};

static void trace(const struct recorder *r, const char *format, ...) CS_PRINTF(2, 3);

static void trace(const struct recorder *r, const char *format, ...)
{
    char line[1024];
    int fd = open(r->settings->trace, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    int n = snprintf(line, sizeof line, "%s: ", cs_instance_name(r->in));
    va_list args;

    va_start(args, format);
    n += vsnprintf(line + n, sizeof line - (size_t)n - 1, format, args);
    va_end(args);
    line[n++] = '\n';
    if (fd < 0 || write(fd, line, (size_t)n) != n)
        abort();
    close(fd);
}

static bool mode_is(const struct recorder *r, const char *mode)
{
    return strcmp(r->settings->mode, mode) == 0;
}

/* ---- Life ---- */

static int recorder_open(struct cs_instance *in, const void *filled, void **self, struct cs_error *err)
{
    struct recorder *r = calloc(1, sizeof *r);

    *r = (struct recorder){ .settings = filled, .in = in };
    if (mode_is(r, "no-open")) {
        free(r);
        return cs_fail(err, CS_ECONFIG, "will not open");
    }
    trace(r, "open");
    *self = r;
    return 0;
}

static int recorder_start(void *self, struct cs_error *err)
{
    trace(self, "start");
    return mode_is(self, "no-start") ? cs_fail(err, CS_ECONFIG, "will not start") : 0;
}

static void recorder_stop(void *self)
{
    trace(self, "stop");
}

static void recorder_close(void *self)
{
    trace(self, "close");
    free(self);
}

/* ---- Calls ---- */

struct pending {
    struct recorder *r;
    struct cs_op *op;
};

static void on_later(void *arg)
{
    struct cs_op *op = arg;

    cs_op_ok(op);
}

static void on_cancel(void *arg, enum cs_cancel why)
{
    struct pending *p = arg;
    struct cs_error err = { 0 };

    trace(p->r, "cancel %s", why == CS_SHUTDOWN ? "shutdown" : "deadline");
    cs_fail(&err, CS_ESHUTDOWN, "cancelled");
    cs_op_err(p->op, &err);
    free(p);
}

static void finish(struct recorder *r, struct cs_op *op)
{
    struct cs_error err = { 0 };
    struct pending *p;

    if (mode_is(r, "later")) {
        cs_op_after(op, 20, on_later, op);
    } else if (mode_is(r, "until-cancel")) {
        p = malloc(sizeof *p);
        *p = (struct pending){ .r = r, .op = op };
        cs_op_on_cancel(op, on_cancel, p);
    } else if (mode_is(r, "fail")) {
        cs_fail(&err, CS_EREFUSED, "refused as it was asked to");
        cs_op_err(op, &err);
    } else if (!mode_is(r, "never")) {
        cs_op_ok(op);
    }
}

/* The caller's inputs may be gone by now: ours must not be. */
static void pause_here(const struct recorder *r)
{
    struct timespec time = { .tv_sec = r->settings->pause / 1000, .tv_nsec = r->settings->pause % 1000 * 1000000 };

    nanosleep(&time, NULL);
}

static const char *thread_name(void)
{
    static _Thread_local char name[16];

    pthread_getname_np(pthread_self(), name, sizeof name);
    return name;
}

static void recorder_set_txt(void *self, const struct cs_txt_change *change, struct cs_op *op)
{
    struct recorder *r = self;

    pause_here(r);
    trace(r, "set_txt %s %s want=%zu:%s gone=%zu:%s ttl=%u", change->zone, change->owner, change->n_want,
          change->n_want ? change->want[change->n_want - 1] : "", change->n_gone,
          change->n_gone ? change->gone[change->n_gone - 1] : "", (unsigned)change->ttl);
    if (r->settings->pause)
        trace(r, "in thread %s", thread_name());
    finish(r, op);
}

static void recorder_sign(void *self, const struct cs_order *order, struct cs_op *op)
{
    static const char pem[] = "-----BEGIN CERTIFICATE-----\n";
    struct recorder *r = self;

    pause_here(r);
    trace(r, "sign %s csr=%.*s names=%zu:%s profile=%s replaces=%s spki=%02x", order->id, (int)order->csr_len,
          (const char *)order->csr, order->n_names, order->names[order->n_names - 1], order->profile, order->replaces,
          order->spki_sha256[31]);
    cs_op_step(op, "signing");
    if (mode_is(r, "ok"))
        cs_op_ok_chain(op, &(struct cs_chain){ .size = sizeof(struct cs_chain), .pem = pem, .len = sizeof pem - 1, .url = "",
                                               .profile = "" });
    else
        finish(r, op);
}

#ifndef RECORDER_BLOCKING
static void recorder_resume(void *self, const struct cs_order *order, const char *step, const void *data, size_t len,
                            struct cs_op *op)
{
    trace(self, "resume %s at %s with %.*s", order->id, step, (int)len, (const char *)data);
    finish(self, op);
}

static const struct cs_ca_ops ca = { .size = sizeof ca, .sign = recorder_sign, .resume = recorder_resume };
static const struct cs_dns_ops dns = { .size = sizeof dns, .set_txt = recorder_set_txt };
#define RECORDER_NAME "recorder"
#else
static const struct cs_ca_ops ca = { .size = sizeof ca, .blocking = true, .sign = recorder_sign };
static const struct cs_dns_ops dns = { .size = sizeof dns, .blocking = true, .set_txt = recorder_set_txt };
#define RECORDER_NAME "recorder-blocking"
#endif

static int recorder_append(void *self, const struct cs_event *events, size_t n, struct cs_error *err)
{
    trace(self, "append %zu, the last %s", n, events[n - 1].kind);
    return mode_is(self, "fail") ? cs_fail(err, CS_EUPSTREAM, "the sink is full") : 0;
}

static int recorder_reopen(void *self, struct cs_error *err)
{
    trace(self, "reopen");
    return mode_is(self, "fail") ? cs_fail(err, CS_EUPSTREAM, "the sink is gone") : 0;
}

static const struct cs_audit_ops audit = { .size = sizeof audit, .blocking = true, .append = recorder_append,
                                           .reopen = recorder_reopen };

CS_PLUGIN(RECORDER_NAME, "1.0", "writes down what is asked of it", .settings = settings,
          .settings_size = sizeof(struct settings), .open = recorder_open, .start = recorder_start, .stop = recorder_stop,
          .close = recorder_close, .ca = &ca, .dns = &dns, .audit = &audit);
