/*
 * A file system for SQLite on which the process dies: as by kill -9 at the n-th write, sync, truncation or deletion, of which a
 * write is left half done. For tests that try every n, in a child process.
 */
#ifndef FAKES_CRASH_VFS_H
#define FAKES_CRASH_VFS_H

enum { CRASH_STATUS = 77 }; /* exit status of the process that died so */

/* From now on, for every file that SQLite opens in this process. `n` from 1. */
void crash_vfs_arm(int n);

#endif
