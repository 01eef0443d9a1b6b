/* It calls a service that only a newer server has. */
#include "bad.h"

void cs_of_tomorrow(struct cs_instance *in);

static int open_newer(struct cs_instance *in, const void *settings, void **self, struct cs_error *err)
{
    cs_of_tomorrow(in);
    return bad_open(in, settings, self, err);
}

CS_PLUGIN("newer-service", "1.0", "is broken", .open = open_newer, .close = bad_close, .dns = &bad_dns);
