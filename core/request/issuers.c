/*
 * A few decoded CA certificates, the oldest replaced first; see issuers.h.
 */
#include "request/issuers.h"

#include <stdlib.h>
#include <string.h>

#define KEPT 8

struct issuers {
    struct {
        X509 *certificate;
        uint8_t *der;
        size_t len;
    } v[KEPT];
    size_t next;
};

static X509 *decode(const uint8_t *der, size_t len)
{
    const unsigned char *at = der;
    X509 *certificate = d2i_X509(NULL, &at, (long)len);

    if (certificate && at == der + len)
        return certificate;
    X509_free(certificate);
    return NULL;
}

/* Without memory it is simply not kept. */
static void keep(struct issuers *issuers, X509 *certificate, const uint8_t *der, size_t len)
{
    uint8_t *copy = malloc(len);

    if (!copy || X509_up_ref(certificate) != 1) {
        free(copy);
        return;
    }
    memcpy(copy, der, len);
    X509_free(issuers->v[issuers->next].certificate);
    free(issuers->v[issuers->next].der);
    issuers->v[issuers->next].certificate = certificate;
    issuers->v[issuers->next].der = copy;
    issuers->v[issuers->next].len = len;
    issuers->next = (issuers->next + 1) % KEPT;
}

X509 *issuers_decode(struct issuers *issuers, const uint8_t *der, size_t len)
{
    X509 *certificate;

    for (size_t i = 0; issuers && i < KEPT; i++)
        if (issuers->v[i].len == len && memcmp(issuers->v[i].der, der, len) == 0)
            return X509_up_ref(issuers->v[i].certificate) == 1 ? issuers->v[i].certificate : NULL;
    certificate = len ? decode(der, len) : NULL;
    if (issuers && certificate)
        keep(issuers, certificate, der, len);
    return certificate;
}

struct issuers *issuers_new(void)
{
    return calloc(1, sizeof(struct issuers));
}

void issuers_free(struct issuers *issuers)
{
    if (!issuers)
        return;
    for (size_t i = 0; i < KEPT; i++) {
        X509_free(issuers->v[i].certificate);
        free(issuers->v[i].der);
    }
    free(issuers);
}
