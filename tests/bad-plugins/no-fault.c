/* Nothing is wrong with it: its file and folder are, in the tests. */
#include "bad.h"

CS_PLUGIN("no-fault", "1.2", "does nothing, and does it well", .open = bad_open, .close = bad_close, .dns = &bad_dns);
