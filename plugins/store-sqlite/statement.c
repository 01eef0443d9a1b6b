/*
 * The SQL statements on the state database, and the preparing of all: once for each connection. Called by connection.c.
 */
#include "db.h"

#include <errno.h>

#define ZONE_COLUMNS "zone, dns, parallel, challenge_zone, servers, visible, enabled, keys, bind_keys"
#define LABEL_COLUMNS "zone, name, allowed, pattern, enabled"
#define JOB_COLUMNS                                                                                                      \
    "id, key, version, subject, zone, ca, names, profile, csr, spki_sha256, state, step, data, attempts, problem, "      \
    "created_ms, updated_ms, deadline_ms, keep_until_ms, client"
#define CHALLENGE_COLUMNS "job, name, dns, owner, zone, value, expires_ms"
#define CERTIFICATE_COLUMNS                                                                                              \
    "job, key, zone, subject, names, ca, profile, serial, not_before_ms, not_after_ms, issued_ms, pem, url, spki_sha256"
#define REVOCATION_COLUMNS "job, reason, asker, state, asked_ms, ended_ms, problem"
#define NOT_BEING_REVOKED                                                                                                \
    "NOT EXISTS (SELECT 1 FROM revocation WHERE revocation.job = certificate.job AND revocation.state = 'open')"

#define SELECT_SUBJECT                                                                                              \
    "SELECT subject, zone, names, profile, enabled, access, no_cache, coalesce((SELECT group_concat(ca, ' ') FROM "    \
    "(SELECT ca FROM subject_ca WHERE subject_ca.subject = subject.subject ORDER BY rank)), '') FROM subject "

/* Times are text in the table, milliseconds outside, 0 for none. */
#define MS_OF(time) "coalesce(CAST(strftime('%s', nullif(" time ", '')) AS INTEGER) * 1000, 0)"
#define TIME_OF(ms) "CASE " ms " WHEN 0 THEN '' ELSE strftime('%Y-%m-%dT%H:%M:%SZ', " ms " / 1000, 'unixepoch') END"
#define SELECT_CLIENT                                                                                                \
    "SELECT client, kind, token_sha256, old_token_sha256, " MS_OF("old_token_until") ", spki_sha256, issuer, name, "  \
    MS_OF("expires") ", enabled FROM client "

#define ASK(field, sql) { offsetof(struct conn, s.field), EVERYBODY, sql }
#define WRITE(field, sql) { offsetof(struct conn, s.field), WRITER, sql }

/* Of every file. */
static const struct statement_sql common[] = {
    ASK(begin_reader, "BEGIN"),
    WRITE(begin_writer, "BEGIN IMMEDIATE"),
    ASK(commit, "COMMIT"),
    ASK(rollback, "ROLLBACK"),
    ASK(version, "PRAGMA data_version"),
    WRITE(savepoint_set, "SAVEPOINT piece"),
    WRITE(savepoint_release, "RELEASE piece"),
    WRITE(savepoint_rollback, "ROLLBACK TO piece"),
};

