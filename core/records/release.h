/*
 * A release to the public: one zone, one complete week; requests and sources by day, by outcome and by each label's values,
 * never by two of these at once. What could be about few people is hidden, and so much besides that it cannot be computed from
 * the rest:
 *
 *   - a cell with less than k sources (on its best day, because sources of several days do not add up) is hidden;
 *   - a table that hides one hides the smallest of its other cells, too: what the total leaves over is never one cell;
 *   - every number is rounded to a multiple of 5 by itself;
 *   - release_audit.h, which knows all that a reader can know, must find at least 5 possible values for whatever is hidden, or
 *     more is hidden: the next smallest cell, at last everything.
 *
 * docs/report.md has the rules for readers. Used by command/release_*.c. Pure.
 */
#ifndef RECORDS_RELEASE_H
#define RECORDS_RELEASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { RELEASE_ROUND = 5, RELEASE_POSSIBLE = 5, RELEASE_DAYS = 7 };

struct release_cell {
    char *value; /* a day, an outcome, a label's value; NULL: requests that have no value of the table's name. Owned */
    int64_t requests;
    int64_t sources; /* at least: those of the day that had most */
    bool hidden;
    bool few; /* hidden because of less than k sources */
};

enum release_kind {
    RELEASE_BY_DAY = 1,  /* RELEASE_DAYS cells; all sources of a day are in its cell */
    RELEASE_BY_OUTCOME,  /* a source may be in several cells */
    RELEASE_BY_LABEL     /* the same; which values there are is hidden with them */
};

/* The cells of a table share its requests out: each request is in one of them. */
struct release_table {
    enum release_kind kind;
    char *label; /* of RELEASE_BY_LABEL, otherwise NULL. Owned */
    struct release_cell *cells;
    size_t n_cells;
};

struct release {
    int64_t k;
    struct release_cell total; /* value NULL; hidden: so is all the rest */
    struct release_table *tables;
    size_t n_tables;
};

/* Decides what is hidden. Expects `hidden` and `few` to be false everywhere; the sums of each table are those of the total. */
void release_hide(struct release *release);

/* Half a step and more goes up. */
int64_t release_rounded(int64_t number);

/* A new table, or a new cell, all zero but for its name, which is copied; NULL without memory. Pointers to those before become
 * invalid. */
struct release_table *release_add_table(struct release *release, enum release_kind kind, const char *label);
struct release_cell *release_add_cell(struct release_table *table, const char *value);
void release_free(struct release *release);

#endif
