/*
 * A CA of a test's own, and server certificates of it.
 */
#ifndef TESTS_PRIVATE_CA_H
#define TESTS_PRIVATE_CA_H

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

struct private_ca {
    EVP_PKEY *key;
    X509 *certificate;
    SSL_CTX *server;
    char file[64];
};

static inline void add_extension(X509 *certificate, X509 *issuer, int nid, const char *value)
{
    X509V3_CTX context;
    X509_EXTENSION *extension;

    X509V3_set_ctx(&context, issuer, certificate, NULL, NULL, 0);
    extension = X509V3_EXT_conf_nid(NULL, &context, nid, value);
    if (!extension || !X509_add_ext(certificate, extension, -1))
        abort();
    X509_EXTENSION_free(extension);
}

static inline X509 *make_certificate(EVP_PKEY *key, const char *name, const char *ip, X509 *issuer, EVP_PKEY *issuer_key)
{
    X509 *certificate = X509_new();
    char san[64];

    X509_set_version(certificate, X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(certificate), ip ? 2 : 1);
    X509_gmtime_adj(X509_getm_notBefore(certificate), -3600);
    X509_gmtime_adj(X509_getm_notAfter(certificate), 3600);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate), "CN", MBSTRING_ASC, (const unsigned char *)name, -1, -1, 0);
    X509_set_issuer_name(certificate, X509_get_subject_name(issuer ? issuer : certificate));
    X509_set_pubkey(certificate, key);
    snprintf(san, sizeof san, "IP:%s", ip ? ip : "");
    if (ip)
        add_extension(certificate, issuer, NID_subject_alt_name, san);
    else
        add_extension(certificate, certificate, NID_basic_constraints, "critical,CA:TRUE");
    if (!X509_sign(certificate, issuer_key ? issuer_key : key, EVP_sha256()))
        abort();
    return certificate;
}

static inline struct private_ca *private_ca_new(const char *name)
{
    struct private_ca *ca = calloc(1, sizeof *ca);
    FILE *file;
    int fd;

    if (!ca)
        abort();
    ca->key = EVP_EC_gen("P-256");
    ca->certificate = make_certificate(ca->key, name, NULL, NULL, NULL);
    snprintf(ca->file, sizeof ca->file, "/tmp/countersign-ca-XXXXXX");
    fd = mkstemp(ca->file);
    file = fd < 0 ? NULL : fdopen(fd, "w");
    if (!file || !PEM_write_X509(file, ca->certificate) || fclose(file))
        abort();
    return ca;
}

static inline const char *private_ca_file(const struct private_ca *ca)
{
    return ca->file;
}

/* The CA's own; freed with it. */
static inline SSL_CTX *private_ca_server(struct private_ca *ca, const char *ip)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *certificate = make_certificate(key, "server", ip, ca->certificate, ca->key);

    ca->server = SSL_CTX_new(TLS_server_method());
    if (!SSL_CTX_use_certificate(ca->server, certificate) || !SSL_CTX_use_PrivateKey(ca->server, key))
        abort();
    X509_free(certificate);
    EVP_PKEY_free(key);
    return ca->server;
}

static inline void private_ca_free(struct private_ca *ca)
{
    unlink(ca->file);
    SSL_CTX_free(ca->server);
    X509_free(ca->certificate);
    EVP_PKEY_free(ca->key);
    free(ca);
}

#endif
