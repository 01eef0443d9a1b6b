/*
 * What the DNS says of a zone to somebody who comes from outside, as a CA does: its delegation, its name servers one by one,
 * its signature. Gathered here in a few rounds of questions, judged in zone_judge.c. Called by doctor_zone.c.
 */
#ifndef COMMAND_ZONE_LOOK_H
#define COMMAND_ZONE_LOOK_H

#include "command/dns_look.h"
#include "request/name_servers.h"

enum { ZONE_NAMES_MOST = 13, ZONE_SERVERS_MOST = 26, ZONE_SAID = 96 };

struct zone_names {
    char v[ZONE_NAMES_MOST][1024]; /* absolute, lower case */
    size_t n;
};

/* How one way of asking went. */
struct zone_answer {
    bool came;
    char said[ZONE_SAID]; /* an RCODE, or why there was none */
};

/* One address of a name server. */
struct zone_server {
    char name[1024];   /* in an NS record; "": of the row's `servers` */
    char address[128]; /* for people */
    struct server_address at;
    struct zone_answer udp, tcp, edns; /* to a question for SOA; edns: with mixed case as well */
    bool no_route;                     /* this machine has no way there: not the server's fault */
    bool authoritative, same_case, truncated, has_soa;
    uint32_t serial, negative_s; /* of its SOA; negative_s: how long "no such record" is remembered (RFC 2308 5) */
};

enum zone_signed { ZONE_UNSIGNED = 1, ZONE_VALID, ZONE_BOGUS, ZONE_UNCHECKED /* the resolver does not validate */ };

struct zone_facts {
    char zone[1024];            /* absolute */
    char apex[1024];            /* the zone of the DNS that it is, or lies in */
    char parent[1024];          /* the zone above the apex; "": not found */
    bool resolver_asked;
    struct zone_answer resolver; /* to the question for the zone's SOA */
    bool parent_asked, refused;  /* refused: a server of the parent says with authority that there is no such zone */
    struct zone_names parent_ns, child_ns;
    char no_address[1024]; /* a name server without an address; "": none */
    enum zone_signed is_signed;
    struct zone_server servers[ZONE_SERVERS_MOST];
    size_t n_servers;
};

struct zone_look_with {
    struct loop *loop;
    const struct server_address *resolver; /* NULL: there is none */
    const char *servers;                   /* as in the zone's row: asked as well */
    uint16_t port;                         /* of those that NS records name */
    int64_t deadline_ms;
};

/* `zone` without a trailing dot. */
void zone_look(struct zone_facts *facts, const struct zone_look_with *with, const char *zone);

/* The first server that answered with authority, or NULL. */
const struct zone_server *zone_look_first(const struct zone_facts *facts);

#endif
