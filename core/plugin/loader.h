/*
 * From a plugin's name to its checked descriptor: path and permissions, dlopen, the ABI, the roles.
 */
#ifndef PLUGIN_LOADER_H
#define PLUGIN_LOADER_H

#include <countersign/audit.h>
#include <countersign/ca.h>
#include <countersign/dns.h>
#include <countersign/store.h>

#include <sys/types.h>

#include "plugin/settings.h"

/* Copies by the smaller size: what an older plugin did not know is NULL. Never unloaded (RTLD_NODELETE), never copied. */
struct plugin {
    struct cs_plugin about; /* its role pointers point into this struct, or are NULL */
    struct cs_ca_ops ca;
    struct cs_dns_ops dns;
    struct cs_store_ops store;
    struct cs_audit_ops audit;
    char *path; /* absolute, without symbolic links */
};

/* Names without "/" mean DIR/NAME.so. File and folder must belong to root, the user, or `starter`, and not be writable by
 * group or others; the folder may be reached through symbolic links, the file may not be one. Each refusal names the file, both
 * versions where they differ, and what to do. */
int plugin_load(struct plugin *out, const char *dir, const char *name, uid_t user, uid_t starter, struct cs_error *err);
void plugin_release(struct plugin *plugin);

/* Does it play that role, with every mandatory function? -1: no, and the error names what is missing. */
int plugin_plays(const struct plugin *plugin, enum role role, struct cs_error *err);

#endif
