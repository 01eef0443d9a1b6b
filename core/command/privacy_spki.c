/*
 * `--spki HEX|FILE` of `countersign privacy erase`: which key is meant. See privacy.h.
 */
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <string.h>

#include "base/base64url.h"
#include "base/pem.h"
#include "command/privacy.h"

/* Of the key where it stands: OpenSSL 3.0's X509_PUBKEY_dup() forgets how many bits of the last byte there are, and what it
 * made of half of all keys has another hash. */
static bool hash(const X509_PUBKEY *key, uint8_t out[SPKI_HASH_LEN])
{
    unsigned char *der = NULL;
    int len = key ? i2d_X509_PUBKEY(key, &der) : -1;
    bool ok = len > 0 && EVP_Digest(der, (size_t)len, out, NULL, EVP_sha256(), NULL) == 1;

    OPENSSL_free(der);
    return ok;
}

static bool of_certificate(BIO *bio, uint8_t out[SPKI_HASH_LEN])
{
    X509 *x = PEM_read_bio_X509(bio, NULL, pem_no_passphrase, NULL);
    bool ok = x && hash(X509_get_X509_PUBKEY(x), out);

    X509_free(x);
    return ok;
}

static bool of_request(BIO *bio, uint8_t out[SPKI_HASH_LEN])
{
    X509_REQ *x = PEM_read_bio_X509_REQ(bio, NULL, pem_no_passphrase, NULL);
    bool ok = x && hash(X509_REQ_get_X509_PUBKEY(x), out);

    X509_REQ_free(x);
    return ok;
}

static bool of_pair(EVP_PKEY *pair, uint8_t out[SPKI_HASH_LEN])
{
    X509_PUBKEY *key = NULL;
    bool ok = pair && X509_PUBKEY_set(&key, pair) == 1 && hash(key, out);

    X509_PUBKEY_free(key);
    EVP_PKEY_free(pair);
    return ok;
}

static bool of_public_key(BIO *bio, uint8_t out[SPKI_HASH_LEN])
{
    return of_pair(PEM_read_bio_PUBKEY(bio, NULL, pem_no_passphrase, NULL), out);
}

static bool of_private_key(BIO *bio, uint8_t out[SPKI_HASH_LEN])
{
    return of_pair(PEM_read_bio_PrivateKey(bio, NULL, pem_no_passphrase, NULL), out);
}

static bool read_file(const char *path, uint8_t out[SPKI_HASH_LEN])
{
    static bool (*const kinds[])(BIO *bio, uint8_t out[SPKI_HASH_LEN]) = { of_certificate, of_request, of_public_key,
                                                                           of_private_key };
    bool found = false;

    for (size_t i = 0; i < sizeof kinds / sizeof *kinds && !found; i++) {
        BIO *bio = BIO_new_file(path, "r");

        found = bio && kinds[i](bio, out);
        BIO_free(bio);
    }
    ERR_clear_error();
    return found;
}

int privacy_spki(const char *typed, uint8_t out[SPKI_HASH_LEN], struct cs_error *err)
{
    if (hex_decode(out, SPKI_HASH_LEN, typed, strlen(typed)) || read_file(typed, out))
        return 0;
    return cs_fail(err, CS_EINPUT,
                   "--spki takes the SHA-256 of a public key as 64 hexadecimal digits, or a PEM file with a certificate, a CSR "
                   "or a key");
}
