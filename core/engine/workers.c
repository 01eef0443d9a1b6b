/*
 * Threads that run what may block, started one by one when there is work and nobody is free. Used by plugin/instance.c for
 * blocking plugins and by whatever of the core must leave the loop for a moment.
 */
#include "engine/workers.h"

#include <assert.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MOST_THREADS 256

struct piece {
    struct piece *next;
    void (*fn)(void *arg);
    void *arg;
};

struct workers {
    char name[16]; /* as pthread_setname_np() wants it */
    pthread_mutex_t lock;
    pthread_cond_t more;
    struct piece *first, *last;
    size_t queued, idle, started, most;
    bool closing;
    pthread_t threads[];
};

static struct piece *next_piece(struct workers *workers)
{
    struct piece *piece;

    pthread_mutex_lock(&workers->lock);
    workers->idle++;
    while (!workers->first && !workers->closing)
        pthread_cond_wait(&workers->more, &workers->lock);
    workers->idle--;
    piece = workers->first;
    if (piece) {
        workers->first = piece->next;
        workers->queued--;
    }
    pthread_mutex_unlock(&workers->lock);
    return piece;
}

static void *work(void *arg)
{
    struct workers *workers = arg;
    struct piece *piece;

    pthread_setname_np(pthread_self(), workers->name);
    while ((piece = next_piece(workers))) {
        piece->fn(piece->arg);
        free(piece);
    }
    return NULL;
}

/* Signals are the loop thread's business. Called with the lock held. */
static int start_thread(struct workers *workers)
{
    sigset_t all, before;
    int rc;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    rc = pthread_create(&workers->threads[workers->started], NULL, work, workers);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (rc == 0)
        workers->started++;
    return rc;
}

struct workers *workers_new(const char *name, size_t threads, struct cs_error *err)
{
    struct workers *workers;

    assert(threads >= 1 && threads <= MOST_THREADS);
    workers = calloc(1, sizeof *workers + threads * sizeof workers->threads[0]);
    if (!workers) {
        cs_fail(err, CS_EBUSY, "no memory for the workers of %s", name);
        return NULL;
    }
    snprintf(workers->name, sizeof workers->name, "%s", name);
    workers->most = threads;
    pthread_mutex_init(&workers->lock, NULL);
    pthread_cond_init(&workers->more, NULL);
    return workers;
}

int workers_run(struct workers *workers, void (*fn)(void *arg), void *arg, struct cs_error *err)
{
    struct piece *piece = malloc(sizeof *piece);
    int rc = 0;

    if (!piece)
        return cs_fail(err, CS_EBUSY, "no memory for a call to %s", workers->name);
    *piece = (struct piece){ .fn = fn, .arg = arg };
    pthread_mutex_lock(&workers->lock);
    assert(!workers->closing);
    if (workers->idle <= workers->queued && workers->started < workers->most)
        rc = start_thread(workers);
    if (workers->started == 0) {
        pthread_mutex_unlock(&workers->lock);
        free(piece);
        return cs_fail(err, CS_EBUSY, "cannot start a thread for %s: %s", workers->name, strerror(rc));
    }
    if (workers->first)
        workers->last->next = piece;
    else
        workers->first = piece;
    workers->last = piece;
    workers->queued++;
    pthread_mutex_unlock(&workers->lock);
    pthread_cond_signal(&workers->more); /* without the lock, or whoever wakes up would wait for that */
    return 0;
}

bool workers_are_busy(struct workers *workers)
{
    bool busy;

    if (!workers)
        return false;
    pthread_mutex_lock(&workers->lock);
    busy = workers->first || workers->idle < workers->started;
    pthread_mutex_unlock(&workers->lock);
    return busy;
}

void workers_free(struct workers *workers)
{
    if (!workers)
        return;
    pthread_mutex_lock(&workers->lock);
    workers->closing = true;
    pthread_cond_broadcast(&workers->more);
    pthread_mutex_unlock(&workers->lock);
    for (size_t i = 0; i < workers->started; i++)
        pthread_join(workers->threads[i], NULL);
    pthread_cond_destroy(&workers->more);
    pthread_mutex_destroy(&workers->lock);
    free(workers);
}
