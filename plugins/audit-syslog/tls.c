/*
 * TLS to the syslog server; see tls.h.
 */
#include "tls.h"

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>

const char *tls_reason(const SSL *ssl)
{
    const long verdict = ssl ? SSL_get_verify_result(ssl) : X509_V_OK;
    const unsigned long code = ERR_peek_last_error();
    const char *reason = ERR_reason_error_string(code);

    ERR_clear_error();
    if (verdict != X509_V_OK)
        return X509_verify_cert_error_string(verdict);
    return reason ? reason : "the connection was closed";
}

static int trust(SSL_CTX *context, const char *ca_file, struct cs_error *err)
{
    const int done = *ca_file ? SSL_CTX_load_verify_file(context, ca_file) : SSL_CTX_set_default_verify_paths(context);

    if (done == 1)
        return 0;
    return cs_fail(err, CS_ECONFIG, "cannot read the CA certificates of %s: %s", *ca_file ? ca_file : "the system",
                   tls_reason(NULL));
}

static int show(SSL_CTX *context, const struct tls_settings *settings, struct cs_error *err)
{
    if (!*settings->certificate && !*settings->key)
        return 0;
    if (!*settings->certificate || !*settings->key)
        return cs_fail(err, CS_ECONFIG, "a certificate needs its key: set both `certificate` and `key`, or none");
    if (SSL_CTX_use_certificate_chain_file(context, settings->certificate) != 1)
        return cs_fail(err, CS_ECONFIG, "cannot read the certificate %s: %s", settings->certificate, tls_reason(NULL));
    if (SSL_CTX_use_PrivateKey_file(context, settings->key, SSL_FILETYPE_PEM) != 1)
        return cs_fail(err, CS_ECONFIG, "cannot read the key %s: %s", settings->key, tls_reason(NULL));
    return 0;
}

SSL_CTX *tls_context(const struct tls_settings *settings, struct cs_error *err)
{
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());

    if (!context) {
        cs_fail(err, CS_EINTERNAL, "no memory for TLS");
        return NULL;
    }
    SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER, NULL);
    SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION);
    SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    if (trust(context, settings->ca_file, err) == 0 && show(context, settings, err) == 0)
        return context;
    SSL_CTX_free(context);
    return NULL;
}

SSL *tls_client(SSL_CTX *context, int fd, const char *name)
{
    SSL *ssl = SSL_new(context);
    unsigned char address[sizeof(struct in6_addr)];
    bool ok = ssl && SSL_set_fd(ssl, fd) == 1;

    if (ok && (inet_pton(AF_INET, name, address) == 1 || inet_pton(AF_INET6, name, address) == 1))
        ok = X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), name) == 1;
    else if (ok)
        ok = SSL_set1_host(ssl, name) == 1 && SSL_set_tlsext_host_name(ssl, name) == 1;
    if (ok)
        return ssl;
    SSL_free(ssl);
    return NULL;
}
