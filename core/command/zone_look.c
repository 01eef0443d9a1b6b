/*
 * What the DNS says of a zone; see zone_look.h. Round by round, in the order in which a resolver walks down.
 */
#include "command/zone_look.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/dns_packet.h"
#include "engine/sockets.h"

enum { ROUND_MS = 4000, ABOVE_MOST = 12, EDNS_SIZE = 1232, LOOKS_MOST = 4 * ZONE_SERVERS_MOST };

/* Questions of one round; each has its name beside it. */
struct round {
    const struct zone_look_with *with;
    struct dns_look looks[LOOKS_MOST];
    char names[LOOKS_MOST][1024];
    size_t n;
};

static struct round *round_new(const struct zone_look_with *with)
{
    struct round *round = calloc(1, sizeof *round);

    if (round)
        round->with = with;
    return round;
}

/* NULL: no room. */
static struct dns_ask *add(struct round *round, const struct server_address *server, const char *name, uint16_t type)
{
    struct dns_ask *ask;

    if (!round || round->n == LOOKS_MOST)
        return NULL;
    snprintf(round->names[round->n], sizeof round->names[round->n], "%s", name);
    ask = &round->looks[round->n].ask;
    *ask = (struct dns_ask){ .server = server->at, .server_len = server->len, .name = round->names[round->n], .type = type };
    round->n++;
    return ask;
}

static void add_to_resolver(struct round *round, const char *name, uint16_t type)
{
    struct dns_ask *ask = round && round->with->resolver ? add(round, round->with->resolver, name, type) : NULL;

    if (ask)
        ask->recurse = ask->authentic = true;
}

static void run(struct round *round)
{
    const int64_t until_ms = cs_now_ms() + ROUND_MS;

    if (round)
        dns_look_all(round->with->loop, round->looks, round->n,
                     until_ms < round->with->deadline_ms ? until_ms : round->with->deadline_ms);
}

static void round_free(struct round *round)
{
    if (round)
        dns_look_free(round->looks, round->n);
    free(round);
}

/* ---- Small things --------------------------------------------------------------------------------------------------- */

static const char *above(const char *name)
{
    const char *dot = strchr(name, '.');

    return dot && dot[1] ? dot + 1 : NULL;
}

static void answer_of(struct zone_answer *answer, const struct dns_look *look)
{
    char rcode[16];

    answer->came = look->err.code == CS_OK;
    dns_rcode_text(rcode, look->rcode);
    snprintf(answer->said, sizeof answer->said, "%.90s", answer->came ? rcode : look->err.text);
}

static void add_name(struct zone_names *names, const char *name)
{
    for (size_t i = 0; i < names->n; i++)
        if (strcmp(names->v[i], name) == 0)
            return;
    if (names->n < ZONE_NAMES_MOST)
        snprintf(names->v[names->n++], sizeof *names->v, "%s", name);
}

/* The NS records of `owner` in a section. */
static size_t add_ns(struct zone_names *names, const struct dns_look *look, uint8_t section, const char *owner)
{
    const struct dns_seen *seen = NULL;
    char target[1024];
    size_t n = 0;

    while ((seen = dns_look_next(look, seen, section, LDNS_RR_TYPE_NS, owner)))
        if (dns_seen_target(seen, target) == 0) {
            add_name(names, target);
            n++;
        }
    return n;
}

static bool find_server(const struct zone_facts *f, const struct server_address *at)
{
    for (size_t i = 0; i < f->n_servers; i++)
        if (f->servers[i].at.len == at->len && memcmp(&f->servers[i].at.at, &at->at, at->len) == 0)
            return true;
    return false;
}

static void add_server(struct zone_facts *f, const char *name, const struct server_address *at)
{
    struct zone_server *server = &f->servers[f->n_servers];

    if (f->n_servers == ZONE_SERVERS_MOST || find_server(f, at))
        return;
    *server = (struct zone_server){ .at = *at };
    snprintf(server->name, sizeof server->name, "%s", name);
    address_text(server->address, (const struct sockaddr *)&at->at, at->len);
    f->n_servers++;
}

