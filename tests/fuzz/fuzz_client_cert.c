/*
 * Fuzzes http/client_cert.c and request/client_certificate.c: what a proxy hands on. The input is the DER of a certificate,
 * which is put into the field; and, once more, the field's value itself. What is read has hashes, and names without control
 * characters.
 */
#include <assert.h>
#include <string.h>

#include "base/base64url.h"
#include "http/client_cert.h"
#include "request/client_certificate.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void look(X509 *x509)
{
    struct client_certificate *c = client_certificate_of(x509, NULL);

    if (!c)
        return;
    assert(strlen(c->sha256) == 64 && strlen(c->spki_sha256) == 64 && c->n_names <= CLIENT_CERTIFICATE_NAMES);
    for (size_t i = 0; i < c->n_names; i++)
        for (const char *p = c->names[i]; *p; p++)
            assert((unsigned char)*p >= 0x20 && *p != 0x7f);
    client_certificate_release(c);
}

/* The head of a request with that value; false: HTTP does not take it. */
static int read_value(X509 **out, const char *value, size_t len)
{
    static const char before[] = "POST / HTTP/1.1\r\nHost: a\r\nClient-Cert: ", behind[] = "\r\n\r\n";
    static char bytes[16384];
    static struct message m;

    *out = NULL;
    memcpy(bytes, before, sizeof before - 1);
    memcpy(bytes + sizeof before - 1, value, len);
    memcpy(bytes + sizeof before - 1 + len, behind, sizeof behind - 1);
    memset(&m, 0, sizeof m);
    if (message_read(&m, bytes, sizeof before - 1 + len + sizeof behind - 1) != MESSAGE_READY)
        return -1;
    return client_cert_read(out, &m, NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static char text[16384];
    X509 *x509;
    size_t len;

    if (size > 8000)
        return 0;
    text[0] = ':';
    len = 1 + base64_encode(text + 1, data, size);
    text[len++] = ':';
    if (read_value(&x509, text, len) == 1)
        look(x509);
    X509_free(x509);
    if (!memchr(data, '\n', size) && read_value(&x509, (const char *)data, size) == 1)
        look(x509);
    X509_free(x509);
    return 0;
}
