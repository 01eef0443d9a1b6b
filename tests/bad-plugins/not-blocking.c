/* An audit plugin that forgot to say that it waits. */
#include "bad.h"

static int append(void *self, const struct cs_event *events, size_t n, struct cs_error *err)
{
    (void)self;
    (void)events;
    (void)n;
    (void)err;
    return 0;
}

static const struct cs_audit_ops audit = { .size = sizeof audit, .append = append };

CS_PLUGIN("not-blocking", "1.0", "is broken", .open = bad_open, .close = bad_close, .audit = &audit);
