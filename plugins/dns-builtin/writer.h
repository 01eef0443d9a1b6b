/*
 * Writes the records of a DNS message into a bounded buffer. Used by answer.c. Pure.
 */
#ifndef DNS_BUILTIN_WRITER_H
#define DNS_BUILTIN_WRITER_H

#include "zones.h"

struct writer {
    uint8_t *at;
    size_t len, most;
    bool full;               /* something did not fit; what was written before stays */
    const struct zone *zone; /* NULL, or: names in it are written with a pointer ... */
    uint16_t apex_at;        /* ... to its apex, which stands here                   */
};

void writer_put16(struct writer *w, uint16_t value);
void writer_put32(struct writer *w, uint32_t value);
void writer_put_bytes(struct writer *w, const void *bytes, size_t n);
void writer_put_name(struct writer *w, const uint8_t *wire); /* RFC 1035 4.1.4 */

/* A record whose owner is the name written at `owner_at`, or `owner` if that is not NULL. */
void writer_put_record(struct writer *w, const uint8_t *owner, uint16_t owner_at, uint16_t type, uint32_t ttl,
                       const uint8_t *rdata, uint16_t len);
/* Every record of a set; returns how many. */
uint16_t writer_put_set(struct writer *w, const uint8_t *owner, uint16_t owner_at, const struct rrset *set, uint32_t ttl);

#endif
