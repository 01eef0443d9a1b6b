/* It has another name than its file. */
#include "bad.h"

CS_PLUGIN("some-other", "1.0", "is broken", .open = bad_open, .close = bad_close, .dns = &bad_dns);
