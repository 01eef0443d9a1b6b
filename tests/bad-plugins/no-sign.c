/* A ca plugin that cannot sign. */
#include "bad.h"

static const struct cs_ca_ops ca = { .size = sizeof ca };

CS_PLUGIN("no-sign", "1.0", "is broken", .open = bad_open, .close = bad_close, .ca = &ca);
