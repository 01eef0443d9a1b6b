/*
 * Looks a DNS packet over before ldns sees it; see dns_packet.h. Called by plugins/dns-builtin and request/dns_client.c.
 */
#include "base/dns_packet.h"

#include <stdio.h>
#include <string.h>

#include "base/dns_reader.h"

enum { HEADER = DNS_HEADER, NAME_MOST = 255, LABEL_MOST = 63 };
enum { TYPE_SOA = 6, TYPE_OPT = 41, TYPE_TSIG = 250, TYPE_IXFR = 251, CLASS_IN = 1 };
enum { FLAG_QR = 0x8000, OPCODE = 0x7800 };

static bool read_question(struct dns_reader *r, struct dns_question *q)
{
    uint8_t name[NAME_MOST];
    size_t start = r->at, name_len;

    if (!dns_reader_name(r, false, name, &name_len) || r->len - r->at < 4)
        return false;
    q->name = r->packet + start;
    q->name_len = name_len;
    q->type = dns_reader_get16(r->packet + r->at);
    q->class_ = dns_reader_get16(r->packet + r->at + 2);
    r->at += 4;
    q->end = r->at;
    return true;
}

/* RFC 6891 6.1.2: the options are whole, even though nobody reads them. */
static bool options_are_whole(const uint8_t *at, size_t len)
{
    while (len >= 4) {
        size_t option = 4 + (size_t)dns_reader_get16(at + 2);

        if (option > len)
            return false;
        at += option;
        len -= option;
    }
    return len == 0;
}

static bool take_opt(const struct dns_record *rr, struct dns_question *q)
{
    if (q->edns || rr->owner_len != 1 || !options_are_whole(rr->rdata, rr->rdata_len))
        return false;
    q->edns = true;
    q->edns_version = (uint8_t)(rr->ttl >> 16);
    q->edns_do = rr->ttl & 0x8000;
    q->edns_udp = rr->class_ < 512 ? 512 : rr->class_;
    return true;
}

static bool take_tsig(const struct dns_record *rr, struct dns_question *q)
{
    struct dns_tsig tsig;

    if (!dns_reader_tsig(&tsig, rr))
        return false;
    memcpy(q->tsig_algorithm, tsig.algorithm, tsig.algorithm_len);
    q->tsig_algorithm_len = tsig.algorithm_len;
    memcpy(q->tsig_time, tsig.time, sizeof q->tsig_time);
    q->tsig_id = tsig.original_id;
    memcpy(q->tsig_name, rr->owner, rr->owner_len);
    q->tsig_name_len = rr->owner_len;
    q->tsig = true;
    return true;
}

static bool read_additional(struct dns_reader *r, unsigned count, struct dns_question *q)
{
    struct dns_record rr;

    for (unsigned i = 0; i < count; i++) {
        if (!dns_reader_record(r, &rr))
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
    struct dns_reader r = { packet, len, HEADER };
    struct dns_record rr;
    unsigned authority, additional;

    *q = (struct dns_question){ .edns_udp = 512 };
    if (len < HEADER || dns_reader_get16(packet + 2) & FLAG_QR)
        return DNS_PACKET_DROP;
    q->id = dns_reader_get16(packet);
    q->flags = dns_reader_get16(packet + 2);
    if (q->flags & OPCODE)
        return DNS_PACKET_NOTIMP;
    authority = dns_reader_get16(packet + 8);
    additional = dns_reader_get16(packet + 10);
    if (dns_reader_get16(packet + 4) != 1 || dns_reader_get16(packet + 6) != 0 || authority > 1 || additional > 2)
        return DNS_PACKET_FORMERR;
    if (!read_question(&r, q))
        return DNS_PACKET_FORMERR;
    if (authority && (q->type != TYPE_IXFR || !dns_reader_record(&r, &rr) || rr.type != TYPE_SOA))
        return DNS_PACKET_FORMERR;
    if (!read_additional(&r, additional, q) || r.at != len)
        return DNS_PACKET_FORMERR;
    return DNS_PACKET_OK;
}

int dns_check_reply(const uint8_t *packet, size_t len, uint16_t id, const uint8_t *name, size_t name_len, uint16_t type,
                    struct cs_error *err)
{
    struct dns_reader r = { packet, len, HEADER };
    struct dns_question q;
    struct dns_record rr;
    unsigned records, opts = 0;

    if (len < HEADER || dns_reader_get16(packet) != id || (dns_reader_get16(packet + 2) & (FLAG_QR | OPCODE)) != FLAG_QR ||
        dns_reader_get16(packet + 4) != 1)
        return cs_fail(err, CS_EUPSTREAM, "not a DNS answer to our question");
    if (!read_question(&r, &q) || !dns_reader_same_name(q.name, q.name_len, name, name_len) || q.type != type ||
        q.class_ != CLASS_IN)
        return cs_fail(err, CS_EUPSTREAM, "a DNS answer to another question");
    records = (unsigned)dns_reader_get16(packet + 6) + dns_reader_get16(packet + 8) + dns_reader_get16(packet + 10);
    for (unsigned i = 0; i < records; i++) {
        if (!dns_reader_record(&r, &rr))
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
    struct dns_reader r = { wire, len, 0 };
    uint8_t name[NAME_MOST];
    size_t name_len, n = 0;

    if (!dns_reader_name(&r, false, name, &name_len) || r.at != len)
        return -1;
    for (size_t at = 0; name[at] != 0; at += (size_t)name[at] + 1) {
        for (size_t i = 1; i <= name[at]; i++) {
            uint8_t c = dns_reader_lower(name[at + i]);

            n += (size_t)snprintf(out + n, 1024 - n, is_plain(c) ? "%c" : "\\%03d", c);
        }
        out[n++] = '.';
    }
    if (n == 0)
        out[n++] = '.';
    out[n] = '\0';
    return 0;
}

void dns_rcode_text(char out[16], unsigned rcode)
{
    static const char *const names[] = { "NOERROR", "FORMERR", "SERVFAIL", "NXDOMAIN", "NOTIMP", "REFUSED",
                                         "YXDOMAIN", "YXRRSET", "NXRRSET", "NOTAUTH", "NOTZONE" };

    if (rcode < sizeof names / sizeof *names)
        snprintf(out, 16, "%s", names[rcode]);
    else
        snprintf(out, 16, "RCODE %u", rcode % 4096);
}
