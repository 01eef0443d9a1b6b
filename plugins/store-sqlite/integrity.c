/*
 * Is a database file whole? Looked at with each start as long as that costs next to nothing, when the disk has failed a
 * connection, and in full when SQLite met damage while the server ran: a mark beside the file tells the next start. Called by
 * schema.c and connection.c.
 */
#include "db.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/text.h"
#include "log_file.h"

/* Checked at some 550 MB/s in memory (measured), at the disk's speed otherwise: a tenth of a second, or half of one. This many
 * bytes are 10,000 certificates. */
#define SMALL_BYTES (INT64_C(64) * 1024 * 1024)

enum { WORDS = 200 };

/* The first thing that is wrong, or "ok". */
static int first_finding(sqlite3 *sq, char out[WORDS])
{
    sqlite3_stmt *s = NULL;
    int rc = sqlite3_prepare_v2(sq, "PRAGMA quick_check(1)", -1, &s, NULL);

    if (rc == SQLITE_OK)
        rc = sqlite3_step(s);
    if (rc == SQLITE_ROW)
        sqlite3_snprintf(WORDS, out, "%s", (const char *)sqlite3_column_text(s, 0));
    sqlite3_finalize(s);
    return rc == SQLITE_ROW ? SQLITE_OK : rc;
}

int integrity_check(const struct file *file, sqlite3 *sq, struct cs_error *err)
{
    char found[WORDS] = "";
    int rc = first_finding(sq, found);

    if (rc != SQLITE_OK)
        return db_fail(file, sq, rc, err);
    if (sqlite3_stricmp(found, "ok") == 0)
        return 0;
    for (char *c = found; *c; c++)
        if (*c == '\n')
            *c = ' ';
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

/* All of it; NULL, also when there is none. SQLite takes no locks on it, so that closing it lets none go. */
static uint8_t *read_log(const char *path, size_t *len)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    uint8_t *data = NULL;
    struct stat st;
    ssize_t n = 1;

    *len = 0;
    if (fd >= 0 && fstat(fd, &st) == 0 && st.st_size <= LOG_MOST_BYTES)
        data = malloc((size_t)st.st_size + 1);
    while (data && n > 0 && *len < (size_t)st.st_size)
        if ((n = pread(fd, data + *len, (size_t)st.st_size - *len, (off_t)*len)) > 0)
            *len += (size_t)n;
    if (fd >= 0)
        close(fd);
    return data;
}

static enum log_verdict judge(const char *path, size_t *frame)
{
    size_t len;
    uint8_t *data = read_log(path, &len);
    enum log_verdict verdict = data ? log_file_judge(data, len, frame) : LOG_WHOLE;

    free(data);
    return verdict;
}

/* A command may be writing just now: what is broken must be so twice. */
static enum log_verdict judge_twice(const char *path, size_t *frame)
{
    const struct timespec pause = { .tv_nsec = LOOK_AGAIN_MS * 1000000L };

    if (judge(path, frame) == LOG_WHOLE)
        return LOG_WHOLE;
    nanosleep(&pause, NULL);
    return judge(path, frame);
}

int integrity_check_log(const struct file *file, struct cs_error *err)
{
    struct text path = TEXT_MAX(4100);
    enum log_verdict verdict = LOG_WHOLE;
    char how[WORDS] = "the header of its -wal is broken";
    size_t frame = 0;

    text_addf(&path, "%s-wal", file->path);
    if (!text_failed(&path))
        verdict = judge_twice(text_of(&path), &frame);
    text_free(&path);
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
