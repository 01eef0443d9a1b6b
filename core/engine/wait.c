/*
 * A worker that waits for the loop. Used by the `_wait` form of every service.
 */
#include "engine/wait.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>

/* On a list of its loop until the loop's side is over; freed when the worker has left as well. The one lock is the list's. */
struct wait {
    struct mail mail;
    struct wait *next, *before;
    struct loop *loop;
    struct cs_op *op;
    void (*start)(void *arg, struct wait *wait);
    void *arg;
    void (*free_arg)(void *arg);
    pthread_cond_t answer;
    bool started, answered, worker_left, loop_left;
    struct cs_error err; /* code CS_OK: it worked */
};

struct waits {
    pthread_mutex_t lock;
    struct wait *first;
    bool ended;
};

struct waits *waits_new(void)
{
    struct waits *waits = calloc(1, sizeof *waits);

    if (waits)
        pthread_mutex_init(&waits->lock, NULL);
    return waits;
}

static void destroy(struct wait *wait)
{
    if (wait->free_arg)
        wait->free_arg(wait->arg);
    pthread_cond_destroy(&wait->answer);
    free(wait);
}

static void answer(struct wait *wait, const struct cs_error *err)
{
    if (wait->answered)
        return;
    wait->answered = true;
    if (err)
        wait->err = *err;
    pthread_cond_signal(&wait->answer);
}

/* With the lock held. True: nobody holds it any more. */
static bool leave_loop(struct waits *waits, struct wait *wait)
{
    if (wait->before)
        wait->before->next = wait->next;
    else
        waits->first = wait->next;
    if (wait->next)
        wait->next->before = wait->before;
    wait->loop_left = true;
    return wait->worker_left;
}

static int enter(struct waits *waits, struct wait *wait, struct cs_error *err)
{
    int rc = -1;

    pthread_mutex_lock(&waits->lock);
    if (waits->ended) {
        cs_fail(err, CS_ESHUTDOWN, "the server is stopping");
    } else if (wait->op && op_cancelled(wait->op) == CS_SHUTDOWN) {
        cs_fail(err, CS_ESHUTDOWN, "the server is stopping");
    } else if (wait->op && op_cancelled(wait->op)) {
        cs_fail(err, CS_ETIMEDOUT, "the call's deadline has passed");
    } else {
        wait->next = waits->first;
        if (waits->first)
            waits->first->before = wait;
        waits->first = wait;
        rc = 0;
    }
    pthread_mutex_unlock(&waits->lock);
    return rc;
}

static void on_mail(struct mail *mail)
{
    struct wait *wait = (struct wait *)mail;
    struct waits *waits = loop_waits(wait->loop);
    bool start, last = false;

    pthread_mutex_lock(&waits->lock);
    start = wait->started = !wait->answered;
    if (!start)
        last = leave_loop(waits, wait);
    pthread_mutex_unlock(&waits->lock);
    if (start)
        wait->start(wait->arg, wait);
    else if (last)
        destroy(wait);
}

static struct wait *wait_new(struct loop *loop, struct cs_op *op, void (*start)(void *arg, struct wait *wait), void *arg,
                             void (*free_arg)(void *arg))
{
    struct wait *wait = calloc(1, sizeof *wait);

    if (!wait)
        return NULL;
    *wait = (struct wait){ .mail.fn = on_mail, .loop = loop, .op = op, .start = start, .arg = arg, .free_arg = free_arg };
    pthread_cond_init(&wait->answer, NULL);
    return wait;
}

/* Until there is an answer; then the worker is out. True: the loop is, too. */
static bool sleep_in(struct waits *waits, struct wait *wait, struct cs_error *answer_err)
{
    bool last;

    pthread_mutex_lock(&waits->lock);
    while (!wait->answered)
        pthread_cond_wait(&wait->answer, &waits->lock);
    *answer_err = wait->err;
    wait->worker_left = true;
    last = wait->loop_left;
    pthread_mutex_unlock(&waits->lock);
    return last;
}

int wait_for(struct loop *loop, struct cs_op *op, void (*start)(void *arg, struct wait *wait), void *arg,
             void (*free_arg)(void *arg), struct cs_error *err)
{
    struct waits *waits = loop_waits(loop);
    struct wait *wait = wait_new(loop, op, start, arg, free_arg);
    struct cs_error answer_err;

    assert(!on_loop_thread());
    if (!wait) {
        if (free_arg)
            free_arg(arg);
        return cs_fail(err, CS_EBUSY, "no memory to wait");
    }
    if (enter(waits, wait, err) < 0) {
        destroy(wait);
        return -1;
    }
    loop_post(loop, &wait->mail);
    if (sleep_in(waits, wait, &answer_err))
        destroy(wait);
    if (answer_err.code == CS_OK)
        return 0;
    if (err)
        *err = answer_err;
    return -1;
}

void wait_done(void *wait_, const struct cs_error *err)
{
    struct wait *wait = wait_;
    struct waits *waits = loop_waits(wait->loop);
    bool last;

    assert(on_loop_thread());
    pthread_mutex_lock(&waits->lock);
    answer(wait, err);
    last = leave_loop(waits, wait);
    pthread_mutex_unlock(&waits->lock);
    if (last)
        destroy(wait);
}

void waits_cancel(struct cs_op *op, const struct cs_error *err)
{
    struct waits *waits = loop_waits(op_loop(op));

    pthread_mutex_lock(&waits->lock);
    for (struct wait *wait = waits->first; wait; wait = wait->next)
        if (wait->op == op)
            answer(wait, err);
    pthread_mutex_unlock(&waits->lock);
}

/* One that nobody holds any more, or NULL. A wait whose mail is still under way leaves when that arrives. */
static struct wait *forget_one(struct waits *waits, struct cs_op *op)
{
    struct wait *wait, *next;
    struct cs_error err;

    cs_fail(&err, CS_EINTERNAL, "the call was finished while a worker waited in it");
    for (wait = waits->first; wait; wait = next) {
        next = wait->next;
        if (wait->op != op)
            continue;
        wait->op = NULL;
        answer(wait, &err);
        if (wait->started && leave_loop(waits, wait))
            return wait;
    }
    return NULL;
}

void waits_forget(struct cs_op *op)
{
    struct waits *waits = loop_waits(op_loop(op));
    struct wait *gone;

    do {
        pthread_mutex_lock(&waits->lock);
        gone = forget_one(waits, op);
        pthread_mutex_unlock(&waits->lock);
        if (gone)
            destroy(gone);
    } while (gone);
}

void waits_end(struct loop *loop)
{
    struct waits *waits = loop_waits(loop);
    struct cs_error err;

    assert(on_loop_thread());
    cs_fail(&err, CS_ESHUTDOWN, "the server is stopping");
    pthread_mutex_lock(&waits->lock);
    waits->ended = true;
    for (struct wait *wait = waits->first; wait; wait = wait->next)
        answer(wait, &err);
    pthread_mutex_unlock(&waits->lock);
}

void waits_free(struct waits *waits)
{
    if (!waits)
        return;
    while (waits->first) {
        struct wait *wait = waits->first;

        assert(wait->worker_left && !wait->before);
        leave_loop(waits, wait);
        destroy(wait);
    }
    pthread_mutex_destroy(&waits->lock);
    free(waits);
}
