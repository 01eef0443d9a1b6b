/*
 * Is a write-ahead log damaged in the middle? SQLite takes what is whole before the damage and passes over every commit after
 * it, as it must with the end of a log that a crash has cut; it cannot tell the one from the other. We can: each commit on the
 * state is synced before the next begins, so a crash leaves pieces of one commit at most, and never two whole ones behind a
 * page that is broken. The format is that of https://www.sqlite.org/fileformat.html, section 4. Pure; called by integrity.c at
 * the start.
 */
#ifndef STORE_SQLITE_LOG_FILE_H
#define STORE_SQLITE_LOG_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum log_verdict {
    LOG_WHOLE = 1,     /* or as a crash may leave it                                                */
    LOG_BAD_HEADER,   /* SQLite would ignore all of it                                             */
    LOG_BAD_IN_MIDDLE  /* SQLite would ignore whole commits: `frame` is the first one that is broken */
};

enum log_verdict log_file_judge(const uint8_t *data, size_t len, size_t *frame);

#endif
