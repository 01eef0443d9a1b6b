/*
 * The fake heart; see heart.h.
 */
#include "heart.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void unlink_request(struct request *r)
{
    struct request **at = &r->heart->waiting;

    while (*at != r)
        at = &(*at)->next;
    *at = r->next;
    r->heart->n_waiting--;
}

static void finish(struct request *r, const struct answer *answer)
{
    unlink_request(r);
    if (!r->detached)
        r->fn(r->arg, answer);
    free(r);
}

static void on_mail(struct mail *mail)
{
    struct request *r = (struct request *)((char *)mail - offsetof(struct request, mail));

    finish(r, r->heart->answer);
}

static struct request *make(struct heart *heart, answer_fn *fn, void *arg)
{
    struct request *r, **at = &heart->waiting;

    if (heart->no_memory)
        return NULL;
    r = calloc(1, sizeof *r);
    assert(r);
    *r = (struct request){ .heart = heart, .fn = fn, .arg = arg, .mail.fn = on_mail, .mailed = heart->answer != NULL };
    while (*at)
        at = &(*at)->next;
    *at = r;
    heart->n_waiting++;
    if (r->mailed)
        loop_post(heart->loop, &r->mail);
    return r;
}

struct request *request_submit(struct heart *heart, const struct submission *s, answer_fn *fn, void *arg)
{
    assert(s->body_len < sizeof heart->body);
    heart->n_submitted++;
    memcpy(heart->body, s->body, s->body_len);
    heart->body[s->body_len] = '\0';
    heart->body_len = s->body_len;
    snprintf(heart->content_type, sizeof heart->content_type, "%s", s->content_type);
    snprintf(heart->front, sizeof heart->front, "%s", s->front);
    heart->visit = s->visit;
    heart->source = s->source;
    heart->deadline_ms = s->deadline_ms;
    heart->detach = s->detach;
    heart->fresh = s->fresh;
    if (heart->no_memory)
        visit_end(s->visit, VISIT_FAILED, "busy");
    return make(heart, fn, arg);
}

struct request *request_look(struct heart *heart, const char *job, answer_fn *fn, void *arg)
{
    heart->n_looked++;
    snprintf(heart->looked_for, sizeof heart->looked_for, "%s", job);
    return make(heart, fn, arg);
}

void request_detach(struct request *r)
{
    r->heart->n_detached++;
    if (r->mailed) {
        r->detached = true;
        return;
    }
    unlink_request(r);
    free(r);
}

void heart_answer(struct heart *heart, const struct answer *answer)
{
    assert(heart->waiting);
    finish(heart->waiting, answer);
}

/* ---- Revocations ---- */

static struct revocation_ask *ask(struct heart *heart, int64_t deadline_ms, revocation_fn *fn, void *arg, struct cs_error *err)
{
    if (heart->refusal) {
        *err = *heart->refusal;
        return NULL;
    }
    assert(!heart->asking);
    heart->asking = calloc(1, sizeof *heart->asking);
    assert(heart->asking);
    *heart->asking = (struct revocation_ask){ .heart = heart, .fn = fn, .arg = arg };
    heart->deadline_ms = deadline_ms;
    return heart->asking;
}

struct revocation_ask *revocation_by_holder(struct heart *heart, const void *body, size_t len, int64_t deadline_ms,
                                            revocation_fn *fn, void *arg, struct cs_error *err)
{
    assert(len < sizeof heart->body);
    memcpy(heart->body, body, len);
    heart->body[len] = '\0';
    return ask(heart, deadline_ms, fn, arg, err);
}

struct revocation_ask *revocation_by_operator(struct heart *heart, const struct revocation_wish *wish, int64_t deadline_ms,
                                              revocation_fn *fn, void *arg, struct cs_error *err)
{
    heart->wish = *wish;
    snprintf(heart->serial, sizeof heart->serial, "%s", wish->serial);
    snprintf(heart->ca, sizeof heart->ca, "%s", wish->ca);
    if (wish->sha256)
        memcpy(heart->sha256, wish->sha256, sizeof heart->sha256);
    return ask(heart, deadline_ms, fn, arg, err);
}

void revocation_detach(struct revocation_ask *asking)
{
    asking->heart->n_detached++;
    asking->heart->asking = NULL;
    free(asking);
}

void heart_answer_revocation(struct heart *heart, const struct revocation_answer *answer)
{
    struct revocation_ask *asking = heart->asking;

    assert(asking);
    heart->asking = NULL;
    asking->fn(asking->arg, answer);
    free(asking);
}

void heart_end(struct heart *heart)
{
    assert(!heart->waiting && !heart->asking);
    memset(heart, 0, sizeof *heart);
}
