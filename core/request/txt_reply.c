/*
 * Whether a TXT value is in a DNS answer; see txt_reply.h.
 */
#include "request/txt_reply.h"

#include <stdio.h>
#include <string.h>

#include "base/dns_packet.h"
#include "request/dns_client.h"

enum { ALIASES = 8 };

static bool read_name(char out[1024], const ldns_rdf *rdf)
{
    return rdf && dns_name_from_wire(out, ldns_rdf_data(rdf), ldns_rdf_size(rdf)) == 0;
}

static bool is_of(const ldns_rr *rr, ldns_rr_type type, const char *name)
{
    char owner[1024];

    return ldns_rr_get_type(rr) == type && read_name(owner, ldns_rr_owner(rr)) && strcmp(owner, name) == 0;
}

/* Where the aliases of `name` lead within this answer. */
static void follow_aliases(char name[1024], const ldns_rr_list *list)
{
    for (int hops = 0; hops < ALIASES; hops++) {
        char target[1024];
        size_t i = 0;

        while (i < ldns_rr_list_rr_count(list) && !is_of(ldns_rr_list_rr(list, i), LDNS_RR_TYPE_CNAME, name))
            i++;
        if (i == ldns_rr_list_rr_count(list) || !read_name(target, ldns_rr_rdf(ldns_rr_list_rr(list, i), 0)))
            return;
        memcpy(name, target, sizeof target);
    }
}

/* RFC 1035 3.3.14, RFC 8555 8.4: the value is the character-strings one after the other. */
static bool is_value(const ldns_rr *rr, const char *value)
{
    size_t left = strlen(value);

    for (size_t i = 0; i < ldns_rr_rd_count(rr); i++) {
        const ldns_rdf *rdf = ldns_rr_rdf(rr, i);
        size_t size = ldns_rdf_size(rdf);

        if (size == 0 || size - 1 > left || memcmp(ldns_rdf_data(rdf) + 1, value, size - 1) != 0)
            return false;
        value += size - 1;
        left -= size - 1;
    }
    return left == 0;
}

static void read_values(struct txt_reply *reply, const ldns_pkt *pkt, const struct txt_question *question)
{
    const ldns_rr_list *list = ldns_pkt_answer(pkt);
    size_t others = 0;
    char name[1024];

    snprintf(name, sizeof name, "%s", question->owner);
    follow_aliases(name, list);
    for (size_t i = 0; i < ldns_rr_list_rr_count(list) && !reply->has; i++) {
        const ldns_rr *rr = ldns_rr_list_rr(list, i);

        if (!is_of(rr, LDNS_RR_TYPE_TXT, name))
            continue;
        reply->has = is_value(rr, question->value);
        others++;
    }
    if (others > 0)
        snprintf(reply->said, sizeof reply->said, "%zu other value%s", others, others > 1 ? "s" : "");
    else if (strcmp(name, question->owner) != 0)
        snprintf(reply->said, sizeof reply->said, "an alias to %.40s", name);
    else
        snprintf(reply->said, sizeof reply->said, "no TXT record");
}

static void read_alias(struct txt_reply *reply, const ldns_pkt *pkt, const struct txt_question *question)
{
    const ldns_rr_list *list = ldns_pkt_answer(pkt);
    char target[1024];

    snprintf(reply->said, sizeof reply->said, "no CNAME record");
    for (size_t i = 0; i < ldns_rr_list_rr_count(list) && !reply->has; i++) {
        const ldns_rr *rr = ldns_rr_list_rr(list, i);

        if (!is_of(rr, LDNS_RR_TYPE_CNAME, question->owner) || !read_name(target, ldns_rr_rdf(rr, 0)))
            continue;
        reply->has = strcmp(target, question->alias) == 0;
        snprintf(reply->said, sizeof reply->said, "an alias to %.40s", target);
    }
}

static bool is_below(const char *name, const char *zone)
{
    size_t name_len = strlen(name), zone_len = strlen(zone);

    if (strcmp(zone, ".") == 0)
        return name_len > 1;
    return name_len > zone_len && strcmp(name + name_len - zone_len, zone) == 0 && name[name_len - zone_len - 1] == '.';
}

/* RFC 1034 4.3.2 3b: not theirs; what is asked for lies in a zone below, and this is its name. */
static void read_referral(struct txt_reply *reply, const ldns_pkt *pkt, const struct txt_question *question)
{
    const ldns_rr_list *list = ldns_pkt_authority(pkt);

    for (size_t i = 0; i < ldns_rr_list_rr_count(list); i++) {
        const ldns_rr *rr = ldns_rr_list_rr(list, i);
        char cut[1024];

        if (ldns_rr_get_type(rr) == LDNS_RR_TYPE_NS && read_name(cut, ldns_rr_owner(rr)) && is_below(cut, question->zone) &&
            (strcmp(cut, question->owner) == 0 || is_below(question->owner, cut)))
            memcpy(reply->referral, cut, sizeof cut);
    }
}

void txt_reply_read(struct txt_reply *reply, unsigned rcode, const ldns_pkt *pkt, const struct txt_question *question)
{
    char name[16];

    *reply = (struct txt_reply){ 0 };
    if (!pkt || (rcode != LDNS_RCODE_NOERROR && (rcode != LDNS_RCODE_NXDOMAIN || !question->alias))) {
        dns_rcode_text(name, rcode);
        snprintf(reply->said, sizeof reply->said, "%s", name);
        return;
    }
    if (question->alias)
        read_alias(reply, pkt, question);
    else
        read_values(reply, pkt, question);
    if (!reply->has && !ldns_pkt_aa(pkt))
        read_referral(reply, pkt, question);
}
