/*
 * Whole folders for backup.c and restore.c: copied with all that is in them, removed with all that is in them, made safe on the
 * disk.
 */
#ifndef COMMAND_FOLDER_H
#define COMMAND_FOLDER_H

#include <countersign/plugin.h>

/* What is told of each path below `from`; either may be NULL. -1 stops. */
struct folder_copying {
    int (*copied)(void *arg, const char *path, struct cs_error *err);      /* a file */
    int (*passed_over)(void *arg, const char *path, struct cs_error *err); /* what has no content: a socket, a pipe, a device */
    void *arg;
};

/* Makes `to`, 0700, which is not there, and copies every file of `from` into it, 0600, synced. A symbolic link is followed, and
 * the copy is a file or folder; CS_ECONFIG names one that leads nowhere. A file that goes away meanwhile was not there, and one
 * that is not finished (its name ends in ".new") neither. */
int folder_copy(const char *from, const char *to, const struct folder_copying *tell, struct cs_error *err);

/* Its names survive a power cut. */
int folder_sync(const char *path, struct cs_error *err);

/* As far as it can be; nothing is followed out of it. */
void folder_remove(const char *path);

#endif
