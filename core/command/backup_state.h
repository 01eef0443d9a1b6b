/*
 * What of the state folder belongs to a backup, beside the store's files: the folders of the plugins' instances ("ca.le"), and
 * `self`, which has the server's own certificate. Called by backup.c and restore.c.
 */
#ifndef COMMAND_BACKUP_STATE_H
#define COMMAND_BACKUP_STATE_H

#include <jansson.h>

#include "command/setup.h"

/* "ca.le", "dns.hook", "self"; not the store's, nor what a restore has renamed. */
bool backup_state_is_part(const char *name);

/* Copies them to FOLDER/state, and adds each file to the manifest; what has no content, such as a socket, to its
 * "left_out". */
int backup_state_copy(const struct setup *setup, const char *folder, json_t *manifest, struct cs_error *err);

/* More of "left_out" of the manifest: other files and folders of the state folder, the configuration, and files that it
 * names. */
int backup_state_left_out(const struct setup *setup, const char *config_path, json_t *manifest, struct cs_error *err);

#endif
