/*
 * Waits until a zone's servers have a TXT value; see visible.h.
 */
#include "request/visible.h"

#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "engine/log.h"
#include "engine/sockets.h"
#include "engine/timer.h"
#include "request/dns_client.h"
#include "request/name_servers.h"
#include "request/txt_reply.h"

enum { FIRST_PAUSE_MS = 50, LONGEST_PAUSE_MS = 2000, UNREACHABLE_MS = 60000, UNREACHABLE = 64, REFERRALS = 5 };

struct visible {
    struct loop *loop;
    struct name_servers *name_servers;
    struct visible_wait *waits;
    struct {
        struct server_address server;
        int64_t until_ms;
    } unreachable[UNREACHABLE]; /* not asked again for a while, when others of the zone answer */
};

enum outcome { UNASKED = 0, HAS, LACKS, SILENT };

/* A server of the zone, and what it said last. */
struct asked {
    struct visible_wait *wait;
    struct server_address server;
    struct dns_query *query;
    struct timer again;
    int64_t pause_ms;
    enum outcome outcome;
    char said[TXT_REPLY_SAID];
};

struct visible_wait {
    struct visible_wait *next, *before;
    bool listed; /* in visible->waits */
    struct visible *visible;
    char *owner, *zone, *value, *alias;
    bool fixed; /* the servers are the operator's, not found */
    int64_t deadline_ms;
    cs_done_fn *done;
    void *arg;
    char cut[1024];      /* the zone whose servers these are, "" while fixed */
    char referral[1024]; /* a zone below it that they name; "": none */
    int referrals;
    struct name_search *search;
    struct asked *asked;
    size_t n;
    int64_t pause_ms; /* before servers are looked for again */
    struct timer again, deadline;
    struct cs_error err; /* why there are no servers to ask */
};

static void look(struct visible_wait *w);

static int64_t longer(int64_t pause_ms)
{
    return pause_ms * 2 < LONGEST_PAUSE_MS ? pause_ms * 2 : LONGEST_PAUSE_MS;
}

static struct name_servers_setup setup_of(const char *const *resolvers, size_t n)
{
    return (struct name_servers_setup){ .resolvers = resolvers, .n_resolvers = n, .resolv_conf = "/etc/resolv.conf",
                                        .port = 53 };
}

struct server_list *visible_read_resolvers(const char *const *resolvers, size_t n, struct cs_error *err)
{
    const struct name_servers_setup setup = setup_of(resolvers, n);

    return name_servers_read(&setup, err);
}

struct visible *visible_new(struct loop *loop, const char *const *resolvers, size_t n, struct cs_error *err)
{
    const struct name_servers_setup setup = setup_of(resolvers, n);
    struct visible *visible = calloc(1, sizeof *visible);

    if (!visible) {
        cs_fail(err, CS_EBUSY, "no memory");
        return NULL;
    }
    visible->loop = loop;
    visible->name_servers = name_servers_new(loop, &setup, err);
    if (!visible->name_servers) {
        free(visible);
        return NULL;
    }
    return visible;
}

struct name_servers *visible_name_servers(const struct visible *visible)
{
    return visible->name_servers;
}

/* ---- The end of a wait ---------------------------------------------------------------------------------------------- */

static void drop_servers(struct visible_wait *w)
{
    for (size_t i = 0; i < w->n; i++) {
        dns_client_cancel(w->asked[i].query);
        timer_clear(&w->asked[i].again);
    }
    free(w->asked);
    w->asked = NULL;
    w->n = 0;
}

static void list(struct visible_wait *w)
{
    w->next = w->visible->waits;
    if (w->next)
        w->next->before = w;
    w->visible->waits = w;
    w->listed = true;
}

static void unlist(struct visible_wait *w)
{
    if (w->visible->waits == w)
        w->visible->waits = w->next;
    else
        w->before->next = w->next;
    if (w->next)
        w->next->before = w->before;
    w->listed = false;
}

static void wait_free(struct visible_wait *w)
{
    if (w->listed)
        unlist(w);
    timer_clear(&w->again);
    timer_clear(&w->deadline);
    name_servers_cancel(w->search);
    drop_servers(w);
    free(w->owner);
    free(w->zone);
    free(w->value);
    free(w->alias);
    free(w);
}

static void wait_end(struct visible_wait *w, const struct cs_error *err)
{
    cs_done_fn *done = w->done;
    void *arg = w->arg;

    wait_free(w);
    done(arg, err);
}

static void add_server(struct text *text, const struct asked *a)
{
    char address[128];

    address_text(address, (const struct sockaddr *)&a->server.at, a->server.len);
    text_addf(text, "%s%s %s", text->len ? ", " : "", address, a->said);
}