/* RFC 1035 3.4.1, RFC 3596 2.2. */
static bool address_of(struct server_address *out, const struct dns_seen *seen, uint16_t port)
{
    struct sockaddr_in *four = (struct sockaddr_in *)&out->at;
    struct sockaddr_in6 *six = (struct sockaddr_in6 *)&out->at;

    *out = (struct server_address){ 0 };
    if (seen->type == LDNS_RR_TYPE_A && seen->len == 4) {
        *four = (struct sockaddr_in){ .sin_family = AF_INET, .sin_port = htons(port) };
        memcpy(&four->sin_addr, seen->rdata, 4);
        out->len = sizeof *four;
    } else if (seen->type == LDNS_RR_TYPE_AAAA && seen->len == 16) {
        *six = (struct sockaddr_in6){ .sin6_family = AF_INET6, .sin6_port = htons(port) };
        memcpy(&six->sin6_addr, seen->rdata, 16);
        out->len = sizeof *six;
    }
    return out->len > 0;
}

/* ---- Round 1: what a resolver says of the zone, and of those above it ------------------------------------------------ */

enum { LOOK_SOA, LOOK_SOA_UNCHECKED, LOOK_DS, LOOK_NS /* and one for each name above */ };

static void judge_signature(struct zone_facts *f, const struct dns_look *looks)
{
    const struct dns_look *soa = &looks[LOOK_SOA], *unchecked = &looks[LOOK_SOA_UNCHECKED], *ds = &looks[LOOK_DS];
    const bool has_ds = dns_look_next(ds, NULL, DNS_SECTION_ANSWER, LDNS_RR_TYPE_DS, NULL) != NULL;

    if (soa->err.code == CS_OK && soa->rcode == LDNS_RCODE_SERVFAIL && dns_look_is_final(unchecked))
        f->is_signed = ZONE_BOGUS;
    else if (!has_ds)
        f->is_signed = ZONE_UNSIGNED;
    else
        f->is_signed = soa->authentic ? ZONE_VALID : ZONE_UNCHECKED;
}

static void find_apex(struct zone_facts *f, const struct dns_look *soa)
{
    const struct dns_seen *seen = dns_look_next(soa, NULL, DNS_SECTION_ANSWER, LDNS_RR_TYPE_SOA, f->zone);

    if (!seen)
        seen = dns_look_next(soa, NULL, DNS_SECTION_AUTHORITY, LDNS_RR_TYPE_SOA, NULL);
    snprintf(f->apex, sizeof f->apex, "%s", seen ? seen->name : f->zone);
}

static void find_parent(struct zone_facts *f, const struct round *round, struct zone_names *parent_servers)
{
    for (size_t i = LOOK_NS; i < round->n; i++) {
        const char *name = round->names[i];

        if (strcmp(name, f->apex) == 0)
            add_ns(&f->child_ns, &round->looks[i], DNS_SECTION_ANSWER, name);
        else if (!f->parent[0] && strlen(name) < strlen(f->apex) &&
                 add_ns(parent_servers, &round->looks[i], DNS_SECTION_ANSWER, name) > 0)
            snprintf(f->parent, sizeof f->parent, "%s", name);
    }
}

static void look_from_above(struct zone_facts *f, const struct zone_look_with *with, struct zone_names *parent_servers)
{
    struct round *round = round_new(with);
    size_t n = 0;

    if (!round)
        return;
    add_to_resolver(round, f->zone, LDNS_RR_TYPE_SOA);
    add_to_resolver(round, f->zone, LDNS_RR_TYPE_SOA);
    add_to_resolver(round, f->zone, LDNS_RR_TYPE_DS);
    round->looks[LOOK_SOA_UNCHECKED].ask.unchecked = true;
    for (const char *name = f->zone; name && n < ABOVE_MOST; name = above(name), n++)
        add_to_resolver(round, name, LDNS_RR_TYPE_NS);
    run(round);
    answer_of(&f->resolver, &round->looks[LOOK_SOA]);
    find_apex(f, &round->looks[dns_look_is_final(&round->looks[LOOK_SOA]) ? LOOK_SOA : LOOK_SOA_UNCHECKED]);
    judge_signature(f, round->looks);
    find_parent(f, round, parent_servers);
    round_free(round);
}

