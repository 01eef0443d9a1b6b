/*
 * store-sqlite: the records in one SQLite file. This file is what the core loads: settings, the table of functions, open and
 * close. The rest: connection.c (threads' connections), schema.c (migration), query.c and statement.c (SQL), and one file for
 * each table.
 */
#include "db.h"

#include <stdlib.h>
#include <string.h>

#include "base/text.h"

static const struct cs_option settings[] = {
    CS_SETTING(STRING, struct settings, file, "state.db", "the database: a path, or a name in the store's own state folder"),
    CS_SETTING_RANGE(SECONDS, struct settings, busy_timeout, "5s", 10, 60000,
                     "how long to wait for another process that holds the database"),
    CS_SETTINGS_END,
};

static char *path_of(struct cs_instance *in, const char *file, struct cs_error *err)
{
    struct text path = TEXT_MAX(4000);
    const char *dir = NULL;
    char *taken;

    if (!*file) {
        cs_fail(err, CS_ECONFIG, "file must not be empty: leave it out to have state.db in the store's state folder");
        return NULL;
    }
    if (*file != '/') {
        dir = cs_state_dir(in, err);
        if (!dir)
            return NULL;
        text_addf(&path, "%s/", dir);
    }
    text_add(&path, file);
    taken = text_take(&path);
    if (!taken)
        cs_fail(err, CS_ECONFIG, "the path of the database is too long");
    return taken;
}

static int sqlite_open(struct cs_instance *in, const void *conf, void **self, struct cs_error *err)
{
    struct db *db = NULL;

    if (!sqlite3_threadsafe() || sqlite3_libversion_number() < 3037000)
        return cs_fail(err, CS_ECONFIG, "this SQLite (%s) is too old or was built without threads: 3.37 is needed",
                       sqlite3_libversion());
    db = calloc(1, sizeof *db);
    if (!db)
        return cs_fail(err, CS_EINTERNAL, "no memory");
    db->in = in;
    db->conf = conf;
    db->path = path_of(in, db->conf->file, err);
    if (!db->path) {
        free(db);
        return -1;
    }
    *self = db;
    return 0;
}

static void sqlite_close(void *self)
{
    struct db *db = self;

    free(db->path);
    free(db);
}

/* Jobs first, then certificates, `most` of both together. */
static int purge(void *conn, int64_t now_ms, int64_t most, int64_t *n, struct cs_error *err)
{
    int64_t jobs, certificates;

    if (db_job_purge(conn, now_ms, most, &jobs, err) < 0 ||
        db_certificate_purge(conn, now_ms, most - jobs, &certificates, err) < 0)
        return -1;
    *n = jobs + certificates;
    return 0;
}

static const struct cs_store_ops store = {
    .size = sizeof store,
    .blocking = true,
    .migrate = db_migrate,
    .connect = db_connect,
    .disconnect = db_disconnect,
    .begin = db_begin,
    .commit = db_commit,
    .rollback = db_rollback,
    .savepoint = db_savepoint,
    .version = db_version,
    .zone_put = db_zone_put,
    .zone_remove = db_zone_remove,
    .zone_list = db_zone_list,
    .zone_find = db_zone_find,
    .subject_put = db_subject_put,
    .subject_remove = db_subject_remove,
    .subject_list = db_subject_list,
    .subject_find = db_subject_find,
    .job_put = db_job_put,
    .job_find = db_job_find,
    .job_find_open = db_job_find_open,
    .job_list_open = db_job_list_open,
    .challenge_put = db_challenge_put,
    .challenge_remove = db_challenge_remove,
    .challenge_list = db_challenge_list,
    .certificate_put = db_certificate_put,
    .certificate_find = db_certificate_find,
    .certificate_newest = db_certificate_newest,
    .keep_put = db_keep_put,
    .keep_get = db_keep_get,
    .outbox_put = db_outbox_put,
    .outbox_read = db_outbox_read,
    .outbox_trim = db_outbox_trim,
    .outbox_range = db_outbox_range,
    .cursor_put = db_cursor_put,
    .cursor_get = db_cursor_get,
    .purge = purge,
    .label_put = db_label_put,
    .label_remove = db_label_remove,
    .label_list = db_label_list,
    .spki_erase = db_spki_erase,
};

CS_PLUGIN("store-sqlite", "0.1.0", "keeps zones, subjects, orders and certificates in one SQLite file", .settings = settings,
          .settings_size = sizeof(struct settings), .open = sqlite_open, .close = sqlite_close, .store = &store);
