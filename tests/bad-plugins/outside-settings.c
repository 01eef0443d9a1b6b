/* One of its settings lies outside its settings struct. */
#include "bad.h"

struct small {
    int64_t tries;
};

static const struct cs_option settings[] = {
    { CS_OPTION_INT, "tries", sizeof(struct small), "1", 0, 0, "how often" },
    CS_SETTINGS_END,
};

CS_PLUGIN("outside-settings", "1.0", "is broken", .open = bad_open, .close = bad_close, .dns = &bad_dns,
          .settings = settings, .settings_size = sizeof(struct small));
