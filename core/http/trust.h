/*
 * Whom a listener believes about who its clients are: the CAs of their certificates, and whether what a listed proxy hands on
 * in Client-Cert counts. One for each listener (listener.c). Its connections hold the very same, never a copy: what a new
 * configuration takes away is gone for them, too, with their next request (connection_certificate.c). Loop thread only.
 */
#ifndef HTTP_TRUST_H
#define HTTP_TRUST_H

#include <stdbool.h>

struct client_ca;
struct trust;

/* Nobody is believed yet. Counted. NULL: no memory. */
struct trust *trust_new(void);
struct trust *trust_keep(struct trust *trust);
void trust_release(struct trust *trust); /* gives back a reference; NULL is allowed */

/* From now on. Holds a reference to `ca`; NULL: certificates say nothing, as if none were shown, and no Client-Cert counts. */
void trust_set(struct trust *trust, struct client_ca *ca, bool believes_client_cert);

/* The listener is gone: nobody is believed any more, for nobody reads CRLs for it, and a certificate that was shown is a bad
 * one. Its connections end with their next answer. */
void trust_end(struct trust *trust);
bool trust_has_ended(const struct trust *trust);

/* Who verifies certificates that clients show; NULL: nobody, and none counts. Valid until the next trust_set(). */
struct client_ca *trust_client_ca(const struct trust *trust);
/* Who verifies what a listed proxy hands on; NULL: Client-Cert counts for nothing. */
struct client_ca *trust_client_cert_ca(const struct trust *trust);

#endif
