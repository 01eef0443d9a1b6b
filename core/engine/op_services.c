/*
 * What a plugin may ask of a pending call before it finishes it, and the tickets of services that answer later.
 * Called by plugins; op_ticket_*() by request/.
 */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "engine/log.h"
#include "engine/op_parts.h"
#include "engine/step.h"

#define PROBLEM_MAX_BYTES 16384

struct op_ticket {
    struct cs_op *op; /* NULL: delivered */
    struct op_ticket *next, *before;
};

struct step {
    struct mail mail;
    struct cs_op *op;
    char name[32];
};

static void loop_only(const struct cs_op *op, const char *service)
{
    if (on_loop_thread())
        return;
    log_line(CS_LOG_ERROR, op->who, op->about,
             "the plugin called %s() in a worker, where only the waiting forms may be used: the program ends here", service);
    abort();
}

/* ---- cs_op_after ------------------------------------------------------------------------------------------------- */

static struct op_after *make_after(struct cs_op *op)
{
    return op->first_after.op ? calloc(1, sizeof(struct op_after)) : &op->first_after;
}

static void free_after(struct cs_op *op, struct op_after *after)
{
    if (after == &op->first_after)
        after->op = NULL;
    else
        free(after);
}

static void unlink_after(struct op_after *after)
{
    if (after->before)
        after->before->next = after->next;
    else
        after->op->afters = after->next;
    if (after->next)
        after->next->before = after->before;
}

static void on_after(void *arg)
{
    struct op_after *after = arg;
    struct cs_op *op = after->op;
    cs_timer_fn *fn = after->fn;
    void *fn_arg = after->arg;

    unlink_after(after);
    free_after(op, after);
    loop_blame(op->who);
    if (!op_is_finished(op))
        fn(fn_arg);
}

void cs_op_after(struct cs_op *op, int64_t ms, cs_timer_fn *fn, void *arg)
{
    struct op_after *after;

    loop_only(op, "cs_op_after");
    if (op_is_finished(op))
        return;
    after = make_after(op);
    if (!after) { /* without its timer the plugin would never go on */
        log_line(CS_LOG_ERROR, op->who, op->about, "no memory for a timer, the call is cancelled");
        op_starve(op);
        return;
    }
    *after = (struct op_after){ .op = op, .fn = fn, .arg = arg, .next = op->afters };
    if (op->afters)
        op->afters->before = after;
    op->afters = after;
    timer_set_in(op->setup.loop, &after->timer, ms, on_after, after);
}

/* ---- cs_op_on_cancel --------------------------------------------------------------------------------------------- */

void op_tell_cancel(struct cs_op *op)
{
    void (*fn)(void *arg, enum cs_cancel why) = op->on_cancel;

    if (!fn || op_is_finished(op))
        return;
    op->on_cancel = NULL;
    fn(op->on_cancel_arg, (enum cs_cancel)op->cancelled);
}

static void on_cancelled_already(void *arg)
{
    struct cs_op *op = arg;

    loop_blame(op->who);
    op_tell_cancel(op);
}

void cs_op_on_cancel(struct cs_op *op, void (*fn)(void *arg, enum cs_cancel why), void *arg)
{
    loop_only(op, "cs_op_on_cancel");
    if (op_is_finished(op))
        return;
    op->on_cancel = fn;
    op->on_cancel_arg = arg;
    if (op_cancelled(op))
        timer_set_in(op->setup.loop, &op->timer, 0, on_cancelled_already, op);
}

/* ---- cs_op_step, cs_op_problem, cs_op_log ------------------------------------------------------------------------ */

static void on_step(struct mail *mail)
{
    struct step *step = (struct step *)mail;
    struct cs_op *op = step->op;

    loop_blame(op->who);
    if (!op->delivered && op->setup.on_step)
        op->setup.on_step(op->setup.arg, step->name);
    op_drop(op);
    free(step);
}

void cs_op_step(struct cs_op *op, const char *name)
{
    struct step *step;

    if (op_is_finished(op))
        return;
    step_named(op->who, op->about, name);
    if (!op->setup.on_step)
        return;
    step = calloc(1, sizeof *step);
    if (!step)
        return;
    step->mail.fn = on_step;
    step->op = op;
    snprintf(step->name, sizeof step->name, "%s", name);
    op_hold(op);
    loop_post(op->setup.loop, &step->mail);
}

void cs_op_problem(struct cs_op *op, const char *json, size_t len)
{
    char *copy, *before;

    if (op_is_finished(op) || len == 0 || len > PROBLEM_MAX_BYTES || memchr(json, '\0', len))
        return;
    copy = text_copy_n(json, len);
    if (!copy)
        return;
    pthread_mutex_lock(&op->lock);
    before = op->problem;
    op->problem = copy;
    pthread_mutex_unlock(&op->lock);
    free(before);
}

void cs_op_log(struct cs_op *op, enum cs_log_level level, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    log_linev(level, op->who, op->about, format, args);
    va_end(args);
}

int64_t cs_op_deadline_ms(const struct cs_op *op)
{
    return op->setup.deadline_ms;
}

/* ---- no memory --------------------------------------------------------------------------------------------------- */

static void on_bad_news(void *arg)
{
    const struct cs_error err = { .code = CS_EBUSY, .text = "out of memory" };
    struct op_bad_news *news = arg;

    loop_blame(news->op->who);
    if (!op_is_finished(news->op))
        news->done(news->arg, &err);
}

void op_tell_no_memory(struct cs_op *op, cs_done_fn *done, void *arg)
{
    struct op_bad_news *news = &op->bad_news;

    assert(on_loop_thread());
    if (op_is_finished(op))
        return;
    if (!done || timer_is_set(&news->timer)) {
        op_starve(op);
        return;
    }
    news->op = op;
    news->done = done;
    news->arg = arg;
    timer_set_in(op->setup.loop, &news->timer, 0, on_bad_news, news);
}

/* ---- tickets ----------------------------------------------------------------------------------------------------- */

struct op_ticket *op_ticket_new(struct cs_op *op)
{
    struct op_ticket *ticket = calloc(1, sizeof *ticket);

    assert(on_loop_thread());
    if (!ticket || op->delivered)
        return ticket;
    ticket->op = op;
    ticket->next = op->tickets;
    if (op->tickets)
        op->tickets->before = ticket;
    op->tickets = ticket;
    return ticket;
}

struct cs_op *op_ticket_use(struct op_ticket *ticket)
{
    struct cs_op *op = ticket->op;

    assert(on_loop_thread());
    if (op) {
        if (ticket->before)
            ticket->before->next = ticket->next;
        else
            op->tickets = ticket->next;
        if (ticket->next)
            ticket->next->before = ticket->before;
    }
    free(ticket);
    return op && !op_is_finished(op) ? op : NULL;
}

void op_services_end(struct cs_op *op)
{
    while (op->afters) {
        struct op_after *after = op->afters;

        op->afters = after->next;
        timer_clear(&after->timer);
        free_after(op, after);
    }
    timer_clear(&op->bad_news.timer);
    for (struct op_ticket *ticket = op->tickets; ticket; ticket = ticket->next)
        ticket->op = NULL;
    op->tickets = NULL;
}
