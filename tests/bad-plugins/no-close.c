/* It cannot be closed: the core would leak it. */
#include "bad.h"

CS_PLUGIN("no-close", "1.0", "is broken", .open = bad_open, .dns = &bad_dns);
