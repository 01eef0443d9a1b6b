/*
 * The roles a plugin can play; see role.h.
 */
#include "plugin/role.h"

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
