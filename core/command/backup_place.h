/*
 * Where a backup grows: a hidden folder in the folder of backups, which gets its name, the time, when all of it is on the disk.
 * Called by backup.c, as the server's user.
 */
#ifndef COMMAND_BACKUP_PLACE_H
#define COMMAND_BACKUP_PLACE_H

#include <countersign/plugin.h>

struct backup_place {
    char *folder;  /* of backups, absolute */
    char *partial; /* where this one grows; NULL: nowhere */
    char *name;    /* of the finished one, absolute */
    int lock;      /* fd of `folder` */
};

#define BACKUP_PLACE_NONE ((struct backup_place){ .lock = -1 })

/* Makes `folder` if it is not there, 0700, locks it against another backup, removes what a killed one left, begins a new one.
 * `user`: whose the folder must be, for the advice. backup_place_end() in any case. */
int backup_place_begin(struct backup_place *place, const char *folder, const char *user, struct cs_error *err);

/* It is whole, and synced: give it its name, 20261121T182400Z, or 20261121T182400Z-2 when that is taken. */
int backup_place_finish(struct backup_place *place, int64_t created_ms, struct cs_error *err);

void backup_place_end(struct backup_place *place); /* what is not finished is removed */

#endif
