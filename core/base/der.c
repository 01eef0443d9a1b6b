/*
 * A strict walker over DER (X.690); see der.h. Used by request/csr.c.
 */
#include "base/der.h"

#include <string.h>

#define DEEPEST 32

enum {
    BOOLEAN = 0x01,
    INTEGER = 0x02,
    BIT_STRING = 0x03,
    NULL_ = 0x05,
    OID = 0x06,
    ENUMERATED = 0x0a,
    SEQUENCE = 0x30,
    SET = 0x31,
    CONSTRUCTED = 0x20,
    CONTEXT_0 = 0xa0,
    CLASS = 0xc0
};

/* X.690 10.1: definite, in as few bytes as possible. `at` points behind the tag; *used gets the bytes of the length. */
static int read_length(const uint8_t *at, size_t left, size_t *len, size_t *used)
{
    size_t n;

    if (left == 0)
        return -1;
    *used = 1;
    *len = at[0];
    if (at[0] < 0x80)
        return 0;
    n = at[0] & 0x7f;
    if (n == 0 || n > 4 || left <= n || at[1] == 0)
        return -1;
    *len = 0;
    for (size_t i = 1; i <= n; i++)
        *len = *len << 8 | at[i];
    *used = 1 + n;
    return *len < 0x80 ? -1 : 0;
}

int der_next(struct der_span *in, uint8_t *tag, struct der_span *content, struct der_span *whole)
{
    size_t len, used;

    if (in->len < 2 || (in->at[0] & 0x1f) == 0x1f)
        return -1;
    if (read_length(in->at + 1, in->len - 1, &len, &used) != 0 || len > in->len - 1 - used)
        return -1;
    *tag = in->at[0];
    *content = (struct der_span){ in->at + 1 + used, len };
    *whole = (struct der_span){ in->at, 1 + used + len };
    in->at += whole->len;
    in->len -= whole->len;
    return 0;
}

static bool is_shortest_integer(struct der_span c)
{
    if (c.len < 2)
        return c.len == 1;
    return !(c.at[0] == 0x00 && c.at[1] < 0x80) && !(c.at[0] == 0xff && c.at[1] >= 0x80);
}

static bool is_oid(struct der_span c)
{
    bool first = true;

    for (size_t i = 0; i < c.len; i++) {
        if (first && c.at[i] == 0x80)
            return false;
        first = c.at[i] < 0x80;
    }
    return c.len > 0 && first;
}

/* X.690 11.2: unused bits are zero, and there are fewer than eight. */
static bool is_bit_string(struct der_span c)
{
    if (c.len == 0 || c.at[0] > 7 || (c.len == 1 && c.at[0] != 0))
        return false;
    return c.len == 1 || (c.at[c.len - 1] & ((1u << c.at[0]) - 1)) == 0;
}

static bool is_primitive(uint8_t tag, struct der_span c)
{
    switch (tag) {
    case BOOLEAN:
        return c.len == 1 && (c.at[0] == 0x00 || c.at[0] == 0xff);
    case INTEGER:
    case ENUMERATED:
        return is_shortest_integer(c);
    case BIT_STRING:
        return is_bit_string(c);
    case NULL_:
        return c.len == 0;
    case OID:
        return is_oid(c);
    case 0x00: /* end of contents: indefinite lengths only */
    case SEQUENCE & ~CONSTRUCTED:
    case SET & ~CONSTRUCTED:
        return false;
    default: /* strings and times: their content is for whoever reads them */
        return true;
    }
}

/* X.690 11.6: as if padded with zeros, which no element that is longer but otherwise equal could tell apart. */
static bool ascending(struct der_span a, struct der_span b)
{
    size_t n = a.len < b.len ? a.len : b.len;
    int order = memcmp(a.at, b.at, n);

    return order < 0 || (order == 0 && a.len <= b.len);
}

/* All elements of `in`, which are not deeper than `levels`. */
static bool all_strict(struct der_span in, bool is_set, int levels)
{
    struct der_span content, whole, before = { 0 };
    uint8_t tag;

    while (in.len) {
        if (der_next(&in, &tag, &content, &whole) != 0)
            return false;
        if (is_set && before.at && !ascending(before, whole))
            return false;
        before = whole;
        if (!(tag & CONSTRUCTED)) {
            if (!is_primitive(tag, content))
                return false;
            continue;
        }
        if ((tag & CLASS) == 0 && tag != SEQUENCE && tag != SET)
            return false;
        if (levels == 0 || !all_strict(content, tag == SET, levels - 1))
            return false;
    }
    return true;
}

bool der_is_strict(const uint8_t *at, size_t len)
{
    struct der_span in = { at, len }, content, whole;
    uint8_t tag;

    if (der_next(&in, &tag, &content, &whole) != 0 || in.len != 0)
        return false;
    return all_strict(whole, false, DEEPEST);
}

static int expect(struct der_span *in, uint8_t wanted, struct der_span *content, struct der_span *whole)
{
    uint8_t tag;

    return der_next(in, &tag, content, whole) == 0 && tag == wanted ? 0 : -1;
}

int der_csr_split(const uint8_t *csr, size_t len, struct der_csr *parts, struct cs_error *err)
{
    struct der_span in = { csr, len }, request, info, content, whole;

    *parts = (struct der_csr){ 0 };
    if (expect(&in, SEQUENCE, &request, &whole) == 0 && in.len == 0 && expect(&request, SEQUENCE, &info, &parts->info) == 0 &&
        expect(&info, INTEGER, &content, &parts->version) == 0 && expect(&info, SEQUENCE, &content, &parts->subject) == 0 &&
        expect(&info, SEQUENCE, &content, &parts->key) == 0 && expect(&info, CONTEXT_0, &content, &parts->attributes) == 0 &&
        info.len == 0 && expect(&request, SEQUENCE, &content, &parts->algorithm) == 0 &&
        expect(&request, BIT_STRING, &content, &parts->signature) == 0 && request.len == 0)
        return 0;
    return cs_fail_as(err, CS_EINPUT, "bad-der", "this is not a PKCS #10 request in DER (RFC 2986 4)");
}

int der_csr_subject(const uint8_t *csr, size_t len, struct der_span *subject, struct cs_error *err)
{
    struct der_csr parts;
    int rc = der_csr_split(csr, len, &parts, err);

    *subject = parts.subject;
    return rc;
}
