/*
 * Files that are whole or not there: written under a temporary name beside the target, synced, then named. Called by sign.c,
 * sign_files.c and sign_key.c.
 */
#ifndef COMMAND_FILE_WRITE_H
#define COMMAND_FILE_WRITE_H

#include <sys/types.h>

#include <countersign/plugin.h>

/* Put `data` at `path`, in place of what is there. CS_ECONFIG names the file and what the system said. */
int file_write_replace(const char *path, const void *data, size_t len, mode_t mode, struct cs_error *err);

/* For who renames it himself: a synced file at `part`, in place of what is there, with mode and owner of the file `like`, or
 * `mode` where that is missing. Nothing stays at `part` when it fails. */
int file_write_part(const char *part, const void *data, size_t len, const char *like, mode_t mode, struct cs_error *err);

/* Make the names in the folder of `path` survive a power cut. */
int file_write_sync_name(const char *path, struct cs_error *err);

/* Could a file be written at `path`? To know before something expensive is done. */
int file_write_possible(const char *path, struct cs_error *err);

#endif
