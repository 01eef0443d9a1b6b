/*
 * One challenge that a CA plugin puts, from cs_challenge_put() to `done`: find the place, write the value down, set it, see it.
 * Finding is challenge_place.c's, the rows are challenge_record.c's, the set of each owner name is owner.c's, the asking
 * visible.c's; challenge.c hears from the rows and from the owners, and tells here. See challenge.h.
 */
#include <assert.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "engine/log.h"
#include "engine/step.h"
#include "engine/wait.h"
#include "request/challenge_parts.h"
#include "request/challenge_place.h"
#include "request/counts.h"
#include "request/visible.h"

#define LEAVE_MS (5 * 1000) /* of the op's time, for what comes after */

/* One cs_challenge_put() that has not been answered. */
struct publication {
    struct challenges *all;
    struct job *job;
    char *name, *text; /* what is validated, and the value */
    int64_t expires_ms;
    struct challenge_place *place; /* the job's, which outlives this */
    struct place_waiter waiter;
    struct value *value; /* NULL: the place is being looked for */
    struct op_ticket *ticket;
    int64_t op_deadline_ms;
    size_t seen; /* links of the place that the world sees */
    int64_t asked_ms;
    struct visible_wait *visible;
    cs_done_fn *done;
    void *arg;
    struct mail mail; /* an error of the call itself */
    struct cs_error err;
};

static void free_publication(struct publication *p)
{
    free(p->name);
    free(p->text);
    free(p);
}

/* ---- The plugin puts a challenge ---- */

unsigned cs_challenge_types(struct cs_op *op, const char *name)
{
    const struct job *job = op_owner(op);

    if (!job || !name_in_zone(name, job->row->zone))
        return 0;
    return 1u << CS_DNS_01;
}

static struct publication *make_publication(struct job *job, struct cs_op *op, const struct cs_challenge *challenge,
                                            cs_done_fn *done, void *arg)
{
    struct publication *p = calloc(1, sizeof *p);

    if (!p)
        return NULL;
    p->all = job->heart->challenges;
    p->job = job;
    p->text = text_copy(challenge->value);
    p->expires_ms = challenge->expires_ms ? challenge->expires_ms : cs_wall_ms() + OWNER_LIFE_MS;
    p->op_deadline_ms = cs_op_deadline_ms(op);
    p->done = done;
    p->arg = arg;
    p->ticket = p->text ? op_ticket_new(op) : NULL;
    if (p->ticket) {
        job->unseen++;
        return p;
    }
    free_publication(p);
    return NULL;
}

static void find_place(struct publication *p, const struct cs_challenge *challenge);

void cs_challenge_put(struct cs_op *op, const struct cs_challenge *challenge, cs_done_fn *done, void *arg)
{
    struct job *job = op_owner(op);
    struct publication *p;

    assert(on_loop_thread() && job);
    job->ca->challenges = true;
    p = make_publication(job, op, challenge, done, arg);
    if (p)
        find_place(p, challenge);
    else
        op_tell_no_memory(op, done, arg);
}

/* ---- Its place ---- */

static int check(const struct cs_challenge *challenge, const struct job *job, char name[NAME_MAX_LEN + 1], struct cs_error *err)
{
    if (challenge->type != CS_DNS_01)
        return cs_fail(err, CS_EINTERNAL, "challenge type %d is not known here", (int)challenge->type);
    if (name_check(name, challenge->name, strlen(challenge->name), 0, err) < 0)
        return -1;
    if (!name_in_zone(name, job->row->zone))
        return cs_fail_as(err, CS_EUPSTREAM, "foreign-challenge", "the CA asks for a challenge at %s, outside of %s", name,
                          job->row->zone);
    return 0;
}

static struct value *find_value(struct publication *p, struct cs_error *err)
{
    const struct challenge_place *place = p->place;
    const struct place_link *end;
    struct value *value;

    if (place->state == PLACE_FAILED) {
        *err = place->err;
        return NULL;
    }
    end = &place->links[place->n - 1];
    value = owners_value(p->all->owners, place->dns, end->zone, end->name, p->job->id, p->name, p->text, p->expires_ms);
    if (!value)
        cs_fail(err, CS_EBUSY, "out of memory");
    else if (value->waiting)
        cs_fail(err, CS_EINTERNAL, "the plugin puts the same challenge twice");
    return value && !value->waiting ? value : NULL;
}

static void publish(struct publication *p, struct value *value);

static void on_place(void *arg)
{
    struct publication *p = arg;
    struct cs_error err;
    struct value *value = find_value(p, &err);

    if (value)
        publish(p, value);
    else
        publication_end(p, &err);
}

static void on_place_dropped(void *arg)
{
    struct publication *p = arg;

    op_ticket_use(p->ticket);
    free_publication(p);
}

static void tell_bad_news(struct mail *mail)
{
    struct publication *p = (struct publication *)((char *)mail - offsetof(struct publication, mail));

    publication_end(p, &p->err);
}

/* Errors of the call itself come later, too: a callback never runs inside the call that asks for it. */
static void answer_later(struct publication *p, const struct cs_error *err)
{
    p->err = *err;
    p->mail.fn = tell_bad_news;
    loop_post(p->all->heart->loop, &p->mail);
}

