/*
 * The doctor's look at each zone: how the DNS shows it to a CA, where its challenges go, and, when asked for, whether a value
 * can be set. Called by doctor.c.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/base64url.h"
#include "command/dns_look.h"
#include "command/doctor_dns.h"
#include "command/zone_judge.h"
#include "engine/sockets.h"

static void tell(struct doctor *d, const char *check, const char *about, const struct zone_finding *finding)
{
    d->check = check;
    doctor_say(d, finding->verdict, about, "%s", finding->text);
}

/* Does our own DNS server answer for it? Then it must be delegated, and nothing has to be written anywhere. */
static bool is_own(struct doctor *d, const struct doctor_zone *zone)
{
    const struct instance *instance = d->setup.instances ? instances_find(d->setup.instances, ROLE_DNS, zone->dns) : NULL;

    return instance && instance->options && instance->plugin.about.dns && instance->plugin.dns.caught_up;
}

/* ---- The name servers ------------------------------------------------------------------------------------------------ */

static void judge_servers(struct doctor *d, const struct doctor_zone *zone, const struct zone_facts *facts)
{
    const struct zone_server *first = zone_look_first(facts);
    struct zone_finding finding;
    bool has_four = false;
    char about[1400];

    for (size_t i = 0; i < facts->n_servers; i++) {
        const struct zone_server *server = &facts->servers[i];

        has_four |= server->at.at.ss_family == AF_INET;
        snprintf(about, sizeof about, "%.253s: %s%s%s", zone->zone, server->name, server->name[0] ? " " : "", server->address);
        zone_judge_server(&finding, facts, server);
        tell(d, "name-server", about, &finding);
    }
    if (facts->n_servers && !has_four)
        doctor_warn(d, zone->zone, "all of its name servers have IPv6 addresses only\ngive one an IPv4 address: not every CA "
                    "and "
                    "resolver has IPv6");
    zone_judge_serials(&finding, facts);
    tell(d, "serial", zone->zone, &finding);
    if (!first)
        return;
    zone_judge_negative(&finding, first);
    tell(d, "negative-ttl", zone->zone, &finding);
}

/* ---- Wildcards ------------------------------------------------------------------------------------------------------- */

enum { WILD_CNAME, WILD_TXT, WILDS };

static void judge_wildcard(struct doctor *d, const struct doctor_zone *zone, const struct dns_look looks[WILDS])
{
    const struct dns_seen *cname = dns_look_next(&looks[WILD_CNAME], NULL, DNS_SECTION_ANSWER, LDNS_RR_TYPE_CNAME, NULL);
    const struct dns_seen *txt = dns_look_next(&looks[WILD_TXT], NULL, DNS_SECTION_ANSWER, LDNS_RR_TYPE_TXT, NULL);
    char target[1024];

    if (cname && dns_seen_target(cname, target) == 0 && !doctor_zone_of(d, target))
        doctor_fail(d, zone->zone, "a wildcard makes aliases of all names, also of challenges: they would go to %s\nadd "
                    "`_acme-challenge` records beside the wildcard, or take the wildcard out", target);
    else if (cname)
        doctor_warn(d, zone->zone, "a wildcard makes aliases of all names, also of challenges; it leads to a zone of the "
                    "table\nmake "
                    "sure that this is meant");
    else if (txt)
        doctor_warn(d, zone->zone, "a wildcard shows a TXT value at every name, also of challenges\ntake it out: some CAs are "
                    "confused by more values than theirs");
    else
        doctor_ok(d, zone->zone, "no wildcard covers the names of challenges");
}

static void look_for_wildcard(struct doctor *d, const struct doctor_zone *zone, const struct zone_server *server)
{
    struct dns_look looks[WILDS] = { 0 };
    uint8_t random[6];
    char hex[16], name[600];

    d->check = "wildcard";
    if (getrandom(random, sizeof random, 0) != sizeof random)
        return;
    hex_encode(hex, random, sizeof random);
    snprintf(name, sizeof name, "_acme-challenge.doctor-%s.%s.", hex, zone->zone);
    for (size_t i = 0; i < WILDS; i++)
        looks[i].ask = (struct dns_ask){ .server = server->at.at, .server_len = server->at.len, .name = name,
                                         .type = i == WILD_CNAME ? LDNS_RR_TYPE_CNAME : LDNS_RR_TYPE_TXT };
    dns_look_all(d->setup.loop, looks, WILDS, d->deadline_ms);
    judge_wildcard(d, zone, looks);
    dns_look_free(looks, WILDS);
}

/* ---- One zone -------------------------------------------------------------------------------------------------------- */

static void look_at_zone(struct doctor *d, const struct doctor_zone *zone)
{
    const struct zone_look_with with = { .loop = d->setup.loop,
                                         .resolver = d->has_resolver ? &d->resolver : NULL,
                                         .servers = zone->servers,
                                         .port = d->options->dns_port,
                                         .deadline_ms = d->deadline_ms };
    struct zone_facts *facts = calloc(1, sizeof *facts);
    const struct zone_server *first;
    struct zone_finding finding;

    if (!facts)
        return;
    zone_look(facts, &with, zone->zone);
    first = zone_look_first(facts);
    zone_judge_delegation(&finding, facts, is_own(d, zone), zone->servers[0]);
    tell(d, "delegation", zone->zone, &finding);
    judge_servers(d, zone, facts);
    zone_judge_dnssec(&finding, facts);
    if (facts->resolver_asked)
        tell(d, "dnssec", zone->zone, &finding);
    doctor_caa(d, zone);
    doctor_aliases(d, zone);
    if (first)
        look_for_wildcard(d, zone, first);
    if (d->options->write)
        doctor_write(d, zone, is_own(d, zone));
    free(facts);
}

const struct doctor_zone *doctor_zone_of(const struct doctor *d, const char *absolute)
{
    char name[1024];
    const struct doctor_zone *best = NULL;
    const size_t len = strlen(absolute);

    if (len == 0 || len >= sizeof name)
        return NULL;
    memcpy(name, absolute, len + 1);
    if (name[len - 1] == '.')
        name[len - 1] = '\0';
    for (size_t i = 0; i < d->n_zones; i++)
        if (d->zones[i].enabled && name_in_zone(name, d->zones[i].zone) &&
            (!best || strlen(d->zones[i].zone) > strlen(best->zone)))
            best = &d->zones[i];
    return best;
}

/* ---- All of them ----------------------------------------------------------------------------------------------------- */

static void look_at_one(struct doctor *d, const char *name)
{
    char empty[1] = "";
    struct doctor_zone missing = { .zone = (char *)(uintptr_t)name, .dns = empty, .challenge_zone = empty, .servers = empty };

    for (size_t i = 0; i < d->n_zones; i++)
        if (strcmp(d->zones[i].zone, name) == 0) {
            look_at_zone(d, &d->zones[i]);
            return;
        }
    if (d->has_rows)
        doctor_fail(d, name, "it is not in the table\n`countersign zone add %s`", name);
    look_at_zone(d, &missing);
}

void doctor_zones(struct doctor *d)
{
    if (d->options->zone[0]) {
        look_at_one(d, d->options->zone);
        return;
    }
    for (size_t i = 0; i < d->n_zones; i++) {
        if (!d->zones[i].enabled)
            continue;
        d->check = "zone";
        if (doctor_left_ms(d) > 0) {
            look_at_zone(d, &d->zones[i]);
            continue;
        }
        doctor_warn(d, d->zones[i].zone, "this and the zones behind it were not looked at: the time is over\n`countersign "
                    "doctor "
                    "%s`, or a longer --timeout", d->zones[i].zone);
        return;
    }
}
