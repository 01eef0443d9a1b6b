/*
 * A loop, a real store-sqlite in a folder of its own, and records/store.c over it: what the tests of records/ start from.
 */
#ifndef FAKES_STORE_CORE_H
#define FAKES_STORE_CORE_H

#include <semaphore.h>

#include "records/store.h"
#include "store_file.h"

struct store_core {
    struct loop *loop;
    struct store_file f;
    struct instance instance; /* its plugin.store may be changed before store_core_start() */
    struct store *store;
};

/* The file is migrated; the threads are not yet started. */
void store_core_open(struct store_core *s, int64_t busy_timeout_ms);
void store_core_start(struct store_core *s, size_t readers);
void store_core_close(struct store_core *s);

/* Answers as they come; the cs_done_fn's argument is one of these. */
struct answers {
    int n, failed;
    struct cs_error last; /* error */
    char order[64];       /* of the first answers: "." or the last letter of the error's text */
};
void on_answer(void *arg, const struct cs_error *err);
/* Turns the loop until `n` answers are there; fails the test after 20 s. */
void await_answers(struct store_core *s, const struct answers *a, int n);

/* A write that keeps the writer busy until it is let go. */
struct plug {
    sem_t running, go;
    struct answers answer;
};
void plug_writer(struct store_core *s, struct plug *p); /* returns once it runs */
void unplug_writer(struct plug *p); /* await its answer before the plug goes out of scope */

#endif
