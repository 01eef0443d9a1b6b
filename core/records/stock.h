/*
 * Pieces of work in stock, for when there is no memory: what an order has done can then still be written down. Used by store.c
 * only.
 */
#ifndef RECORDS_STOCK_H
#define RECORDS_STOCK_H

#include <pthread.h>

#include "records/batch.h"

#define STOCK_MOST 64

struct stock {
    pthread_mutex_t lock;
    struct piece *first; /* linked by `next` */
    size_t n;
};

void stock_open(struct stock *stock);
void stock_close(struct stock *stock); /* also of a stock that is all zero */

/* A new piece, to be freed by the taker; from the stock when there is no memory, and NULL when that is empty, too. Any
 * thread. */
struct piece *stock_take(struct stock *stock);

#endif
