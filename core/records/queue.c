/*
 * The bounded queue between the loop and the threads of the store; see queue.h.
 */
#include "records/queue.h"

#include <assert.h>
#include <errno.h>
#include <string.h>
#include <time.h>

enum { MOST_WAITING = 10000, TRY_AGAIN_MS = 2000 };

int queue_open(struct queue *q, struct cs_error *err)
{
    pthread_condattr_t monotonic;
    int rc;

    *q = (struct queue){ 0 };
    pthread_mutex_init(&q->lock, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    rc = pthread_cond_init(&q->more, &monotonic);
    pthread_condattr_destroy(&monotonic);
    return rc ? cs_fail(err, CS_EINTERNAL, "cannot make a queue for the store: %s", strerrordesc_np(rc)) : 0;
}

void queue_close(struct queue *q)
{
    pthread_mutex_lock(&q->lock);
    q->closing = true;
    pthread_cond_broadcast(&q->more);
    pthread_mutex_unlock(&q->lock);
}

void queue_free(struct queue *q)
{
    assert(!q->first);
    pthread_cond_destroy(&q->more);
    pthread_mutex_destroy(&q->lock);
}

static int refuse(const struct queue *q, struct cs_error *err)
{
    if (q->closing)
        return cs_fail(err, CS_ESHUTDOWN, "the server is stopping");
    cs_fail(err, CS_EBUSY, "%zu pieces of work wait for the database already: it cannot keep up", q->n);
    err->retry_after_ms = TRY_AGAIN_MS;
    return -1;
}

size_t queue_len(struct queue *q)
{
    size_t n;

    pthread_mutex_lock(&q->lock);
    n = q->n;
    pthread_mutex_unlock(&q->lock);
    return n;
}

int queue_add(struct queue *q, struct piece *piece, struct cs_error *err)
{
    const bool lazy = piece->lazy; /* it is not ours any more once the lock is open */
    int rc = 0;

    pthread_mutex_lock(&q->lock);
    if (q->closing || q->n >= MOST_WAITING) {
        rc = refuse(q, err);
    } else {
        if (q->last)
            q->last->next = piece;
        else
            q->first = piece;
        q->last = piece;
        q->n++;
        q->urgent = q->urgent || !piece->lazy;
    }
    pthread_mutex_unlock(&q->lock);
    if (rc == 0 && !lazy)
        pthread_cond_signal(&q->more); /* without the lock, or whoever wakes up would wait for that */
    return rc;
}

void queue_hurry(struct queue *q)
{
    pthread_mutex_lock(&q->lock);
    q->urgent = q->first;
    pthread_mutex_unlock(&q->lock);
    pthread_cond_signal(&q->more);
}

int64_t queue_since_ms(struct queue *q)
{
    int64_t since_ms;

    pthread_mutex_lock(&q->lock);
    since_ms = q->first ? q->first->since_ms : -1;
    pthread_mutex_unlock(&q->lock);
    return since_ms;
}

/* With the lock held. False when the time is over. */
static bool wait_for_more(struct queue *q, const struct timespec *until)
{
    if (!until)
        return pthread_cond_wait(&q->more, &q->lock) == 0;
    return pthread_cond_timedwait(&q->more, &q->lock, until) != ETIMEDOUT;
}

static struct piece *unlink_pieces(struct queue *q, bool only_first)
{
    struct piece *first = q->first;

    q->first = only_first ? first->next : NULL;
    q->n = only_first ? q->n - 1 : 0;
    if (only_first)
        first->next = NULL;
    if (!q->first) {
        q->last = NULL;
        q->urgent = false;
    }
    return first;
}

enum queue_end queue_take(struct queue *q, bool only_first, int64_t patience_ms, struct piece **first)
{
    enum queue_end end = QUEUE_PIECES;
    struct timespec until;

    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += patience_ms / 1000;
    until.tv_nsec += patience_ms % 1000 * 1000000;
    if (until.tv_nsec >= 1000000000) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000;
    }
    pthread_mutex_lock(&q->lock);
    while (!q->urgent && !q->closing && end == QUEUE_PIECES)
        if (!wait_for_more(q, patience_ms < 0 ? NULL : &until))
            end = QUEUE_TIMED_OUT;
    if (q->first && (q->urgent || q->closing)) {
        *first = unlink_pieces(q, only_first);
        end = QUEUE_PIECES;
    } else if (q->closing) {
        end = QUEUE_CLOSED;
    }
    pthread_mutex_unlock(&q->lock);
    return end;
}
