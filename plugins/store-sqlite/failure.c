/*
 * What SQLite says, in words that tell the operator what to do, with the code that tells the core what it means.
 * Called wherever a call of SQLite failed.
 */
#include "db.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

enum { TRY_AGAIN_MS = 5000, DAMAGED_MS = 300000 };

static int soon(struct cs_error *err)
{
    if (err)
        err->retry_after_ms = TRY_AGAIN_MS;
    return -1;
}

static int busy(const struct file *file, struct cs_error *err)
{
    cs_fail(err, CS_EBUSY,
            "the database %s is locked by another process for more than %" PRId64 ".%" PRId64
            " s: end the transaction that is open "
            "on it (a sqlite3 shell after BEGIN, a backup?), then try again",
            file->path, file->db->conf->busy_timeout / 1000, file->db->conf->busy_timeout % 1000 / 100);
    return soon(err);
}

/* Of these the system says more than SQLite. All may pass, and the core tries again. */
static int known_io(const struct file *file, int error_number, struct cs_error *err)
{
    switch (error_number) {
    case ENOSPC:
        cs_fail_as(err, CS_EBUSY, STORAGE_UNAVAILABLE,
                   "the disk of %s is full: make room there; the server goes on by itself", file->path);
        return soon(err);
    case EDQUOT:
        cs_fail_as(err, CS_EBUSY, STORAGE_UNAVAILABLE,
                   "the disk quota of the server's user is used up at %s: raise it, or make room", file->path);
        return soon(err);
    case EFBIG:
        cs_fail_as(err, CS_EBUSY, STORAGE_UNAVAILABLE,
                   "%s must not grow any more: raise the limit on the size of files (ulimit -f, LimitFSIZE)", file->path);
        return soon(err);
    case EROFS:
        cs_fail_as(err, CS_EBUSY, STORAGE_UNAVAILABLE,
                   "%s is on a file system that is read-only (after an error? `dmesg` tells): mount it for writing again, "
                   "`mount -o remount,rw`",
                   file->path);
        return soon(err);
    default:
        return 0;
    }
}

int db_fail_io(const struct file *file, int error_number, struct cs_error *err)
{
    if (known_io(file, error_number, err) < 0)
        return -1;
    cs_fail_as(err, CS_EBUSY, STORAGE_UNAVAILABLE, "reading or writing %s failed (%s): check the disk", file->path,
               strerrordesc_np(error_number));
    return soon(err);
}

bool db_is_unread(int rc)
{
    return (rc & 0xff) == SQLITE_CORRUPT && (errno == EIO || errno == ENXIO);
}

int db_fail_damaged(const struct file *file, const char *how, struct cs_error *err)
{
    cs_fail_as(err, CS_EBUSY, STORAGE_DAMAGED,
               "%s is damaged (%.150s): restart the server, which puts it aside and says what to do", file->path, how);
    if (err)
        err->retry_after_ms = DAMAGED_MS;
    return -1;
}

static int no_memory(const struct file *file, struct cs_error *err)
{
    cs_fail(err, CS_EBUSY, "there is no memory for the database %s at the moment; try again", file->path);
    if (err)
        err->retry_after_ms = TRY_AGAIN_MS;
    return -1;
}

static int io(const struct file *file, sqlite3 *sq, int rc, struct cs_error *err)
{
    const int left = errno, said = sqlite3_system_errno(sq), number = said ? said : left; /* of a COMMIT it says nothing */

    if (rc == SQLITE_IOERR_NOMEM)
        return no_memory(file, err);
    if (known_io(file, number, err) < 0)
        return -1;
    cs_fail_as(err, CS_EBUSY, STORAGE_UNAVAILABLE, "reading or writing %s failed (%s, %s): check the disk", file->path,
               sqlite3_errmsg(sq), strerrordesc_np(number));
    return soon(err);
}

/* A row that was refused: by a trigger in its own words, by a CHECK or a type in SQLite's, or because it is there already. */
static int refused(sqlite3 *sq, int rc, struct cs_error *err)
{
    const char *words = sqlite3_errmsg(sq);

    if (rc == SQLITE_CONSTRAINT_UNIQUE && strstr(words, "job.key"))
        return cs_fail(err, CS_ECONFLICT, "an order for the same key, zone, names and profile is open already");
    if (rc == SQLITE_CONSTRAINT_UNIQUE && strstr(words, "subject_ca.ca"))
        return cs_fail(err, CS_EINPUT, "a CA may stand on the list of a subject only once");
    if (rc == SQLITE_CONSTRAINT_UNIQUE && strstr(words, "failed: client."))
        return cs_fail(err, CS_EINPUT, "another client has this token, key or name already");
    if (rc == SQLITE_CONSTRAINT_UNIQUE || rc == SQLITE_CONSTRAINT_PRIMARYKEY || rc == SQLITE_CONSTRAINT_ROWID)
        return cs_fail(err, CS_ECONFLICT, "there is such a row already (%s)", words);
    if (rc == SQLITE_CONSTRAINT_FOREIGNKEY)
        return cs_fail(err, CS_ENOTFOUND, "the row that this one belongs to is not there");
    return cs_fail(err, CS_EINPUT, "%s", words);
}

int db_fail_reading(const struct file *file, sqlite3 *sq, int rc, struct cs_error *err)
{
    if (db_is_unread(rc))
        return db_fail_io(file, errno, err);
    return db_fail(file, sq, rc, err);
}

int db_fail(const struct file *file, sqlite3 *sq, int rc, struct cs_error *err)
{
    switch (rc & 0xff) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return busy(file, err);
    case SQLITE_FULL:
        return db_fail_io(file, ENOSPC, err);
    case SQLITE_CONSTRAINT:
        return refused(sq, rc, err);
    case SQLITE_TOOBIG:
        return cs_fail(err, CS_EINPUT, "a value is too big for the database");
    case SQLITE_NOMEM:
        return no_memory(file, err);
    case SQLITE_NOTADB:
        return db_fail_damaged(file, "it is not a SQLite database", err);
    case SQLITE_CORRUPT:
        return db_fail_damaged(file, sqlite3_errmsg(sq), err);
    case SQLITE_READONLY:
        cs_fail_as(err, CS_EBUSY, STORAGE_UNAVAILABLE,
                   "%s cannot be written any more (%s): was it moved, or its folder changed?", file->path, sqlite3_errmsg(sq));
        return soon(err);
    case SQLITE_PERM:
    case SQLITE_AUTH:
    case SQLITE_CANTOPEN:
        return cs_fail_as(err, CS_ECONFIG, STORAGE_UNAVAILABLE,
                          "%s cannot be opened for writing (%s): file and folder must belong to the server's user", file->path,
                          sqlite3_errmsg(sq));
    case SQLITE_IOERR:
        return io(file, sq, rc, err);
    case SQLITE_ERROR:
        return cs_fail(err, CS_ECONFIG,
                       "%s is not as this version needs it (%s): was its schema edited? Restore it from a backup", file->path,
                       sqlite3_errmsg(sq));
    default:
        return cs_fail(err, CS_EINTERNAL, "SQLite failed on %s: %s (%d)", file->path, sqlite3_errmsg(sq), rc);
    }
}