/* ---- Addresses ------------------------------------------------------------------------------------------------------- */

struct found_address {
    char name[1024];
    struct server_address at;
};

/* Those that the resolver knows of the names. Returns how many; `missing` gets a name that has none. */
static size_t look_up(struct found_address *out, size_t most, const struct zone_names *names, const struct zone_look_with *with,
                      char missing[1024])
{
    struct round *round = round_new(with);
    size_t n = 0;

    for (size_t i = 0; i < names->n; i++) {
        add_to_resolver(round, names->v[i], LDNS_RR_TYPE_A);
        add_to_resolver(round, names->v[i], LDNS_RR_TYPE_AAAA);
    }
    run(round);
    for (size_t i = 0; round && i < round->n; i++) {
        const struct dns_seen *seen = NULL;
        const size_t before = n;

        while (n < most && (seen = dns_look_next(&round->looks[i], seen, DNS_SECTION_ANSWER, round->looks[i].ask.type, NULL)))
            if (address_of(&out[n].at, seen, with->port))
                snprintf(out[n++].name, sizeof out->name, "%s", round->names[i]);
        if (i % 2 == 1 && n == before && (n == 0 || strcmp(out[n - 1].name, round->names[i]) != 0))
            snprintf(missing, 1024, "%s", round->names[i]);
    }
    round_free(round);
    return n;
}

/* ---- What the parent's servers say ------------------------------------------------------------------------------------ */

/* A referral (RFC 1034 4.3.2 3b), or an answer where one server has both zones. */
static void take_parent_answer(struct zone_facts *f, const struct dns_look *look, const struct zone_look_with *with)
{
    const size_t n = add_ns(&f->parent_ns, look, DNS_SECTION_AUTHORITY, f->apex) +
                     add_ns(&f->parent_ns, look, DNS_SECTION_ANSWER, f->apex);
    const struct dns_seen *seen;
    struct server_address at;

    f->parent_asked |= look->err.code == CS_OK;
    if (n == 0) {
        f->refused |= dns_look_is_final(look) && look->authoritative;
        return;
    }
    for (seen = look->seen; seen < look->seen + look->n_seen; seen++)
        for (size_t i = 0; seen->section == DNS_SECTION_ADDITIONAL && i < f->parent_ns.n; i++)
            if (strcmp(seen->name, f->parent_ns.v[i]) == 0 && address_of(&at, seen, with->port))
                add_server(f, seen->name, &at);
}

static void ask_parent(struct zone_facts *f, const struct zone_look_with *with, const struct zone_names *parent_servers)
{
    struct found_address found[ZONE_SERVERS_MOST];
    char missing[1024];
    const size_t n = look_up(found, ZONE_SERVERS_MOST, parent_servers, with, missing);
    struct round *round = round_new(with);

    for (size_t i = 0; i < n; i++)
        add(round, &found[i].at, f->apex, LDNS_RR_TYPE_NS);
    run(round);
    for (size_t i = 0; round && i < round->n; i++)
        take_parent_answer(f, &round->looks[i], with);
    round_free(round);
}

static void find_addresses(struct zone_facts *f, const struct zone_look_with *with)
{
    struct found_address found[ZONE_SERVERS_MOST];
    struct zone_names names = f->child_ns;
    char missing[1024] = "";
    size_t n;

    for (size_t i = 0; i < f->parent_ns.n; i++)
        add_name(&names, f->parent_ns.v[i]);
    n = look_up(found, ZONE_SERVERS_MOST, &names, with, missing);
    for (size_t i = 0; i < n; i++)
        add_server(f, found[i].name, &found[i].at);
    for (size_t i = 0; i < f->n_servers; i++)
        if (strcmp(f->servers[i].name, missing) == 0)
            missing[0] = '\0'; /* the parent's glue has it */
    snprintf(f->no_address, sizeof f->no_address, "%s", missing);
}

static void add_row_servers(struct zone_facts *f, const char *servers)
{
    struct cs_error err = { 0 };
    struct server_list *list = name_servers_parse(servers, &err);

    for (size_t i = 0; list && i < list->n; i++)
        add_server(f, "", &list->servers[i]);
    free(list);
}

