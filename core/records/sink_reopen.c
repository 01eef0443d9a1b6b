/*
 * An audit plugin opens its files anew; see sink_reopen.h.
 */
#include "records/sink_reopen.h"

#include <stdlib.h>

#include "engine/log.h"

struct reopening {
    struct mail mail; /* first */
    struct loop *loop;
    struct instance *instance;
};

static void on_reopened(struct mail *mail)
{
    struct reopening *r = (struct reopening *)mail;

    r->instance->appends--;
    free(r);
}

static void reopen(void *arg)
{
    struct reopening *r = arg;

    instance_audit_reopen(r->instance);
    loop_post(r->loop, &r->mail);
}

void sink_reopening(struct loop *loop, struct workers *workers, struct instance *instance)
{
    struct reopening *r = calloc(1, sizeof *r);
    struct cs_error err = { .text = "no memory" };

    if (r) {
        *r = (struct reopening){ .mail.fn = on_reopened, .loop = loop, .instance = instance };
        instance->appends++;
        if (workers_run(workers, reopen, r, &err) == 0)
            return;
        instance->appends--;
        free(r);
    }
    log_line(CS_LOG_WARN, instance->in.who, "", "cannot open anew after SIGHUP: %s", err.text);
}
