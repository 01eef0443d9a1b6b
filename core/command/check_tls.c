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

#include "http/client_ca.h"

/* There is nobody to ask: a key with a passphrase is refused, instead of waiting at a terminal. */
static int no_passphrase(char *out, int size, int writing, void *arg)
{
    (void)out;
    (void)size;
    (void)writing;
    (void)arg;
    return -1;
}

static int complain_tls(struct config *config, const struct listen_settings *listen, const char *file, const char *what)
{
    unsigned long code = ERR_peek_last_error();
    const char *reason = ERR_reason_error_string(code);

    ERR_clear_error();
    return config_complain(config, listen->at, "%s %s (%s)", file, what, reason ? reason : "no reason given");
}

static int check_readable(struct config *config, const struct listen_settings *listen, const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

    if (fd < 0)
        return config_complain(config, listen->at, "%s cannot be read by the server's user: %s", path, strerror(errno));
    close(fd);
    return 0;
}

static int check_pair(struct config *config, const struct listen_settings *listen, SSL_CTX *tls)
{
    ERR_clear_error();
    SSL_CTX_set_default_passwd_cb(tls, no_passphrase);
    if (SSL_CTX_use_certificate_chain_file(tls, listen->certificate) != 1)
        return complain_tls(config, listen, listen->certificate, "holds no certificate chain in PEM");
    if (SSL_CTX_use_PrivateKey_file(tls, listen->key, SSL_FILETYPE_PEM) == 1)
        return 0;
    if (ERR_GET_REASON(ERR_peek_last_error()) == X509_R_KEY_VALUES_MISMATCH)
        return complain_tls(config, listen, listen->key, "does not fit the certificate");
    return complain_tls(config, listen, listen->key, "holds no private key in PEM, without a passphrase");
}

static void check_client_ca(struct config *config, const struct listen_settings *listen)
{
    struct cs_error err = { 0 };
    struct client_ca *ca = client_ca_new(listen->client_ca, listen->client_crl, &err);

    if (!ca)
        config_complain(config, listen->at, "%s", err.text);
    client_ca_free(ca);
}

void check_tls(struct config *config, const struct listen_settings *listen)
{
    SSL_CTX *tls;

    if (listen->client_ca)
        check_client_ca(config, listen);
    if (listen->self_name && access(listen->certificate, F_OK) < 0 && errno == ENOENT)
        return; /* made at the first start */
    if (!listen->certificate || !listen->key || check_readable(config, listen, listen->certificate) < 0 ||
        check_readable(config, listen, listen->key) < 0)
        return;
    tls = SSL_CTX_new(TLS_server_method());
    if (tls)
        check_pair(config, listen, tls);
    else
        complain_tls(config, listen, "OpenSSL", "cannot be used");
    SSL_CTX_free(tls);
}
