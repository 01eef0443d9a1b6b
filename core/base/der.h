/*
 * Reads just enough DER to know whose CSR it is, before anything is spent on it. Used by request/csr.c. Pure, fuzzed.
 */
#ifndef BASE_DER_H
#define BASE_DER_H

#include <countersign/plugin.h>

struct der_span {
    const uint8_t *at;
    size_t len;
};

/* One element at *in, strictly: definite shortest length, tag below 31. Takes it off *in. `whole` spans header and content.
 * -1: not DER. */
int der_next(struct der_span *in, uint8_t *tag, struct der_span *content, struct der_span *whole);

/* Is this one element, DER all the way down? Besides lengths: nothing behind it, no constructed strings, INTEGERs, OIDs and
 * BOOLEANs in their only form, the elements of a SET ascending (X.690 11.6), at most 32 levels. OpenSSL's decoding and
 * encoding again proves less, because it keeps the bytes of some parts. */
bool der_is_strict(const uint8_t *at, size_t len);

/* The parts of a PKCS #10 request (RFC 2986 4), each a whole element in the request's bytes. */
struct der_csr {
    struct der_span info; /* what is signed: the next four */
    struct der_span version, subject, key, attributes; /* key: the SubjectPublicKeyInfo; attributes: [0] */
    struct der_span algorithm, signature;
};

/* Take a request that fills `csr` exactly apart; what is inside the parts is not looked at. -1 and CS_EINPUT "bad-der". */
int der_csr_split(const uint8_t *csr, size_t len, struct der_csr *parts, struct cs_error *err);

/* The subject Name (whole element) of a PKCS #10 request (RFC 2986 4) that fills `csr` exactly. -1 and CS_EINPUT "bad-der". */
int der_csr_subject(const uint8_t *csr, size_t len, struct der_span *subject, struct cs_error *err);

#endif