/* ---- The last round: each server ------------------------------------------------------------------------------------- */

enum { BY_UDP, BY_TCP, BY_EDNS, FOR_NS, WAYS };

/* Every second letter in upper case (0x20). */
static void mix_case(char *name)
{
    for (size_t i = 0; name[i]; i += 2)
        if (name[i] >= 'a' && name[i] <= 'z')
            name[i] = (char)(name[i] - 'a' + 'A');
}

static void add_ways(struct round *round, const struct zone_server *server, const char *apex)
{
    struct dns_ask *ask[WAYS];

    for (size_t i = 0; i < WAYS; i++) {
        ask[i] = add(round, &server->at, apex, i == FOR_NS ? LDNS_RR_TYPE_NS : LDNS_RR_TYPE_SOA);
        if (!ask[i])
            return;
    }
    ask[BY_UDP]->udp = ask[BY_EDNS]->udp = ask[BY_TCP]->tcp = true;
    ask[BY_EDNS]->edns_size = EDNS_SIZE;
    mix_case(round->names[round->n - WAYS + BY_EDNS]);
}

static bool is_our_lack(const char *said)
{
    static const int numbers[] = { ENETUNREACH, EHOSTUNREACH, EADDRNOTAVAIL, EAFNOSUPPORT };

    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        if (strstr(said, strerror(numbers[i])))
            return true;
    return false;
}

static void take_soa(struct zone_server *server, const struct dns_look *look, const char *apex)
{
    const struct dns_seen *soa = dns_look_next(look, NULL, DNS_SECTION_ANSWER, LDNS_RR_TYPE_SOA, apex);

    server->authoritative |= look->authoritative && look->rcode == LDNS_RCODE_NOERROR;
    server->has_soa |= soa && dns_seen_soa(soa, &server->serial, &server->negative_s) == 0;
}

static void take_ways(struct zone_facts *f, struct zone_server *server, const struct dns_look looks[WAYS])
{
    answer_of(&server->udp, &looks[BY_UDP]);
    answer_of(&server->tcp, &looks[BY_TCP]);
    answer_of(&server->edns, &looks[BY_EDNS]);
    server->no_route = !server->udp.came && is_our_lack(server->udp.said) && !server->tcp.came && is_our_lack(server->tcp.said);
    server->same_case = looks[BY_EDNS].same_case;
    server->truncated = looks[BY_UDP].truncated;
    take_soa(server, &looks[BY_UDP], f->apex);
    take_soa(server, &looks[BY_TCP], f->apex);
    if (looks[FOR_NS].authoritative)
        add_ns(&f->child_ns, &looks[FOR_NS], DNS_SECTION_ANSWER, f->apex);
}

static void ask_servers(struct zone_facts *f, const struct zone_look_with *with)
{
    struct round *round = round_new(with);

    for (size_t i = 0; i < f->n_servers; i++)
        add_ways(round, &f->servers[i], f->apex);
    run(round);
    for (size_t i = 0; round && i < f->n_servers; i++)
        take_ways(f, &f->servers[i], &round->looks[i * WAYS]);
    round_free(round);
}

/* ---- All of it -------------------------------------------------------------------------------------------------------- */

void zone_look(struct zone_facts *f, const struct zone_look_with *with, const char *zone)
{
    struct zone_names parent_servers = { .n = 0 };

    memset(f, 0, sizeof *f);
    snprintf(f->zone, sizeof f->zone, "%.253s.", zone);
    snprintf(f->apex, sizeof f->apex, "%s", f->zone);
    f->is_signed = ZONE_UNSIGNED;
    if (with->resolver) {
        f->resolver_asked = true;
        look_from_above(f, with, &parent_servers);
        ask_parent(f, with, &parent_servers);
        find_addresses(f, with);
    }
    add_row_servers(f, with->servers);
    ask_servers(f, with);
}

const struct zone_server *zone_look_first(const struct zone_facts *f)
{
    for (size_t i = 0; i < f->n_servers; i++)
        if (f->servers[i].authoritative && f->servers[i].udp.came)
            return &f->servers[i];
    return NULL;
}
