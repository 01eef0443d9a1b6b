/*
 * The roles a plugin can play; each is a section of countersign.conf. Used throughout the core.
 */
#ifndef PLUGIN_ROLE_H
#define PLUGIN_ROLE_H

enum role { ROLE_CA = 1, ROLE_DNS, ROLE_STORE, ROLE_AUDIT };

const char *role_name(enum role role); /* "ca", … */

struct cs_plugin;
/* What a plugin plays the role with, a struct cs_ca_ops or …; NULL: it does not claim to. */
const void *role_ops(const struct cs_plugin *about, enum role role);

#endif
