/*
 * The DNS server as a function; see answer.h.
 */
#include "answer.h"

#include <string.h>

#include "base/dns_packet.h"
#include "writer.h"

enum rcode { NOERROR = 0, FORMERR = 1, NXDOMAIN = 3, NOTIMP = 4, REFUSED = 5, NOTAUTH = 9, BADVERS = 16, BADKEY = 17 };
enum { QR = 0x8000, OPCODE = 0x7800, AA = 0x0400, TC = 0x0200, RD = 0x0100 };
enum { OPT = 41, TKEY = 249, TSIG = 250, IXFR = 251, AXFR = 252, ANY = 255 };
enum { HEADER = 12, OPT_LEN = 11, CLASS_IN = 1, CLASS_ANY = 255, DO = 0x8000 };

struct reply {
    struct writer w;
    const struct snapshot *snapshot;
    const struct dns_question *q;
    int64_t now_ms;
    unsigned rcode;
    bool aa, tc;
    uint16_t answers, authority, additional;
};

static void put_header(struct reply *r, uint16_t questions)
{
    const uint16_t flags =
        (uint16_t)(QR | (r->q->flags & (OPCODE | RD)) | (r->aa ? AA : 0) | (r->tc ? TC : 0) | (r->rcode & 15));
    const uint16_t words[6] = { r->q->id, flags, questions, r->answers, r->authority, r->additional };

    for (size_t i = 0; i < 6; i++) {
        r->w.at[2 * i] = (uint8_t)(words[i] >> 8);
        r->w.at[2 * i + 1] = (uint8_t)words[i];
    }
}

/* RFC 2308 2, 3: says for how long a "no" holds. */
static void put_soa(struct reply *r, const struct zone *zone)
{
    r->authority = (uint16_t)(r->authority + writer_put_set(&r->w, NULL, r->w.apex_at, zone->soa, zone->negative_ttl));
}

/* The TTL of all TXT records of an owner, which are one set (RFC 2181 5.2); *n: how many of its values still count. */
static uint32_t txt_ttl(const struct owner *owner, const struct rrset *fixed, int64_t now_ms, size_t *n)
{
    uint32_t ttl = fixed ? fixed->ttl : UINT32_MAX;

    *n = 0;
    for (size_t i = 0; i < owner->n_values; i++) {
        const struct value *value = &owner->values[i];

        if (value->expires_ms <= now_ms)
            continue;
        ++*n;
        if (value->ttl < ttl)
            ttl = value->ttl;
    }
    return ttl;
}

static bool set_has(const struct rrset *set, const struct value *value)
{
    const uint8_t *at = set->rdata;

    for (size_t i = 0; i < set->n; i++) {
        uint16_t len = (uint16_t)(at[0] << 8 | at[1]);

        if (len == value->len && memcmp(at + 2, value->rdata, len) == 0)
            return true;
        at += 2 + len;
    }
    return false;
}

static void put_txt(struct reply *r, const struct owner *owner)
{
    const struct rrset *fixed = rrset_find(owner->fixed, RR_TXT);
    size_t n;
    uint32_t ttl = txt_ttl(owner, fixed, r->now_ms, &n);

    if (fixed)
        r->answers = writer_put_set(&r->w, NULL, HEADER, fixed, ttl);
    for (size_t i = 0; n > 0 && i < owner->n_values; i++) {
        const struct value *value = &owner->values[i];

        if (value->expires_ms <= r->now_ms || (fixed && set_has(fixed, value)))
            continue;
        writer_put_record(&r->w, NULL, HEADER, RR_TXT, ttl, value->rdata, value->len);
        r->answers++;
    }
}

/* RFC 8482 4.1: one set of those that are there. */
static void put_any(struct reply *r, const struct owner *owner)
{
    if (owner->fixed && owner->fixed->type != RR_TXT)
        r->answers = writer_put_set(&r->w, NULL, HEADER, owner->fixed, owner->fixed->ttl);
    else
        put_txt(r, owner);
}

/* The addresses of name servers whose names are ours; left off when they do not fit. */
static void put_glue(struct reply *r, const struct rrset *ns)
{
    static const uint16_t types[] = { RR_A, RR_AAAA };
    const uint8_t *at = ns->rdata;

    for (size_t i = 0; i < ns->n; i++, at += 2 + (at[0] << 8 | at[1])) {
        const struct owner *owner;
        struct key key;

        key_from_wire(&key, at + 2);
        owner = table_find(r->snapshot->root, &key).owner;
        for (size_t j = 0; owner && j < sizeof types / sizeof *types; j++) {
            const struct rrset *set = rrset_find(owner->fixed, types[j]);
            size_t before = r->w.len;

            if (!set)
                continue;
            writer_put_set(&r->w, at + 2, 0, set, set->ttl);
            if (r->w.full) {
                r->w.len = before;
                r->w.full = false;
                return;
            }
            r->additional = (uint16_t)(r->additional + set->n);
        }
    }
}

static void put_owner(struct reply *r, const struct owner *owner)
{
    const struct rrset *set = NULL;

    if (r->q->type == ANY) {
        put_any(r, owner);
    } else if (r->q->type == RR_TXT) {
        put_txt(r, owner);
    } else {
        set = rrset_find(owner->fixed, r->q->type);
        if (set)
            r->answers = writer_put_set(&r->w, NULL, HEADER, set, set->ttl);
    }
    if (set && set->type == RR_NS && !r->w.full)
        put_glue(r, set);
}

