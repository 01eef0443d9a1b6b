/*
 * Makes a listener's TLS context; see tls.h. Called by command/serve_listeners.c.
 */
#include "http/tls.h"
#include "base/pem.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include <openssl/err.h>

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

static int check_readable(const char *what, const char *path, struct cs_error *err)
{
    if (access(path, R_OK) == 0)
        return 0;
    return cs_fail(err, CS_ECONFIG, "cannot read the %s %s: %s; the user that the server runs as must be able to", what, path,
                   strerror(errno));
}

static const char *openssl_says(void)
{
    const char *reason = ERR_reason_error_string(ERR_peek_last_error());

    return reason ? reason : "unknown error";
}

static int load(SSL_CTX *context, const char *certificate, const char *key, struct cs_error *err)
{
    if (check_readable("certificate", certificate, err) < 0 || check_readable("key", key, err) < 0)
        return -1;
    if (SSL_CTX_use_certificate_chain_file(context, certificate) != 1)
        return cs_fail(err, CS_ECONFIG, "%s is not a PEM certificate with its chain: %s", certificate, openssl_says());
    if (SSL_CTX_use_PrivateKey_file(context, key, SSL_FILETYPE_PEM) == 1)
        return 0;
    if (ERR_GET_REASON(ERR_peek_last_error()) == X509_R_KEY_VALUES_MISMATCH)
        return cs_fail(err, CS_ECONFIG, "the key in %s does not belong to the certificate in %s", key, certificate);
    return cs_fail(err, CS_ECONFIG, "%s is not a PEM private key without a pass phrase: %s", key, openssl_says());
}

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

SSL_CTX *tls_context_new(const char *certificate, const char *key, struct cs_error *err)
{
    SSL_CTX *context = SSL_CTX_new(TLS_server_method());
    int rc;

    if (!context) {
        cs_fail(err, CS_EINTERNAL, "cannot make a TLS context: %s", openssl_says());
        return NULL;
    }
    configure(context);
    ERR_clear_error();
    rc = load(context, certificate, key, err);
    ERR_clear_error();
    if (rc < 0) {
        SSL_CTX_free(context);
        return NULL;
    }
    return context;
}
