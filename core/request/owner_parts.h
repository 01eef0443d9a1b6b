/*
 * What an owner name is made of: for owner.c (its values, and the calls to its back end) and owners.c (all of them, and their
 * way to another back end). Nobody else looks inside.
 */
#ifndef REQUEST_OWNER_PARTS_H
#define REQUEST_OWNER_PARTS_H

#include "request/owner.h"

struct owner {
    struct owners *all;
    struct instance *dns;
    char *zone, *name;
    struct value *values;
    bool out, again; /* a call is out; something changed since */
    bool moved;    /* to another instance, which was told nothing yet */
    bool was_told; /* the call that is out went to that one */
    int tries;
    int64_t wait_ms, asked_ms;
    struct timer retry;
};

/* The values of one job, wherever they are; it goes with the last of them. */
struct values_of_job {
    char *job;
    struct value *first;
};

struct owners {
    struct heart *heart;
    owner_told_fn *told;
    void *arg;
    void *tree;    /* struct owner */
    void *by_job;  /* struct values_of_job */
};

/* How they stand in the trees of struct owners. */
int owner_compare(const void *a, const void *b);
int owner_compare_jobs(const void *a, const void *b);
bool owner_has(const struct owner *owner, enum value_state state);
void owner_push_again(void *arg); /* a timer's; the owner */
void owner_free(struct owner *owner);
void owner_free_value(struct value *value);

#endif