static const struct statement_sql state[] = {
    WRITE(put_set, "SAVEPOINT put"),
    WRITE(put_release, "RELEASE put"),
    WRITE(put_rollback, "ROLLBACK TO put"),

    WRITE(zone_put, "INSERT INTO zone (" ZONE_COLUMNS ") VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (zone) DO UPDATE SET "
                    "dns = excluded.dns, parallel = excluded.parallel, challenge_zone = excluded.challenge_zone, "
                    "servers = excluded.servers, visible = excluded.visible, enabled = excluded.enabled, "
                    "keys = excluded.keys, bind_keys = excluded.bind_keys"),
    WRITE(zone_remove, "DELETE FROM zone WHERE zone = ?"),
    ASK(zone_list, "SELECT " ZONE_COLUMNS " FROM zone ORDER BY zone"),
    ASK(zone_find, "SELECT " ZONE_COLUMNS " FROM zone WHERE zone = ?"),

    WRITE(label_put, "INSERT INTO label (" LABEL_COLUMNS ") VALUES (?, ?, ?, ?, ?) ON CONFLICT (zone, name) DO UPDATE SET "
                     "allowed = excluded.allowed, pattern = excluded.pattern, enabled = excluded.enabled"),
    WRITE(label_remove, "DELETE FROM label WHERE zone = ? AND name = ?"),
    ASK(label_list, "SELECT " LABEL_COLUMNS " FROM label ORDER BY zone, name"),

    WRITE(subject_put, "INSERT INTO subject (subject, zone, names, profile, enabled, access, no_cache) "
                       "VALUES (?, ?, ?, ?, ?, ?, ?) "
                       "ON CONFLICT (subject) DO UPDATE SET zone = excluded.zone, names = excluded.names, "
                       "profile = excluded.profile, enabled = excluded.enabled, access = excluded.access, "
                       "no_cache = excluded.no_cache"),
    WRITE(subject_remove, "DELETE FROM subject WHERE subject = ?"),
    ASK(subject_list, SELECT_SUBJECT "ORDER BY subject"),
    ASK(subject_find, SELECT_SUBJECT "WHERE subject = ?"),
    WRITE(subject_ca_put, "INSERT INTO subject_ca (subject, rank, ca) VALUES (?, ?, ?)"),
    WRITE(subject_ca_clear, "DELETE FROM subject_ca WHERE subject = ?"),

    WRITE(client_put,
          "INSERT INTO client (client, kind, token_sha256, old_token_sha256, old_token_until, spki_sha256, issuer, name, "
          "expires, enabled) VALUES (?1, ?2, ?3, ?4, " TIME_OF("?5") ", ?6, ?7, ?8, " TIME_OF("?9") ", ?10) "
          "ON CONFLICT (client) DO UPDATE SET kind = excluded.kind, token_sha256 = excluded.token_sha256, "
          "old_token_sha256 = excluded.old_token_sha256, old_token_until = excluded.old_token_until, "
          "spki_sha256 = excluded.spki_sha256, issuer = excluded.issuer, name = excluded.name, expires = excluded.expires, "
          "enabled = excluded.enabled"),
    WRITE(client_remove, "DELETE FROM client WHERE client = ?"),
    ASK(client_list, SELECT_CLIENT "ORDER BY client"),
    ASK(client_find, SELECT_CLIENT "WHERE client = ?"),
    ASK(client_find_token, SELECT_CLIENT "WHERE (token_sha256 = ?1 AND token_sha256 <> '') "
                                         "OR (old_token_sha256 = ?1 AND old_token_sha256 <> '') LIMIT 1"),
    ASK(client_find_key, SELECT_CLIENT "WHERE spki_sha256 = ? AND spki_sha256 <> ''"),
    ASK(client_find_name, SELECT_CLIENT "WHERE issuer = ? AND name = ? AND issuer <> ''"),
    WRITE(client_subject_put, "INSERT INTO client_subject (client, subject) VALUES (?, ?) ON CONFLICT DO NOTHING"),
    WRITE(client_subject_remove, "DELETE FROM client_subject WHERE client = ? AND subject = ?"),
    ASK(client_subject_list, "SELECT subject FROM client_subject WHERE client = ? ORDER BY subject"),
    ASK(client_subject_find, "SELECT 1 FROM client_subject WHERE client = ? AND subject = ?"),

    WRITE(job_insert,
          "INSERT INTO job (subject, zone, ca, names, profile, csr, spki_sha256, state, step, data, attempts, problem, "
          "created_ms, updated_ms, deadline_ms, keep_until_ms, key, id, version, client) "
          "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ? + 1, ?)"),
    /* The same numbers as job_update. Columns that an index has are compared and not set, so that the index is not written. */
    WRITE(job_save,
          "UPDATE job SET subject = ?1, zone = ?2, ca = ?3, names = ?4, profile = ?5, csr = ?6, spki_sha256 = ?7, "
          "step = ?9, data = ?10, attempts = ?11, problem = ?12, updated_ms = ?14, deadline_ms = ?15, "
          "version = version + 1 WHERE id = ?18 AND version = ?19 AND state = ?8 AND created_ms = ?13 AND "
          "keep_until_ms = ?16 AND key = ?17"),
    WRITE(job_update,
          "UPDATE job SET subject = ?, zone = ?, ca = ?, names = ?, profile = ?, csr = ?, spki_sha256 = ?, state = ?, "
          "step = ?, data = ?, attempts = ?, problem = ?, created_ms = ?, updated_ms = ?, deadline_ms = ?, "
          "keep_until_ms = ?, key = ?, version = version + 1 WHERE id = ? AND version = ?"),
    ASK(job_find, "SELECT " JOB_COLUMNS " FROM job WHERE id = ?"),
    ASK(job_find_open, "SELECT " JOB_COLUMNS " FROM job WHERE key = ? AND state = 'open'"),
    ASK(job_find_failed, "SELECT " JOB_COLUMNS " FROM job WHERE key = ? AND state = 'failed' "
                         "ORDER BY updated_ms DESC, id LIMIT 1"),
    ASK(job_list_open, "SELECT " JOB_COLUMNS " FROM job WHERE state = 'open' ORDER BY created_ms, id"),
    WRITE(job_purge, "DELETE FROM job WHERE id IN (SELECT id FROM job WHERE state <> 'open' AND keep_until_ms <= ? "
                     "AND NOT EXISTS (SELECT 1 FROM job_challenge WHERE job_challenge.job = job.id) LIMIT ?)"),

    WRITE(order_count, "INSERT INTO counted_order (scope, name, at_ms, job) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING"),
    WRITE(order_uncount, "DELETE FROM counted_order WHERE scope = ? AND name = ? AND at_ms = ? AND job = ?"),
    ASK(order_nth, "SELECT at_ms FROM counted_order WHERE scope = ? AND name = ? AND at_ms > ? AND at_ms <= ? "
                   "ORDER BY at_ms DESC LIMIT 1 OFFSET ?"),
    WRITE(order_purge, "DELETE FROM counted_order WHERE (scope, name, at_ms, job) IN "
                       "(SELECT scope, name, at_ms, job FROM counted_order WHERE at_ms <= ? LIMIT ?)"),

    WRITE(challenge_put, "INSERT INTO job_challenge (" CHALLENGE_COLUMNS ") VALUES (?, ?, ?, ?, ?, ?, ?) "
                         "ON CONFLICT DO UPDATE SET zone = excluded.zone, expires_ms = excluded.expires_ms"),
    WRITE(challenge_remove, "DELETE FROM job_challenge WHERE job = ? AND name = ? AND dns = ? AND owner = ? AND value = ?"),
    ASK(challenge_list, "SELECT " CHALLENGE_COLUMNS " FROM job_challenge ORDER BY job, name, dns, owner, value"),

    WRITE(certificate_put,
          "INSERT INTO certificate (" CERTIFICATE_COLUMNS ") VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"),
    ASK(certificate_find, "SELECT " CERTIFICATE_COLUMNS " FROM certificate WHERE job = ?"),
    ASK(certificate_newest,
        "SELECT " CERTIFICATE_COLUMNS " FROM certificate WHERE key = ? ORDER BY issued_ms DESC, rowid DESC LIMIT 1"),
    ASK(certificate_by_serial, "SELECT " CERTIFICATE_COLUMNS " FROM certificate WHERE serial = ? ORDER BY issued_ms, job"),
    ASK(certificate_of_names, "SELECT " CERTIFICATE_COLUMNS " FROM certificate WHERE zone = ? AND subject = ? AND names = ? "
                              "ORDER BY issued_ms DESC, rowid DESC LIMIT 1"),
    ASK(certificate_list, "SELECT " CERTIFICATE_COLUMNS " FROM certificate ORDER BY not_after_ms DESC LIMIT ?"),
    ASK(certificate_by_spki, "SELECT " CERTIFICATE_COLUMNS " FROM certificate WHERE spki_sha256 = ?"),
    WRITE(certificate_purge, "DELETE FROM certificate WHERE job IN "
                             "(SELECT job FROM certificate WHERE not_after_ms <= ? AND " NOT_BEING_REVOKED " LIMIT ?)"),

    WRITE(revocation_put, "INSERT INTO revocation (" REVOCATION_COLUMNS ") VALUES (?, ?, ?, ?, ?, ?, ?) "
                          "ON CONFLICT (job) DO UPDATE SET reason = excluded.reason, asker = excluded.asker, "
                          "state = excluded.state, asked_ms = excluded.asked_ms, ended_ms = excluded.ended_ms, "
                          "problem = excluded.problem"),
    ASK(revocation_find, "SELECT " REVOCATION_COLUMNS " FROM revocation WHERE job = ?"),
    ASK(revocation_list_open, "SELECT " REVOCATION_COLUMNS " FROM revocation WHERE state = 'open' ORDER BY asked_ms, job"),
    WRITE(revoked_key_put, "INSERT INTO revoked_key (spki_sha256) VALUES (?) ON CONFLICT DO NOTHING"),
    ASK(revoked_key_list, "SELECT spki_sha256 FROM revoked_key"),

    WRITE(keep_put, "INSERT INTO keep (role, instance, key, value) VALUES (?, ?, ?, ?) "
                    "ON CONFLICT DO UPDATE SET value = excluded.value"),
    WRITE(keep_remove, "DELETE FROM keep WHERE role = ? AND instance = ? AND key = ?"),
    ASK(keep_get, "SELECT value FROM keep WHERE role = ? AND instance = ? AND key = ?"),

    WRITE(outbox_put, "INSERT INTO outbox (time_ms, kind, json) VALUES (?, ?, ?)"),
    ASK(outbox_read, "SELECT number, time_ms, kind, json FROM outbox WHERE number > ? ORDER BY number LIMIT ?"),
    WRITE(outbox_trim, "DELETE FROM outbox WHERE number <= ?"),
    ASK(outbox_first, "SELECT number FROM outbox ORDER BY number LIMIT 1"),
    ASK(outbox_last, "SELECT seq FROM sqlite_sequence WHERE name = 'outbox'"),
    WRITE(cursor_put, "INSERT INTO cursor (sink, number) VALUES (?, ?) ON CONFLICT DO UPDATE SET number = excluded.number"),
    ASK(cursor_get, "SELECT number FROM cursor WHERE sink = ?"),

    WRITE(spki_erase_events, "DELETE FROM outbox WHERE CASE WHEN json_valid(json) THEN json ->> 'job' END IN "
                             "(SELECT id FROM job WHERE spki_sha256 = ?1 AND state <> 'open' "
                             "UNION SELECT job FROM certificate WHERE spki_sha256 = ?1)"),
    WRITE(spki_erase_orders, "UPDATE counted_order SET job = lower(hex(randomblob(13))) WHERE job IN "
                             "(SELECT id FROM job WHERE spki_sha256 = ? AND state <> 'open')"),
    WRITE(spki_erase_certificates, "DELETE FROM certificate WHERE spki_sha256 = ? AND " NOT_BEING_REVOKED),
    WRITE(spki_erase_jobs, "DELETE FROM job WHERE spki_sha256 = ? AND state <> 'open' "
                           "AND NOT EXISTS (SELECT 1 FROM job_challenge WHERE job_challenge.job = job.id)"),
};

