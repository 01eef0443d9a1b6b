/*
 * Where a plugin's file is, and whether it may be trusted. Called by loader.c before dlopen, and by `countersign plugin list`.
 */
#ifndef PLUGIN_PLUGIN_FILE_H
#define PLUGIN_PLUGIN_FILE_H

#include <sys/types.h>

#include <countersign/plugin.h>

/* "dns-x" is DIR/dns-x.so; a name with "/" is a path. The folder may be reached through symbolic links and is resolved, so that
 * what is checked is what is loaded; the file itself may not be one. Folder and file must belong to root, `user` or `starter`,
 * and group and others must not be able to write to them. The absolute path, malloc'd; NULL and CS_ECONFIG otherwise. */
char *plugin_file_find(const char *dir, const char *name, uid_t user, uid_t starter, struct cs_error *err);

/* "dns-x" of "/usr/lib/countersign/dns-x.so", malloc'd; NULL: without ".so" at its end, or no memory. */
char *plugin_file_name(const char *path);

#endif
