/*
 * The CA's list of revoked certificates (RFC 5280 5), crl.pem in its state folder: all that there is to know of them. Made with
 * the CA, signed anew for each revocation and before its time is over. Called by local.c; all but open and close in any thread.
 */
#ifndef CA_LOCAL_CRL_H
#define CA_LOCAL_CRL_H

#include <countersign/plugin.h>
#include <openssl/x509.h>

struct crl;

/* Read the list, or make an empty one; it keeps `certificate` and `key`, which stay. A thread of it signs the list anew when
 * half of its `days` are over. NULL: CS_ECONFIG. */
struct crl *crl_open(struct cs_instance *in, const char *folder, X509 *certificate, EVP_PKEY *key, int64_t days,
                     struct cs_error *err);
void crl_close(struct crl *crl); /* waits for that thread; NULL is allowed */

/* `reason`: RFC 5280 5.3.1. On the disk when this returns; a number that is in it already stays as it is. */
int crl_revoke(struct crl *crl, const ASN1_INTEGER *serial, int reason, struct cs_error *err);

#endif
