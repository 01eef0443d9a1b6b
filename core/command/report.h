/*
 * A report: facts about it, tables, and the writers, which are pure. Made by report_views.c (internal) or release_show.c
 * (public), printed by report.c.
 */
#ifndef COMMAND_REPORT_H
#define COMMAND_REPORT_H

#include "base/text.h"
#include "command/grid.h"

/* "as of", "2026-11-21T10:00:00Z" */
struct report_fact {
    const char *name;
    char *value; /* owned; NULL: no memory */
};

enum { REPORT_FACTS_MOST = 10 };

struct report {
    const char *title;
    const char *notice; /* who may read it */
    const char *as_of;  /* when its numbers were published, or when it was frozen; owned by a fact */
    struct report_fact facts[REPORT_FACTS_MOST];
    size_t n_facts;
    const char *const *remarks; /* what a reader must know, NULL-terminated; or NULL */
    struct grid flagged;        /* days whose numbers are to be read with care: day, lost, flags; no columns: a release */
    struct grid *grids;
    size_t n_grids;
};

/* Copies the value; -1 without memory. */
int report_add_fact(struct report *report, const char *name, const char *value);
void report_free(struct report *report); /* facts and rows; the array of grids too */

/* Each returns -1 without memory, or when it is too much for one report. */
int report_text(const struct report *report, struct text *out); /* aligned, for a terminal */
int report_csv(const struct report *report,
               struct text *out); /* RFC 4180; the first grid, whose rows end with flags and notice */
int report_json(const struct report *report, struct text *out);
int report_html(const struct report *report, struct text *out); /* one file, without anything else */

/* Flags of the day or week that a row is about, as "2026-11-20: two keys; …". */
void report_row_flags(const struct report *report, const struct grid *grid, size_t row, struct text *out);

#endif
