/*
 * Is there room for what an order will write? The core asks before it takes one, so that a full disk refuses orders before a CA
 * hears of them, and those under way still end.
 *
 * Two things must hold. The disk has `reserve` bytes free: what everybody sees in df, and what refuses new orders first. And as
 * many bytes are allocated to the write-ahead log beyond what it holds (fallocate with FALLOC_FL_KEEP_SIZE, which SQLite does
 * not notice): commits go there and nowhere else, so these blocks are ours whoever takes the last one of the disk, they are
 * counted in a quota already, and nothing has to be released, raced for and made again, as with a ballast file. A free-space
 * floor alone sees no quota, and another program may eat what it saw; room inside the database (a chunk size, free pages) is of
 * no use to a commit, which needs the log. Where a file system cannot allocate ahead (ZFS, some network mounts), or writes
 * elsewhere all the same (btrfs, after the first time), the floor is what is left.
 *
 * The log is copied into the database at 1000 pages, as SQLite does by itself; it is done here so that it is known how much of
 * the log is in use, and what went wrong.
 */
#include "db.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

enum { CHECKPOINT_FRAMES = 1000, FRAME_HEADER = 24, WAL_HEADER = 32 };
enum { JOB_FRAMES = 4 };    /* of a new order's row, as long as it is not committed */
enum { MIB = 1024 * 1024 }; /* allocated at a time */

/* ---- the log's use ------------------------------------------------------------------------------------------------ */

static void checkpoint(struct conn *c)
{
    int frames = 0, copied = 0;
    int rc = sqlite3_wal_checkpoint_v2(c->sq, "main", SQLITE_CHECKPOINT_PASSIVE, &frames, &copied);

    if (rc == SQLITE_OK && frames >= 0)
        c->room.frames = copied == frames ? 0 : frames;
    if ((rc & 0xff) == SQLITE_BUSY)
        rc = SQLITE_OK; /* a reader, or another process: next time */
    c->room.checkpoint_failed = rc != SQLITE_OK;
    if (rc != SQLITE_OK)
        conn_fail(c, rc, &c->room.why);
}

/* After every commit. What it returned would be reported as the commit's failure, which it is not. */
static int on_commit(void *arg, sqlite3 *sq, const char *name, int frames)
{
    struct conn *c = arg;

    (void)sq, (void)name;
    c->room.frames = frames;
    c->room.promised = 0;
    if (frames >= CHECKPOINT_FRAMES)
        checkpoint(c);
    return SQLITE_OK;
}

void room_watch(struct conn *c)
{
    sqlite3_wal_hook(c->sq, on_commit, c);
}

/* ---- room --------------------------------------------------------------------------------------------------------- */

static int none(struct conn *c)
{
    c->room.refused = true;
    c->room.promised = 0;
    return -1;
}

static int64_t reserve_of(const struct conn *c)
{
    return c->db->conf->reserve;
}

int room_on_disk(const struct file *file, int64_t more, struct cs_error *err)
{
    const int64_t floor = file->db->conf->reserve + more;
    struct statvfs fs;
    int64_t free;

    if (statvfs(file->path, &fs) < 0)
        return db_fail_io(file, errno, err);
    if (fs.f_flag & ST_RDONLY)
        return db_fail_io(file, EROFS, err);
    free = (int64_t)(geteuid() == 0 ? fs.f_bfree : fs.f_bavail) * (int64_t)fs.f_frsize;
    if (free >= floor)
        return 0;
    db_fail_io(file, ENOSPC, err);
    return cs_fail_in(err, "%" PRId64 " of %" PRId64 " MiB that orders under way may need are free", free / MIB, floor / MIB);
}

static int fits_limit(const struct conn *c, int64_t bytes, struct cs_error *err)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_FSIZE, &limit) < 0 || limit.rlim_cur == RLIM_INFINITY || (int64_t)limit.rlim_cur >= bytes)
        return 0;
    return db_fail_io(c->file, EFBIG, err);
}

static int allocate(struct conn *c, const char *log, int64_t bytes, struct cs_error *err)
{
    int fd = open(log, O_WRONLY | O_CLOEXEC | O_NOFOLLOW), failed = 0;

    if (fd < 0)
        return db_fail_io(c->file, errno, err);
    if (fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, bytes) < 0)
        failed = errno;
    close(fd);
    if (failed == EOPNOTSUPP || failed == ENOSYS) {
        if (!c->room.no_reserve)
            cs_log(c->db->in, CS_LOG_INFO, "this file system allocates nothing ahead: only free space guards orders under way");
        c->room.no_reserve = true;
        failed = 0;
    }
    return failed ? db_fail_io(c->file, failed, err) : 0;
}

/* Once refused, more than there was must be had: otherwise single orders would find what the last checkpoint gave back. */
static int has_reserve(struct conn *c, struct cs_error *err)
{
    const int64_t frame = c->room.page + FRAME_HEADER, in_use = WAL_HEADER + (c->room.frames + c->room.promised) * frame;
    const char *log = sqlite3_filename_wal(sqlite3_db_filename(c->sq, "main"));
    int64_t bytes = in_use + reserve_of(c), there;
    struct stat st;

    if (stat(log, &st) < 0)
        return db_fail_io(c->file, errno, err);
    there = (int64_t)st.st_blocks * 512;
    if (c->room.refused && bytes < there)
        bytes = there;
    if (fits_limit(c, bytes, err) < 0)
        return -1;
    if ((there >= bytes && !c->room.refused) || c->room.no_reserve)
        return 0;
    return allocate(c, log, bytes + MIB, err);
}

static int read_page_size(struct conn *c, struct cs_error *err)
{
    sqlite3_stmt *s = NULL;
    int rc = sqlite3_prepare_v2(c->sq, "PRAGMA page_size", -1, &s, NULL);

    if (rc == SQLITE_OK)
        rc = sqlite3_step(s);
    if (rc == SQLITE_ROW)
        c->room.page = sqlite3_column_int64(s, 0);
    sqlite3_finalize(s);
    return rc == SQLITE_ROW ? 0 : conn_fail(c, rc, err);
}

int db_room(void *conn, struct cs_error *err)
{
    struct conn *c = conn;

    if (atomic_load(&c->file->suspect)) {
        db_fail_damaged(c->file, "SQLite met it", err);
        return none(c);
    }
    if (c->broken && sqlite3_get_autocommit(c->sq) && conn_renew(c, err) < 0)
        return none(c);
    if (c->room.page == 0 && read_page_size(c, err) < 0)
        return -1;
    if (c->room.checkpoint_failed && sqlite3_get_autocommit(c->sq))
        checkpoint(c);
    if (c->room.checkpoint_failed) {
        if (err)
            *err = c->room.why;
        return none(c);
    }
    /* Once refused, an eighth more must be free, so that it does not change with every block. */
    if (room_on_disk(c->file, c->room.refused ? reserve_of(c) / 8 : 0, err) < 0 || has_reserve(c, err) < 0)
        return none(c);
    c->room.refused = false;
    if (!sqlite3_get_autocommit(c->sq))
        c->room.promised += JOB_FRAMES;
    return 0;
}
