/*
 * Finds the servers of a zone; see name_servers.h.
 */
#include "request/name_servers.h"

#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/dns_packet.h"
#include "base/text.h"
#include "engine/sockets.h"
#include "request/dns_client.h"

enum { REMEMBER_MS = 60000, REMEMBERED = 256, NAMES = 13, ADDRESSES = 32, RESOLVERS = 8, DNS_PORT = 53 };

struct remembered {
    char *zone; /* what was asked for; the list's zone may lie above */
    struct server_list *list;
    int64_t until_ms;
};

struct name_servers {
    struct loop *loop;
    uint16_t port;
    struct server_list *resolvers;
    struct remembered remembered[REMEMBERED];
};

/* One question of a search, put to one resolver after the other. */
struct errand {
    struct name_search *search;
    struct dns_query *query;
    char name[1024];
    uint16_t type;
    size_t resolver;
};

struct name_search {
    struct name_servers *all;
    char *zone;
    char at[1024]; /* the name whose NS records are asked for */
    int64_t deadline_ms;
    name_servers_fn *fn;
    void *arg;
    struct errand errands[2 * NAMES]; /* one for NS; then A and AAAA of each name */
    size_t n_errands, running;
    struct server_list *found;
    struct cs_error err; /* of the last resolver that failed */
};

/* ---- Lists --------------------------------------------------------------------------------------------------------- */

static struct server_list *list_new(const char *zone)
{
    struct server_list *list = calloc(1, sizeof *list + ADDRESSES * sizeof *list->servers);

    if (list)
        snprintf(list->zone, sizeof list->zone, "%s", zone);
    return list;
}

static void list_add(struct server_list *list, const struct sockaddr_storage *at, socklen_t len)
{
    for (size_t i = 0; i < list->n; i++)
        if (list->servers[i].len == len && memcmp(&list->servers[i].at, at, len) == 0)
            return;
    if (list->n < ADDRESSES)
        list->servers[list->n++] = (struct server_address){ *at, len };
}

static int list_parse_one(struct server_list *list, const char *text, size_t text_len, struct cs_error *err)
{
    struct sockaddr_storage at = { 0 };
    const char *colon = memchr(text, ':', text_len);
    char word[128];
    socklen_t len;
    bool bare_v6 = colon && text[0] != '[' && memchr(colon + 1, ':', text_len - (size_t)(colon + 1 - text));

    if (text_len + 3 > sizeof word)
        return cs_fail(err, CS_ECONFIG, "\"%.40s…\" is not an address", text);
    snprintf(word, sizeof word, bare_v6 ? "[%.*s]" : "%.*s", (int)text_len, text);
    if (address_parse(word, DNS_PORT, &at, &len, err) < 0)
        return -1;
    if (at.ss_family == AF_UNIX)
        return cs_fail(err, CS_ECONFIG, "\"%s\" is not the address of a DNS server", word);
    list_add(list, &at, len);
    return 0;
}

struct server_list *name_servers_parse(const char *text, struct cs_error *err)
{
    struct server_list *list = list_new("");

    if (!list) {
        cs_fail(err, CS_EBUSY, "no memory");
        return NULL;
    }
    for (text += strspn(text, " \t"); *text; text += strspn(text, " \t")) {
        size_t len = strcspn(text, " \t");

        if (list_parse_one(list, text, len, err) < 0) {
            free(list);
            return NULL;
        }
        text += len;
    }
    return list;
}

/* resolv.conf(5). */
static int read_resolv_conf(struct server_list *list, const char *path)
{
    FILE *file = fopen(path, "re");
    char line[512];

    while (file && list->n < RESOLVERS && fgets(line, sizeof line, file)) {
        const char *word = line + strlen("nameserver");

        if (strncmp(line, "nameserver", strlen("nameserver")) == 0 && (*word == ' ' || *word == '\t')) {
            word += strspn(word, " \t");
            list_parse_one(list, word, strcspn(word, " \t\r\n"), NULL);
        }
    }
    if (file)
        fclose(file);
    return list->n > 0 ? 0 : list_parse_one(list, "127.0.0.1", strlen("127.0.0.1"), NULL);
}

struct server_list *name_servers_read(const struct name_servers_setup *setup, struct cs_error *err)
{
    struct server_list *list = list_new("");

    if (!list) {
        cs_fail(err, CS_EBUSY, "no memory");
        return NULL;
    }
    for (size_t i = 0; i < setup->n_resolvers; i++) {
        if (list_parse_one(list, setup->resolvers[i], strlen(setup->resolvers[i]), err) < 0) {
            free(list);
            cs_fail_in(err, "resolvers");
            return NULL;
        }
    }
    if (setup->n_resolvers == 0)
        read_resolv_conf(list, setup->resolv_conf);
    return list;
}

struct name_servers *name_servers_new(struct loop *loop, const struct name_servers_setup *setup, struct cs_error *err)
{
    struct name_servers *all = calloc(1, sizeof *all);

