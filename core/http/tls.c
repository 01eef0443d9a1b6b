/*
 * Makes a listener's TLS context; see tls.h. Called by command/serve_listeners.c.
 */
#include "http/tls.h"
#include "base/pem.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/pem.h>

/* RFC 7301: a client that offers names must offer ours; one that offers none is welcome. */
static int choose_protocol(SSL *ssl, const unsigned char **out, unsigned char *out_len, const unsigned char *in,
                           unsigned int in_len, void *arg)
{
    static const unsigned char ours[] = "\x08http/1.1";
    unsigned char *chosen;

    (void)ssl, (void)arg;
    if (SSL_select_next_proto(&chosen, out_len, ours, sizeof ours - 1, in, in_len) != OPENSSL_NPN_NEGOTIATED)
        return SSL_TLSEXT_ERR_ALERT_FATAL;
    *out = chosen;
    return SSL_TLSEXT_ERR_OK;
}

static const char *openssl_says(void)
{
    const char *reason = ERR_reason_error_string(ERR_peek_last_error());

    return reason ? reason : "unknown error";
}

/* ---- Files ---- */

static BIO *open_file(const char *what, const char *path, struct cs_error *err)
{
    FILE *file = fopen(path, "re");
    BIO *bio = file ? BIO_new_fp(file, BIO_CLOSE) : NULL;

    if (!file)
        cs_fail(err, CS_ECONFIG, "cannot read the %s %s: %s; the user that the server runs as must be able to", what, path,
                strerrordesc_np(errno));
    else if (!bio)
        fclose(file);
    if (file && !bio)
        cs_fail(err, CS_EINTERNAL, "out of memory");
    return bio;
}

/* PEM readers fail at the end of the file, too. */
static bool is_at_end(void)
{
    const unsigned long error = ERR_peek_last_error();

    return ERR_GET_LIB(error) == ERR_LIB_PEM && ERR_GET_REASON(error) == PEM_R_NO_START_LINE;
}

static bool use_chain(SSL_CTX *context, BIO *file)
{
    X509 *one = PEM_read_bio_X509_AUX(file, NULL, pem_no_passphrase, NULL);
    bool good = one && SSL_CTX_use_certificate(context, one) == 1;

    X509_free(one);
    while (good && (one = PEM_read_bio_X509(file, NULL, pem_no_passphrase, NULL))) {
        good = SSL_CTX_add0_chain_cert(context, one) == 1;
        if (!good)
            X509_free(one);
    }
    return good && is_at_end();
}

/* A key of another kind than the certificate's is found by nobody but the last check. */
static int use_key(SSL_CTX *context, BIO *file, const char *certificate, const char *key, struct cs_error *err)
{
    EVP_PKEY *pkey = PEM_read_bio_PrivateKey(file, NULL, pem_no_passphrase, NULL);
    const bool fits = pkey && SSL_CTX_use_PrivateKey(context, pkey) == 1 && SSL_CTX_check_private_key(context) == 1;

    EVP_PKEY_free(pkey);
    if (fits)
        return 0;
    if (pkey)
        return cs_fail(err, CS_ECONFIG, "the key in %s does not belong to the certificate in %s", key, certificate);
    return cs_fail(err, CS_ECONFIG, "%s is not a PEM private key without a pass phrase: %s", key, openssl_says());
}

/* One file that has both is opened once: another may take its place at any moment. */
static int load(SSL_CTX *context, const char *certificate, const char *key, struct cs_error *err)
{
    const bool same = strcmp(certificate, key) == 0;
    BIO *first = open_file("certificate", certificate, err), *second = first && !same ? open_file("key", key, err) : NULL;
    int rc = -1;

    if (!first || (!same && !second))
        goto out;
    if (!use_chain(context, first))
        cs_fail(err, CS_ECONFIG, "%s is not a PEM certificate with its chain: %s", certificate, openssl_says());
    else if (same && BIO_seek(first, 0) != 0)
        cs_fail(err, CS_ECONFIG, "%s has certificate and key, and cannot be read twice: it must be a file", certificate);
    else
        rc = use_key(context, same ? first : second, certificate, key, err);
out:
    BIO_free(second);
    BIO_free(first);
    return rc;
}

/* ---- Contexts ---- */

static void configure(SSL_CTX *context)
{
    SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
    SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_CIPHER_SERVER_PREFERENCE);
    SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE);
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF); /* tickets do without */
    SSL_CTX_set_num_tickets(context, 1);
    SSL_CTX_set_default_passwd_cb(context, pem_no_passphrase);
    SSL_CTX_set_alpn_select_cb(context, choose_protocol, NULL);
}

static SSL_CTX *make(struct cs_error *err)
{
    SSL_CTX *context = SSL_CTX_new(TLS_server_method());

    if (context)
        configure(context);
    else
        cs_fail(err, CS_EINTERNAL, "cannot make a TLS context: %s", openssl_says());
    return context;
}

static SSL_CTX *kept_if(SSL_CTX *context, bool good)
{
    ERR_clear_error();
    if (good)
        return context;
    SSL_CTX_free(context);
    return NULL;
}

SSL_CTX *tls_context_new(const char *certificate, const char *key, struct cs_error *err)
{
    SSL_CTX *context = make(err);

    ERR_clear_error();
    return kept_if(context, context && load(context, certificate, key, err) == 0);
}

SSL_CTX *tls_context_like(SSL_CTX *other, struct cs_error *err)
{
    SSL_CTX *context = make(err);
    STACK_OF(X509) *chain = NULL;
    bool good = context && SSL_CTX_get0_chain_certs(other, &chain) == 1;

    good = good && SSL_CTX_use_cert_and_key(context, SSL_CTX_get0_certificate(other), SSL_CTX_get0_privatekey(other), chain,
                                            1) == 1;
    if (context && !good)
        cs_fail(err, CS_EINTERNAL, "cannot make a TLS context: %s", openssl_says());
    return kept_if(context, good);
}

int tls_context_key(const SSL_CTX *context, uint8_t spki_sha256[OWN_KEY_HASH], struct cs_error *err)
{
    unsigned char *spki = NULL;
    const int len = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(SSL_CTX_get0_certificate(context)), &spki);
    const int rc = len > 0 ? own_key_hash(spki, (size_t)len, spki_sha256, err) : cs_fail(err, CS_EBUSY, "no memory");

    OPENSSL_free(spki);
    return rc;
}
