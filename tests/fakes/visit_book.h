/*
 * The same visits once more, for tests of the visits database: written down one by one in a plain table in memory, and counted
 * from there by plain SQL that shares nothing with the store. What a test does to the store it does to this book with SQL.
 */
#ifndef FAKES_VISIT_BOOK_H
#define FAKES_VISIT_BOOK_H

#include <countersign/store.h>
#include <sqlite3.h>

/* raw (id, day, hour, zone, src, labels, outcome, reached, error, alg, client): src NULL when it is not known, labels as the
 * store writes them. raw_label (id, name, value). closed (day, k), where sets under k were folded. gone (day), whose visits
 * the store has no longer. */
struct visit_book {
    sqlite3 *sq;
};

void visit_book_open(struct visit_book *b);
void visit_book_copy(struct visit_book *b, const struct visit_book *from); /* opens another one with the same in it */
void visit_book_close(struct visit_book *b);
void visit_book_add(struct visit_book *b, const struct cs_visit *visit);
void visit_book_sql(struct visit_book *b, const char *sql); /* aborts when it fails */

enum {
    BOOK_WITHOUT_HOURS = 1, /* only that the hours of a zone add up */
    BOOK_WITHOUT_SETS = 2,
    BOOK_WITHOUT_LABELS = 4,
    BOOK_QUIETLY = 8
};

/* How many rows differ between the totals and visits of the file and those of the book; they are printed. `leave_out` says what
 * is not compared, or that nothing is printed and counting may stop early. */
int visit_book_differences(struct visit_book *b, const char *path, int leave_out);

/* Visits made up at random but the same for the same `seed`: some zones, sources, labels, outcomes; `labels` has room for 3. */
struct cs_visit visit_book_random(uint64_t *seed, int64_t day, struct cs_visit_label *labels);

#endif
