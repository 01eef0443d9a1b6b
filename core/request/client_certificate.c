/*
 * Reads a certificate down to what tells its client; see client_certificate.h. Called by http/client_cert.c, and by
 * `countersign client` for what it stores.
 */
#include "request/client_certificate.h"

#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/base64url.h"
#include "base/text.h"
#include "request/subject_name.h"

#define MOST_NAME 1024 /* bytes of a subjectAltName */

static int hash(char out[CLIENT_HASH_SIZE], const uint8_t *data, size_t len)
{
    uint8_t digest[32];

    if (EVP_Digest(data, len, digest, NULL, EVP_sha256(), NULL) != 1)
        return -1;
    hex_encode(out, digest, sizeof digest);
    return 0;
}

static int read_hashes(struct client_certificate *c, X509 *x509)
{
    uint8_t *der = NULL, *spki = NULL;
    const int len = i2d_X509(x509, &der), spki_len = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(x509), &spki);
    const int rc = len > 0 && spki_len > 0 && hash(c->sha256, der, (size_t)len) == 0 &&
                   hash(c->spki_sha256, spki, (size_t)spki_len) == 0 ? 0 : -1;

    OPENSSL_free(der);
    OPENSSL_free(spki);
    return rc;
}

static int read_time(const ASN1_TIME *from, int64_t *out_ms)
{
    struct tm tm;

    if (!from || ASN1_TIME_to_tm(from, &tm) != 1)
        return -1;
    *out_ms = (int64_t)timegm(&tm) * 1000;
    return 0;
}

/* "prefix" and the bytes of the name, unless one of them is a control character or not ASCII. */
static char *san_text(const char *prefix, const ASN1_IA5STRING *from)
{
    const unsigned char *at = ASN1_STRING_get0_data(from);
    const size_t len = (size_t)ASN1_STRING_length(from);
    struct text text = TEXT_MAX(MOST_NAME);

    text_add(&text, prefix);
    for (size_t i = 0; i < len; i++) {
        if (at[i] <= 0x20 || at[i] >= 0x7f) {
            text_free(&text);
            return NULL;
        }
        text_add_char(&text, (char)at[i]);
    }
    if (!len || text_failed(&text)) {
        text_free(&text);
        return NULL;
    }
    return text_take(&text);
}

static char *name_of(const GENERAL_NAME *name)
{
    switch (name->type) {
    case GEN_DNS:
        return san_text("DNS:", name->d.dNSName);
    case GEN_URI:
        return san_text("URI:", name->d.uniformResourceIdentifier);
    case GEN_EMAIL:
        return san_text("email:", name->d.rfc822Name);
    default:
        return NULL;
    }
}

static void add_name(struct client_certificate *c, char *name)
{
    if (name && name[0] && c->n_names < CLIENT_CERTIFICATE_NAMES)
        c->names[c->n_names++] = name;
    else
        free(name);
}

static void read_names(struct client_certificate *c, const X509 *x509)
{
    GENERAL_NAMES *sans = X509_get_ext_d2i(x509, NID_subject_alt_name, NULL, NULL);

    add_name(c, subject_name_text(X509_get_subject_name(x509), NULL));
    for (int i = 0; i < sk_GENERAL_NAME_num(sans) && c->n_names < CLIENT_CERTIFICATE_NAMES; i++)
        add_name(c, name_of(sk_GENERAL_NAME_value(sans, i)));
    GENERAL_NAMES_free(sans);
}

static int read_all(struct client_certificate *c, X509 *x509, struct cs_error *err)
{
    if (read_hashes(c, x509) < 0 || read_time(X509_get0_notBefore(x509), &c->not_before_ms) < 0 ||
        read_time(X509_get0_notAfter(x509), &c->not_after_ms) < 0)
        return cs_fail(err, CS_EINPUT, "the certificate has no key or no date that can be read");
    c->issuer = subject_name_text(X509_get_issuer_name(x509), NULL);
    if (!c->issuer)
        c->issuer = text_copy("");
    if (!c->issuer)
        return cs_fail(err, CS_EBUSY, "out of memory");
    read_names(c, x509);
    return 0;
}

struct client_certificate *client_certificate_of(X509 *x509, struct cs_error *err)
{
    struct client_certificate *c = calloc(1, sizeof *c);
    int rc;

    if (!c) {
        cs_fail(err, CS_EBUSY, "out of memory");
        return NULL;
    }
    c->refs = 1;
    rc = read_all(c, x509, err);
    ERR_clear_error();
    if (rc == 0)
        return c;
    client_certificate_release(c);
    return NULL;
}

struct client_certificate *client_certificate_keep(struct client_certificate *certificate)
{
    if (certificate)
        atomic_fetch_add(&certificate->refs, 1);
    return certificate;
}

void client_certificate_release(struct client_certificate *certificate)
{
    if (!certificate || atomic_fetch_sub(&certificate->refs, 1) > 1)
        return;
    for (size_t i = 0; i < certificate->n_names; i++)
        free(certificate->names[i]);
    free(certificate->issuer);
    free(certificate);
}
