/*
 * The files and the cryptography of a certificate that the server gets for itself: STATE/self/NAME.pem with key and chain, and
 * NAME.next, the key of the order under way. Called by serve_self.c, at the start and in a worker: it waits for the disk.
 */
#ifndef COMMAND_SELF_CERTIFICATE_H
#define COMMAND_SELF_CERTIFICATE_H

#include <countersign/plugin.h>

struct self_times {
    int64_t not_before_ms, not_after_ms; /* wall clock; 0: there is no certificate of a CA yet */
    uint8_t spki_sha256[32];             /* of its key */
};

/* Looks what NAME.pem has. When it is not there, it is made: one that is signed by itself and stands in until a CA's comes. -1:
 * it cannot be read, or made. */
int self_certificate_prepare_wait(const char *folder, const char *name, struct self_times *times, struct cs_error *err);

/* A CSR for `name`, DER, by the key of NAME.next, which is made if it is not there: on the disk before anybody hears of it.
 * OPENSSL_free() releases it. -1 and *err. */
int self_certificate_request_wait(const char *folder, const char *name, unsigned char **der, size_t *len, struct cs_error *err);

/* The key of NAME.next is no good: the next request makes another one. */
void self_certificate_drop_key_wait(const char *folder, const char *name);

/* The chain that the CA gave for it: becomes NAME.pem together with the key, in one go; NAME.next goes. */
int self_certificate_store_wait(const char *folder, const char *name, const char *chain, size_t len, struct self_times *times,
                                struct cs_error *err);

#endif
