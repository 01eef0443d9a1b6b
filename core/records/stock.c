/*
 * A piece more for each that is taken, until there are enough; see stock.h.
 */
#include "records/stock.h"

#include <stdlib.h>

static void add_one(struct stock *stock)
{
    struct piece *more;

    pthread_mutex_lock(&stock->lock);
    more = stock->n < STOCK_MOST ? malloc(sizeof *more) : NULL;
    if (more) {
        more->next = stock->first;
        stock->first = more;
        stock->n++;
    }
    pthread_mutex_unlock(&stock->lock);
}

static struct piece *take_one(struct stock *stock)
{
    struct piece *piece;

    pthread_mutex_lock(&stock->lock);
    piece = stock->first;
    if (piece) {
        stock->first = piece->next;
        stock->n--;
    }
    pthread_mutex_unlock(&stock->lock);
    return piece;
}

void stock_open(struct stock *stock)
{
    pthread_mutex_init(&stock->lock, NULL);
    for (size_t i = 0; i < STOCK_MOST; i++)
        add_one(stock);
}

void stock_close(struct stock *stock)
{
    struct piece *piece;

    while ((piece = take_one(stock)))
        free(piece);
    pthread_mutex_destroy(&stock->lock);
}

struct piece *stock_take(struct stock *stock)
{
    struct piece *piece = malloc(sizeof *piece);

    if (!piece)
        return take_one(stock);
    add_one(stock);
    return piece;
}
