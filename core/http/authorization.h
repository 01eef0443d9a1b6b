/*
 * The field Authorization (RFC 9110 11.6.2) with the scheme Bearer (RFC 6750), and what is answered to who needs another one.
 * Called by api.c. Pure, fuzzed (tests/fuzz/fuzz_authorization.c).
 */
#ifndef HTTP_AUTHORIZATION_H
#define HTTP_AUTHORIZATION_H

#include "http/message.h"
#include "request/client.h"

#define AUTHORIZATION_MAX_TOKEN 1024 /* bytes; longer: malformed */

/* Sets out->token, and out->token_sha256 for CLIENT_TOKEN. The scheme is compared without case; the token is hashed as it
 * came and kept nowhere. Tokens in the query or in a form (RFC 6750 2.2, 2.3) are not looked for. */
void authorization_read(struct credential *out, const struct message *m);

/* WWW-Authenticate for an error with CS_ECREDENTIAL; NULL for others. RFC 6750 3: an error code when a token was sent. Who
 * needs a certificate is told so with the scheme ClientCertificate, which no client acts upon: a 401 must have the field. */
const char *authorization_challenge(const struct cs_error *err);

#endif
