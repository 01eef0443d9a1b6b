/*
 * The rows of a store as lines of text, columns separated by "|", so that a test reads like a table.
 */
#ifndef FAKES_STORE_ROWS_H
#define FAKES_STORE_ROWS_H

#include <countersign/store.h>

struct rows {
    char text[4096];
    int n, most; /* most 0: all */
};

/* Row functions; the argument is a struct rows. */
int row_of_zone(void *arg, const struct cs_zone *z);
int row_of_subject(void *arg, const struct cs_subject *s);
int row_of_job(void *arg, const struct cs_job *j);
int row_of_challenge(void *arg, const struct cs_job_challenge *ch);
int row_of_certificate(void *arg, const struct cs_certificate *c);
int row_of_event(void *arg, const struct cs_event *e);
int row_of_blob(void *arg, const void *data, size_t len);

#endif
