/*
 * Makes certificates and CMS messages; see statement_maker.h.
 */
#include "statement_maker.h"

#include <assert.h>
#include <openssl/evp.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static EVP_PKEY *make_key(const char *kind)
{
    if (strcmp(kind, "rsa2048") == 0)
        return EVP_RSA_gen(2048);
    return EVP_EC_gen(strcmp(kind, "p384") == 0 ? "P-384" : "P-256");
}

void holder_make(struct holder *holder, const char *kind, unsigned serial)
{
    X509 *x = X509_new();
    X509V3_CTX context;
    X509_EXTENSION *id;
    int len;

    *holder = (struct holder){ .key = make_key(kind), .certificate = x };
    assert(holder->key && x);
    ASN1_INTEGER_set(X509_get_serialNumber(x), serial);
    X509_NAME_add_entry_by_txt(X509_get_issuer_name(x), "CN", MBSTRING_ASC, (const uint8_t *)"a CA", -1, -1, 0);
    X509_gmtime_adj(X509_getm_notBefore(x), -60);
    X509_gmtime_adj(X509_getm_notAfter(x), 3600);
    X509_set_pubkey(x, holder->key);
    X509V3_set_ctx(&context, x, x, NULL, NULL, 0);
    id = X509V3_EXT_conf_nid(NULL, &context, NID_subject_key_identifier, "hash");
    X509_add_ext(x, id, -1);
    X509_EXTENSION_free(id);
    X509_sign(x, holder->key, EVP_sha256());
    len = i2d_X509(x, &holder->der);
    assert(len > 0);
    holder->len = (size_t)len;
}

void holder_free(struct holder *holder)
{
    EVP_PKEY_free(holder->key);
    X509_free(holder->certificate);
    OPENSSL_free(holder->der);
}

void holder_text(char out[400], const struct holder *holder, const char *reason, const char *time)
{
    uint8_t hash[32];
    char hex[65];

    assert(EVP_Digest(holder->der, holder->len, hash, NULL, EVP_sha256(), NULL) == 1);
    for (size_t i = 0; i < sizeof hash; i++)
        snprintf(hex + 2 * i, 3, "%02x", hash[i]);
    snprintf(out, 400, "countersign revocation 1\ncertificate: %s\nreason: %s\ntime: %s\n", hex, reason, time);
}

uint8_t *holder_sign(const struct holder *holder, const struct statement_wish *wish, size_t *len)
{
    const unsigned flags = CMS_BINARY | CMS_NOCERTS | CMS_PARTIAL | wish->flags;
    const EVP_MD *digest = wish->digest ? wish->digest : EVP_sha256();
    BIO *in = BIO_new_mem_buf(wish->text, -1), *out = BIO_new(BIO_s_mem());
    CMS_ContentInfo *cms = CMS_sign(NULL, NULL, NULL, NULL, flags);
    char *at = NULL;
    uint8_t *copy;
    long n;

    assert(cms && CMS_add1_signer(cms, holder->certificate, holder->key, digest, flags));
    if (wish->second)
        assert(CMS_add1_signer(cms, wish->second->certificate, wish->second->key, digest, flags));
    if (wish->content_type)
        CMS_set1_eContentType(cms, OBJ_nid2obj(wish->content_type));
    assert(CMS_final(cms, in, NULL, flags) == 1);
    assert((wish->pem ? PEM_write_bio_CMS_stream(out, cms, NULL, 0) : i2d_CMS_bio(out, cms)) == 1);
    n = BIO_get_mem_data(out, &at);
    copy = malloc((size_t)n + 1);
    assert(copy);
    memcpy(copy, at, (size_t)n);
    *len = (size_t)n;
    CMS_ContentInfo_free(cms);
    BIO_free(in);
    BIO_free(out);
    return copy;
}
