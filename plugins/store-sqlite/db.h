/*
 * store-sqlite from the inside: the instance, a connection with its statements, and the functions of each table. Every file of
 * the plugin includes it; nobody else does.
 *
 * How a function on a table reads: start a query on one of the prepared statements, hand it its values in the order of the
 * question marks, run it. What SQLite says goes through db_fail(), which puts it in words for the operator.
 */
#ifndef STORE_SQLITE_DB_H
#define STORE_SQLITE_DB_H

#include <countersign/store.h>
#include <sqlite3.h>
#include <stdatomic.h>
#include <sys/stat.h>
#include <sys/types.h>

struct settings {
    const char *file, *visits, *analytics, *analytics_group;
    int64_t busy_timeout; /* ms */
    int64_t reserve;      /* bytes */
};

/* What there is to know about one of the database files; the constants are in schema.c. */
struct file_kind {
    const char *setting; /* that says where it is */
    const char *what;    /* "state database" */
    const char *pragmas; /* of each connection, beside those of all files */
    int64_t application_id;
    const char *const *steps; /* step n brings schema n to n + 1 */
    int64_t known;            /* how many there are */
    bool read_only;           /* it is never written in its place */
    const char *anew;         /* what it costs to begin with an empty one */
};
extern const struct file_kind file_state, file_visits;

struct db;

struct file {
    const struct db *db;
    const struct file_kind *kind;
    char *path;
    atomic_bool suspect; /* SQLite found it damaged while the server ran */
};

struct db {
    struct cs_instance *in;
    const struct settings *conf;
    struct file state, visits, analytics;
    gid_t analytics_gid;      /* of analytics_group, if that is set */
    struct cs_error no_visits; /* why the visits cannot be opened, while the state can: CS_OK when they can */
};

/* One for each kind of question; filled from the tables in statement.c and visits_statement.c. NULL: those that write, on a
 * reader, and those of another file. */
struct statements {
    sqlite3_stmt *begin_reader, *begin_writer, *commit, *rollback, *version;
    sqlite3_stmt *savepoint_set, *savepoint_release, *savepoint_rollback, *put_set, *put_release, *put_rollback;
    sqlite3_stmt *zone_put, *zone_remove, *zone_list, *zone_find;
    sqlite3_stmt *label_put, *label_remove, *label_list;
    sqlite3_stmt *subject_put, *subject_remove, *subject_list, *subject_find, *subject_ca_put, *subject_ca_clear;
    sqlite3_stmt *client_put, *client_remove, *client_list, *client_find;
    sqlite3_stmt *client_find_token, *client_find_key, *client_find_name;
    sqlite3_stmt *client_subject_put, *client_subject_remove, *client_subject_list, *client_subject_find;
    sqlite3_stmt *job_insert, *job_save, *job_update, *job_find, *job_find_open, *job_find_failed, *job_list_open, *job_purge;
    sqlite3_stmt *order_count, *order_uncount, *order_nth, *order_purge;
    sqlite3_stmt *challenge_put, *challenge_remove, *challenge_list;
    sqlite3_stmt *certificate_put, *certificate_find, *certificate_newest, *certificate_by_serial;
    sqlite3_stmt *certificate_of_names, *certificate_list, *certificate_by_spki, *certificate_purge;
    sqlite3_stmt *revocation_put, *revocation_find, *revocation_list_open, *revoked_key_put, *revoked_key_list;
    sqlite3_stmt *keep_put, *keep_remove, *keep_get;
    sqlite3_stmt *outbox_put, *outbox_read, *outbox_trim, *outbox_first, *outbox_last, *cursor_put, *cursor_get;
    sqlite3_stmt *spki_erase_events, *spki_erase_orders, *spki_erase_certificates, *spki_erase_jobs;
};

struct visits_statements {
    sqlite3_stmt *zone_id_put, *zone_id_list;
    sqlite3_stmt *word_find, *word_put, *label_find, *label_put, *set_find, *set_put, *set_labels;
    sqlite3_stmt *total_add, *set_total_add, *step_total_add, *hour_total_add, *recorded_add, *latency_add;
    sqlite3_stmt *day_put, *day_flag, *day_list, *day_labels;
    sqlite3_stmt *release_put, *release_get, *release_list;
};

