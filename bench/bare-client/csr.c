/*
 * Requests for certificates as bench/throughput needs them by the thousand; see csr.h.
 */
#include "csr.h"

#include <openssl/x509.h>
#include <openssl/x509v3.h>

static int add_name(X509_REQ *req, const char *name)
{
    STACK_OF(X509_EXTENSION) *extensions = sk_X509_EXTENSION_new_null();
    GENERAL_NAMES *names = sk_GENERAL_NAME_new_null();
    GENERAL_NAME *one = GENERAL_NAME_new();
    ASN1_IA5STRING *text = ASN1_IA5STRING_new();
    int good = extensions && names && one && text && ASN1_STRING_set(text, name, -1);

    if (good) {
        GENERAL_NAME_set0_value(one, GEN_DNS, text);
        good = sk_GENERAL_NAME_push(names, one) && X509V3_add1_i2d(&extensions, NID_subject_alt_name, names, 0, 0) == 1 &&
               X509_REQ_add_extensions(req, extensions);
    }
    sk_X509_EXTENSION_pop_free(extensions, X509_EXTENSION_free);
    sk_GENERAL_NAME_pop_free(names, GENERAL_NAME_free);
    return good;
}

static int add_organization(X509_REQ *req, const char *organization)
{
    return X509_NAME_add_entry_by_txt(X509_REQ_get_subject_name(req), "O", MBSTRING_UTF8, (const unsigned char *)organization,
                                      -1, -1, 0);
}

unsigned char *csr_make(EVP_PKEY *key, const char *name, const char *organization, size_t *len)
{
    X509_REQ *req = X509_REQ_new();
    unsigned char *der = NULL;
    int n = -1;

    if (req && X509_REQ_set_pubkey(req, key) && (!organization || add_organization(req, organization)) && add_name(req, name) &&
        X509_REQ_sign(req, key, EVP_sha256()))
        n = i2d_X509_REQ(req, &der);
    X509_REQ_free(req);
    *len = n > 0 ? (size_t)n : 0;
    return n > 0 ? der : NULL;
}
