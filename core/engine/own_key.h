/*
 * Keys that the server and its plugins hold: nobody gets a certificate for them (docs/csr.md, `own-key`). Plugins tell theirs
 * by cs_own_key(), and plugin/instances.c finds them; command/serve_listeners.c hashes those of the listeners.
 */
#ifndef ENGINE_OWN_KEY_H
#define ENGINE_OWN_KEY_H

#include "engine/host.h"

/* The SHA-256 of a SubjectPublicKeyInfo (RFC 5280 4.1.2.7, DER), in the form that a CSR may have: a curve by its name, a point
 * uncompressed. Any thread. CS_EINPUT when it is no public key, CS_EBUSY without memory. */
int own_key_hash(const void *spki, size_t len, uint8_t sha256[OWN_KEY_HASH], struct cs_error *err);

/* Was it told by this instance? Loop thread. */
bool own_key_is_of(const struct cs_instance *in, const uint8_t sha256[OWN_KEY_HASH]);

#endif
