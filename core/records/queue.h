/*
 * Pieces of work that wait for a thread of the store. Used by store.c only.
 */
#ifndef RECORDS_QUEUE_H
#define RECORDS_QUEUE_H

#include <pthread.h>

#include "records/batch.h"

struct queue {
    pthread_mutex_t lock;
    pthread_cond_t more;
    struct piece *first, *last;
    size_t n;
    bool urgent; /* among them is one that may not wait */
    bool closing;
};

int queue_open(struct queue *q, struct cs_error *err);
void queue_close(struct queue *q); /* takers get what is left, then QUEUE_CLOSED */
void queue_free(struct queue *q);  /* nobody waits any more, and it is empty */

/* -1 and *err when there are too many already, or it is closing. */
int queue_add(struct queue *q, struct piece *piece, struct cs_error *err);

/* From now on the lazy ones that are in it may not wait either. */
void queue_hurry(struct queue *q);
/* Since (or from) when it is the first one's turn; -1: it is empty. */
int64_t queue_since_ms(struct queue *q);

size_t queue_len(struct queue *q);

enum queue_end { QUEUE_PIECES = 1, QUEUE_TIMED_OUT, QUEUE_CLOSED };
/* All that wait, in order (or only the first), once there are any that are not lazy. patience_ms < 0: without end. */
enum queue_end queue_take(struct queue *q, bool only_first, int64_t patience_ms, struct piece **first);

#endif
