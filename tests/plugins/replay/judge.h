/*
 * The CA's side of a replay: nonces, the check of every signed request as a strict CA makes it, certificates to hand out.
 * Used by the other files of this folder.
 */
#ifndef REPLAY_JUDGE_H
#define REPLAY_JUDGE_H

#include <jansson.h>

#include "../../fakes/host.h"

void judge_begin(void);
void judge_end(void);

const char *judge_new_nonce(void); /* valid for one request */

/* NULL: the request is in order: it is signed by the account key (with "jwk" for `as` "jwk", else with "kid"), its nonce and
 * URL fit, its payload has everything of `payload` (NULL: it is empty). Otherwise what is wrong. */
const char *judge_post(const struct host_http *request, const char *as, const json_t *payload);
/* The same for the external account binding of the request that was judged last. */
const char *judge_binding(const char *kid, const char *secret_base64url);

void judge_set_account(const char *url); /* from now on the only good "kid" */
/* What the TXT record for a token must hold (RFC 8555 8.4), worked out from the key that the client showed. */
const char *judge_txt_value(const char *token);

/* Leaf and intermediate, the latter issued by `top`, in PEM. The leaf has the key of the CSR, or one that nobody knows. */
const char *judge_chain(const char *top);
const char *judge_foreign_chain(const char *top);
void judge_host_key(uint8_t spki_sha256[32]); /* of the CSR */

#endif
