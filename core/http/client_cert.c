/*
 * Reads Client-Cert; see client_cert.h. The grammar of a byte sequence is small and fixed, so that no parser of all structured
 * fields is needed.
 */
#include "http/client_cert.h"

#include <openssl/err.h>
#include <stdlib.h>

#include "base/base64url.h"

static int refuse(const char *what, struct cs_error *err)
{
    return cs_fail_as(err, CS_EINPUT, "bad-client-cert",
                      "the proxy's field Client-Cert must be one byte sequence with a certificate (RFC 9440): %s", what);
}

/* ":" base64 ":", and nothing else; padding may be missing (RFC 8941 4.2.7). */
static bool split(struct span value, struct span *inside)
{
    if (value.len < 2 || value.at[0] != ':' || value.at[value.len - 1] != ':')
        return false;
    *inside = (struct span){ value.at + 1, value.len - 2 };
    return true;
}

static X509 *read_der(const uint8_t *der, size_t len)
{
    const unsigned char *at = der;
    X509 *x509 = d2i_X509(NULL, &at, (long)len);

    ERR_clear_error();
    if (x509 && at == der + len)
        return x509;
    X509_free(x509);
    return NULL;
}

int client_cert_read(X509 **out, const struct message *m, struct cs_error *err)
{
    struct span value, inside;
    uint8_t *der;
    size_t len;

    *out = NULL;
    if (!message_field(m, "Client-Cert", 0, &value))
        return 0;
    if (message_field(m, "Client-Cert", 1, &inside))
        return refuse("it stands there several times", err);
    if (!split(value, &inside) || !inside.len)
        return refuse("it is not :BASE64:", err);
    der = malloc(BASE64_DECODED_MAX(inside.len));
    if (!der)
        return cs_fail(err, CS_EBUSY, "out of memory");
    if (base64_decode(der, &len, inside.at, inside.len) == 0)
        *out = read_der(der, len);
    free(der);
    return *out ? 1 : refuse("it holds no certificate in DER", err);
}
