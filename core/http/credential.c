/*
 * Puts together what a request shows to say who asks; see credential.h. Called by api.c.
 */
#include "http/credential.h"

#include <openssl/x509v3.h>

#include "http/authorization.h"
#include "http/client_ca.h"
#include "http/client_cert.h"

/* The proxy has verified it; a listener that names client CAs does not take its word for it. Dates are grant.c's. */
static int take_handed_on(struct credential *out, X509 *x509, const struct connection *c, struct cs_error *err)
{
    struct client_ca *ca = connection_client_ca(c);

    out->certificate = client_certificate_of(x509, err);
    if (!out->certificate)
        return err->code == CS_EINPUT ? cs_fail_as(err, CS_EINPUT, "bad-client-cert", "Client-Cert: %s", err->text) : -1;
    if (ca ? client_ca_verify(ca, x509, NULL, out->certificate->sha256)
           : X509_check_purpose(x509, X509_PURPOSE_SSL_CLIENT, 0) == 1)
        return 0;
    credential_clear(out);
    out->bad_certificate = true;
    return 0;
}

static int read_handed_on(struct credential *out, const struct message *m, const struct connection *c, struct cs_error *err)
{
    X509 *x509;
    const int found = client_cert_read(&x509, m, err);
    int rc;

    if (found <= 0)
        return found;
    rc = take_handed_on(out, x509, c, err);
    X509_free(x509);
    return rc;
}

int credential_read(struct credential *out, const struct message *m, struct connection *c, const struct proxies *proxies,
                    struct cs_error *err)
{
    const struct peer *peer = connection_peer(c);
    int rc;

    *out = (struct credential){ 0 };
    if (proxies_trust(proxies, &peer->address.any, peer->len))
        rc = read_handed_on(out, m, c, err);
    else
        rc = connection_certificate(c, &out->certificate, &out->bad_certificate, err);
    if (rc == 0)
        authorization_read(out, m);
    return rc;
}

void credential_clear(struct credential *credential)
{
    client_certificate_release(credential->certificate);
    *credential = (struct credential){ 0 };
}
