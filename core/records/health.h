/*
 * What is wrong with a store just now. It is said in the log when it begins and when it is over, not for every order; and at
 * /readyz and /metrics as long as it lasts. Written by the store's writer thread, read by the loop; used by store.c only.
 */
#ifndef RECORDS_HEALTH_H
#define RECORDS_HEALTH_H

#include <pthread.h>

#include "engine/metrics.h"

enum health_part {
    HEALTH_WRITING, /* what was written last could not be committed                         */
    HEALTH_ROOM,    /* there is no room for another order, or none that may be relied on    */
    HEALTH_PARTS
};

struct health {
    const char *what; /* "records" or "visits" */
    pthread_mutex_t lock;
    struct cs_error trouble[HEALTH_PARTS]; /* code CS_OK: none */
    char shown[sizeof((struct cs_error *)0)->text];
};

void health_open(struct health *health, const char *what);
void health_close(struct health *health);

void health_note(struct health *health, enum health_part part, const struct cs_error *err); /* NULL: it is well */
bool health_is_bad(struct health *health, enum health_part part);
/* The worst of it, or NULL; valid until the next call. On the loop. */
const char *health_text(struct health *health);
/* `labels`: as metrics_gauge() takes them. */
void health_measure(struct health *health, struct metrics *metrics, const char *labels);

#endif
