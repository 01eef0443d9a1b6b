/*
 * Writes DNS records; see writer.h.
 */
#include "writer.h"

#include <string.h>

enum { CLASS_IN = 1, POINTER = 0xc000 };

void writer_put_bytes(struct writer *w, const void *bytes, size_t n)
{
    if (w->full || n > w->most - w->len) {
        w->full = true;
        return;
    }
    memcpy(w->at + w->len, bytes, n);
    w->len += n;
}

void writer_put16(struct writer *w, uint16_t value)
{
    const uint8_t bytes[2] = { (uint8_t)(value >> 8), (uint8_t)value };

    writer_put_bytes(w, bytes, sizeof bytes);
}

void writer_put32(struct writer *w, uint32_t value)
{
    writer_put16(w, (uint16_t)(value >> 16));
    writer_put16(w, (uint16_t)value);
}

static uint8_t lower(uint8_t c)
{
    return c >= 'A' && c <= 'Z' ? (uint8_t)(c + 32) : c;
}

static bool is_apex(const struct zone *zone, const uint8_t *wire, size_t len)
{
    if (len != zone->apex_len)
        return false;
    for (size_t i = 0; i < len; i++)
        if (lower(wire[i]) != zone->apex[i])
            return false;
    return true;
}

static size_t name_len(const uint8_t *wire)
{
    size_t len = 1;

    for (; *wire; wire += *wire + 1)
        len += (size_t)*wire + 1;
    return len;
}

void writer_put_name(struct writer *w, const uint8_t *wire)
{
    const uint8_t *label = wire;
    size_t left = name_len(wire);

    while (w->zone && *label && !is_apex(w->zone, label, left)) {
        left -= (size_t)*label + 1;
        label += *label + 1;
    }
    if (w->zone && *label) {
        writer_put_bytes(w, wire, (size_t)(label - wire));
        writer_put16(w, POINTER | w->apex_at);
    } else {
        writer_put_bytes(w, wire, name_len(wire));
    }
}

/* Only types of RFC 1035 may have compressed names in their data (RFC 3597 4). */
static void put_data(struct writer *w, uint16_t type, const uint8_t *rdata, uint16_t len)
{
    if (type == RR_NS) {
        writer_put_name(w, rdata);
    } else if (type == RR_SOA) {
        size_t mname_len = name_len(rdata), names_len = mname_len + name_len(rdata + mname_len);

        writer_put_name(w, rdata);
        writer_put_name(w, rdata + mname_len);
        writer_put_bytes(w, rdata + names_len, len - names_len);
    } else {
        writer_put_bytes(w, rdata, len);
    }
}

void writer_put_record(struct writer *w, const uint8_t *owner, uint16_t owner_at, uint16_t type, uint32_t ttl,
                       const uint8_t *rdata, uint16_t len)
{
    size_t start;

    if (owner)
        writer_put_name(w, owner);
    else
        writer_put16(w, POINTER | owner_at);
    writer_put16(w, type);
    writer_put16(w, CLASS_IN);
    writer_put32(w, ttl);
    writer_put16(w, 0);
    start = w->len;
    put_data(w, type, rdata, len);
    if (!w->full) {
        w->at[start - 2] = (uint8_t)((w->len - start) >> 8);
        w->at[start - 1] = (uint8_t)(w->len - start);
    }
}

uint16_t writer_put_set(struct writer *w, const uint8_t *owner, uint16_t owner_at, const struct rrset *set, uint32_t ttl)
{
    const uint8_t *at = set->rdata;

    for (size_t i = 0; i < set->n; i++) {
        uint16_t len = (uint16_t)(at[0] << 8 | at[1]);

        writer_put_record(w, owner, owner_at, set->type, ttl, at + 2, len);
        at += 2 + len;
    }
    return (uint16_t)set->n;
}
