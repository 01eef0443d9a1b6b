/* Row functions for the tests of the store, see store_rows.h: each writes its row as one line of text. */
#include "store_rows.h"

#include <stdio.h>
#include <string.h>

static int add(struct rows *l, const char *line)
{
    size_t len = strlen(l->text);

    snprintf(l->text + len, sizeof l->text - len, "%s\n", line);
    return ++l->n == l->most;
}

int row_of_zone(void *arg, const struct cs_zone *z)
{
    char line[512];

    snprintf(line, sizeof line, "%s|%s|%d|%s|%s|%d|%d|%s|%d", z->zone, z->dns, (int)z->parallel, z->challenge_zone, z->servers,
             (int)z->visible, z->enabled, z->keys, z->bind_keys);
    return add(arg, line);
}

int row_of_subject(void *arg, const struct cs_subject *s)
{
    char line[512];

    snprintf(line, sizeof line, "%s|%s|%s|%s|%s|%d", s->subject, s->zone, s->names, s->profile, s->cas, s->enabled);
    return add(arg, line);
}

int row_of_job(void *arg, const struct cs_job *j)
{
    char line[512];

    snprintf(line, sizeof line, "%s|%d|v%d|%s|%s|%s|%s|%s|%.*s|%d|%s|%.*s|%d|%s|%d %d %d %d|%d", j->id, j->key[31],
             (int)j->version, j->subject, j->zone, j->ca, j->names, j->profile, (int)j->csr_len, (const char *)j->csr,
             (int)j->state, j->step, (int)j->data_len, (const char *)j->data, (int)j->attempts, j->problem,
             (int)j->created_ms, (int)j->updated_ms, (int)j->deadline_ms, (int)j->keep_until_ms, j->spki_sha256[0]);
    return add(arg, line);
}

int row_of_challenge(void *arg, const struct cs_job_challenge *ch)
{
    char line[512];

    snprintf(line, sizeof line, "%s|%s|%s|%s|%s|%s|%d", ch->job, ch->name, ch->dns, ch->owner, ch->zone, ch->value,
             (int)ch->expires_ms);
    return add(arg, line);
}

int row_of_certificate(void *arg, const struct cs_certificate *c)
{
    char line[512];

    snprintf(line, sizeof line, "%s|%d|%s|%s|%s|%s|%s|%s|%d %d %d|%.*s|%s|%d", c->job, c->key[31], c->zone, c->subject,
             c->names, c->ca, c->profile, c->serial, (int)c->not_before_ms, (int)c->not_after_ms, (int)c->issued_ms,
             (int)c->pem_len, c->pem, c->url, c->spki_sha256[0]);
    return add(arg, line);
}

int row_of_event(void *arg, const struct cs_event *e)
{
    char line[512];

    snprintf(line, sizeof line, "%d|%d|%s|%.*s", (int)e->number, (int)e->time_ms, e->kind, (int)e->json_len, e->json);
    return add(arg, line);
}

int row_of_blob(void *arg, const void *data, size_t len)
{
    char line[512];

    snprintf(line, sizeof line, "%zu:%.*s", len, (int)len, (const char *)data);
    return add(arg, line);
}
