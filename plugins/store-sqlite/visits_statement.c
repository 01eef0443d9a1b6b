/*
 * The SQL statements on the visits database that are prepared once for each connection, by statement.c. Those that name a
 * day's table are in day_table.c; those of rare works stand where they are used.
 */
#include "db.h"

#define ASK(field, sql)                                                                                                        \
    {                                                                                                                          \
        offsetof(struct conn, v.field), EVERYBODY, sql                                                                         \
    }
#define WRITE(field, sql)                                                                                                      \
    {                                                                                                                          \
        offsetof(struct conn, v.field), WRITER, sql                                                                            \
    }

#define ADD_UP         "requests = requests + excluded.requests"
#define ADD_UP_UNIQUES ADD_UP ", uniques = uniques + excluded.uniques, uniques_most = uniques_most + excluded.uniques_most"

const struct statement_sql visits_statements[] = {
    WRITE(zone_id_put, "INSERT INTO zone_id (zone, id) VALUES (?, ?)"),
    ASK(zone_id_list, "SELECT zone, id FROM zone_id ORDER BY zone"),

    WRITE(word_find, "SELECT id FROM word WHERE word = ?"),
    WRITE(word_put, "INSERT INTO word (id, word) VALUES (?, ?) ON CONFLICT (id) DO NOTHING"),
    WRITE(label_find, "SELECT id FROM label WHERE name = ? AND value = ?"),
    WRITE(label_put, "INSERT INTO label (id, name, value) VALUES (?, ?, ?) ON CONFLICT (id) DO NOTHING"),
    WRITE(set_find, "SELECT id FROM label_set WHERE labels = ?"),
    WRITE(set_put, "INSERT INTO label_set (id, labels) VALUES (?, ?) ON CONFLICT (id) DO NOTHING"),
    WRITE(set_labels, "SELECT labels FROM label_set WHERE id = ?"),

    WRITE(total_add,
          "INSERT INTO open_total (day, zone, label, outcome, requests, uniques, uniques_most) VALUES (?, ?, ?, ?, ?, ?, ?) "
          "ON CONFLICT DO UPDATE SET " ADD_UP_UNIQUES),
    WRITE(set_total_add, "INSERT INTO open_set_total (day, zone, labels, outcome, requests, uniques, uniques_most) "
                         "VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET " ADD_UP_UNIQUES),
    WRITE(step_total_add,
          "INSERT INTO open_step_total (day, zone, label, outcome, reached, error, requests) VALUES (?, ?, ?, ?, ?, ?, ?) "
          "ON CONFLICT DO UPDATE SET " ADD_UP),
    WRITE(hour_total_add, "INSERT INTO hour_total (day, zone, hour, requests) VALUES (?, ?, ?, ?) "
                          "ON CONFLICT DO UPDATE SET " ADD_UP),
    WRITE(recorded_add, "INSERT INTO day_note (day, recorded) VALUES (?, ?) "
                        "ON CONFLICT DO UPDATE SET recorded = recorded + excluded.recorded"),
    WRITE(latency_add, "INSERT INTO latency (day, role, instance, bucket, n) VALUES (?, ?, ?, ?, ?) "
                       "ON CONFLICT DO UPDATE SET n = n + excluded.n"),

    /* The parameters: the columns as they are named, and those flags that put never takes back. */
    WRITE(day_put, "INSERT INTO day_note (day, keys, received, flags, key_destroyed_ms, proxy_changes) "
                   "VALUES (?1, ?2, ?3, ?4, ?5, ?6) "
                   "ON CONFLICT DO UPDATE SET keys = excluded.keys, received = excluded.received, "
                   "flags = excluded.flags | (flags & ?7), key_destroyed_ms = excluded.key_destroyed_ms, "
                   "proxy_changes = excluded.proxy_changes"),
    WRITE(day_flag, "INSERT INTO day_note (day, flags) VALUES (?, ?) ON CONFLICT DO UPDATE SET flags = flags | excluded.flags"),
    ASK(day_list, "SELECT day, keys, received, recorded, flags, key_destroyed_ms, proxy_changes FROM day_note ORDER BY day"),
    ASK(day_labels, "SELECT word, name, value FROM total JOIN word ON word.id = zone JOIN label ON label.id = label "
                    "WHERE day = ? AND outcome = 0 AND label <> 0 ORDER BY word, name, value"),

    WRITE(release_put, "INSERT INTO release (zone, week, data) VALUES (?, ?, ?)"),
    ASK(release_get, "SELECT data FROM release WHERE zone = ? AND week = ?"),
    ASK(release_list, "SELECT zone, week FROM release ORDER BY zone, week"),
};

const size_t n_visits_statements = sizeof visits_statements / sizeof *visits_statements;
_Static_assert(sizeof visits_statements / sizeof *visits_statements ==
                   sizeof(struct visits_statements) / sizeof(sqlite3_stmt *),
               "a field of struct visits_statements has no SQL");