struct visits_writer;

/* What room.c knows of the log, on a writer's connection on the state. */
struct room {
    int64_t page, frames; /* size of a page; pages in the log that are in use */
    int64_t promised;     /* pages that this transaction will add */
    bool refused, no_reserve, checkpoint_failed;
    struct cs_error why; /* the checkpoint */
};

struct conn {
    const struct db *db;
    struct file *file;
    enum cs_store_use use;
    sqlite3 *sq;
    bool broken;     /* a call failed in a way after which SQLite must not go on with what it remembers */
    bool unproved;   /* opened anew because of that, and nothing was committed since */
    int64_t renewed; /* how often */
    struct room room;
    struct statements s;
    struct visits_statements v;
    struct visits_writer *visits; /* visits.h; NULL on other connections */
    struct stat published;        /* the file that publish.c put in place for it; all 0: none */
};

/* ---- statement.c, visits_statement.c */

enum statement_user { EVERYBODY, WRITER };

struct statement_sql {
    size_t offset; /* of the statement in struct conn */
    enum statement_user user;
    const char *sql;
};
extern const struct statement_sql visits_statements[];
extern const size_t n_visits_statements;

int statements_prepare(struct conn *c, bool writer, struct cs_error *err);
void statements_finalize(struct conn *c);

/* ---- query.c: one run of a statement */

struct query {
    struct conn *c;
    sqlite3_stmt *s;
    int next; /* question mark, from 1 */
    int rc;   /* of the first binding that failed */
};

/* Values are not copied: they must stay until the query has ended. */
struct query query_on(struct conn *c, sqlite3_stmt *s);
void query_text(struct query *q, const char *text);
void query_text_n(struct query *q, const char *text, size_t len);
void query_blob(struct query *q, const void *data, size_t len);
void query_int(struct query *q, int64_t number);
/* To the end, without rows. The query has then ended. */
int query_run(struct query *q, struct cs_error *err);
/* 1: there is a row, 0: there is none (any more), -1: *err. After 0 and -1 the query has ended. */
int query_next(struct query *q, struct cs_error *err);
void query_end(struct query *q); /* when it is left before its end; harmless otherwise */
/* Rows changed by the statement that ran last on this connection. */
int64_t query_changed(const struct conn *c);

/* Columns of the row at hand, from 0. Never NULL; valid until the next query_next(). */
const char *row_text(const struct query *q, int column);
size_t row_len(const struct query *q, int column); /* of that text, without the NUL */
const void *row_blob(const struct query *q, int column, size_t *len);
int64_t row_int(const struct query *q, int column);
/* A hash of 32 bytes; -1 and CS_ECONFIG when the file holds something else. */
int row_hash(const struct query *q, int column, uint8_t hash[32], struct cs_error *err);

/* ---- failure.c: put what SQLite, or the system, says in words that tell the operator what to do; returns -1 */

/* The reason of all that is the disk's fault while the server runs, with CS_EBUSY: it may pass. */
#define STORAGE_UNAVAILABLE "storage-unavailable"

/* The reason of a file that is damaged, beyond doubt. */
#define STORAGE_DAMAGED "storage-damaged"

int db_fail(const struct file *file, sqlite3 *sq, int rc, struct cs_error *err);
int db_fail_damaged(const struct file *file, const char *how, struct cs_error *err);
int db_fail_io(const struct file *file, int error_number, struct cs_error *err);
/* Of a call before which errno was 0: SQLite calls it damage (SQLITE_IOERR_CORRUPTFS), but the disk could not be read, which
 * may pass. The second one puts it in words, as db_fail() does with everything else. */
bool db_is_unread(int rc);
int db_fail_reading(const struct file *file, sqlite3 *sq, int rc, struct cs_error *err);

/* ---- connection.c */

/* Open the file, set the pragmas. The file must exist. */
int db_open_file(const struct file *file, bool writer, sqlite3 **sq, struct cs_error *err);
/* To look only. Nobody has the file open when there is no log: then SQLite may take it as it is, and makes no files. Otherwise
 * it joins those who have, or reads what a server that died has left. */
