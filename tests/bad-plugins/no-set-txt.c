/* A dns plugin that cannot set anything. */
#include "bad.h"

static const struct cs_dns_ops dns = { .size = sizeof dns };

CS_PLUGIN("no-set-txt", "1.0", "is broken", .open = bad_open, .close = bad_close, .dns = &dns);
