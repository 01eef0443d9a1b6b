/*
 * The keys of an instance, as hashes; see own_key.h. There are one or two of them, so that they stand in the instance itself.
 */
#include "engine/own_key.h"

#include <string.h>

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509.h>

/* A key that was read keeps the form in which its file had it. */
static int name_its_curve(EVP_PKEY *key)
{
    return !EVP_PKEY_is_a(key, "EC") ||
           (EVP_PKEY_set_utf8_string_param(key, OSSL_PKEY_PARAM_EC_ENCODING, OSSL_PKEY_EC_ENCODING_GROUP) == 1 &&
            EVP_PKEY_set_utf8_string_param(key, OSSL_PKEY_PARAM_EC_POINT_CONVERSION_FORMAT,
                                           OSSL_PKEY_EC_POINT_CONVERSION_FORMAT_UNCOMPRESSED) == 1);
}

int own_key_hash(const void *spki, size_t len, uint8_t sha256[OWN_KEY_HASH], struct cs_error *err)
{
    const unsigned char *at = spki;
    EVP_PKEY *key = d2i_PUBKEY(NULL, &at, (long)len);
    unsigned char *der = NULL;
    int der_len, rc = -1;

    if (!key || at != (const unsigned char *)spki + len) {
        cs_fail(err, CS_EINPUT, "these %zu bytes are no public key (SubjectPublicKeyInfo in DER)", len);
        goto out;
    }
    der_len = name_its_curve(key) ? i2d_PUBKEY(key, &der) : -1;
    if (der_len < 0 || EVP_Digest(der, (size_t)der_len, sha256, NULL, EVP_sha256(), NULL) != 1)
        cs_fail(err, CS_EBUSY, "no memory");
    else
        rc = 0;
out:
    OPENSSL_free(der);
    EVP_PKEY_free(key);
    ERR_clear_error();
    return rc;
}

bool own_key_is_of(const struct cs_instance *in, const uint8_t sha256[OWN_KEY_HASH])
{
    for (size_t i = 0; i < in->n_own_keys; i++)
        if (memcmp(in->own_keys[i], sha256, OWN_KEY_HASH) == 0)
            return true;
    return false;
}

int cs_own_key(struct cs_instance *in, const void *spki, size_t len, struct cs_error *err)
{
    uint8_t sha256[OWN_KEY_HASH];

    if (own_key_hash(spki, len, sha256, err) < 0)
        return -1;
    if (own_key_is_of(in, sha256))
        return 0;
    if (in->n_own_keys == OWN_KEYS_MOST)
        return cs_fail(err, CS_EINTERNAL, "an instance may tell %d keys of its own", OWN_KEYS_MOST);
    memcpy(in->own_keys[in->n_own_keys++], sha256, OWN_KEY_HASH);
    return 0;
}