    if (!all) {
        cs_fail(err, CS_EBUSY, "no memory");
        return NULL;
    }
    all->loop = loop;
    all->port = setup->port;
    all->resolvers = name_servers_read(setup, err);
    if (all->resolvers)
        return all;
    free(all);
    return NULL;
}

const struct server_list *name_servers_resolvers(const struct name_servers *all)
{
    return all->resolvers;
}

/* ---- What is remembered --------------------------------------------------------------------------------------------- */

static void forget(struct remembered *r)
{
    free(r->zone);
    free(r->list);
    *r = (struct remembered){ 0 };
}

void name_servers_free(struct name_servers *all)
{
    if (!all)
        return;
    for (size_t i = 0; i < REMEMBERED; i++)
        forget(&all->remembered[i]);
    free(all->resolvers);
    free(all);
}

void name_servers_take(struct name_servers *all, struct server_list *resolvers)
{
    for (size_t i = 0; i < REMEMBERED; i++)
        forget(&all->remembered[i]);
    free(all->resolvers);
    all->resolvers = resolvers;
}

const struct server_list *name_servers_known(struct name_servers *all, const char *zone)
{
    for (size_t i = 0; i < REMEMBERED; i++) {
        struct remembered *r = &all->remembered[i];

        if (r->zone && r->until_ms <= cs_now_ms())
            forget(r);
        if (r->zone && strcmp(r->zone, zone) == 0)
            return r->list;
    }
    return NULL;
}

/* Takes over both. */
static void remember(struct name_servers *all, char *zone, struct server_list *list)
{
    struct remembered *oldest = &all->remembered[0];

    for (size_t i = 0; i < REMEMBERED; i++) {
        struct remembered *r = &all->remembered[i];

        if (r->zone && strcmp(r->zone, zone) == 0) {
            oldest = r;
            break;
        }
        if (r->until_ms < oldest->until_ms)
            oldest = r;
    }
    forget(oldest);
    *oldest = (struct remembered){ zone, list, cs_now_ms() + REMEMBER_MS };
}

/* ---- A search ------------------------------------------------------------------------------------------------------- */

static void search_free(struct name_search *s)
{
    for (size_t i = 0; i < s->n_errands; i++)
        dns_client_cancel(s->errands[i].query);
    free(s->found);
    free(s->zone);
    free(s);
}

static void search_end(struct name_search *s, const struct cs_error *err)
{
    s->fn(s->arg, err ? NULL : s->found, err);
    if (!err) {
        remember(s->all, s->zone, s->found);
        s->zone = NULL;
        s->found = NULL;
    }
    search_free(s);
}

static void search_fail(struct name_search *s, const char *what)
{
    struct cs_error err = s->err;

    if (err.code == CS_OK)
        cs_fail(&err, CS_EUPSTREAM, "there are none: delegate the zone, or name them in `servers` of its row");
    cs_fail_in(&err, "%s of %.80s", what, s->at);
    search_end(s, &err);
}

static void on_answer(void *arg, const struct dns_answer *answer);

/* False: there is no resolver left. */
static bool errand_ask(struct errand *e)
{
    struct name_search *s = e->search;

    while (e->resolver < s->all->resolvers->n && cs_now_ms() < s->deadline_ms) {
        const struct server_address *resolver = &s->all->resolvers->servers[e->resolver++];
        const struct dns_ask ask = { .server = resolver->at, .server_len = resolver->len, .name = e->name, .type = e->type,
                                     .recurse = true, .deadline_ms = s->deadline_ms };

        e->query = dns_client_ask(s->all->loop, &ask, on_answer, e, &s->err);
        if (e->query)
            return true;
    }
    if (cs_now_ms() >= s->deadline_ms)
        cs_fail(&s->err, CS_ETIMEDOUT, "no time left");
    return false;
}

static bool errand_start(struct name_search *s, const char *name, uint16_t type)
{
    struct errand *e = &s->errands[s->n_errands];

    *e = (struct errand){ .search = s, .type = type };
    snprintf(e->name, sizeof e->name, "%s", name);
    if (s->n_errands >= sizeof s->errands / sizeof *s->errands || !errand_ask(e))
        return false;
    s->n_errands++;
    s->running++;
    return true;
}

static bool read_name(char out[1024], const ldns_rdf *rdf)
{
    return rdf && dns_name_from_wire(out, ldns_rdf_data(rdf), ldns_rdf_size(rdf)) == 0;
}

/* The names in the NS records of s->at itself; returns how many. */
static size_t read_ns(const struct name_search *s, const ldns_pkt *pkt, char names[NAMES][1024])
{
    const ldns_rr_list *list = pkt ? ldns_pkt_answer(pkt) : NULL;
    size_t n = 0;

    for (size_t i = 0; list && i < ldns_rr_list_rr_count(list) && n < NAMES; i++) {
        const ldns_rr *rr = ldns_rr_list_rr(list, i);
        char owner[1024];

        if (ldns_rr_get_type(rr) == LDNS_RR_TYPE_NS && read_name(owner, ldns_rr_owner(rr)) && strcmp(owner, s->at) == 0 &&
            read_name(names[n], ldns_rr_rdf(rr, 0)))
            n++;
    }
    return n;
}

