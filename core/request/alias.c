/*
 * One question for a CNAME record, put to a zone's servers; see alias.h. It is asked for by its own type: a cache in front of a
 * server then remembers nothing about the TXT record that is still to come (RFC 2308 5).
 */
#include "request/alias.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "engine/timer.h"
#include "request/dns_client.h"

enum { REFERRALS = 5 };

struct asked {
    struct alias_search *search;
    struct dns_query *query;
};

struct alias_search {
    struct loop *loop;
    struct name_servers *name_servers;
    char *name;
    char zone[1024]; /* whose servers are asked */
    bool fixed;      /* they are the operator's, not found */
    int64_t deadline_ms;
    alias_fn *fn;
    void *arg;
    struct name_search *looking;
    struct asked *asked;
    size_t n, running;
    int referrals;
    struct alias_reply reply; /* the last one */
    struct timer end;         /* when there is nobody to ask */
};

static void look(struct alias_search *s);

static void drop_servers(struct alias_search *s)
{
    for (size_t i = 0; i < s->n; i++)
        dns_client_cancel(s->asked[i].query);
    free(s->asked);
    s->asked = NULL;
    s->n = s->running = 0;
}

static void search_free(struct alias_search *s)
{
    timer_clear(&s->end);
    name_servers_cancel(s->looking);
    drop_servers(s);
    free(s->name);
    free(s);
}

static void finish(struct alias_search *s)
{
    drop_servers(s);
    s->fn(s->arg, &s->reply);
    search_free(s);
}

static void on_end(void *arg)
{
    finish(arg);
}

/* Nobody knows; whoever asks hears of it later, as of everything else. */
static void give_up(struct alias_search *s, const struct cs_error *err)
{
    s->reply.kind = ALIAS_UNKNOWN;
    snprintf(s->reply.said, sizeof s->reply.said, "%.60s", err->text);
    timer_set_in(s->loop, &s->end, 0, on_end, s);
}

static void take_answer(struct alias_search *s, const struct dns_answer *answer)
{
    if (answer->err) {
        s->reply.kind = ALIAS_UNKNOWN;
        snprintf(s->reply.said, sizeof s->reply.said, "%.60s", answer->err->text);
    } else {
        alias_reply_read(&s->reply, answer->rcode, answer->pkt, s->name, s->zone);
    }
}

static void on_answer(void *arg, const struct dns_answer *answer)
{
    struct asked *a = arg;
    struct alias_search *s = a->search;

    a->query = NULL;
    s->running--;
    take_answer(s, answer);
    if (s->reply.kind == ALIAS_BELOW && !s->fixed && s->referrals++ < REFERRALS) {
        snprintf(s->zone, sizeof s->zone, "%s", s->reply.target);
        drop_servers(s);
        look(s);
        return;
    }
    if (s->reply.kind == ALIAS_BELOW) {
        s->reply.kind = ALIAS_UNKNOWN;
        snprintf(s->reply.said, sizeof s->reply.said, "a referral to %.40s", s->reply.target);
    }
    if (s->reply.kind != ALIAS_UNKNOWN || s->running == 0)
        finish(s);
}

static void ask_all(struct alias_search *s, const struct server_list *list)
{
    struct cs_error err = { .code = CS_EBUSY, .text = "no memory" };

    s->asked = calloc(list->n, sizeof *s->asked);
    for (size_t i = 0; s->asked && i < list->n; i++) {
        const struct dns_ask ask = { .server = list->servers[i].at,
                                     .server_len = list->servers[i].len,
                                     .name = s->name,
                                     .type = LDNS_RR_TYPE_CNAME,
                                     .deadline_ms = s->deadline_ms };
        struct asked *a = &s->asked[s->n];

        a->search = s;
        a->query = dns_client_ask(s->loop, &ask, on_answer, a, &err);
        s->n += a->query != NULL;
    }
    s->running = s->n;
    if (s->n == 0)
        give_up(s, &err);
}

static void on_found(void *arg, const struct server_list *list, const struct cs_error *err)
{
    struct alias_search *s = arg;

    s->looking = NULL;
    if (err)
        give_up(s, err);
    else
        ask_all(s, list);
}

/* Find out whom to ask, then ask. */
static void look(struct alias_search *s)
{
    const struct server_list *known = name_servers_known(s->name_servers, s->zone);
    struct cs_error err;

    if (known) {
        ask_all(s, known);
        return;
    }
    s->looking = name_servers_find(s->name_servers, s->zone, s->deadline_ms, on_found, s, &err);
    if (!s->looking)
        give_up(s, &err);
}

/* The zone's row names the servers. */
static void take_fixed(struct alias_search *s, const char *servers)
{
    struct cs_error err = { .code = CS_ECONFIG, .text = "no servers" };
    struct server_list *list = name_servers_parse(servers, &err);

    s->fixed = true;
    if (list && list->n > 0)
        ask_all(s, list);
    else
        give_up(s, &err);
    free(list);
}

struct alias_search *alias_find(struct loop *loop, struct name_servers *name_servers, const struct alias_want *want,
                                alias_fn *fn, void *arg)
{
    struct alias_search *s = calloc(1, sizeof *s);

    if (!s)
        return NULL;
    *s = (struct alias_search){
        .loop = loop, .name_servers = name_servers, .deadline_ms = want->deadline_ms, .fn = fn, .arg = arg
    };
    s->name = text_copy(want->name);
    if (!s->name) {
        free(s);
        return NULL;
    }
    snprintf(s->zone, sizeof s->zone, "%s", want->zone);
    if (want->servers[strspn(want->servers, " \t")])
        take_fixed(s, want->servers);
    else
        look(s);
    return s;
}

void alias_cancel(struct alias_search *search)
{
    if (search)
        search_free(search);
}
