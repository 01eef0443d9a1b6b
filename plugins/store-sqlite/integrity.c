/*
 * Is a database file whole? Looked at with each start as long as that costs next to nothing, when the disk has failed a
 * connection, and in full when SQLite met damage while the server ran: a mark beside the file tells the next start. Called by
 * schema.c and connection.c.
 */
#include "db.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/text.h"

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
