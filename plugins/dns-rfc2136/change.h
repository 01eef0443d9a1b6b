/*
 * One call of set_txt: find the zone, send the update, finish the op. Called by rfc2136.c.
 */
#ifndef DNS_RFC2136_CHANGE_H
#define DNS_RFC2136_CHANGE_H

#include <countersign/dns.h>

#include "exchange.h"
#include "zone_cache.h"

/* What all changes of an instance share. */
struct changes {
    struct exchanges exchanges;
    struct zone_cache cache;
    uint8_t zone[DNS_NAME_MOST]; /* of the settings, wire form, lower case */
    size_t zone_len;             /* 0: found by asking */
};

/* `change` is valid until the op is finished. */
void change_start(struct changes *all, const struct cs_txt_change *change, struct cs_op *op);

#endif
