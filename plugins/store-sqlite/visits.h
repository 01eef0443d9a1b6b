/*
 * The visits database from the inside: what the writer's connection remembers, and the functions that several of its files
 * share. Included by those files, by connection.c and transaction.c.
 *
 * What is remembered must be right after whatever was undone, and after whatever another process did: visits_writer.c forgets
 * it then.
 */
#ifndef STORE_SQLITE_VISITS_H
#define STORE_SQLITE_VISITS_H

#include "db.h"

enum {
    LABELS_MOST = 8,    /* of a visit                                        */
    LABELS_NONE = 0,    /* id of the set without labels                      */
    LABELS_OTHER = 1,   /* id of the set that small ones are folded into     */
    DAY_MOST = 2932896, /* 9999-12-31                                        */
    EARLIER_MOST = 1000 /* rows of one source and day that are looked at     */
};

/* ---- words.c: texts and their ids */

/* A set of labels. */
struct label_set {
    int64_t id;
    size_t n;
    int64_t labels[LABELS_MOST]; /* ids */
};

struct words *words_new(void);
void words_free(struct words *words);
void words_forget(struct words *words);         /* pointers to sets are void after it */
bool words_are_many(const struct words *words); /* time to forget them, for the memory's sake */

/* Each is looked up, and added when it is not there. A set is valid until words_forget(). */
int words_word(struct conn *c, const char *word, int64_t *id, struct cs_error *err);
int words_label(struct conn *c, const char *name, const char *value, int64_t *id, struct cs_error *err);
int words_set(struct conn *c, const struct cs_visit_label *labels, size_t n, const struct label_set **set,
              struct cs_error *err);
int words_set_of_text(struct conn *c, const char *text, size_t len, const struct label_set **out, struct cs_error *err);
int words_set_by_id(struct conn *c, int64_t id, const struct label_set **set, struct cs_error *err);

/* ---- tally.c: additions to the totals, added up in memory until the transaction needs them in the file */

enum tally_kind { TALLY_TOTAL = 1, TALLY_SET, TALLY_STEP, TALLY_HOUR, TALLY_DAY };

struct tally_key {
    enum tally_kind kind;
    int64_t day;
    int64_t id[5]; /* the rest of the table's key, zeros at the end */
};

struct tally *tally_new(void);
void tally_free(struct tally *tally);
void tally_forget(struct tally *tally);
/* Room for all that one visit adds, so that tally_add() cannot fail: writes what there is to the file when it is nearly full.
 */
int tally_make_room(struct conn *c, struct cs_error *err);
/* One request more, of a source that is new (at least, at most). */
void tally_add(struct tally *tally, const struct tally_key *key, bool least, bool most);
int tally_flush(struct conn *c, struct cs_error *err);

/* ---- visits_writer.c: what the writer's connection remembers */

struct day_statements {
    int64_t day;
    sqlite3_stmt *earlier, *add; /* NULL: free */
};

enum { DAYS_AT_ONCE = 3 }; /* today, yesterday's late ones, and one more */

struct visits_writer {
    struct words *words;
    struct tally *tally;
    struct day_statements days[DAYS_AT_ONCE];
    int64_t version; /* of the file, when all this was true */
    bool undone;     /* SQLite rolled back */
    bool broken;     /* part of the tally is in the file: only undoing helps */
};

/* On other connections these do nothing. */
int visits_writer_open(struct conn *c, struct cs_error *err);
void visits_writer_close(struct conn *c);
int visits_writer_began(struct conn *c, struct cs_error *err);
int visits_writer_flush(struct conn *c, struct cs_error *err);
void visits_writer_forget(struct conn *c);
/* First in every function that writes: is this a writer's connection, inside a transaction? */
int visits_writer_ready(const struct conn *c, struct cs_error *err);

/* ---- day_table.c: the table of a day. SQL is given with "#" where the day's number belongs; it is checked. */

struct days {
    size_t n;
    int64_t *at; /* rising */
};

#define VISIT_COLUMNS "zone, src, labels, outcome, reached, error, alg, client" /* the key; then n */