static void ask_addresses(struct name_search *s, char names[NAMES][1024], size_t n)
{
    s->found = list_new(s->at);
    s->n_errands = 0;
    for (size_t i = 0; s->found && i < n; i++) {
        errand_start(s, names[i], LDNS_RR_TYPE_A);
        errand_start(s, names[i], LDNS_RR_TYPE_AAAA);
    }
    if (s->running == 0)
        search_fail(s, "addresses of the name servers");
}

/* One label up; not to a name of one label, such as "com.", unless that is what was asked for. */
static bool go_up(struct name_search *s)
{
    const char *parent = strchr(s->at, '.') + 1, *dot = strchr(parent, '.');

    if (!*parent || !dot || !dot[1])
        return false;
    memmove(s->at, parent, strlen(parent) + 1);
    return true;
}

static void take_ns(struct name_search *s, const struct dns_answer *answer)
{
    char names[NAMES][1024];
    size_t n = read_ns(s, answer->pkt, names);

    s->err = (struct cs_error){ 0 };
    s->n_errands = 0;
    if (n > 0)
        ask_addresses(s, names, n);
    else if (!go_up(s) || !errand_start(s, s->at, LDNS_RR_TYPE_NS))
        search_fail(s, "name servers");
}

/* RFC 1035 3.4.1, RFC 3596 2.2. Those of an alias stand in the same answer. */
static void take_addresses(struct name_search *s, const struct dns_answer *answer)
{
    const ldns_rr_list *list = answer->pkt ? ldns_pkt_answer(answer->pkt) : NULL;

    for (size_t i = 0; list && i < ldns_rr_list_rr_count(list); i++) {
        const ldns_rr *rr = ldns_rr_list_rr(list, i);
        const ldns_rdf *rdf = ldns_rr_rdf(rr, 0);
        struct sockaddr_storage at = { 0 };
        struct sockaddr_in *four = (struct sockaddr_in *)&at;
        struct sockaddr_in6 *six = (struct sockaddr_in6 *)&at;

        if (ldns_rr_get_type(rr) == LDNS_RR_TYPE_A && rdf && ldns_rdf_size(rdf) == 4) {
            *four = (struct sockaddr_in){ .sin_family = AF_INET, .sin_port = htons(s->all->port) };
            memcpy(&four->sin_addr, ldns_rdf_data(rdf), 4);
            list_add(s->found, &at, sizeof *four);
        } else if (ldns_rr_get_type(rr) == LDNS_RR_TYPE_AAAA && rdf && ldns_rdf_size(rdf) == 16) {
            *six = (struct sockaddr_in6){ .sin6_family = AF_INET6, .sin6_port = htons(s->all->port) };
            memcpy(&six->sin6_addr, ldns_rdf_data(rdf), 16);
            list_add(s->found, &at, sizeof *six);
        }
    }
    if (s->running > 0)
        return;
    if (s->found->n > 0)
        search_end(s, NULL);
    else
        search_fail(s, "addresses of the name servers");
}

static bool is_final(const struct dns_answer *answer)
{
    return !answer->err && (answer->rcode == LDNS_RCODE_NOERROR || answer->rcode == LDNS_RCODE_NXDOMAIN);
}

static void on_answer(void *arg, const struct dns_answer *answer)
{
    struct errand *e = arg;
    struct name_search *s = e->search;
    char rcode[16];

    e->query = NULL;
    if (answer->err)
        s->err = *answer->err;
    dns_rcode_text(rcode, answer->rcode);
    if (!answer->err && !is_final(answer))
        cs_fail(&s->err, CS_EUPSTREAM, "the resolver says %s", rcode);
    if (!is_final(answer) && errand_ask(e))
        return;
    s->running--;
    if (s->found)
        take_addresses(s, answer);
    else if (is_final(answer))
        take_ns(s, answer);
    else
        search_fail(s, "name servers");
}

struct name_search *name_servers_find(struct name_servers *all, const char *zone, int64_t deadline_ms, name_servers_fn *fn,
                                      void *arg, struct cs_error *err)
{
    struct name_search *s = calloc(1, sizeof *s);

    if (s) {
        *s = (struct name_search){ .all = all, .zone = text_copy(zone), .deadline_ms = deadline_ms, .fn = fn, .arg = arg };
        snprintf(s->at, sizeof s->at, "%s", zone);
    }
    if (!s || !s->zone) {
        free(s);
        cs_fail(err, CS_EBUSY, "no memory");
        return NULL;
    }
    if (!errand_start(s, zone, LDNS_RR_TYPE_NS)) {
        *err = s->err;
        cs_fail_in(err, "name servers of %.80s", zone);
        search_free(s);
        return NULL;
    }
    return s;
}

void name_servers_cancel(struct name_search *search)
{
    if (search)
        search_free(search);
}
