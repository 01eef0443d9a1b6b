/* The services of the core that store-sqlite and audit-jsonl use, for tests of them without a core. */
#include <countersign/plugin.h>

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "store_host.h"

struct store_host store_host;

const char *cs_state_dir(struct cs_instance *in, struct cs_error *err)
{
    (void)in;
    if (!store_host.folder)
        cs_fail(err, CS_ECONFIG, "there is no state folder");
    return store_host.folder;
}

void cs_log(struct cs_instance *in, enum cs_log_level level, const char *format, ...)
{
    size_t used = strlen(store_host.lines);
    va_list args;

    (void)in;
    store_host.level = level;
    va_start(args, format);
    vsnprintf(store_host.lines + used, sizeof store_host.lines - used, format, args);
    va_end(args);
    used = strlen(store_host.lines);
    snprintf(store_host.lines + used, sizeof store_host.lines - used, "\n");
}

int64_t cs_wall_ms(void)
{
    return (int64_t)time(NULL) * 1000;
}
