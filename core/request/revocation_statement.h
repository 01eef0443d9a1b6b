/*
 * What the holder of a certificate's key signs to have the certificate revoked: a text of four lines inside a CMS message
 * (RFC 5652), which openssl makes in one command; docs/revoke.md has its form. Reading needs no public key; proving needs
 * that of the certificate, which revocation.c takes from the store. Pure but for OpenSSL; fuzzed.
 */
#ifndef REQUEST_REVOCATION_STATEMENT_H
#define REQUEST_REVOCATION_STATEMENT_H

#include <countersign/plugin.h>

#define REVOCATION_SERIAL_MOST 64                          /* hexadecimal digits, as certificate.h writes them */
#define REVOCATION_CLOCK_MS    (24 * 3600 * INT64_C(1000)) /* so old or so far ahead may a statement be */

struct revocation_statement {
    void *cms;                               /* OpenSSL's; owned */
    char serial[REVOCATION_SERIAL_MOST + 1]; /* of the signer's certificate, as the message names it: not proven */
    uint8_t certificate_sha256[32];          /* of its DER, as the text says: not proven */
    int reason;                              /* RFC 5280 5.3.1 */
    int64_t time_ms;                         /* wall clock of the signer */
};

/* Read a message, PEM or DER. CS_EINPUT "bad-revocation" for whatever is not exactly of the form; "bad-reason" for a reason
 * that is not taken; CS_EDENIED "revocation-stale" for one signed too far from `now_ms`. */
int revocation_statement_read(struct revocation_statement *out, const void *body, size_t len, int64_t now_ms,
                              struct cs_error *err);

/* Is it signed by the key of this certificate, which is the one that text and signer name? `der` is the stored leaf.
 * CS_EDENIED "revocation-proof" otherwise. */
int revocation_statement_prove(const struct revocation_statement *statement, const uint8_t *der, size_t len,
                               struct cs_error *err);

void revocation_statement_free(struct revocation_statement *statement); /* what it holds; harmless twice */

/* A serial number as people write it ("03:A1:F4", "0x3a1f4", upper case) in the form of certificate.h. False: it is none. */
bool revocation_serial(char out[REVOCATION_SERIAL_MOST + 1], const char *typed);

#endif
