/*
 * A listener's TLS files; see check_tls.h.
 */
#include "command/check_tls.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <string.h>
#include <unistd.h>

#include "base/pem.h"
#include "http/client_ca.h"

static int fail_tls(const char *file, const char *what, struct cs_error *err)
{
    unsigned long code = ERR_peek_last_error();
    const char *reason = ERR_reason_error_string(code);

    ERR_clear_error();
    return cs_fail(err, CS_ECONFIG, "%s %s (%s)", file, what, reason ? reason : "no reason given");
}

static int check_readable(const char *path, struct cs_error *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

    if (fd < 0)
        return cs_fail(err, CS_ECONFIG, "%s cannot be read by the server's user: %s", path, strerror(errno));
    close(fd);
    return 0;
}

static int check_pair(const struct listen_settings *listen, SSL_CTX *tls, struct cs_error *err)
{
    ERR_clear_error();
    SSL_CTX_set_default_passwd_cb(tls, pem_no_passphrase);
    if (SSL_CTX_use_certificate_chain_file(tls, listen->certificate) != 1)
        return fail_tls(listen->certificate, "holds no certificate chain in PEM", err);
    if (SSL_CTX_use_PrivateKey_file(tls, listen->key, SSL_FILETYPE_PEM) == 1)
        return 0;
    if (ERR_GET_REASON(ERR_peek_last_error()) == X509_R_KEY_VALUES_MISMATCH)
        return fail_tls(listen->key, "does not fit the certificate", err);
    return fail_tls(listen->key, "holds no private key in PEM, without a passphrase", err);
}

static int check_client_ca(const struct listen_settings *listen, struct cs_error *err)
{
    struct client_ca *ca = client_ca_new(listen->client_ca, listen->client_crl, err);

    client_ca_free(ca);
    return ca ? 0 : -1;
}

int check_tls(const struct listen_settings *listen, struct cs_error *err)
{
    SSL_CTX *tls;
    int rc;

    if (listen->client_ca && check_client_ca(listen, err) < 0)
        return -1;
    if (listen->self_name && access(listen->certificate, F_OK) < 0 && errno == ENOENT)
        return 0; /* made at the first start */
    if (!listen->certificate || !listen->key)
        return 0;
    if (check_readable(listen->certificate, err) < 0 || check_readable(listen->key, err) < 0)
        return -1;
    tls = SSL_CTX_new(TLS_server_method());
    rc = tls ? check_pair(listen, tls, err) : fail_tls("OpenSSL", "cannot be used", err);
    SSL_CTX_free(tls);
    return rc;
}
