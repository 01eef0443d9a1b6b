/*
 * Simulated months of visits, the same for the same seed: 5 zones of different size and fortune, sources by a Zipf law, 3
 * labels of 30 values each, so that 1,000,000 visits have some 26,000 sets of them. Used by visits_driver.c.
 */
#ifndef FAKES_MONTHS_H
#define FAKES_MONTHS_H

#include <countersign/visit.h>

enum { MONTHS_ZONES = 5, MONTHS_LABELS = 3, MONTHS_VALUES = 30, MONTHS_OUTCOMES = 9 };

struct months_visit {
    int64_t ms; /* of the day */
    uint64_t src;
    uint32_t source; /* who it really was */
    int16_t value[MONTHS_LABELS]; /* -1: without this label */
    uint8_t zone;    /* MONTHS_ZONES: the subject was not known */
    uint8_t outcome; /* of the table in months.c */
    uint8_t alg, client;
};

struct months {
    uint64_t seed, key_seed;
    size_t per_day, sources;
    double *source_weights; /* running sums */
    double value_weights[MONTHS_VALUES], zone_weights[MONTHS_ZONES];
};

/* Aborts without memory. */
void months_open(struct months *m, size_t visits, size_t days, uint64_t seed);
void months_close(struct months *m);

/* The day's visits in the order of their times; the caller frees them. Their pseudonyms are not filled in. */
struct months_visit *months_day(struct months *m, size_t *n);

/* As the store wants it; `labels` has room for MONTHS_LABELS. */
struct cs_visit months_as_visit(const struct months_visit *v, int64_t day, struct cs_visit_label *labels);
const char *months_zone(const struct months_visit *v);
const char *months_label_name(int label);
const char *months_label_value(int label, int value);

uint64_t months_random(uint64_t *seed);

#endif