static void on_deadline(void *arg)
{
    struct visible_wait *w = arg;
    struct text text = TEXT_MAX(16384);
    struct cs_error err;

    for (size_t i = 0; i < w->n; i++)
        add_server(&text, &w->asked[i]);
    if (text.len == 0)
        text_add(&text, w->err.code != CS_OK ? w->err.text : "its name servers were not found in time");
    cs_fail_as(&err, CS_EUPSTREAM, "not-visible", "the %s at %.255s cannot be seen: %.200s", w->alias ? "CNAME" : "TXT value",
               w->owner, text_of(&text));
    text_free(&text);
    wait_end(w, &err);
}

void visible_free(struct visible *visible)
{
    if (!visible)
        return;
    while (visible->waits) {
        struct visible_wait *w = visible->waits;

        visible->waits = w->next;
        w->listed = false;
        wait_end(w, &(struct cs_error){ .code = CS_ESHUTDOWN, .text = "the server is stopping" });
    }
    name_servers_free(visible->name_servers);
    free(visible);
}

void visible_cancel(struct visible_wait *wait)
{
    if (wait)
        wait_free(wait);
}

/* ---- Servers that cannot be reached ---------------------------------------------------------------------------------- */

static bool same_server(const struct server_address *a, const struct server_address *b)
{
    return a->len == b->len && memcmp(&a->at, &b->at, a->len) == 0;
}

static bool is_unreachable(const struct visible *visible, const struct server_address *server)
{
    for (size_t i = 0; i < UNREACHABLE; i++)
        if (visible->unreachable[i].until_ms > cs_now_ms() && same_server(&visible->unreachable[i].server, server))
            return true;
    return false;
}

static void set_unreachable(struct visible *visible, const struct server_address *server)
{
    size_t place = 0;

    for (size_t i = 0; i < UNREACHABLE; i++) {
        if (same_server(&visible->unreachable[i].server, server)) {
            place = i;
            break;
        }
        if (visible->unreachable[i].until_ms < visible->unreachable[place].until_ms)
            place = i;
    }
    visible->unreachable[place].server = *server;
    visible->unreachable[place].until_ms = cs_now_ms() + UNREACHABLE_MS;
}

/* All that answered have the value: those that did not are named, and left alone for a while. */
static void succeed(struct visible_wait *w)
{
    struct text silent = TEXT_MAX(4096);

    for (size_t i = 0; i < w->n; i++) {
        if (w->asked[i].outcome != SILENT || is_unreachable(w->visible, &w->asked[i].server))
            continue;
        set_unreachable(w->visible, &w->asked[i].server);
        add_server(&silent, &w->asked[i]);
    }
    if (silent.len > 0)
        log_line(CS_LOG_WARN, "visible", "",
                 "name servers cannot be reached from here, the others have it zone=%s servers=\"%s\"", w->zone,
                 text_of(&silent));
    text_free(&silent);
    wait_end(w, NULL);
}

/* ---- What a server says ---------------------------------------------------------------------------------------------- */

static void read_answer(struct asked *a, const struct dns_answer *answer)
{
    const struct txt_question question = { .owner = a->wait->owner, .value = a->wait->value,
                                           .alias = a->wait->alias, .zone = a->wait->cut };
    struct txt_reply reply;

    if (answer->err) {
        a->outcome = SILENT;
        snprintf(a->said, sizeof a->said, "%.60s", answer->err->text);
        return;
    }
    txt_reply_read(&reply, answer->rcode, answer->pkt, &question);
    a->outcome = reply.has ? HAS : LACKS;
    memcpy(a->said, reply.said, sizeof reply.said);
    if (reply.referral[0] && !a->wait->fixed)
        memcpy(a->wait->referral, reply.referral, sizeof reply.referral);
}

/* ---- Asking ---------------------------------------------------------------------------------------------------------- */

static size_t count(const struct visible_wait *w, enum outcome outcome)
{
    size_t n = 0;

    for (size_t i = 0; i < w->n; i++)
        n += w->asked[i].outcome == outcome;
    return n;
}

static void ask(struct asked *a);

static void on_ask_again(void *arg)
{
    ask(arg);
}

static void ask_later(struct asked *a)
{
    timer_set_in(a->wait->visible->loop, &a->again, a->pause_ms, on_ask_again, a);
    a->pause_ms = longer(a->pause_ms);
}

static void on_answer(void *arg, const struct dns_answer *answer)
{
    struct asked *a = arg;
    struct visible_wait *w = a->wait;

    a->query = NULL;
    read_answer(a, answer);
    if (w->referral[0] && w->referrals < REFERRALS) {
        w->referrals++;
        drop_servers(w);
        look(w);
    } else if (count(w, HAS) > 0 && count(w, HAS) + count(w, SILENT) == w->n) {
        succeed(w);
    } else if (a->outcome != HAS) {
        ask_later(a);
    }
}

