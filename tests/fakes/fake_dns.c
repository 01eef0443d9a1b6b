/*
 * fake-dns: a DNS plugin for tests of core/request. Keeps the values of each owner in a file of that name in `folder`, one a
 * line; fails the first `failures` calls with CS_EUPSTREAM, and answers after `delay`. Notes each call as a line in
 * "calls" of `folder`, and in "life" for how many seconds the last one wants its values to be kept.
 */
#include <countersign/dns.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct conf {
    const char *folder;
    int64_t failures, delay;
};

static const struct cs_option settings[] = {
    CS_SETTING(STRING, struct conf, folder, NULL, "where the owners' files go"),
    CS_SETTING(INT, struct conf, failures, "0", "so many calls fail first"),
    CS_SETTING(SECONDS, struct conf, delay, "0", "before each answer"),
    CS_SETTINGS_END,
};

struct self {
    const struct conf *conf;
    int64_t calls;
    bool busy; /* two calls at once would be a fault of the core */
};

struct call {
    struct self *self;
    struct cs_op *op;
};

/* At a shutdown it gives up at once; after a deadline it stays busy, as a back end that hangs. */
static void on_cancel(void *arg, enum cs_cancel why)
{
    struct call *call = arg;
    struct cs_op *op = call->op;
    struct cs_error err;

    if (why != CS_SHUTDOWN)
        return;
    free(call);
    cs_fail(&err, CS_ESHUTDOWN, "fake DNS was told to stop");
    cs_op_err(op, &err);
}

static bool write_owner(const struct self *self, const struct cs_txt_change *change)
{
    char path[512];
    FILE *f;

    snprintf(path, sizeof path, "%s/%s", self->conf->folder, change->owner);
    if (!change->n_want)
        return unlink(path) == 0 || true;
    f = fopen(path, "w");
    if (!f)
        return false;
    for (size_t i = 0; i < change->n_want; i++)
        fprintf(f, "%s\n", change->want[i]);
    return fclose(f) == 0;
}

static void note(const struct self *self, const struct cs_txt_change *change)
{
    char path[512];
    FILE *f;

    snprintf(path, sizeof path, "%s/calls", self->conf->folder);
    f = fopen(path, "a");
    if (!f)
        return;
    fprintf(f, "%s want=%zu gone=%zu\n", change->owner, change->n_want, change->n_gone);
    fclose(f);
    snprintf(path, sizeof path, "%s/life", self->conf->folder);
    f = fopen(path, "w");
    if (!f)
        return;
    fprintf(f, "%lld", (long long)(change->expires_ms - cs_wall_ms()) / 1000);
    fclose(f);
}

static void answer(void *arg)
{
    struct call *call = arg;
    struct self *self = call->self;
    struct cs_op *op = call->op;
    struct cs_error err;

    free(call);
    self->busy = false;
    if (++self->calls > self->conf->failures) {
        cs_op_ok(op);
        return;
    }
    cs_fail(&err, CS_EUPSTREAM, "fake DNS failure %d", (int)self->calls);
    cs_op_err(op, &err);
}

static void fake_set_txt(void *arg, const struct cs_txt_change *change, struct cs_op *op)
{
    struct self *self = arg;
    struct call *call = calloc(1, sizeof *call);

    note(self, change);
    if (self->busy || (self->calls >= self->conf->failures && !write_owner(self, change)))
        abort();
    call->self = self;
    call->op = op;
    if (!self->conf->delay) {
        answer(call);
        return;
    }
    self->busy = true;
    cs_op_on_cancel(op, on_cancel, call);
    cs_op_after(op, self->conf->delay, answer, call);
}

static int fake_open(struct cs_instance *in, const void *conf, void **out, struct cs_error *err)
{
    struct self *self = calloc(1, sizeof *self);

    (void)in;
    if (!self)
        return cs_fail(err, CS_EINTERNAL, "out of memory");
    self->conf = conf;
    *out = self;
    return 0;
}

static const struct cs_dns_ops dns = { .size = sizeof dns, .set_txt = fake_set_txt };

CS_PLUGIN("fake-dns", "1.0", "a DNS for tests: files", .settings = settings, .settings_size = sizeof(struct conf),
          .open = fake_open, .close = free, .dns = &dns);
