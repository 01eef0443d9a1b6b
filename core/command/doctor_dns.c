/*
 * The doctor's look at the DNS: the resolvers of this host, then each zone as a CA sees it. Called by doctor.c.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/dns_packet.h"
#include "command/dns_look.h"
#include "command/doctor.h"
#include "engine/sockets.h"
#include "request/name_servers.h"

enum { RESOLVER_MS = 4000 };

/* ---- Resolvers ------------------------------------------------------------------------------------------------------ */

static void judge_resolver(struct doctor *d, const char *about, const struct dns_look *look)
{
    char said[16];

    dns_rcode_text(said, look->rcode);
    if (look->err.code != CS_OK)
        doctor_fail(d, about, "%s\nmend /etc/resolv.conf, or set `resolvers` to one that answers", look->err.text);
    else if (!dns_look_is_final(look))
        doctor_fail(d, about, "it answers %s to a question for the root\nlet it resolve for this host, or set `resolvers` to "
                    "one that does", said);
    else
        doctor_ok(d, about, "answers, %d ms", (int)look->took_ms);
}

static void ask_resolvers(struct doctor *d, const struct server_list *list, struct dns_look *looks)
{
    const int64_t ms = doctor_left_ms(d) < RESOLVER_MS ? doctor_left_ms(d) : RESOLVER_MS;
    char about[128];

    for (size_t i = 0; i < list->n; i++)
        looks[i].ask = (struct dns_ask){ .server = list->servers[i].at, .server_len = list->servers[i].len, .name = ".",
                                         .type = LDNS_RR_TYPE_NS, .recurse = true };
    dns_look_all(d->setup.loop, looks, list->n, cs_now_ms() + ms);
    for (size_t i = 0; i < list->n; i++) {
        address_text(about, (const struct sockaddr *)&list->servers[i].at, list->servers[i].len);
        judge_resolver(d, about, &looks[i]);
        if (!d->has_resolver && dns_look_is_final(&looks[i])) {
            d->resolver = list->servers[i];
            d->has_resolver = true;
        }
    }
    dns_look_free(looks, list->n);
}

void doctor_resolvers(struct doctor *d)
{
    const struct settings *settings = &d->setup.settings;
    const struct name_servers_setup with = { .resolvers = (const char *const *)settings->resolvers,
                                             .n_resolvers = settings->n_resolvers,
                                             .resolv_conf = "/etc/resolv.conf",
                                             .port = d->options->dns_port };
    struct cs_error err = { 0 };
    const struct server_list *list;
    struct dns_look *looks;

    d->name_servers = name_servers_new(d->setup.loop, &with, &err);
    if (!d->name_servers) {
        doctor_fail(d, "", "%s\nmend `resolvers`", err.text);
        return;
    }
    list = name_servers_resolvers(d->name_servers);
    looks = calloc(list->n + 1, sizeof *looks);
    if (looks)
        ask_resolvers(d, list, looks);
    free(looks);
}
