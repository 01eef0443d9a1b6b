/*
 * The block `visits` of countersign.conf: what is recorded about requests, and for how long. Called by settings.c.
 */
#include "plugin/settings_visits.h"

#include <stddef.h>

#include "plugin/settings_table.h"

enum { SECOND = 1000, MINUTE = 60 * SECOND, HOUR = 60 * MINUTE };
#define DAY (24 * (int64_t)HOUR)

/* A duration that is a number of days. */
static void read_days(struct config *config, const struct config_node *at, const char *key, int64_t most, int64_t *days)
{
    int64_t ms = *days * DAY;

    if (config_seconds(config, at, key, 0, most * DAY, &ms) != CONFIG_FOUND)
        return;
    if (ms % DAY)
        config_complain(config, config_find(config, at, key), "`%s` of `visits` is a number of whole days, as in \"7d\"", key);
    *days = ms / DAY;
}

void settings_visits_read(struct config *config, struct visits_settings *out)
{
    const struct config_node *at = config_group(config, config_root(config), "visits");
    const char *keys[SETTINGS_KEYS_MOST];

    *out = (struct visits_settings){ .enabled = true,
                                     .keep_days = 7,
                                     .label_days = 30,
                                     .total_months = 25,
                                     .k = 10,
                                     .grace_ms = 5 * MINUTE,
                                     .publish_ms = HOUR };
    if (!at)
        return;
    config_bool(config, at, "enabled", &out->enabled);
    read_days(config, at, "keep", 30, &out->keep_days);
    read_days(config, at, "labels", 366, &out->label_days);
    config_int(config, at, "totals", 1, 1200, &out->total_months);
    config_int(config, at, "k", 2, 1000, &out->k);
    config_seconds(config, at, "grace", 0, HOUR, &out->grace_ms);
    config_seconds(config, at, "publish", 15 * MINUTE, 24 * HOUR, &out->publish_ms);
    if (out->label_days < out->keep_days)
        config_complain(config, at, "`labels` of `visits` is less than `keep`: labels are part of the visits that are kept");
    config_complain_unused(config, at, keys, settings_keys("visits", keys));
}
