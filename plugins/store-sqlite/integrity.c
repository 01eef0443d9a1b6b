/*
 * Is a database file whole? Looked at with each start as long as that costs next to nothing, when the disk has failed a
 * connection, and in full when SQLite met damage while the server ran: a mark beside the file tells the next start. Called by
 * schema.c and connection.c.
 */
#include "db.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/text.h"
#include "log_file.h"

/* Checked at some 550 MB/s in memory (measured), at the disk's speed otherwise: a tenth of a second, or half of one. This many
 * bytes are 10,000 certificates. */
#define SMALL_BYTES (INT64_C(64) * 1024 * 1024)

enum { WORDS = 200 };

/* The first thing that is wrong, or "ok"; errno is what the last read that failed left, 0 if none did. */
static int first_finding(sqlite3 *sq, char out[WORDS])
{
    sqlite3_stmt *s = NULL;
    int rc, left;

    errno = 0;
    rc = sqlite3_prepare_v2(sq, "PRAGMA quick_check(1)", -1, &s, NULL);
    if (rc == SQLITE_OK)
        rc = sqlite3_step(s);
    if (rc == SQLITE_ROW)
        sqlite3_snprintf(WORDS, out, "%s", (const char *)sqlite3_column_text(s, 0));
    left = errno;
    sqlite3_finalize(s);
    errno = left;
    return rc == SQLITE_ROW ? SQLITE_OK : rc;
}

/* A page that is there, but could not be had: the check reports that as it reports damage, with SQLite's code, or with none. */
static bool is_unread(const char *found)
{
    static const char words[] = "unable to get the page. error code=";
    const char *unable = strstr(found, words), *digits = unable ? unable + strlen(words) : NULL;
    char *end;
    long code;

    if (!unable)
        return strstr(found, "failed to get page") != NULL;
    code = strtol(digits, &end, 10) & 0xff;
    return end > digits && code != SQLITE_CORRUPT && code != SQLITE_NOTADB;
}

static int fail_unread(const struct file *file, const char *found, struct cs_error *err)
{
    if (errno == EIO || errno == ENXIO)
        return db_fail_io(file, errno, err);
    return cs_fail_as(err, CS_EBUSY, STORAGE_UNAVAILABLE,
                      "%s cannot be looked at (%.150s): check the disk and the memory, then try again; nothing was changed",
                      file->path, found);
}

int integrity_check(const struct file *file, sqlite3 *sq, struct cs_error *err)
{
    char found[WORDS] = "";
    int rc = first_finding(sq, found);

    if (rc != SQLITE_OK)
        return db_fail_reading(file, sq, rc, err);
    if (sqlite3_stricmp(found, "ok") == 0)
        return 0;
    for (char *c = found; *c; c++)
        if (*c == '\n')
            *c = ' ';
    if (is_unread(found))
        return fail_unread(file, found, err);
    return db_fail_damaged(file, found, err);
}

int integrity_check_small(const struct file *file, sqlite3 *sq, struct cs_error *err)
{
    struct stat st;

    if (stat(file->path, &st) < 0 || st.st_size > SMALL_BYTES)
        return 0;
    return integrity_check(file, sq, err);
}

/* ---- the log ------------------------------------------------------------------------------------------------------ */

#define LOG_MOST_BYTES (INT64_C(256) * 1024 * 1024)

enum { LOOK_AGAIN_MS = 100 };

struct log {
    uint8_t *data; /* NULL: there is none, or it is too large to be looked at */
    size_t len;
};

static int read_all(int fd, struct log *log)
{
    struct stat st;
    ssize_t n = 1;

    if (fstat(fd, &st) < 0)
        return -1;
    if (st.st_size > LOG_MOST_BYTES)
        return 0;
    log->data = malloc((size_t)st.st_size + 1);
    while (log->data && n > 0 && log->len < (size_t)st.st_size)
        if ((n = pread(fd, log->data + log->len, (size_t)st.st_size - log->len, (off_t)log->len)) > 0)
            log->len += (size_t)n;
    return log->data && n >= 0 ? 0 : -1;
}

/* -1: errno says why it cannot be had. SQLite takes no locks on it, so that closing it lets none go. */
static int read_log(const char *path, struct log *log)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW), rc, left;

    *log = (struct log){ 0 };
    if (fd < 0)
        return errno == ENOENT ? 0 : -1;
    rc = read_all(fd, log);
    left = errno;
    close(fd);
    errno = left;
    return rc;
}

static int judge(const char *path, enum log_verdict *verdict, size_t *frame)
{
    struct log log;
    int rc = read_log(path, &log), left = errno;

    *verdict = rc == 0 && log.data ? log_file_judge(log.data, log.len, frame) : LOG_WHOLE;
    free(log.data);
    errno = left;
    return rc;
}

/* A command may be writing just now: what is broken must be so twice. */
static int judge_twice(const char *path, enum log_verdict *verdict, size_t *frame)
{
    const struct timespec pause = { .tv_nsec = LOOK_AGAIN_MS * 1000000L };

    if (judge(path, verdict, frame) < 0)
        return -1;
    if (*verdict == LOG_WHOLE)
        return 0;
    nanosleep(&pause, NULL);
    return judge(path, verdict, frame);
}

int integrity_check_log(const struct file *file, struct cs_error *err)
{
    struct text path = TEXT_MAX(4100);
    enum log_verdict verdict = LOG_WHOLE;
    char how[WORDS] = "the header of its -wal is broken";
    size_t frame = 0;
    int rc;

    errno = ENOMEM;
    text_addf(&path, "%s-wal", file->path);
    rc = text_failed(&path) ? -1 : judge_twice(text_of(&path), &verdict, &frame);
    if (rc < 0)
        cs_fail_as(err, CS_EBUSY, STORAGE_UNAVAILABLE,
                   "%s-wal cannot be looked at (%s): it may hold commits, so nothing goes on without it; check the disk, and "
                   "that it is a file of the server's user",
                   file->path, strerrordesc_np(errno));
    text_free(&path);
    if (rc < 0)
        return -1;
    if (verdict == LOG_BAD_IN_MIDDLE)
        sqlite3_snprintf(WORDS, how, "page %lld of its -wal is broken, and commits after it would be lost",
                         (long long)frame + 1);
    return verdict == LOG_WHOLE ? 0 : db_fail_damaged(file, how, err);
}

/* ---- found while the server runs ---------------------------------------------------------------------------------- */

static int mark_path(const struct file *file, struct text *path)
{
    text_addf(path, "%s.suspect", file->path);
    return text_failed(path) ? -1 : 0;
}

void integrity_suspect(struct file *file)
{
    struct text path = TEXT_MAX(4100);
    int fd = -1;

    if (atomic_exchange(&file->suspect, true))
        return;
    if (mark_path(file, &path) == 0)
        fd = open(text_of(&path), O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd >= 0)
        close(fd);
    cs_log(file->db->in, CS_LOG_ERROR,
           "the %s is damaged: restart the server, which looks at all of it, puts it aside if that is so, and says what to do "
           "file=%s",
           file->kind->what, file->path);
    text_free(&path);
}

bool integrity_is_suspect(const struct file *file)
{
    struct text path = TEXT_MAX(4100);
    bool is = mark_path(file, &path) == 0 && access(text_of(&path), F_OK) == 0;

    text_free(&path);
    return is;
}

void integrity_trust(const struct file *file)
{
    struct text path = TEXT_MAX(4100);

    if (mark_path(file, &path) == 0)
        unlink(text_of(&path));
    text_free(&path);
}
