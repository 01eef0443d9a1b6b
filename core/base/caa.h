/*
 * CAA records (RFC 8659) with the parameters of RFC 8657: may a CA issue for a name? Called by command/zone_judge.c. No library
 * of ours reads the property's value, and its bytes are whatever stands in somebody's zone. Pure, fuzzed.
 */
#ifndef BASE_CAA_H
#define BASE_CAA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { CAA_WHY = 400 };

struct caa_record {
    const uint8_t *rdata; /* RFC 8659 4.1: flags, length of the tag, tag, value */
    size_t len;
};

/* Who would like to issue what. */
struct caa_ask {
    const char *const *identities; /* the CA's caaIdentities (RFC 8555 7.1.1); n 0: it names none */
    size_t n_identities;
    const char *account; /* the URI of the account (RFC 8657 3); "": there is none yet */
    const char *method;  /* "dns-01" (RFC 8657 4) */
    bool wildcard;
};

enum caa_verdict {
    CAA_PERMITS = 1, /* also when no record is about issuing */
    CAA_UNSURE,      /* what it depends on is not known: the CA's identities, or the account */
    CAA_FORBIDS
};

/* The records are the relevant RRset (RFC 8659 3). `why`: which property decided, printable, for an operator. */
enum caa_verdict caa_judge(const struct caa_record *records, size_t n, const struct caa_ask *ask, char why[CAA_WHY]);

#endif
