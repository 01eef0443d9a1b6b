/*
 * An UPDATE message, made with ldns; see update.h.
 */
#include "update.h"

#include <ldns/ldns.h>
#include <stdlib.h>
#include <string.h>

enum { STRING_MOST = 255 };

struct builder {
    ldns_pkt *pkt;
    struct wire_name owner;
    uint32_t ttl;
};

/* Everything the record got belongs to it, and it to the packet, or is released: nobody else holds a piece. */
static int push(struct builder *b, ldns_pkt_section section, ldns_rr *rr)
{
    if (rr && ldns_rr_owner(rr) && ldns_pkt_push_rr(b->pkt, section, rr))
        return 0;
    ldns_rr_free(rr);
    return -1;
}

static ldns_rr *new_record(struct wire_name owner, ldns_rr_type type, ldns_rr_class class_, uint32_t ttl)
{
    ldns_rr *rr = ldns_rr_new();

    if (!rr)
        return NULL;
    ldns_rr_set_owner(rr, ldns_rdf_new_frm_data(LDNS_RDF_TYPE_DNAME, owner.len, owner.at));
    ldns_rr_set_type(rr, type);
    ldns_rr_set_class(rr, class_);
    ldns_rr_set_ttl(rr, ttl);
    return rr;
}

static int push_zone(struct builder *b, struct wire_name zone)
{
    ldns_rr *rr = new_record(zone, LDNS_RR_TYPE_SOA, LDNS_RR_CLASS_IN, 0);

    if (rr)
        ldns_rr_set_question(rr, true);
    return push(b, LDNS_SECTION_QUESTION, rr);
}

static int push_no_cname(struct builder *b)
{
    return push(b, LDNS_SECTION_ANSWER, new_record(b->owner, LDNS_RR_TYPE_CNAME, LDNS_RR_CLASS_NONE, 0));
}

static int push_string(ldns_rr *rr, const char *at, size_t len)
{
    uint8_t bytes[1 + STRING_MOST];
    ldns_rdf *rdf;

    bytes[0] = (uint8_t)len;
    memcpy(bytes + 1, at, len);
    rdf = ldns_rdf_new_frm_data(LDNS_RDF_TYPE_STR, 1 + len, bytes);
    if (rdf && ldns_rr_push_rdf(rr, rdf))
        return 0;
    ldns_rdf_deep_free(rdf);
    return -1;
}

/* RFC 1035 3.3.14: character-strings of at most 255 bytes. */
static int push_strings(ldns_rr *rr, const char *value)
{
    size_t left = strlen(value);

    do {
        size_t len = left < STRING_MOST ? left : STRING_MOST;

        if (push_string(rr, value, len) < 0)
            return -1;
        value += len;
        left -= len;
    } while (left > 0);
    return 0;
}

static int push_value(struct builder *b, const char *value, ldns_rr_class class_, uint32_t ttl)
{
    ldns_rr *rr = new_record(b->owner, LDNS_RR_TYPE_TXT, class_, ttl);

    if (rr && push_strings(rr, value) < 0) {
        ldns_rr_free(rr);
        rr = NULL;
    }
    return push(b, LDNS_SECTION_AUTHORITY, rr);
}

static int push_values(struct builder *b, const struct cs_txt_change *change)
{
    for (size_t i = 0; i < change->n_gone; i++)
        if (push_value(b, change->gone[i], LDNS_RR_CLASS_NONE, 0) < 0)
            return -1;
    for (size_t i = 0; i < change->n_want; i++)
        if (push_value(b, change->want[i], LDNS_RR_CLASS_IN, change->ttl) < 0)
            return -1;
    return 0;
}

/* The owner may be compressed, the values not: this is an upper bound. */
static size_t most_bytes(struct wire_name zone, struct wire_name owner, const struct cs_txt_change *change)
{
    size_t most = 12 + zone.len + 4 + owner.len + 10;

    for (size_t i = 0; i < change->n_want + change->n_gone; i++) {
        size_t len = strlen(i < change->n_want ? change->want[i] : change->gone[i - change->n_want]);

        most += owner.len + 10 + len + len / STRING_MOST + 1;
    }
    return most;
}

int update_build(uint8_t **out, size_t *out_len, struct wire_name zone, struct wire_name owner,
                 const struct cs_txt_change *change, struct cs_error *err)
{
    struct builder b = { .pkt = NULL, .owner = owner };
    int rc = -1;

    *out = NULL;
    if (most_bytes(zone, owner, change) > UPDATE_MOST)
        return cs_fail(err, CS_EINPUT, "%zu TXT values at one name do not fit into a DNS message of %d bytes",
                       change->n_want + change->n_gone, UPDATE_MOST);
    b.pkt = ldns_pkt_new();
    if (!b.pkt)
        goto out;
    ldns_pkt_set_opcode(b.pkt, LDNS_PACKET_UPDATE);
    if (push_zone(&b, zone) < 0 || (change->n_want > 0 && push_no_cname(&b) < 0) || push_values(&b, change) < 0)
        goto out;
    if (ldns_pkt2wire(out, b.pkt, out_len) == LDNS_STATUS_OK)
        rc = 0;
out:
    ldns_pkt_free(b.pkt);
    return rc == 0 ? 0 : cs_fail(err, CS_EBUSY, "no memory for a DNS update");
}
