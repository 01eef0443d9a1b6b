/*
 * Files that the service manager hands over, LoadCredential= of systemd.exec(5): how the configuration names them. Used by
 * config.c, for every string of the file, and by config_secret.c for what it says about one that is missing.
 */
#ifndef PLUGIN_CREDENTIAL_H
#define PLUGIN_CREDENTIAL_H

#include <stdbool.h>

/* Is it "credential:NAME" or "@credential:NAME"? */
bool credential_is(const char *text);

/* "[@]credential:NAME" as "[@]FOLDER/NAME", the caller's; the folder is $CREDENTIALS_DIRECTORY, or where systemd has that of
 * countersign.service, for a command beside the running server. A name with "/" leads nowhere. NULL: none, or no memory. */
char *credential_path(const char *text);

/* What to do when a file at that path is missing: how to hand one over, or "" when it is no credential's. */
const char *credential_advice(const char *path);

#endif
