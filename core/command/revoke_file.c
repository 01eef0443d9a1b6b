/*
 * The certificate that `countersign revoke` is given in a file; see revoke.h.
 */
#include <errno.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <string.h>

#include "base/pem.h"
#include "command/revoke.h"

X509 *revoke_certificate_read(const char *path, struct cs_error *err)
{
    BIO *bio;
    X509 *certificate;

    errno = 0;
    bio = BIO_new_file(path, "rb");
    if (!bio) {
        cs_fail(err, errno == ENOENT ? CS_ENOTFOUND : CS_EINPUT, "%s: %s", path, strerror(errno));
        ERR_clear_error();
        return NULL;
    }
    certificate = PEM_read_bio_X509(bio, NULL, pem_no_passphrase, NULL);
    if (!certificate && BIO_seek(bio, 0) == 0)
        certificate = d2i_X509_bio(bio, NULL);
    BIO_free(bio);
    ERR_clear_error();
    if (!certificate)
        cs_fail(err, CS_EINPUT, "%s: there is no certificate in it, in PEM or DER", path);
    return certificate;
}

int revoke_certificate_serial(char out[REVOCATION_SERIAL_MOST + 1], X509 *certificate, struct cs_error *err)
{
    BIGNUM *number = ASN1_INTEGER_to_BN(X509_get0_serialNumber(certificate), NULL);
    char *hex = number && !BN_is_negative(number) ? BN_bn2hex(number) : NULL;
    bool ok = hex && revocation_serial(out, hex);

    OPENSSL_free(hex);
    BN_free(number);
    return ok ? 0 : cs_fail(err, CS_EINPUT, "the certificate's serial number is none that a CA gives");
}

int revoke_certificate_hash(char out[65], X509 *certificate, struct cs_error *err)
{
    uint8_t hash[EVP_MAX_MD_SIZE];
    unsigned len = 0;

    if (X509_digest(certificate, EVP_sha256(), hash, &len) != 1 || len != 32)
        return cs_fail(err, CS_EINTERNAL, "cannot hash the certificate");
    for (unsigned i = 0; i < len; i++)
        snprintf(out + 2 * (size_t)i, 3, "%02x", hash[i]);
    return 0;
}
