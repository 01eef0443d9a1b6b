/*
 * A listener's TLS files; see check_tls.h. They are read as the server reads them: http/tls.c says what is wrong.
 */
#include "command/check_tls.h"

#include <errno.h>
#include <unistd.h>

#include "http/client_ca.h"
#include "http/tls.h"

static int check_client_ca(const struct listen_settings *listen, struct cs_error *err)
{
    struct client_ca *ca = client_ca_new(listen->client_ca, listen->client_crl, err);

    client_ca_free(ca);
    return ca ? 0 : -1;
}

static int check_pair(const struct listen_settings *listen, struct cs_error *err)
{
    SSL_CTX *tls = tls_context_new(listen->certificate, listen->key, err);

    SSL_CTX_free(tls);
    return tls ? 0 : -1;
}

int check_tls(const struct listen_settings *listen, struct cs_error *err)
{
    if (listen->client_ca && check_client_ca(listen, err) < 0)
        return -1;
    if (listen->self_name && access(listen->certificate, F_OK) < 0 && errno == ENOENT)
        return 0; /* made at the first start */
    if (!listen->certificate || !listen->key)
        return 0;
    return check_pair(listen, err);
}