static void ask(struct asked *a)
{
    const struct dns_ask question = { .server = a->server.at, .server_len = a->server.len, .name = a->wait->owner,
                                      .type = a->wait->alias ? LDNS_RR_TYPE_CNAME : LDNS_RR_TYPE_TXT,
                                      .deadline_ms = a->wait->deadline_ms };
    struct cs_error err;

    a->query = dns_client_ask(a->wait->visible->loop, &question, on_answer, a, &err);
    if (!a->query) {
        snprintf(a->said, sizeof a->said, "%.60s", err.text);
        ask_later(a);
    }
}

/* Each server goes at its own pace: one that is slow or dead does not keep the others from being asked again. */
static void ask_all(struct visible_wait *w)
{
    size_t unreachable = 0;

    for (size_t i = 0; i < w->n; i++)
        unreachable += is_unreachable(w->visible, &w->asked[i].server);
    for (size_t i = 0; i < w->n; i++) {
        struct asked *a = &w->asked[i];

        if (unreachable == w->n || !is_unreachable(w->visible, &a->server)) {
            ask(a);
            continue;
        }
        a->outcome = SILENT;
        snprintf(a->said, sizeof a->said, "no answer a moment ago");
    }
}

static int take_servers(struct visible_wait *w, const struct server_list *list)
{
    w->asked = calloc(list->n, sizeof *w->asked);
    if (!w->asked)
        return cs_fail(&w->err, CS_EBUSY, "no memory");
    w->n = list->n;
    for (size_t i = 0; i < list->n; i++)
        w->asked[i] = (struct asked){ .wait = w, .server = list->servers[i], .pause_ms = FIRST_PAUSE_MS,
                                       .said = "no answer yet" };
    memcpy(w->cut, list->zone, sizeof w->cut);
    w->referral[0] = '\0';
    return 0;
}

static void on_look_again(void *arg)
{
    look(arg);
}

static void look_later(struct visible_wait *w)
{
    timer_set_in(w->visible->loop, &w->again, w->pause_ms, on_look_again, w);
    w->pause_ms = longer(w->pause_ms);
}

static void on_found(void *arg, const struct server_list *list, const struct cs_error *err)
{
    struct visible_wait *w = arg;

    w->search = NULL;
    if (err)
        w->err = *err;
    if (!err && take_servers(w, list) == 0)
        ask_all(w);
    else
        look_later(w);
}

/* Find out whom to ask, then ask. */
static void look(struct visible_wait *w)
{
    const char *zone = w->referral[0] ? w->referral : w->zone;
    const struct server_list *known = name_servers_known(w->visible->name_servers, zone);

    if (known) {
        if (take_servers(w, known) == 0)
            ask_all(w);
        else
            look_later(w);
        return;
    }
    w->search = name_servers_find(w->visible->name_servers, zone, w->deadline_ms, on_found, w, &w->err);
    if (!w->search)
        look_later(w);
}

static void on_bad_servers(void *arg)
{
    struct visible_wait *w = arg;
    struct cs_error err = w->err;

    wait_end(w, &err);
}

/* The zone's row names the servers. */
static void take_fixed(struct visible_wait *w, const char *servers)
{
    struct server_list *list = name_servers_parse(servers, &w->err);

    w->fixed = true;
    if (list && list->n > 0 && take_servers(w, list) == 0) {
        ask_all(w);
    } else {
        cs_fail_in(&w->err, "the `servers` of zone %.255s", w->zone);
        timer_set_in(w->visible->loop, &w->again, 0, on_bad_servers, w);
    }
    free(list);
}

struct visible_wait *visible_wait(struct visible *visible, const struct visible_want *want, cs_done_fn *done, void *arg)
{
    struct visible_wait *w = calloc(1, sizeof *w);

    if (!w)
        return NULL;
    *w = (struct visible_wait){ .visible = visible, .deadline_ms = want->deadline_ms, .done = done, .arg = arg,
                                .pause_ms = FIRST_PAUSE_MS };
    w->owner = text_copy(want->owner);
    w->zone = text_copy(want->zone);
    w->value = text_copy(want->alias ? "" : want->value);
    w->alias = want->alias ? text_copy(want->alias) : NULL;
    if (!w->owner || !w->zone || !w->value || (want->alias && !w->alias)) {
        wait_free(w);
        return NULL;
    }
    list(w);
    timer_set_at(visible->loop, &w->deadline, w->deadline_ms, on_deadline, w);
    if (want->servers && want->servers[strspn(want->servers, " \t")])
        take_fixed(w, want->servers);
    else
        look(w);
    return w;
}