enum { N_COMMON = sizeof common / sizeof *common, N_STATE = sizeof state / sizeof *state };
_Static_assert(N_COMMON + N_STATE == sizeof(struct statements) / sizeof(sqlite3_stmt *),
               "a field of struct statements has no SQL");

static sqlite3_stmt **field(struct conn *c, const struct statement_sql *about)
{
    return (sqlite3_stmt **)(void *)((char *)c + about->offset);
}

static int prepare(struct conn *c, const struct statement_sql *list, size_t n, bool writer, struct cs_error *err)
{
    for (size_t i = 0; i < n; i++) {
        int rc;

        if (list[i].user == WRITER && !writer)
            continue;
        errno = 0;
        rc = sqlite3_prepare_v3(c->sq, list[i].sql, -1, SQLITE_PREPARE_PERSISTENT, field(c, &list[i]), NULL);
        if (rc != SQLITE_OK)
            return db_fail_reading(c->file, c->sq, rc, err);
    }
    return 0;
}

int statements_prepare(struct conn *c, bool writer, struct cs_error *err)
{
    if (prepare(c, common, N_COMMON, writer, err) < 0)
        return -1;
    if (c->file->kind == &file_state)
        return prepare(c, state, N_STATE, writer, err);
    if (c->file->kind != &file_visits)
        return 0;
    return prepare(c, visits_statements, n_visits_statements, writer, err);
}

static void finalize(struct conn *c, const struct statement_sql *list, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        sqlite3_finalize(*field(c, &list[i]));
        *field(c, &list[i]) = NULL;
    }
}

void statements_finalize(struct conn *c)
{
    finalize(c, common, N_COMMON);
    finalize(c, state, N_STATE);
    finalize(c, visits_statements, n_visits_statements);
}
