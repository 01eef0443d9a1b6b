/*
 * Looks a DNS packet over before ldns sees it; see dns_packet.h. Called by plugins/dns-builtin and request/dns_client.c.
 */
#include "base/dns_packet.h"

#include <stdio.h>
#include <string.h>

enum { HEADER = 12, NAME_MOST = 255, LABEL_MOST = 63 };
enum { TYPE_SOA = 6, TYPE_OPT = 41, TYPE_TSIG = 250, TYPE_IXFR = 251, CLASS_IN = 1, CLASS_ANY = 255 };
enum { FLAG_QR = 0x8000, OPCODE = 0x7800 };

struct reader {
    const uint8_t *packet;
    size_t len, at;
};

struct record {
    uint8_t owner[NAME_MOST];
    size_t owner_len;
    uint16_t type, class_;
    uint32_t ttl;
    const uint8_t *rdata;
    uint16_t rdata_len;
};

static uint16_t get16(const uint8_t *at)
{
    return (uint16_t)(at[0] << 8 | at[1]);
}

static uint32_t get32(const uint8_t *at)
{
    return (uint32_t)get16(at) << 16 | get16(at + 2);
}

static uint8_t lower(uint8_t c)
{
    return c >= 'A' && c <= 'Z' ? (uint8_t)(c + 32) : c;
}

/* RFC 1035 4.1.4. A pointer must lead before the name it stands in, and the next one before that: so there is no loop. */
static bool read_name(struct reader *r, bool may_point, uint8_t out[NAME_MOST], size_t *out_len)
{
    size_t at = r->at, before = r->at, n = 0;
    bool jumped = false;

    while (at < r->len) {
        uint8_t label = r->packet[at];

        if (label >= 0xc0) {
            size_t to;

            if (!may_point || r->len - at < 2)
                return false;
            to = get16(r->packet + at) & 0x3fff;
            if (to < HEADER || to >= before)
                return false;
            if (!jumped)
                r->at = at + 2;
            jumped = true;
            at = before = to;
            continue;
        }
        if (label > LABEL_MOST || (size_t)label + 1 > r->len - at || (size_t)label + 1 > NAME_MOST - n)
            return false;
        memcpy(out + n, r->packet + at, (size_t)label + 1);
        n += (size_t)label + 1;
        at += (size_t)label + 1;
        if (label == 0) {
            if (!jumped)
                r->at = at;
            *out_len = n;
            return true;
        }
    }
    return false;
}

static bool read_record(struct reader *r, struct record *rr)
{
    const uint8_t *at;

    if (!read_name(r, true, rr->owner, &rr->owner_len) || r->len - r->at < 10)
        return false;
    at = r->packet + r->at;
    rr->type = get16(at);
    rr->class_ = get16(at + 2);
    rr->ttl = get32(at + 4);
    rr->rdata_len = get16(at + 8);
    rr->rdata = at + 10;
    if (rr->rdata_len > r->len - r->at - 10)
        return false;
    r->at += 10 + (size_t)rr->rdata_len;
    return true;
}

static bool read_question(struct reader *r, struct dns_question *q)
{
    uint8_t name[NAME_MOST];
    size_t start = r->at, name_len;

    if (!read_name(r, false, name, &name_len) || r->len - r->at < 4)
        return false;
    q->name = r->packet + start;
    q->name_len = name_len;
    q->type = get16(r->packet + r->at);
    q->class_ = get16(r->packet + r->at + 2);
    r->at += 4;
    q->end = r->at;
    return true;
}

/* RFC 6891 6.1.2: the options are whole, even though nobody reads them. */
static bool options_are_whole(const uint8_t *at, size_t len)
{
    while (len >= 4) {
        size_t option = 4 + (size_t)get16(at + 2);

        if (option > len)
            return false;
        at += option;
        len -= option;
    }
    return len == 0;
}

static bool take_opt(const struct record *rr, struct dns_question *q)
{
    if (q->edns || rr->owner_len != 1 || !options_are_whole(rr->rdata, rr->rdata_len))
        return false;
    q->edns = true;
    q->edns_version = (uint8_t)(rr->ttl >> 16);
    q->edns_do = rr->ttl & 0x8000;
    q->edns_udp = rr->class_ < 512 ? 512 : rr->class_;
    return true;
}

/* RFC 8945 4.2: algorithm, time and fudge, MAC, original id, error, other data, and nothing else. */
static bool take_tsig(const struct record *rr, struct dns_question *q)
{
    struct reader r = { rr->rdata, rr->rdata_len, 0 };
    size_t mac, other;

    if (rr->class_ != CLASS_ANY || rr->ttl != 0)
        return false;
    if (!read_name(&r, false, q->tsig_algorithm, &q->tsig_algorithm_len) || r.len - r.at < 10)
        return false;
    memcpy(q->tsig_time, r.packet + r.at, 8);
    mac = get16(r.packet + r.at + 8);
    r.at += 10;
    if (r.len - r.at < mac + 6)
        return false;
    r.at += mac;
    q->tsig_id = get16(r.packet + r.at);
    other = get16(r.packet + r.at + 4);
    if (r.len - r.at != 6 + other)
        return false;
    memcpy(q->tsig_name, rr->owner, rr->owner_len);
    q->tsig_name_len = rr->owner_len;
    q->tsig = true;
    return true;
}

