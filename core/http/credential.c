/*
 * Puts together what a request shows to say who asks; see credential.h. Called by api.c.
 */
#include "http/credential.h"

#include "http/authorization.h"
#include "http/client_ca.h"
#include "http/client_cert.h"

/* A proxy passes on what it was not told to take away, so the field alone proves nothing: our own CAs decide. */
static int take_handed_on(struct credential *out, X509 *x509, struct client_ca *ca, struct cs_error *err)
{
    out->certificate = client_certificate_of(x509, err);
    if (!out->certificate)
        return err->code == CS_EINPUT ? cs_fail_as(err, CS_EINPUT, "bad-client-cert", "Client-Cert: %s", err->text) : -1;
    if (client_ca_verify(ca, x509, NULL, out->certificate->sha256))
        return 0;
    credential_clear(out);
    out->bad_certificate = true;
    return 0;
}

static int read_handed_on(struct credential *out, const struct message *m, struct client_ca *ca, struct cs_error *err)
{
    X509 *x509;
    const int found = client_cert_read(&x509, m, err);
    int rc;

    if (found <= 0)
        return found;
    rc = take_handed_on(out, x509, ca, err);
    X509_free(x509);
    return rc;
}

int credential_read(struct credential *out, const struct message *m, struct connection *c, const struct proxies *proxies,
                    struct cs_error *err)
{
    const struct peer *peer = connection_peer(c);
    struct client_ca *ca = connection_client_cert_ca(c);
    int rc;

    *out = (struct credential){ 0 };
    if (proxies_trust(proxies, &peer->address.any, peer->len))
        rc = ca ? read_handed_on(out, m, ca, err) : 0;
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
