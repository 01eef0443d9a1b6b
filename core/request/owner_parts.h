/*
 * What an owner name is made of: for owner.c (the calls to its back end) and owners.c (all of them, their values, and their way
 * to another back end). Nobody else looks inside.
 */
#ifndef REQUEST_OWNER_PARTS_H
#define REQUEST_OWNER_PARTS_H

#include "request/owner.h"

/* The TXT records at one name of a back end. It has several owners where zones of the table overlap: example.com and
 * www.example.com may both have values at _acme-challenge.www.example.com. So what must not happen at once is known here: a
 * second call for the name, and taking away what another zone wants. */
struct txt_set {
    struct owners *all;
    struct instance *dns;
    char *name;
    struct owner *owners; /* one for each zone; whoever is called goes to the end */
    struct owner *out;    /* whose call is out; NULL: nobody's */
    bool calling;         /* calls are being made */
};

/* What one zone of the table wants there. */
struct owner {
    struct txt_set *set;
    struct owner *next;
    char *zone;
    struct value *values;
    bool again;    /* something changed: it is to be called for as soon as no call is out */
    bool moved;    /* to another instance, which was told nothing yet */
    bool was_told; /* the call that is out went to that one */
    int64_t wait_ms;      /* between two tries while somebody waits for a value */
    int64_t gone_wait_ms; /* while nobody does, and values are to be taken away */
    int64_t asked_ms;
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
    void *tree;    /* struct txt_set */
    void *by_job;  /* struct values_of_job */
};

bool owner_has(const struct owner *owner, enum value_state state);
bool owners_back_end_has_left(const struct txt_set *set); /* the configuration, and without an heir */
void owner_push_again(void *arg); /* a timer's; the owner */
/* Owners without a value or a call go, and with the last of them the set. */
void owners_forget_empty(struct txt_set *set);

#endif