static bool read_additional(struct reader *r, unsigned count, struct dns_question *q)
{
    struct record rr;

    for (unsigned i = 0; i < count; i++) {
        if (!read_record(r, &rr))
            return false;
        if (rr.type == TYPE_OPT && !take_opt(&rr, q))
            return false;
        if (rr.type == TYPE_TSIG && (i + 1 < count || !take_tsig(&rr, q)))
            return false;
    }
    return true;
}

enum dns_verdict dns_check_query(const uint8_t *packet, size_t len, struct dns_question *q)
{
    struct reader r = { packet, len, HEADER };
    struct record rr;
    unsigned authority, additional;

    *q = (struct dns_question){ .edns_udp = 512 };
    if (len < HEADER || get16(packet + 2) & FLAG_QR)
        return DNS_PACKET_DROP;
    q->id = get16(packet);
    q->flags = get16(packet + 2);
    if (q->flags & OPCODE)
        return DNS_PACKET_NOTIMP;
    authority = get16(packet + 8);
    additional = get16(packet + 10);
    if (get16(packet + 4) != 1 || get16(packet + 6) != 0 || authority > 1 || additional > 2)
        return DNS_PACKET_FORMERR;
    if (!read_question(&r, q))
        return DNS_PACKET_FORMERR;
    if (authority && (q->type != TYPE_IXFR || !read_record(&r, &rr) || rr.type != TYPE_SOA))
        return DNS_PACKET_FORMERR;
    if (!read_additional(&r, additional, q) || r.at != len)
        return DNS_PACKET_FORMERR;
    return DNS_PACKET_OK;
}

static bool same_name(const uint8_t *a, size_t a_len, const uint8_t *b, size_t b_len)
{
    if (a_len != b_len)
        return false;
    for (size_t i = 0; i < a_len; i++)
        if (lower(a[i]) != lower(b[i]))
            return false;
    return true;
}

int dns_check_reply(const uint8_t *packet, size_t len, uint16_t id, const uint8_t *name, size_t name_len, uint16_t type,
                    struct cs_error *err)
{
    struct reader r = { packet, len, HEADER };
    struct dns_question q;
    struct record rr;
    unsigned records, opts = 0;

    if (len < HEADER || get16(packet) != id || (get16(packet + 2) & (FLAG_QR | OPCODE)) != FLAG_QR || get16(packet + 4) != 1)
        return cs_fail(err, CS_EUPSTREAM, "not a DNS answer to our question");
    if (!read_question(&r, &q) || !same_name(q.name, q.name_len, name, name_len) || q.type != type || q.class_ != CLASS_IN)
        return cs_fail(err, CS_EUPSTREAM, "a DNS answer to another question");
    records = (unsigned)get16(packet + 6) + get16(packet + 8) + get16(packet + 10);
    for (unsigned i = 0; i < records; i++) {
        if (!read_record(&r, &rr))
            return cs_fail(err, CS_EUPSTREAM, "a malformed DNS answer: record %u of %u cannot be read", i + 1, records);
        opts += rr.type == TYPE_OPT;
        if (opts > 1 || rr.type == TYPE_TSIG)
            return cs_fail(err, CS_EUPSTREAM, "a malformed DNS answer: a second OPT or a TSIG that nobody asked for");
    }
    if (r.at != len)
        return cs_fail(err, CS_EUPSTREAM, "a malformed DNS answer: %zu bytes behind its end", len - r.at);
    return 0;
}

int dns_name_to_wire(uint8_t out[255], const char *name)
{
    size_t n = 0;

    if (strcmp(name, ".") == 0) {
        out[0] = 0;
        return 1;
    }
    for (;;) {
        size_t label = strcspn(name, ".");

        if (label == 0 || label > LABEL_MOST || memchr(name, '\\', label) || label + 1 > NAME_MOST - 1 - n)
            return -1;
        out[n] = (uint8_t)label;
        memcpy(out + n + 1, name, label);
        n += label + 1;
        name += label;
        if (name[0] == '.')
            name++;
        if (name[0] == '\0')
            break;
    }
    out[n++] = 0;
    return (int)n;
}

static bool is_plain(uint8_t c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '*';
}

int dns_name_from_wire(char *out, const uint8_t *wire, size_t len)
{
    struct reader r = { wire, len, 0 };
    uint8_t name[NAME_MOST];
    size_t name_len, n = 0;

    if (!read_name(&r, false, name, &name_len) || r.at != len)
        return -1;
    for (size_t at = 0; name[at] != 0; at += (size_t)name[at] + 1) {
        for (size_t i = 1; i <= name[at]; i++) {
            uint8_t c = lower(name[at + i]);

            n += (size_t)snprintf(out + n, 1024 - n, is_plain(c) ? "%c" : "\\%03d", c);
        }
        out[n++] = '.';
    }
    if (n == 0)
        out[n++] = '.';
    out[n] = '\0';
    return 0;
}