int db_open_to_look(const struct file *file, sqlite3 **sq, struct cs_error *err);
int db_connect(void *self, enum cs_store_use use, void **conn, struct cs_error *err);
void db_disconnect(void *self, void *conn);
/* After a call that failed with `rc`: must the connection be opened anew, is the file damaged? The second one also says why, as
 * db_fail() does. */
void conn_note_failure(struct conn *c, int rc);
int conn_fail(struct conn *c, int rc, struct cs_error *err);
/* Open it anew, before a transaction; -1: it stays as it is, and is tried again with the next. */
int conn_renew(struct conn *c, struct cs_error *err);
/* After a commit on a connection that was opened anew: is the file whole? If it is damaged, it is suspect; when that cannot be
 * told, the next commit asks again. */
void conn_prove(struct conn *c);

/* ---- integrity.c: is a file whole? */

/* Every page and row (PRAGMA quick_check). -1: *err as db_fail_damaged() or, when it could not be told, as db_fail(). */
int integrity_check(const struct file *file, sqlite3 *sq, struct cs_error *err);
/* The same, unless the file is so large that it would take long; 0 then. */
int integrity_check_small(const struct file *file, sqlite3 *sq, struct cs_error *err);
/* Before the file is opened: would SQLite pass over commits of its log? Of the state, whose every commit is synced. */
int integrity_check_log(const struct file *file, struct cs_error *err);
/* It was found damaged while the server runs: said once, and looked at in full with the next start. */
void integrity_suspect(struct file *file);
bool integrity_is_suspect(const struct file *file); /* that was said, in an earlier run at least */
void integrity_trust(const struct file *file);      /* it is whole after all, or was put aside: forget that */

/* ---- quarantine.c: a damaged file is put aside */

/* 0 unless the file is not there and a damaged one was put aside: then -1, and the log has what to do. Also -1 when the folder
 * cannot be looked at. */
int quarantine_refuse(const struct file *file, struct cs_error *err);
/* Put it aside, with its log; *err says how it is damaged. Nobody has it open. -1 in any case. */
int quarantine(const struct file *file, struct cs_error *err);
/* The same with one that another one is about to replace: refused like a damaged one, as long as nothing took its place. */
int quarantine_replacing(const struct file *file, struct cs_error *err);
/* Where it lies, as long as nothing took its place: for an operator whose restore has failed. */
void quarantine_tell(const struct file *file, cs_finding_fn *fn, void *arg);
/* A log without a database: SQLite would read it into whatever takes the database's place. */
int quarantine_log(const struct file *file, cs_finding_fn *fn, void *arg, struct cs_error *err);
/* Another one has its place: what was put aside, in an earlier run, too, says nothing about this one any more. */
int quarantine_replaced(const struct file *file, cs_finding_fn *fn, void *arg, struct cs_error *err);

/* ---- aside.c */

int db_list_aside(void *self, cs_aside_fn *fn, void *arg, struct cs_error *err);

/* ---- inspect.c */

int db_inspect(void *self, cs_finding_fn *fn, void *arg, struct cs_error *err);

/* ---- room.c */

/* Is `reserve` free on the disk of the file, and `more`? */
int room_on_disk(const struct file *file, int64_t more, struct cs_error *err);
void room_watch(struct conn *c); /* of a writer of the state, when it has been opened */
int db_room(void *conn, struct cs_error *err);

/* ---- transaction.c */

int db_begin(void *conn, struct cs_error *err);
int db_commit(void *conn, struct cs_error *err);
void db_rollback(void *conn);
int db_savepoint(void *conn, enum cs_savepoint what, struct cs_error *err);
int db_version(void *conn, int64_t *version, struct cs_error *err);

/* ---- schema.c */

int db_migrate(void *self, bool may_change, struct cs_error *err);
/* -1 unless the file is ours and of a schema that we know; *schema is 0 for an empty file. */
int schema_recognise(const struct file *f, sqlite3 *sq, int64_t *schema, struct cs_error *err);

/* ---- backup.c, restore.c */

int db_backup(void *self, const char *folder, enum cs_backup_visits visits, cs_backup_fn *fn, void *arg, struct cs_error *err);
int db_restore_prepare(void *self, const char *folder, bool replace, cs_restore_copy_fn *fn, void *arg, struct cs_error *err);
int db_restore(void *self, cs_finding_fn *fn, void *arg, struct cs_error *err);
void db_restore_drop(void *self);
/* A file of that kind in a backup's folder; the caller frees `path`. Is it whole, ours, of a schema that we know? */
int backup_file(const struct file *of, const char *folder, struct file *file, struct cs_error *err);
int backup_check(const struct file *file, int64_t *schema, struct cs_error *err);

