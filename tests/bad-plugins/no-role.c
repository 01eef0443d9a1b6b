/* It plays no role: no section could name it. */
#include "bad.h"

CS_PLUGIN("no-role", "1.0", "is broken", .open = bad_open, .close = bad_close);
