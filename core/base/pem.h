/*
 * Finds the one CSR in a request body in any shape that clients really send: LF, CRLF, all on one line (curl -d), text
 * around it, "NEW CERTIFICATE REQUEST". Ours, because OpenSSL's reader refuses the one-line form. Pure, fuzzed.
 */
#ifndef BASE_PEM_H
#define BASE_PEM_H

#include <countersign/plugin.h>

struct text;

/* Decode the only CERTIFICATE REQUEST block in `body` into `der` (room for BASE64_DECODED_MAX(len) bytes). A form-encoded
 * body ("+" as space, %2B) is NOT decoded: curl -d sends the file's bytes as they are. -1 and CS_EINPUT: no block
 * ("no-csr"), several ("several-csrs"), bad base 64 ("bad-pem"). Other blocks are passed over. */
int pem_find_csr(const char *body, size_t len, uint8_t *der, size_t *der_len, struct cs_error *err);

/* Split a PEM chain into its CERTIFICATE blocks: calls `fn` with each block's DER. Text between blocks, other labels, more
 * than `most` blocks: CS_EUPSTREAM "bad-chain". Returns the number of blocks or -1. */
int pem_each_certificate(const char *pem, size_t len, size_t most,
                         int (*fn)(void *arg, const uint8_t *der, size_t der_len, struct cs_error *err), void *arg,
                         struct cs_error *err);

/* For OpenSSL's own readers of PEM, which would ask for a passphrase at a terminal: nobody is asked, and what needs one is not
 * read. `arg`: NULL, or a bool that then becomes true. */
int pem_no_passphrase(char *out, int size, int writing, void *arg);

/* Add a block in the form of RFC 7468 2: lines of 64 characters, one newline behind each. */
void pem_add(struct text *out, const char *label, const uint8_t *der, size_t len);

#endif
