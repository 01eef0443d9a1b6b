/*
 * What would keep the server from working with its files, for `countersign check`: looked at without changing anything, with a
 * server running or without.
 */
#include "db.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/text.h"

int db_open_to_look(const struct file *file, sqlite3 **sq, struct cs_error *err)
{
    struct text uri = TEXT_MAX(13000);
    struct stat st;
    int rc;

    text_addf(&uri, "%s-wal", file->path);
    if (!text_failed(&uri) && stat(text_of(&uri), &st) == 0) {
        text_free(&uri);
        return db_open_file(file, false, sq, err);
    }
    text_clear(&uri);
    text_add(&uri, "file:");
    for (const char *c = file->path; *c; c++)
        if (*c == '%' || *c == '?' || *c == '#')
            text_addf(&uri, "%%%02X", (unsigned)*c);
        else
            text_add_char(&uri, *c);
    text_add(&uri, "?immutable=1");
    rc = SQLITE_NOMEM;
    errno = 0;
    if (!text_failed(&uri))
        rc = sqlite3_open_v2(text_of(&uri), sq, SQLITE_OPEN_READONLY | SQLITE_OPEN_URI | SQLITE_OPEN_EXRESCODE, NULL);
    text_free(&uri);
    if (rc == SQLITE_OK)
        rc = sqlite3_exec(*sq, "PRAGMA cell_size_check = ON; PRAGMA trusted_schema = OFF", NULL, NULL, NULL);
    if (rc == SQLITE_OK)
        return 0;
    db_fail_reading(file, *sq, rc, err);
    sqlite3_close(*sq);
    *sq = NULL;
    return -1;
}

static int look_inside(const struct file *file, struct cs_error *err)
{
    sqlite3 *sq = NULL;
    int rc;

    if (file->kind == &file_state && integrity_check_log(file, err) < 0)
        return -1;
    if (db_open_to_look(file, &sq, err) < 0)
        return -1;
    rc = integrity_check(file, sq, err);
    sqlite3_db_config(sq, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL); /* a log that a dead server left stays as it is */
    sqlite3_close(sq);
    return rc;
}

static int look_at(const struct file *file, struct cs_error *err)
{
    if (access(file->path, F_OK) < 0)
        return errno == ENOENT ? quarantine_refuse(file, err) : db_fail_io(file, errno, err);
    if (room_on_disk(file, 0, err) < 0)
        return -1;
    return look_inside(file, err);
}

int db_inspect(void *self, cs_finding_fn *fn, void *arg, struct cs_error *err)
{
    const struct db *db = self;
    const struct file *files[] = { &db->state, &db->visits };

    (void)err;
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        struct cs_error found = { 0 };

        if (look_at(files[i], &found) < 0)
            fn(arg, found.text);
    }
    return 0;
}
