/*
 * Visits that a test can look at: what http/ says of each when it begins, and how it ends what never reaches the heart.
 */
#ifndef FAKES_VISITS_H
#define FAKES_VISITS_H

#include "records/visit.h"

struct visit {
    struct visit_arrival arrival;
    char labels[1000]; /* "name=value;" each */
    bool ended;
    enum visit_outcome outcome;
    char error[64];
};

struct visits {
    struct visit visit[16]; /* in the order of their arrival */
    size_t n;
};

#endif
