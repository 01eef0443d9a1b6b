/*
 * One line of `records`; see record.h.
 */
#include "record.h"

#include <ldns/ldns.h>
#include <stdlib.h>
#include <string.h>

#include "zones.h"

/* ldns reads a number that does not fit as another one; RFC 2181 8 ends at 2^31 - 1. */
static int check_ttl(const char *line, struct cs_error *err)
{
    const char *word = line + strcspn(line, " \t");

    for (int i = 0; i < 2; i++) { /* TTL may stand behind the owner, or behind the class */
        size_t digits;

        word += strspn(word, " \t");
        digits = strspn(word, "0123456789");
        if (digits > 10 || (digits == 10 && strncmp(word, "2147483647", 10) > 0))
            return cs_fail(err, CS_ECONFIG, "the TTL is more than 2147483647 seconds");
        word += strcspn(word, " \t");
    }
    return 0;
}

static int check_line(const char *line, struct cs_error *err)
{
    if (strchr(" \t;$@(", line[0]))
        return cs_fail(err, CS_ECONFIG, "a record begins with the full name of its owner");
    for (const char *c = line; *c; c++)
        if ((unsigned char)*c < ' ' && *c != '\t')
            return cs_fail(err, CS_ECONFIG, "a record is one line without control characters");
    if (strstr(line, "\\#"))
        return cs_fail(err, CS_ECONFIG, "write the data in its type's own form, not as \\#");
    return check_ttl(line, err);
}

static int check_type(const ldns_rr *rr, struct cs_error *err)
{
    if (ldns_rr_get_class(rr) != LDNS_RR_CLASS_IN)
        return cs_fail(err, CS_ECONFIG, "only class IN is served");
    switch ((unsigned)ldns_rr_get_type(rr)) {
    case RR_A:
    case RR_AAAA:
    case RR_CAA:
    case RR_NS:
    case RR_SOA:
    case RR_TXT:
        return 0;
    }
    return cs_fail(err, CS_ECONFIG, "only SOA, NS, A, AAAA, CAA and TXT records are served");
}

static uint16_t get16(const uint8_t *at)
{
    return (uint16_t)(at[0] << 8 | at[1]);
}

static int to_wire(struct record *record, const ldns_rr *rr, struct cs_error *err)
{
    size_t len = 0, owner_len = ldns_rdf_size(ldns_rr_owner(rr));

    if (ldns_rr2wire(&record->wire, rr, LDNS_SECTION_ANSWER, &len) != LDNS_STATUS_OK || len < owner_len + 10)
        return cs_fail(err, CS_ECONFIG, "the record has no wire form");
    record->owner = record->wire;
    record->owner_len = owner_len;
    record->type = get16(record->wire + owner_len);
    record->ttl = ldns_rr_ttl(rr);
    record->len = get16(record->wire + owner_len + 8);
    record->rdata = record->wire + owner_len + 10;
    return 0;
}

int record_parse(struct record *record, const char *line, uint32_t default_ttl, struct cs_error *err)
{
    ldns_rr *rr = NULL;
    ldns_rdf *root = NULL, *previous = NULL;
    ldns_status status;
    int rc = -1;

    *record = (struct record){ 0 };
    if (check_line(line, err) < 0)
        return -1;
    root = ldns_dname_new_frm_str("."); /* names are written in full, with or without the dot at the end */
    if (!root) {
        cs_fail(err, CS_EBUSY, "no memory");
        goto out;
    }
    status = ldns_rr_new_frm_str(&rr, line, default_ttl, root, &previous);
    if (status != LDNS_STATUS_OK) {
        cs_fail(err, CS_ECONFIG, "%s", ldns_get_errorstr_by_id(status));
        goto out;
    }
    if (check_type(rr, err) < 0 || to_wire(record, rr, err) < 0)
        goto out;
    rc = 0;
out:
    ldns_rr_free(rr);
    ldns_rdf_deep_free(previous);
    ldns_rdf_deep_free(root);
    return rc;
}
