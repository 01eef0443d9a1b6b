/* It shows more than its descriptor, and keeps state outside of its instances. */
#include "bad.h"

CS_EXPORT void helper_of_mine(void);

static int instances_so_far;

void helper_of_mine(void)
{
    instances_so_far++;
}

static int open_counting(struct cs_instance *in, const void *settings, void **self, struct cs_error *err)
{
    helper_of_mine();
    return bad_open(in, settings, self, err);
}

CS_PLUGIN("loose", "1.0", "is broken", .open = open_counting, .close = bad_close, .dns = &bad_dns);
