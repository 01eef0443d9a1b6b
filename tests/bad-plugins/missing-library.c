/* It calls a function of a library that it was not linked with. */
#include "bad.h"

int function_of_no_library(void);

static int open_missing(struct cs_instance *in, const void *settings, void **self, struct cs_error *err)
{
    return function_of_no_library() + bad_open(in, settings, self, err);
}

CS_PLUGIN("missing-library", "1.0", "is broken", .open = open_missing, .close = bad_close, .dns = &bad_dns);
