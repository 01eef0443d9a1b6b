/*
 * What SQLite says, in words that tell the operator what to do, with the code that tells the core what it means.
 * Called wherever a call of SQLite failed.
 */
#include "db.h"

#include <inttypes.h>
#include <string.h>

enum { TRY_AGAIN_MS = 5000 };

static int busy(const struct file *file, struct cs_error *err)
{
    cs_fail(err, CS_EBUSY,
            "the database %s is locked by another process for more than %" PRId64 ".%" PRId64
            " s: end the transaction that is open "
            "on it (a sqlite3 shell after BEGIN, a backup?), then try again",
            file->path, file->db->conf->busy_timeout / 1000, file->db->conf->busy_timeout % 1000 / 100);
    if (err)
        err->retry_after_ms = TRY_AGAIN_MS;
    return -1;
}

static int full(const struct file *file, struct cs_error *err)
{
    cs_fail(err, CS_EBUSY, "the disk of %s is full: make room, then try again", file->path);
    if (err)
        err->retry_after_ms = TRY_AGAIN_MS;
    return -1;
}

/* A row that was refused: by a trigger in its own words, by a CHECK or a type in SQLite's, or because it is there already. */
static int refused(sqlite3 *sq, int rc, struct cs_error *err)
{
    const char *words = sqlite3_errmsg(sq);

    if (rc == SQLITE_CONSTRAINT_UNIQUE && strstr(words, "job.key"))
        return cs_fail(err, CS_ECONFLICT, "an order for the same key, zone, names and profile is open already");
    if (rc == SQLITE_CONSTRAINT_UNIQUE && strstr(words, "subject_ca.ca"))
        return cs_fail(err, CS_EINPUT, "a CA may stand on the list of a subject only once");
    if (rc == SQLITE_CONSTRAINT_UNIQUE || rc == SQLITE_CONSTRAINT_PRIMARYKEY || rc == SQLITE_CONSTRAINT_ROWID)
        return cs_fail(err, CS_ECONFLICT, "there is such a row already (%s)", words);
    if (rc == SQLITE_CONSTRAINT_FOREIGNKEY)
        return cs_fail(err, CS_ENOTFOUND, "the row that this one belongs to is not there");
    return cs_fail(err, CS_EINPUT, "%s", words);
}

int db_fail(const struct file *file, sqlite3 *sq, int rc, struct cs_error *err)
{
    switch (rc & 0xff) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return busy(file, err);
    case SQLITE_FULL:
        return full(file, err);
    case SQLITE_CONSTRAINT:
        return refused(sq, rc, err);
    case SQLITE_TOOBIG:
        return cs_fail(err, CS_EINPUT, "a value is too big for the database");
    case SQLITE_NOMEM:
        return cs_fail(err, CS_EINTERNAL, "no memory");
    case SQLITE_NOTADB:
        return cs_fail(err, CS_ECONFIG, "%s is not a SQLite database: move it away, or set `%s` of the store to another path",
                       file->path, file->kind->setting);
    case SQLITE_CORRUPT:
        return cs_fail(err, CS_ECONFIG, "%s is damaged (%s): stop the server and restore the file from a backup", file->path,
                       sqlite3_errmsg(sq));
    case SQLITE_READONLY:
    case SQLITE_PERM:
    case SQLITE_AUTH:
    case SQLITE_CANTOPEN:
        return cs_fail(err, CS_ECONFIG,
                       "%s cannot be opened for writing (%s): file and folder must belong to the server's user", file->path,
                       sqlite3_errmsg(sq));
    case SQLITE_IOERR:
        return cs_fail(err, CS_ECONFIG, "reading or writing %s failed (%s, %s): check the disk", file->path, sqlite3_errmsg(sq),
                       strerrordesc_np(sqlite3_system_errno(sq)));
    case SQLITE_ERROR:
        return cs_fail(err, CS_ECONFIG,
                       "%s is not as this version needs it (%s): was its schema edited? Restore it from a backup", file->path,
                       sqlite3_errmsg(sq));
    default:
        return cs_fail(err, CS_EINTERNAL, "SQLite failed on %s: %s (%d)", file->path, sqlite3_errmsg(sq), rc);
    }
}
