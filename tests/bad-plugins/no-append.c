/* An audit plugin that cannot keep anything. */
#include "bad.h"

static const struct cs_audit_ops audit = { .size = sizeof audit, .blocking = true };

CS_PLUGIN("no-append", "1.0", "is broken", .open = bad_open, .close = bad_close, .audit = &audit);