int day_check(int64_t day, struct cs_error *err);
int day_prepare(struct conn *c, const char *sql, int64_t day, sqlite3_stmt **s, struct cs_error *err);
/* Run SQL with whole numbers for ?1, ?2 … as far as it has them; *number is the first column of the first row, or 0. */
struct numbers {
    size_t n;
    const int64_t *at;
};
#define NUMBERS(...)                                                                                                           \
    (struct numbers)                                                                                                           \
    {                                                                                                                          \
        sizeof((const int64_t[]){ __VA_ARGS__ }) / sizeof(int64_t), (const int64_t[])                                          \
        {                                                                                                                      \
            __VA_ARGS__                                                                                                        \
        }                                                                                                                      \
    }
#define NO_NUMBERS ((struct numbers){ 0 })
int visits_run(struct conn *c, const char *sql, struct cs_error *err); /* as it stands; may be several statements */
int day_run(struct conn *c, const char *sql, int64_t day, struct numbers values, struct cs_error *err);
int day_number(struct conn *c, const char *sql, int64_t day, struct numbers values, int64_t *number, struct cs_error *err);

/* Statements for adding visits; the table is made when there is none. CS_ECONFLICT: the day is closed. */
int day_table_open(struct conn *c, int64_t day, struct day_statements **out, struct cs_error *err);
void day_tables_forget(struct visits_writer *v);
int day_table_exists(struct conn *c, int64_t day, bool *exists, struct cs_error *err);
int day_tables_list(struct conn *c, struct days *days, struct cs_error *err); /* free(days->at) */
/* `insert` fills the new visit_# from visit_before, the old one, of which then no byte is left. */
int day_table_rebuild(struct conn *c, int64_t day, const char *insert, struct numbers values, struct cs_error *err);
int day_table_drop(struct conn *c, int64_t day, struct cs_error *err);

/* ---- recount.c, fold.c, settle.c, sweep.c: what closing, erasing and purging have in common. Totals are counted and folded in
 * the tables of open days: those of a closed day are taken back before, and settled after. */

/* Sources of rows of a day's table: those that are known, and at most one more for each visit whose source is not (src 0). */
#define SOURCES_LEAST "count(DISTINCT nullif(src, 0))"
#define SOURCES_MOST  SOURCES_LEAST " + sum(iif(src, 0, n))"

/* Totals of a day once more from its table, exactly; sets are as they came. Hours, which no visit has, shrink in proportion. */
int recount_day(struct conn *c, int64_t day, struct cs_error *err);
/* Is what was counted from the day's table exact? Not with visits whose source nobody knows. */
int recount_is_exact(struct conn *c, int64_t day, bool *exact, struct cs_error *err);

/* Label sets of the day with less than k sources become "other": counted from the day's table if it is there, otherwise added
 * up. */
int fold_sets(struct conn *c, int64_t day, int64_t k, bool table, struct cs_error *err);
/* Labels likewise, of a day whose table is gone. */
int fold_labels(struct conn *c, int64_t day, int64_t k, struct cs_error *err);

/* From the tables of open days to those of closed ones, in the order of the keys, if the day is closed; and back. */
int settle_day(struct conn *c, int64_t day, struct cs_error *err);
int settle_take_back(struct conn *c, int64_t day, struct cs_error *err);
/* After it: the open tables keep no byte of rows that left them, and no order in which others came. */
int settle_tidy(struct conn *c, struct cs_error *err);
/* Nor do words, labels and sets tell in which order they came. */
int settle_words(struct conn *c, struct cs_error *err);

/* Words, labels and sets that no row has any more go, to the last byte. */
int sweep_words(struct conn *c, struct cs_error *err);
/* After a deletion from a small table: write it anew, because pages keep pieces of rows that were deleted or moved. */
#define SWEEP(table)                                                                                                           \
    "CREATE TEMP TABLE kept AS SELECT * FROM " table "; DELETE FROM " table ";"                                                \
    "INSERT INTO " table " SELECT * FROM temp.kept; DROP TABLE temp.kept;"

/* ---- strip.c */

/* Fills temp.gone_label (id) with the labels of that name and value (NULL: any), and temp.strip (old, new) with the sets that
 * have one and those that they are without it. */
int strip_prepare(struct conn *c, const char *name, const char *value, struct cs_error *err);

#endif
