/* It cannot be opened: there would be no instance. */
#include "bad.h"

CS_PLUGIN("no-open", "1.0", "is broken", .close = bad_close, .dns = &bad_dns);
