/* A certificate for an order, of a CA that nobody knows; see fake_chain.h. */
#include "fake_chain.h"

#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>

char *fake_chain(const struct cs_order *in, bool foreign, size_t *len)
{
    const unsigned char *der = in->csr;
    X509_REQ *req = d2i_X509_REQ(NULL, &der, (long)in->csr_len);
    EVP_PKEY *key = EVP_EC_gen("P-256"), *theirs = X509_REQ_get_pubkey(req);
    X509 *leaf = X509_new();
    BIO *out = BIO_new(BIO_s_mem());
    char *data = NULL, *copy;
    STACK_OF(X509_EXTENSION) *extensions = X509_REQ_get_extensions(req);

    X509_set_version(leaf, X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(leaf), 4711);
    X509_gmtime_adj(X509_getm_notBefore(leaf), -60);
    X509_gmtime_adj(X509_getm_notAfter(leaf), 90 * 24 * 3600);
    X509_set_subject_name(leaf, X509_REQ_get_subject_name(req));
    X509_NAME_add_entry_by_txt(X509_get_issuer_name(leaf), "CN", MBSTRING_ASC, (const unsigned char *)"fake", -1, -1, 0);
    X509_set_pubkey(leaf, foreign ? key : theirs);
    for (int i = 0; i < sk_X509_EXTENSION_num(extensions); i++)
        X509_add_ext(leaf, sk_X509_EXTENSION_value(extensions, i), -1);
    X509_sign(leaf, key, EVP_sha256());
    PEM_write_bio_X509(out, leaf);
    *len = (size_t)BIO_get_mem_data(out, &data);
    copy = malloc(*len + 1);
    memcpy(copy, data, *len);
    copy[*len] = '\0';
    sk_X509_EXTENSION_pop_free(extensions, X509_EXTENSION_free);
    BIO_free(out);
    X509_free(leaf);
    EVP_PKEY_free(theirs);
    EVP_PKEY_free(key);
    X509_REQ_free(req);
    return copy;
}
