/*
 * A store whose visits are published, for tests of the analytics database: visits in, analytics.db out, and looks at it.
 */
#ifndef FAKES_PUBLISHED_H
#define FAKES_PUBLISHED_H

#include <countersign/store.h>

#include "store_file.h"

enum { DAY = 20778 }; /* 2026-11-21, a Saturday */

extern struct published {
    struct store_file f;
    const struct cs_store_ops *ops;
    void *w, *r; /* a writer's connection to the visits, a reader's */
    struct cs_error err;
} p;

int published_set_up(void **state);
int published_tear_down(void **state);
#define WITH_STORE(test) cmocka_unit_test_setup_teardown(test, published_set_up, published_tear_down)

/* What is not said of a visit: issued, in lab.example, with a source. */
void add_visit(struct cs_visit visit);
void add_random_visits(int64_t day, int n, uint64_t seed);
void note_day(int64_t day, int64_t keys, int64_t received, int64_t flags); /* and closes it, without folding */
void publish(void);

/* The rows of a query on analytics.db, columns separated by "|", rows by a newline; good until the next one. */
const char *rows_of(const char *sql);
int64_t number_of(const char *sql);
#define assert_rows(sql, expected) assert_string_equal(rows_of(sql), expected)

#endif
