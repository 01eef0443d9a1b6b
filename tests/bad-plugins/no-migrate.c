/* A store without any function. */
#include "bad.h"

static const struct cs_store_ops store = { .size = sizeof store, .blocking = true };

CS_PLUGIN("no-migrate", "1.0", "is broken", .open = bad_open, .close = bad_close, .store = &store);
