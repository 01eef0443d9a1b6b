/*
 * In the place of syscalls.c where there is no libseccomp, or a sanitizer, whose runtime makes calls that no list knows.
 */
#include "engine/syscalls.h"

bool syscalls_can_be_limited(void)
{
    return false;
}

int syscalls_limit(enum syscalls_mode mode, struct cs_error *err)
{
    (void)mode;
    return cs_fail(err, CS_ECONFIG, "this program was built without libseccomp");
}
