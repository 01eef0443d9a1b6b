/*
 * A visits database in a folder of its own with a writer's and a reader's connection, and the book beside it: what the tests of
 * visits in store-sqlite start from. Functions fail the test.
 */
#ifndef FAKES_VISITS_FILE_H
#define FAKES_VISITS_FILE_H

#include "store_file.h"
#include "visit_book.h"

enum { VISIT_DAY = 20778 };

struct visits_file {
    struct store_file f;
    struct visit_book book;
    void *w, *r; /* a writer's connection, a reader's */
    struct cs_error err;
    const struct cs_store_ops *ops;
};

void visits_file_open(struct visits_file *v);
void visits_file_close(struct visits_file *v);

struct cs_visit visits_file_one(void); /* a plain visit of VISIT_DAY */
void visits_file_begin(struct visits_file *v);
void visits_file_commit(struct visits_file *v);
/* On `conn`, inside a transaction: visits made up at random, also put down in the book. */
void visits_file_add(struct visits_file *v, void *conn, uint64_t *seed, int64_t day, int n);
/* File and book agree, but for what is left out (enum in visit_book.h). */
void visits_file_agree(struct visits_file *v, int leave_out);
/* `n` random visits for each of some days from VISIT_DAY on, in one transaction. */
void visits_file_fill(struct visits_file *v, uint64_t seed, int days, int n);
/* Each in a transaction of its own; what the store says is returned. Closing is put down in the book, the others are not. */
void visits_file_close_day(struct visits_file *v, int64_t day, int64_t k);
int64_t visits_file_erase(struct visits_file *v, struct cs_visits_erasure what);
int64_t visits_file_purge(struct visits_file *v, int64_t visits, int64_t labels, int64_t totals); /* k is 5 */
bool visits_file_scrub(struct visits_file *v);
/* In the book: labels (WHERE …) go, and out of their visits' sets. */
void visits_file_strip_book(struct visits_file *v, const char *which);
int64_t visits_file_number(const struct visits_file *v, const char *sql);
int64_t visit_book_number(struct visit_book *b, const char *sql);

/* How often the bytes stand in visits.db, its WAL and its shared memory. Looked for in a process of its own: closing one of
 * those files would drop the locks that SQLite holds in this one. */
int visits_file_find(const struct visits_file *v, const void *bytes, size_t len);
int visits_file_find_text(const struct visits_file *v, const char *text);
int visits_file_find_src(const struct visits_file *v, uint64_t src); /* as SQLite stores it */

#endif
