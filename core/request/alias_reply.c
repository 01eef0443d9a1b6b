/*
 * Whether a DNS answer says that a name is an alias; see alias_reply.h.
 */
#include "request/alias_reply.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/dns_packet.h"
#include "request/dns_client.h"

static bool read_name(char out[1024], const ldns_rdf *rdf)
{
    return rdf && dns_name_from_wire(out, ldns_rdf_data(rdf), ldns_rdf_size(rdf)) == 0;
}

static bool is_below(const char *name, const char *zone)
{
    size_t name_len = strlen(name), zone_len = strlen(zone);

    if (strcmp(zone, ".") == 0)
        return name_len > 1;
    return name_len > zone_len && strcmp(name + name_len - zone_len, zone) == 0 && name[name_len - zone_len - 1] == '.';
}

/* Only the first link counts: where the next one leads is for the servers of its own zone to say. False: there is none. */
static bool read_cname(struct alias_reply *reply, const ldns_pkt *pkt, const char *name)
{
    const ldns_rr_list *list = ldns_pkt_answer(pkt);

    for (size_t i = 0; i < ldns_rr_list_rr_count(list); i++) {
        const ldns_rr *rr = ldns_rr_list_rr(list, i);
        char owner[1024], target[1024];

        if (ldns_rr_get_type(rr) != LDNS_RR_TYPE_CNAME || !read_name(owner, ldns_rr_owner(rr)) || strcmp(owner, name) != 0)
            continue;
        if (!read_name(target, ldns_rr_rdf(rr, 0)) || (reply->kind == ALIAS_TO && strcmp(target, reply->target) != 0)) {
            reply->kind = ALIAS_UNKNOWN;
            snprintf(reply->said, sizeof reply->said, "several CNAME records at one name");
            return true;
        }
        reply->kind = ALIAS_TO;
        memcpy(reply->target, target, sizeof target);
    }
    return reply->kind == ALIAS_TO;
}

/* RFC 1034 4.3.2 3b: what is asked for lies in a zone below, and this is its name. */
static bool read_referral(struct alias_reply *reply, const ldns_pkt *pkt, const char *name, const char *zone)
{
    const ldns_rr_list *list = ldns_pkt_authority(pkt);

    for (size_t i = 0; i < ldns_rr_list_rr_count(list); i++) {
        const ldns_rr *rr = ldns_rr_list_rr(list, i);
        char cut[1024];

        if (ldns_rr_get_type(rr) != LDNS_RR_TYPE_NS || !read_name(cut, ldns_rr_owner(rr)) || !is_below(cut, zone) ||
            (strcmp(cut, name) != 0 && !is_below(name, cut)))
            continue;
        reply->kind = ALIAS_BELOW;
        memcpy(reply->target, cut, sizeof cut);
        return true;
    }
    return false;
}

/* RFC 2308 2: an answer from a cache is not authoritative, and has the SOA record all the same. */
static bool is_denial(const ldns_pkt *pkt)
{
    const ldns_rr_list *list = ldns_pkt_authority(pkt);

    for (size_t i = 0; i < ldns_rr_list_rr_count(list); i++)
        if (ldns_rr_get_type(ldns_rr_list_rr(list, i)) == LDNS_RR_TYPE_SOA)
            return true;
    return ldns_pkt_aa(pkt);
}

void alias_reply_read(struct alias_reply *reply, unsigned rcode, const ldns_pkt *pkt, const char *name, const char *zone)
{
    char word[16];

    *reply = (struct alias_reply){ .kind = ALIAS_UNKNOWN };
    dns_rcode_text(word, rcode);
    snprintf(reply->said, sizeof reply->said, "%s", word);
    if (!pkt || (rcode != LDNS_RCODE_NOERROR && rcode != LDNS_RCODE_NXDOMAIN))
        return;
    if (read_cname(reply, pkt, name)) /* RFC 6604 3: NXDOMAIN may be of the alias's target */
        return;
    if (is_denial(pkt) || rcode == LDNS_RCODE_NXDOMAIN)
        reply->kind = ALIAS_NONE;
    else if (!read_referral(reply, pkt, name, zone))
        snprintf(reply->said, sizeof reply->said, "not authoritative");
}
