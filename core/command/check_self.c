/*
 * What the server's own certificates lack; see check_self.h.
 */
#include "command/check_self.h"

#include "request/zone_row.h"

struct question {
    const char *name;
    bool found, enabled;
};

static int find_zone(const struct store_conn *c, void *arg, struct cs_error *err)
{
    struct question *q = arg;
    struct zone_row *zone = NULL;

    if (zone_row_read(c, q->name, &zone, err) < 0)
        return -1;
    q->found = zone != NULL;
    q->enabled = zone && zone->enabled;
    zone_row_free(zone);
    return 0;
}

static void check_name(const struct setup *setup, struct instance *store, const struct listen_settings *listen)
{
    struct question q = { .name = listen->self_name };
    struct cs_error err = { 0 };

    if (!q.name)
        return;
    if (store_with(store, CS_STATE_READER, find_zone, &q, &err) < 0)
        config_complain(setup->config, listen->at, "%s", err.text);
    else if (!q.found)
        config_complain(setup->config, listen->at,
                        "no zone of the table has %s, so that the server cannot get its certificate: add one, "
                        "`countersign zone add ZONE --dns INSTANCE`",
                        q.name);
    else if (!q.enabled)
        config_complain(setup->config, listen->at, "the zone of %s is disabled: the server cannot get its certificate", q.name);
}

void check_self(const struct setup *setup, struct instance *store)
{
    char holder[32];

    setup_state_holder(setup, holder);
    if (!*holder)
        return;
    for (size_t i = 0; i < setup->settings.n_listen; i++)
        check_name(setup, store, &setup->settings.listen[i]);
    check_name(setup, store, &setup->settings.admin);
}
