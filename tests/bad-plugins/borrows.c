/* It calls a function of a library that it was not linked with, but that the server has. */
#include "bad.h"

void *json_object(void);

static int open_borrowing(struct cs_instance *in, const void *settings, void **self, struct cs_error *err)
{
    if (!json_object())
        return cs_fail(err, CS_EINTERNAL, "out of memory");
    return bad_open(in, settings, self, err);
}

CS_PLUGIN("borrows", "1.0", "is broken", .open = open_borrowing, .close = bad_close, .dns = &bad_dns);
