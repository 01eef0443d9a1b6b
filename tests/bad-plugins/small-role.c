/* The description of its role ends before its function. */
#include "bad.h"

static const struct cs_dns_ops dns = { .size = offsetof(struct cs_dns_ops, set_txt), .set_txt = bad_set_txt };

CS_PLUGIN("small-role", "1.0", "is broken", .open = bad_open, .close = bad_close, .dns = &dns);
