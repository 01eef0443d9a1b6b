/*
 * The RSA moduli of the certificates in the store, for shared_primes.c. Called in a reader's thread.
 */
#ifndef REQUEST_STORED_MODULI_H
#define REQUEST_STORED_MODULI_H

#include "base/der.h"
#include "records/store.h"
#include "request/moduli.h"

struct stored_modulus {
    char job[MODULI_OWNER_SIZE]; /* the certificate's */
    size_t len;
    uint8_t bytes[512]; /* big-endian, without zeros in front */
};

struct stored_moduli;

/* Of the newest `most_rows` certificates, as long as there are no more than `most_bits`: *out, the newest first. What is in the
 * store and is no certificate is passed over. */
int stored_moduli_read(const struct store_conn *c, int64_t most_rows, size_t most_bits, struct stored_moduli **out,
                       struct cs_error *err);
size_t stored_moduli_count(const struct stored_moduli *list); /* of NULL: 0 */
const struct stored_modulus *stored_moduli_at(const struct stored_moduli *list, size_t index);
void stored_moduli_free(struct stored_moduli *list);

/* The SubjectPublicKeyInfo of a certificate (RFC 5280 4.1), where it stands in its DER. -1: it is none. */
int stored_moduli_spki(struct der_span certificate, struct der_span *spki);

#endif