static void look_up(struct reply *r, const struct zone *zone, const struct key *key)
{
    struct found found = table_find(r->snapshot->root, key);

    r->aa = true;
    r->w.zone = zone;
    r->w.apex_at = (uint16_t)(HEADER + r->q->name_len - zone->apex_len);
    if (!found.exists)
        r->rcode = NXDOMAIN;
    if (found.owner)
        put_owner(r, found.owner);
    if (r->answers == 0)
        put_soa(r, zone);
}

static void respond(struct reply *r)
{
    const struct zone *zone;
    struct key key;

    r->rcode = REFUSED;
    if (r->q->type == OPT || r->q->type == TKEY || r->q->type == TSIG)
        r->rcode = FORMERR; /* RFC 6895 3.1: nothing that one can ask for here */
    if (r->rcode == FORMERR || r->q->class_ != CLASS_IN || r->q->type == AXFR || r->q->type == IXFR)
        return;
    key_from_wire(&key, r->q->name);
    zone = zones_find(r->snapshot->zones, &key);
    if (!zone)
        return;
    if (r->q->type == RR_DS && key.len == zone->key.len && zone->parent)
        zone = zone->parent; /* RFC 4035 3.1.4.1: the parent's to answer */
    r->rcode = NOERROR;
    look_up(r, zone, &key);
}

/* RFC 8945 5.2.1, 5.3.2: we know no key, and say so without a signature. */
static void put_tsig(struct reply *r)
{
    const struct dns_question *q = r->q;
    size_t before = r->w.len;

    writer_put_bytes(&r->w, q->tsig_name, q->tsig_name_len);
    writer_put16(&r->w, TSIG);
    writer_put16(&r->w, CLASS_ANY);
    writer_put32(&r->w, 0);
    writer_put16(&r->w, (uint16_t)(q->tsig_algorithm_len + 16));
    writer_put_bytes(&r->w, q->tsig_algorithm, q->tsig_algorithm_len);
    writer_put_bytes(&r->w, q->tsig_time, sizeof q->tsig_time);
    writer_put16(&r->w, 0);
    writer_put16(&r->w, q->tsig_id);
    writer_put16(&r->w, BADKEY);
    writer_put16(&r->w, 0);
    if (r->w.full) { /* three names of 255 bytes: ask by TCP */
        r->w.len = before;
        r->w.full = false;
        r->tc = true;
        return;
    }
    r->additional++;
}

/* RFC 6891 6.1.3: of what the asker sent, only DO comes back. */
static void put_opt(struct reply *r)
{
    const uint8_t root = 0;

    writer_put_bytes(&r->w, &root, 1);
    writer_put16(&r->w, OPT);
    writer_put16(&r->w, ANSWER_UDP_MOST);
    writer_put32(&r->w, (uint32_t)(r->rcode >> 4) << 24 | (r->q->edns_do ? DO : 0));
    writer_put16(&r->w, 0);
    r->additional++;
}

/* RFC 2181 9: what does not fit whole is left off whole. */
static void cut(struct reply *r, size_t question_end)
{
    r->w.len = question_end;
    r->w.full = false;
    r->tc = true;
    r->answers = r->authority = r->additional = 0;
}

static void respond_in_bounds(struct reply *r, const uint8_t *query, struct answer *answer)
{
    const struct dns_question *q = r->q;

    if (answer->most <= ANSWER_UDP_MOST && q->edns_udp < answer->most)
        r->w.most = q->edns_udp;
    if (q->edns)
        r->w.most -= OPT_LEN;
    r->w.len = q->end;
    memcpy(r->w.at + HEADER, query + HEADER, q->end - HEADER);
    if (q->edns && q->edns_version > 0)
        r->rcode = BADVERS;
    else if (q->tsig)
        r->rcode = NOTAUTH;
    else
        respond(r);
    if (r->w.full)
        cut(r, q->end);
    if (q->edns) {
        r->w.most += OPT_LEN;
        put_opt(r);
    }
    if (r->rcode == NOTAUTH)
        put_tsig(r);
    put_header(r, 1);
    answer->len = r->w.len;
}

void answer_query(const struct snapshot *snapshot, const uint8_t *query, size_t len, int64_t now_ms, struct answer *answer)
{
    struct dns_question q;
    struct reply r = { .w = { .at = answer->at, .most = answer->most }, .snapshot = snapshot, .q = &q, .now_ms = now_ms };

    answer->len = 0;
    answer->rcode = answer->type = 0;
    switch (dns_check_query(query, len, &q)) {
    case DNS_PACKET_DROP:
        return;
    case DNS_PACKET_FORMERR:
    case DNS_PACKET_NOTIMP:
        r.rcode = q.flags & OPCODE ? NOTIMP : FORMERR;
        put_header(&r, 0);
        answer->len = HEADER;
        break;
    case DNS_PACKET_OK:
        answer->type = q.type;
        respond_in_bounds(&r, query, answer);
        break;
    }
    answer->rcode = r.rcode;
}
