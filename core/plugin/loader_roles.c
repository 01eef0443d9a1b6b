/*
 * What a plugin must have to play a role: plugin_plays() of loader.h.
 */
#include <string.h>

#include "plugin/loader.h"

struct mandatory {
    const char *name;
    size_t offset;
};

#define FUNCTION(type, name) { #name, offsetof(struct type, name) }

static const struct mandatory of_ca[] = { FUNCTION(cs_ca_ops, sign) };
static const struct mandatory of_dns[] = { FUNCTION(cs_dns_ops, set_txt) };
static const struct mandatory of_audit[] = { FUNCTION(cs_audit_ops, append) };
static const struct mandatory of_store[] = {
    FUNCTION(cs_store_ops, migrate),          FUNCTION(cs_store_ops, connect),          FUNCTION(cs_store_ops, disconnect),
    FUNCTION(cs_store_ops, begin),            FUNCTION(cs_store_ops, commit),           FUNCTION(cs_store_ops, rollback),
    FUNCTION(cs_store_ops, savepoint),        FUNCTION(cs_store_ops, version),          FUNCTION(cs_store_ops, zone_put),
    FUNCTION(cs_store_ops, zone_remove),      FUNCTION(cs_store_ops, zone_list),        FUNCTION(cs_store_ops, zone_find),
    FUNCTION(cs_store_ops, subject_put),      FUNCTION(cs_store_ops, subject_remove),   FUNCTION(cs_store_ops, subject_list),
    FUNCTION(cs_store_ops, subject_find),     FUNCTION(cs_store_ops, job_put),          FUNCTION(cs_store_ops, job_find),
    FUNCTION(cs_store_ops, job_find_open),    FUNCTION(cs_store_ops, job_list_open),    FUNCTION(cs_store_ops, challenge_put),
    FUNCTION(cs_store_ops, challenge_remove), FUNCTION(cs_store_ops, challenge_list),   FUNCTION(cs_store_ops, certificate_put),
    FUNCTION(cs_store_ops, certificate_find), FUNCTION(cs_store_ops, certificate_newest), FUNCTION(cs_store_ops, keep_put),
    FUNCTION(cs_store_ops, keep_get),         FUNCTION(cs_store_ops, outbox_put),       FUNCTION(cs_store_ops, outbox_read),
    FUNCTION(cs_store_ops, outbox_trim),      FUNCTION(cs_store_ops, outbox_range),     FUNCTION(cs_store_ops, cursor_put),
    FUNCTION(cs_store_ops, cursor_get),       FUNCTION(cs_store_ops, purge),
};

#define COUNT(table) (sizeof(table) / sizeof *(table))

static int check_all(const struct plugin *plugin, enum role role, const void *ops, const struct mandatory *functions, size_t n,
                     struct cs_error *err)
{
    void (*function)(void);

    if (!ops)
        return cs_fail(err, CS_ECONFIG, "%s does not play the role `%s`: name it in a section that it can serve", plugin->path,
                       role_name(role));
    for (size_t i = 0; i < n; i++) {
        memcpy(&function, (const char *)ops + functions[i].offset, sizeof function);
        if (!function)
            return cs_fail(err, CS_ECONFIG, "%s has no function `%s` in its role `%s`: its author must add it", plugin->path,
                           functions[i].name, role_name(role));
    }
    return 0;
}

static int check_blocking(const struct plugin *plugin, enum role role, bool blocking, struct cs_error *err)
{
    if (blocking)
        return 0;
    return cs_fail(err, CS_ECONFIG, "%s does not say .blocking = true in its role `%s`, which waits: its author must add it",
                   plugin->path, role_name(role));
}

int plugin_plays(const struct plugin *plugin, enum role role, struct cs_error *err)
{
    const struct cs_plugin *about = &plugin->about;

    switch (role) {
    case ROLE_CA:
        return check_all(plugin, role, about->ca, of_ca, COUNT(of_ca), err);
    case ROLE_DNS:
        return check_all(plugin, role, about->dns, of_dns, COUNT(of_dns), err);
    case ROLE_STORE:
        if (check_all(plugin, role, about->store, of_store, COUNT(of_store), err) < 0)
            return -1;
        return check_blocking(plugin, role, about->store->blocking, err);
    case ROLE_AUDIT:
        if (check_all(plugin, role, about->audit, of_audit, COUNT(of_audit), err) < 0)
            return -1;
        return check_blocking(plugin, role, about->audit->blocking, err);
    }
    return cs_fail(err, CS_EINTERNAL, "no such role");
}
