/*
 * Whom a listener believes; see trust.h.
 */
#include "http/trust.h"

#include <stdlib.h>

#include "http/client_ca.h"

struct trust {
    struct client_ca *client_ca; /* NULL: nobody is believed */
    bool believes_client_cert, ended;
    int refs;
};

struct trust *trust_new(void)
{
    struct trust *trust = calloc(1, sizeof *trust);

    if (trust)
        trust->refs = 1;
    return trust;
}

struct trust *trust_keep(struct trust *trust)
{
    trust->refs++;
    return trust;
}

void trust_release(struct trust *trust)
{
    if (!trust || --trust->refs > 0)
        return;
    client_ca_free(trust->client_ca);
    free(trust);
}

void trust_set(struct trust *trust, struct client_ca *ca, bool believes_client_cert)
{
    client_ca_keep(ca);
    client_ca_free(trust->client_ca);
    trust->client_ca = ca;
    trust->believes_client_cert = believes_client_cert;
}

void trust_end(struct trust *trust)
{
    trust_set(trust, NULL, false);
    trust->ended = true;
}

bool trust_has_ended(const struct trust *trust)
{
    return trust->ended;
}

struct client_ca *trust_client_ca(const struct trust *trust)
{
    return trust->client_ca;
}

struct client_ca *trust_client_cert_ca(const struct trust *trust)
{
    return trust->believes_client_cert ? trust->client_ca : NULL;
}
