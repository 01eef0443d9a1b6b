/*
 * One line of the setting `records`: zone-file syntax (RFC 1035 5.1) read by ldns, then checked. Used by zones.c.
 */
#ifndef DNS_BUILTIN_RECORD_H
#define DNS_BUILTIN_RECORD_H

#include <countersign/plugin.h>

struct record {
    uint8_t *wire; /* the whole record, names uncompressed; free() it */
    const uint8_t *owner;
    size_t owner_len;
    uint16_t type;
    uint32_t ttl;
    const uint8_t *rdata;
    uint16_t len;
};

/* -1 and CS_ECONFIG: what is wrong with the line. */
int record_parse(struct record *record, const char *line, uint32_t default_ttl, struct cs_error *err);

#endif
