/*
 * The certificate that a TLS client has shown; see connection.h. It was verified in the handshake; a connection may live on, so
 * it is verified anew with a request a minute later, or when CAs and CRLs were read anew. Called by credential.c.
 */
#include <openssl/ssl.h>

#include <event2/bufferevent_ssl.h>

#include "http/client_ca.h"
#include "http/connection_parts.h"
#include "http/trust.h"

static int look(struct connection *c, X509 *x509, struct cs_error *err)
{
    if (c->certificate)
        return 0;
    c->certificate = client_certificate_of(x509, err);
    return c->certificate ? 0 : -1;
}

int connection_certificate(struct connection *c, struct client_certificate **out, bool *bad, struct cs_error *err)
{
    struct client_ca *ca = trust_client_ca(c->trust);
    SSL *ssl = c->tls ? bufferevent_openssl_get_ssl(c->bev) : NULL;
    X509 *x509 = ssl ? SSL_get0_peer_certificate(ssl) : NULL;

    if (!x509 || (!ca && !trust_has_ended(c->trust)))
        return 0;
    if (look(c, x509, err) < 0)
        return -1;
    if (ca && SSL_get_verify_result(ssl) == X509_V_OK &&
        client_ca_verify(ca, x509, SSL_get_peer_cert_chain(ssl), c->certificate->sha256))
        *out = client_certificate_keep(c->certificate);
    else
        *bad = true;
    return 0;
}

struct client_ca *connection_client_cert_ca(const struct connection *c)
{
    return trust_client_cert_ca(c->trust);
}