/* Finds the place, or waits until it is found. */
static void find_place(struct publication *p, const struct cs_challenge *challenge)
{
    char name[NAME_MAX_LEN + 1];
    struct value *value = NULL;
    struct cs_error err;

    if (check(challenge, p->job, name, &err) == 0) {
        p->name = text_copy(name);
        p->place = p->name ? challenge_place_of(p->job, name) : NULL;
        if (!p->place)
            cs_fail(&err, CS_EBUSY, "out of memory");
    }
    if (p->place && p->place->state == PLACE_SEARCHED) {
        p->waiter = (struct place_waiter){ .found = on_place, .dropped = on_place_dropped };
        challenge_place_await(p->place, &p->waiter, p);
        return;
    }
    if (p->place)
        value = find_value(p, &err);
    if (value)
        publish(p, value);
    else
        answer_later(p, &err);
}

/* ---- Written down, and set ---- */

/* Whoever finds the row after a crash finds the order that it belongs to. */
static int record(struct publication *p, struct value *value)
{
    step_reached(STEP_RECORDING, p->job->id);
    job_save_postponed(p->job);
    return challenge_record_put(p->all->records, value);
}

/* A value that is served already (of an earlier run) is set again: that is harmless, and says whether it still is. */
static void publish(struct publication *p, struct value *value)
{
    const bool is_new = value->state == VALUE_RECORDING && !value->recording;

    if (is_new && record(p, value) < 0) {
        answer_later(p, &(struct cs_error){ .code = CS_EBUSY, .text = "out of memory" });
        owners_forget_value(value);
        return;
    }
    p->value = value;
    value->waiting = p;
    value->unwanted = false;
    owner_await(value);
    if (value->state == VALUE_GONE)
        value->state = VALUE_WANTED;
    if (value->state == VALUE_WANTED)
        owner_push_soon(value->owner);
}

/* ---- Can the world see it? ---- */

static void on_visible(void *arg, const struct cs_error *err);

/* That this link's alias leads to the next name or, at the last one, that the value is there. */
static void look_at(struct publication *p, const struct place_link *link)
{
    const int64_t patience_ms = cs_now_ms() + p->all->heart->settings->visible_ms;
    const int64_t latest_ms = p->op_deadline_ms - LEAVE_MS;
    const struct visible_want want = {
        .owner = link->name,
        .zone = link->zone[0] ? link->zone : link->name,
        .value = p->text,
        .alias = p->seen + 1 < p->place->n ? link[1].name : NULL,
        .servers = link->servers,
        .deadline_ms = patience_ms < latest_ms ? patience_ms : latest_ms,
    };

    step_reached(STEP_ASKING, p->job->id);
    p->asked_ms = cs_now_ms();
    p->visible = visible_wait(p->all->heart->visible, &want, on_visible, p);
    if (!p->visible)
        publication_end(p, &(struct cs_error){ .code = CS_EBUSY, .text = "out of memory" });
}

/* Link by link; where nobody may be asked, what is there is taken for granted. */
static void look_for(struct publication *p)
{
    const struct challenge_place *place = p->place;

    while (p->seen < place->n && place->links[p->seen].visible == CS_VISIBLE_OFF)
        p->seen++;
    if (p->seen < place->n)
        look_at(p, &place->links[p->seen]);
    else
        publication_end(p, NULL);
}

void publication_served(struct publication *p)
{
    if (!p->visible)
        look_for(p);
}

static void on_visible(void *arg, const struct cs_error *err)
{
    struct publication *p = arg;

    p->visible = NULL;
    counts_dns_visible(p->all->heart->metrics, p->place->dns->in.name, p->asked_ms, err);
    if (err && p->place->links[p->seen].visible == CS_VISIBLE_WARN) {
        log_line(CS_LOG_WARN, "challenge", p->job->id, "going on although %s", err->text);
        err = NULL;
    }
    if (err) {
        publication_end(p, err);
        return;
    }
    p->seen++;
    look_for(p);
}

/* ---- The plugin hears ---- */

void publication_end(struct publication *p, const struct cs_error *err)
{
    struct cs_op *op = op_ticket_use(p->ticket);

    if (!err)
        step_reached(STEP_VISIBLE, p->job->id);
    if (!err && op && --p->job->unseen == 0)
        job_see_challenge(p->job);
    if (p->value)
        p->value->waiting = NULL;
    if (op)
        p->done(p->arg, err);
    free_publication(p);
}

void publication_drop(struct publication *p)
{
    if (!p)
        return;
    visible_cancel(p->visible);
    op_ticket_use(p->ticket);
    p->value->waiting = NULL;
    free_publication(p);
}

/* ---- The same for a plugin that blocks ---- */

struct put_wait {
    struct cs_op *op;
    struct cs_challenge challenge;
    char *name, *token, *value;
};

static void free_put(void *arg)
{
    struct put_wait *put = arg;

    free(put->name);
    free(put->token);
    free(put->value);
    free(put);
}

static void start_put(void *arg, struct wait *wait)
{
    struct put_wait *put = arg;

    cs_challenge_put(put->op, &put->challenge, wait_done, wait);
}

int cs_challenge_put_wait(struct cs_op *op, const struct cs_challenge *challenge, struct cs_error *err)
{
    struct put_wait *put = calloc(1, sizeof *put);

    assert(!on_loop_thread());
    if (!put)
        return cs_fail(err, CS_EBUSY, "out of memory");
    put->op = op;
    put->name = text_copy(challenge->name);
    put->token = text_copy(challenge->token ? challenge->token : "");
    put->value = text_copy(challenge->value);
    put->challenge = *challenge;
    put->challenge.name = put->name;
    put->challenge.token = put->token;
    put->challenge.value = put->value;
    if (!put->name || !put->token || !put->value) {
        free_put(put);
        return cs_fail(err, CS_EBUSY, "out of memory");
    }
    return wait_for(op_loop(op), op, start_put, put, free_put, err);
}