/* ---- one file for each table; store.h says what they do */

int db_zone_put(void *conn, const struct cs_zone *zone, struct cs_error *err);
int db_zone_remove(void *conn, const char *zone, struct cs_error *err);
int db_zone_list(void *conn, cs_zone_fn *fn, void *arg, struct cs_error *err);
int db_zone_find(void *conn, const char *zone, cs_zone_fn *fn, void *arg, struct cs_error *err);

int db_label_put(void *conn, const struct cs_label_rule *rule, struct cs_error *err);
int db_label_remove(void *conn, const char *zone, const char *name, struct cs_error *err);
int db_label_list(void *conn, cs_label_rule_fn *fn, void *arg, struct cs_error *err);

int db_subject_put(void *conn, const struct cs_subject *subject, struct cs_error *err);
int db_subject_remove(void *conn, const char *subject, struct cs_error *err);
int db_subject_list(void *conn, cs_subject_fn *fn, void *arg, struct cs_error *err);
int db_subject_find(void *conn, const char *subject, cs_subject_fn *fn, void *arg, struct cs_error *err);

int db_client_put(void *conn, const struct cs_client *client, struct cs_error *err);
int db_client_remove(void *conn, const char *client, struct cs_error *err);
int db_client_list(void *conn, cs_client_fn *fn, void *arg, struct cs_error *err);
int db_client_find(void *conn, const char *client, cs_client_fn *fn, void *arg, struct cs_error *err);
int db_client_find_token(void *conn, const char *sha256, cs_client_fn *fn, void *arg, struct cs_error *err);
int db_client_find_key(void *conn, const char *spki_sha256, cs_client_fn *fn, void *arg, struct cs_error *err);
int db_client_find_name(void *conn, const char *issuer, const char *name, cs_client_fn *fn, void *arg, struct cs_error *err);
int db_client_subject_put(void *conn, const char *client, const char *subject, struct cs_error *err);
int db_client_subject_remove(void *conn, const char *client, const char *subject, struct cs_error *err);
int db_client_subject_list(void *conn, const char *client, cs_client_subject_fn *fn, void *arg, struct cs_error *err);
int db_client_subject_find(void *conn, const char *client, const char *subject, bool *found, struct cs_error *err);

int db_job_put(void *conn, const struct cs_job *job, int64_t expected_version, struct cs_error *err);
int db_job_find(void *conn, const char *id, cs_job_fn *fn, void *arg, struct cs_error *err);
int db_job_find_open(void *conn, const uint8_t key[32], cs_job_fn *fn, void *arg, struct cs_error *err);
int db_job_find_failed(void *conn, const uint8_t key[32], cs_job_fn *fn, void *arg, struct cs_error *err);
int db_job_list_open(void *conn, cs_job_fn *fn, void *arg, struct cs_error *err);
int db_job_purge(void *conn, int64_t now_ms, int64_t most, int64_t *n, struct cs_error *err);

int db_order_count(void *conn, const struct cs_counted_order *order, struct cs_error *err);
int db_order_uncount(void *conn, const struct cs_counted_order *order, struct cs_error *err);
int db_order_nth(void *conn, enum cs_order_scope scope, const char *name, int64_t nth, int64_t after_ms, int64_t until_ms,
                 int64_t *at_ms, struct cs_error *err);
int db_order_purge(void *conn, int64_t before_ms, int64_t most, int64_t *n, struct cs_error *err);

int db_challenge_put(void *conn, const struct cs_job_challenge *challenge, struct cs_error *err);
int db_challenge_remove(void *conn, const struct cs_job_challenge *challenge, struct cs_error *err);
int db_challenge_list(void *conn, cs_job_challenge_fn *fn, void *arg, struct cs_error *err);

