/*
 * Reads the pieces of a DNS packet; see dns_reader.h.
 */
#include "base/dns_reader.h"

#include <string.h>

enum { LABEL_MOST = 63, CLASS_ANY = 255, TSIG_TIME = 8, TSIG_TAIL = 6 };

uint16_t dns_reader_get16(const uint8_t *at)
{
    return (uint16_t)(at[0] << 8 | at[1]);
}

static uint32_t get32(const uint8_t *at)
{
    return (uint32_t)dns_reader_get16(at) << 16 | dns_reader_get16(at + 2);
}

uint8_t dns_reader_lower(uint8_t c)
{
    return c >= 'A' && c <= 'Z' ? (uint8_t)(c + 32) : c;
}

bool dns_reader_name(struct dns_reader *r, bool may_point, uint8_t out[DNS_NAME_MOST], size_t *out_len)
{
    size_t at = r->at, before = r->at, n = 0;
    bool jumped = false;

    while (at < r->len) {
        uint8_t label = r->packet[at];

        if (label >= 0xc0) {
            size_t to;

            if (!may_point || r->len - at < 2)
                return false;
            to = dns_reader_get16(r->packet + at) & 0x3fff;
            if (to < DNS_HEADER || to >= before)
                return false;
            if (!jumped)
                r->at = at + 2;
            jumped = true;
            at = before = to;
            continue;
        }
        if (label > LABEL_MOST || (size_t)label + 1 > r->len - at || (size_t)label + 1 > DNS_NAME_MOST - n)
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

bool dns_reader_record(struct dns_reader *r, struct dns_record *rr)
{
    const uint8_t *at;

    if (!dns_reader_name(r, true, rr->owner, &rr->owner_len) || r->len - r->at < 10)
        return false;
    at = r->packet + r->at;
    rr->type = dns_reader_get16(at);
    rr->class_ = dns_reader_get16(at + 2);
    rr->ttl = get32(at + 4);
    rr->rdata_len = dns_reader_get16(at + 8);
    rr->rdata = at + 10;
    if (rr->rdata_len > r->len - r->at - 10)
        return false;
    r->at += 10 + (size_t)rr->rdata_len;
    return true;
}

bool dns_reader_tsig(struct dns_tsig *tsig, const struct dns_record *rr)
{
    struct dns_reader r = { rr->rdata, rr->rdata_len, 0 };
    const uint8_t *at;

    if (rr->class_ != CLASS_ANY || rr->ttl != 0)
        return false;
    if (!dns_reader_name(&r, false, tsig->algorithm, &tsig->algorithm_len) || r.len - r.at < TSIG_TIME + 2)
        return false;
    at = r.packet + r.at;
    tsig->time = at;
    tsig->time_s = (uint64_t)dns_reader_get16(at) << 32 | get32(at + 2);
    tsig->fudge_s = dns_reader_get16(at + 6);
    tsig->mac_len = dns_reader_get16(at + 8);
    tsig->mac = at + 10;
    r.at += TSIG_TIME + 2;
    if (r.len - r.at < (size_t)tsig->mac_len + TSIG_TAIL)
        return false;
    at = tsig->mac + tsig->mac_len;
    tsig->original_id = dns_reader_get16(at);
    tsig->error = dns_reader_get16(at + 2);
    tsig->other_len = dns_reader_get16(at + 4);
    tsig->other = at + TSIG_TAIL;
    return r.len - r.at - tsig->mac_len - TSIG_TAIL == tsig->other_len;
}

bool dns_reader_same_name(const uint8_t *a, size_t a_len, const uint8_t *b, size_t b_len)
{
    if (a_len != b_len)
        return false;
    for (size_t i = 0; i < a_len; i++)
        if (dns_reader_lower(a[i]) != dns_reader_lower(b[i]))
            return false;
    return true;
}

bool dns_reader_lies_in(const uint8_t *name, size_t name_len, const uint8_t *above, size_t above_len)
{
    size_t at = 0;

    while (name_len - at > above_len && name[at] != 0)
        at += (size_t)name[at] + 1;
    return dns_reader_same_name(name + at, name_len - at, above, above_len);
}
