/*
 * Whole folders for backup.c and restore.c: copied with all that is in them, removed with all that is in them, made safe on the
 * disk.
 */
#ifndef COMMAND_FOLDER_H
#define COMMAND_FOLDER_H

#include <countersign/plugin.h>

/* A file that was copied, with its path below `to`; what is no file or folder, or not finished (its name ends in ".new"), is
 * passed over. -1 stops. */
typedef int folder_fn(void *arg, const char *path, struct cs_error *err);

/* Makes `to`, 0700, which is not there, and copies every file of `from` into it, 0600, synced. `fn` may
 * be NULL. A file that goes away meanwhile was not there. */
int folder_copy(const char *from, const char *to, folder_fn *fn, void *arg, struct cs_error *err);

/* One file, 0600, synced; `to` is not there. CS_ENOTFOUND: `from` is gone. */
int folder_copy_file(const char *from, const char *to, struct cs_error *err);

/* Its names survive a power cut. */
int folder_sync(const char *path, struct cs_error *err);

/* As far as it can be; nothing is followed out of it. */
void folder_remove(const char *path);

#endif
