/*
 * store-sqlite: the records in one SQLite file. This file is what the core loads: settings, the table of functions, open and
 * close. The rest: connection.c (threads' connections), schema.c (migration), query.c and statement.c (SQL), and one file for
 * each table.
 */
#include "db.h"

#include <stdlib.h>
#include <string.h>

#include "analytics.h"
#include "base/text.h"

static const struct cs_option settings[] = {
    CS_SETTING(STRING, struct settings, file, "state.db", "the state: a path, or a name in the store's own state folder"),
    CS_SETTING(STRING, struct settings, visits, "visits.db", "the record of visits: a path, or a name in the same folder"),
    CS_SETTING(STRING, struct settings, analytics, "analytics.db",
               "what analysts may read, published anew every hour: a path, or a name in the same folder"),
    CS_SETTING(STRING, struct settings, analytics_group, "",
               "the group whose members may read it; the server's user is one of them"),
    CS_SETTING_RANGE(SECONDS, struct settings, busy_timeout, "5s", 10, 60000,
                     "how long to wait for another process that holds the database"),
    CS_SETTING_RANGE(SIZE, struct settings, reserve, "8M", 1 << 20, 1 << 30,
                     "room on the disk for orders under way: without it new ones are refused"),
    CS_SETTINGS_END,
};

static int find_file(struct db *db, const struct file_kind *kind, const char *name, struct file *file, struct cs_error *err)
{
    struct text path = TEXT_MAX(4000);
    const char *dir = NULL;

    *file = (struct file){ .db = db, .kind = kind };
    if (!*name)
        return cs_fail(err, CS_ECONFIG, "%s must not be empty: leave it out to have the %s in the store's state folder",
                       kind->setting, kind->what);
    if (*name != '/') {
        dir = cs_state_dir(db->in, err);
        if (!dir)
            return -1;
        text_addf(&path, "%s/", dir);
    }
    text_add(&path, name);
    file->path = text_take(&path);
    return file->path ? 0 : cs_fail(err, CS_ECONFIG, "the path of the %s is too long", kind->what);
}

static void sqlite_close(void *self)
{
    struct db *db = self;

    free(db->state.path);
    free(db->visits.path);
    free(db->analytics.path);
    free(db);
}

static int sqlite_open(struct cs_instance *in, const void *conf, void **self, struct cs_error *err)
{
    struct db *db = NULL;

    if (!sqlite3_threadsafe() || sqlite3_libversion_number() < 3037000)
        return cs_fail(err, CS_ECONFIG, "this SQLite (%s) is too old or was built without threads: 3.37 is needed",
                       sqlite3_libversion());
    db = calloc(1, sizeof *db);
    if (!db)
        return cs_fail(err, CS_EBUSY, "no memory");
    db->in = in;
    db->conf = conf;
    if (find_file(db, &file_state, db->conf->file, &db->state, err) < 0 ||
        find_file(db, &file_visits, db->conf->visits, &db->visits, err) < 0 ||
        find_file(db, &file_analytics, db->conf->analytics, &db->analytics, err) < 0 || analyst_group_find(db, err) < 0) {
        sqlite_close(db);
        return -1;
    }
    *self = db;
    return 0;
}

#define CERTIFICATE_KEPT_MS (30 * 24 * 3600 * INT64_C(1000)) /* after its end, as the record of its issuance */

#define ORDER_COUNTS_MS     (8 * 24 * 3600 * INT64_C(1000))  /* a week, and a day for a clock that was set */

/* Jobs first, then certificates, then what was counted, `most` of all together. */
static int purge(void *conn, int64_t now_ms, int64_t most, int64_t *n, struct cs_error *err)
{
    int64_t jobs, certificates, counted;

    if (db_job_purge(conn, now_ms, most, &jobs, err) < 0 ||
        db_certificate_purge(conn, now_ms - CERTIFICATE_KEPT_MS, most - jobs, &certificates, err) < 0 ||
        db_order_purge(conn, now_ms - ORDER_COUNTS_MS, most - jobs - certificates, &counted, err) < 0)
        return -1;
    *n = jobs + certificates + counted;
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
    .job_find_failed = db_job_find_failed,
    .job_list_open = db_job_list_open,
    .challenge_put = db_challenge_put,
    .challenge_remove = db_challenge_remove,
    .challenge_list = db_challenge_list,
    .certificate_put = db_certificate_put,
    .certificate_find = db_certificate_find,
    .certificate_newest = db_certificate_newest,
    .certificate_by_serial = db_certificate_by_serial,
    .revocation_put = db_revocation_put,
    .revocation_find = db_revocation_find,
    .revocation_list_open = db_revocation_list_open,
    .revoked_key_put = db_revoked_key_put,
    .revoked_key_list = db_revoked_key_list,
    .keep_put = db_keep_put,
    .keep_get = db_keep_get,
    .outbox_put = db_outbox_put,
    .outbox_read = db_outbox_read,
    .outbox_trim = db_outbox_trim,
    .outbox_range = db_outbox_range,
    .cursor_put = db_cursor_put,
    .cursor_get = db_cursor_get,
    .purge = purge,
    .report = db_report,
    .publish = db_publish,
    .label_put = db_label_put,
    .label_remove = db_label_remove,
    .label_list = db_label_list,
    .spki_erase = db_spki_erase,
    .room = db_room,
    .inspect = db_inspect,
    .list_aside = db_list_aside,
    .client_put = db_client_put,
    .client_remove = db_client_remove,
    .client_list = db_client_list,
    .client_find = db_client_find,
    .client_find_token = db_client_find_token,
    .client_find_key = db_client_find_key,
    .client_find_name = db_client_find_name,
    .client_subject_put = db_client_subject_put,
    .client_subject_remove = db_client_subject_remove,
    .client_subject_list = db_client_subject_list,
    .client_subject_find = db_client_subject_find,
    .backup = db_backup,
    .restore = db_restore,
    .restore_prepare = db_restore_prepare,
    .restore_drop = db_restore_drop,
    .order_count = db_order_count,
    .order_uncount = db_order_uncount,
    .order_nth = db_order_nth,
    .certificate_of_names = db_certificate_of_names,
    .certificate_list = db_certificate_list,
    .certificate_by_spki = db_certificate_by_spki,
    .zone_id_put = db_zone_id_put,
    .zone_id_list = db_zone_id_list,
    .visit_add = db_visit_add,
    .latency_add = db_latency_add,
    .day_put = db_day_put,
    .day_list = db_day_list,
    .day_labels = db_day_labels,
    .day_close = db_day_close,
    .visits_of = db_visits_of,
    .visits_erase = db_visits_erase,
    .visits_purge = db_visits_purge,
    .scrub = db_scrub,
    .release_put = db_release_put,
    .release_get = db_release_get,
    .release_list = db_release_list,
};

CS_PLUGIN("store-sqlite", "0.1.0", "keeps zones, subjects, orders and certificates in SQLite, visits in files of their own",
          .settings = settings, .settings_size = sizeof(struct settings), .open = sqlite_open, .close = sqlite_close,
          .store = &store);
