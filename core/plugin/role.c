/*
 * The roles a plugin can play; see role.h.
 */
#include "plugin/role.h"

#include <countersign/plugin.h>

const char *role_name(enum role role)
{
    switch (role) {
    case ROLE_CA:
        return "ca";
    case ROLE_DNS:
        return "dns";
    case ROLE_STORE:
        return "store";
    case ROLE_AUDIT:
        return "audit";
    }
    return "";
}

const void *role_ops(const struct cs_plugin *about, enum role role)
{
    switch (role) {
    case ROLE_CA:
        return about->ca;
    case ROLE_DNS:
        return about->dns;
    case ROLE_STORE:
        return about->store;
    case ROLE_AUDIT:
        return about->audit;
    }
    return NULL;
}