int db_certificate_put(void *conn, const struct cs_certificate *certificate, struct cs_error *err);
int db_certificate_find(void *conn, const char *job, cs_certificate_fn *fn, void *arg, struct cs_error *err);
int db_certificate_newest(void *conn, const uint8_t key[32], cs_certificate_fn *fn, void *arg, struct cs_error *err);
int db_certificate_by_serial(void *conn, const char *serial, cs_certificate_fn *fn, void *arg, struct cs_error *err);
int db_certificate_of_names(void *conn, const char *zone, const char *subject, const char *names, cs_certificate_fn *fn,
                            void *arg, struct cs_error *err);
int db_certificate_list(void *conn, int64_t most, cs_certificate_fn *fn, void *arg, struct cs_error *err);
int db_certificate_by_spki(void *conn, const uint8_t spki_sha256[32], cs_certificate_fn *fn, void *arg, struct cs_error *err);
int db_certificate_purge(void *conn, int64_t now_ms, int64_t most, int64_t *n, struct cs_error *err);

int db_revocation_put(void *conn, const struct cs_revocation *revocation, struct cs_error *err);
int db_revocation_find(void *conn, const char *job, cs_revocation_fn *fn, void *arg, struct cs_error *err);
int db_revocation_list_open(void *conn, cs_revocation_fn *fn, void *arg, struct cs_error *err);
int db_revoked_key_put(void *conn, const uint8_t spki_sha256[32], struct cs_error *err);
int db_revoked_key_list(void *conn, cs_blob_fn *fn, void *arg, struct cs_error *err);

int db_keep_put(void *conn, const char *role, const char *instance, const char *key, const void *data, size_t len,
             struct cs_error *err);
int db_keep_get(void *conn, const char *role, const char *instance, const char *key, cs_blob_fn *fn, void *arg,
             struct cs_error *err);

int db_outbox_put(void *conn, const struct cs_event *event, struct cs_error *err);
int db_outbox_read(void *conn, int64_t after, int64_t most, cs_event_fn *fn, void *arg, struct cs_error *err);
int db_outbox_trim(void *conn, int64_t up_to, struct cs_error *err);
int db_outbox_range(void *conn, int64_t *first, int64_t *last, struct cs_error *err);
int db_cursor_put(void *conn, const char *sink, int64_t at, struct cs_error *err);
int db_cursor_get(void *conn, const char *sink, int64_t *at, struct cs_error *err);

int db_spki_erase(void *conn, const uint8_t spki_sha256[32], int64_t *n, struct cs_error *err);

/* ---- the visits database; visits.h has what its files share */

int db_zone_id_put(void *conn, const char *zone, uint64_t id, struct cs_error *err);
int db_zone_id_list(void *conn, cs_zone_id_fn *fn, void *arg, struct cs_error *err);

int db_visit_add(void *conn, const struct cs_visit *visit, struct cs_error *err);
int db_visits_of(void *conn, int64_t day, const char *zone, uint64_t src, cs_report_fn *fn, void *arg, struct cs_error *err);
int db_latency_add(void *conn, const struct cs_latency *latency, struct cs_error *err);

int db_day_put(void *conn, const struct cs_day *day, struct cs_error *err);
int db_day_list(void *conn, cs_day_fn *fn, void *arg, struct cs_error *err);
int db_day_labels(void *conn, int64_t day, cs_visit_label_fn *fn, void *arg, struct cs_error *err);
int db_day_close(void *conn, int64_t day, int64_t k, struct cs_error *err);

int db_visits_erase(void *conn, const struct cs_visits_erasure *what, int64_t *n, struct cs_error *err);
int db_visits_purge(void *conn, const struct cs_visits_retention *keep, int64_t *n, struct cs_error *err);
int db_scrub(void *conn, bool *done, struct cs_error *err);

int db_release_put(void *conn, const char *zone, const char *week, const void *data, size_t len, struct cs_error *err);
int db_release_get(void *conn, const char *zone, const char *week, cs_blob_fn *fn, void *arg, struct cs_error *err);
int db_release_list(void *conn, cs_release_fn *fn, void *arg, struct cs_error *err);

/* ---- the analytics database; analytics.h has what its files share */

int db_publish(void *conn, struct cs_error *err);
int db_report(void *conn, const char *name, const struct cs_report_value *args, size_t n_args, cs_report_fn *fn, void *arg,
              struct cs_error *err);

#endif
