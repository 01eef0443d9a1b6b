/*
 * Makes CSRs for tests; see csr_maker.h.
 */
#include "csr_maker.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/ec.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>

#include "request/subject_name.h"

#define EXTENSION_REQUEST "1.2.840.113549.1.9.14"

static void give_up(const char *what)
{
    fprintf(stderr, "csr_maker: %s\n", what);
    abort();
}

static void must(bool ok, const char *what)
{
    if (!ok)
        give_up(what);
}

void bytes_add(struct bytes *b, const void *data, size_t len)
{
    must(len <= sizeof b->at - b->len, "too many bytes");
    if (len)
        memcpy(b->at + b->len, data, len);
    b->len += len;
}

void bytes_add_hex(struct bytes *b, const char *hex)
{
    long len;
    unsigned char *data;

    if (!hex[0])
        return;
    data = OPENSSL_hexstr2buf(hex, &len);
    must(data, hex);
    bytes_add(b, data, (size_t)len);
    OPENSSL_free(data);
}

void bytes_add_all(struct bytes *b, const struct bytes *more)
{
    bytes_add(b, more->at, more->len);
}

static void add_header(struct bytes *b, uint8_t tag, size_t len)
{
    uint8_t header[4] = { tag };
    size_t n = 1;

    if (len >= 0x100) {
        header[n++] = 0x82;
        header[n++] = (uint8_t)(len >> 8);
    } else if (len >= 0x80) {
        header[n++] = 0x81;
    }
    header[n++] = (uint8_t)len;
    bytes_add(b, header, n);
}

void bytes_add_element(struct bytes *b, uint8_t tag, const void *content, size_t len)
{
    add_header(b, tag, len);
    bytes_add(b, content, len);
}

void bytes_wrap(struct bytes *b, uint8_t tag)
{
    struct bytes whole = { .len = 0 };

    bytes_add_element(&whole, tag, b->at, b->len);
    *b = whole;
}

void bytes_add_oid(struct bytes *b, const char *dotted)
{
    ASN1_OBJECT *object = OBJ_txt2obj(dotted, 1);

    must(object, "not an OID");
    bytes_add_element(b, 0x06, OBJ_get0_data(object), OBJ_length(object));
    ASN1_OBJECT_free(object);
}

static EVP_PKEY *make_rsa_key(const char *digits)
{
    char *end;
    unsigned long bits = strtoul(digits, &end, 10);

    must(*end == '\0', "not a number of bits");
    return EVP_RSA_gen((unsigned)bits);
}

static EVP_PKEY *make_key(const char *kind)
{
    if (strncmp(kind, "rsa-pss", 7) == 0) {
        EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, "RSA-PSS", NULL);
        EVP_PKEY *key = NULL;

        if (EVP_PKEY_keygen_init(context) == 1 && EVP_PKEY_CTX_set_rsa_keygen_bits(context, 2048) == 1)
            EVP_PKEY_generate(context, &key);
        EVP_PKEY_CTX_free(context);
        return key;
    }
    if (strncmp(kind, "rsa", 3) == 0)
        return make_rsa_key(kind + 3);
    if (strcmp(kind, "ed25519") == 0)
        return EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
    return EVP_EC_gen(strncmp(kind, "p256", 4) == 0 ? "P-256" : strcmp(kind, "p384") == 0 ? "P-384" :
                      strcmp(kind, "p521") == 0 ? "P-521" : kind);
}

EVP_PKEY *csr_maker_key(const char *kind)
{
    static struct {
        const char *kind;
        EVP_PKEY *key;
    } made[16];

    for (size_t i = 0; i < sizeof made / sizeof *made; i++) {
        if (!made[i].kind) {
            made[i].kind = kind;
            made[i].key = make_key(kind);
            must(made[i].key, kind);
        }
        if (strcmp(made[i].kind, kind) == 0)
            return made[i].key;
    }
    give_up("too many kinds of keys");
    return NULL;
}

static void set_subject(struct bytes *out, const char *subject)
{
    X509_NAME *name = subject_name_build(subject, NULL);
    const unsigned char *der = NULL;
    size_t len = 0;

    must(name && X509_NAME_get0_der(name, &der, &len) == 1, "bad subject");
    bytes_add(out, der, len);
    X509_NAME_free(name);
}

static void set_spki(struct bytes *out, EVP_PKEY *key)
{
    unsigned char *der = NULL;
    int len = i2d_PUBKEY(key, &der);

    must(len > 0, "no public key");
    bytes_add(out, der, (size_t)len);
    OPENSSL_free(der);
}

static void set_algorithm(struct bytes *out, EVP_PKEY *key, const char *digest)
{
    bool is_rsa = EVP_PKEY_is_a(key, "RSA") || EVP_PKEY_is_a(key, "RSA-PSS");

    if (EVP_PKEY_is_a(key, "ED25519")) {
        bytes_add_hex(out, "300506032b6570");
        return;
    }
    if (strcmp(digest, "SHA1") == 0)
        bytes_add_hex(out, is_rsa ? "300d06092a864886f70d0101050500" : "300906072a8648ce3d0401");
    else
        bytes_add_hex(out, is_rsa ? "300d06092a864886f70d01010b0500" : "300a06082a8648ce3d040302");
    out->at[is_rsa ? 12 : 11] = (uint8_t)(out->at[is_rsa ? 12 : 11] + (strcmp(digest, "SHA384") == 0) +
                                          2 * (strcmp(digest, "SHA512") == 0));
}

void csr_maker_start(struct csr_maker *m, const char *kind, const char *subject, const char *san)
{
    struct bytes extensions = { .len = 0 };

    *m = (struct csr_maker){ .digest = "SHA256" };
    m->key = csr_maker_key(kind);
    bytes_add_hex(&m->version, "020100");
    set_subject(&m->subject, subject);
    set_spki(&m->spki, m->key);
    if (san) {
        csr_maker_add_extension_conf(&extensions, NID_subject_alt_name, san);
        csr_maker_set_extensions(m, &extensions);
    }
}

static void sign(struct csr_maker *m, const struct bytes *info, struct bytes *signature)
{
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    const char *digest = EVP_PKEY_is_a(m->key, "ED25519") ? NULL : m->digest;
    uint8_t made[1024];
    size_t len = sizeof made;

    must(context && EVP_DigestSignInit_ex(context, NULL, digest, NULL, NULL, m->key, NULL) == 1 &&
         EVP_DigestSign(context, made, &len, info->at, info->len) == 1, "cannot sign");
    EVP_MD_CTX_free(context);
    if (m->other_signature)
        made[len - 1] ^= 1;
    bytes_add(signature, &m->unused_bits, 1);
    bytes_add(signature, made, len);
    bytes_wrap(signature, 0x03);
}

void csr_maker_make(struct csr_maker *m, struct bytes *out)
{
    struct bytes info = { .len = 0 }, signature = { .len = 0 };

    if (m->algorithm.len == 0)
        set_algorithm(&m->algorithm, m->key, m->digest);
    bytes_add_all(&info, &m->version);
    bytes_add_all(&info, &m->subject);
    bytes_add_all(&info, &m->spki);
    bytes_add_element(&info, 0xa0, m->attributes.at, m->attributes.len);
    bytes_wrap(&info, 0x30);
    sign(m, &info, &signature);
    *out = info;
    bytes_add_all(out, &m->algorithm);
    bytes_add_all(out, &signature);
    bytes_wrap(out, 0x30);
}

void csr_maker_add_extension(struct bytes *extensions, const char *oid, const char *critical_hex, const struct bytes *value)
{
    struct bytes extension = { .len = 0 };

    bytes_add_oid(&extension, oid);
    bytes_add_hex(&extension, critical_hex);
    bytes_add_element(&extension, 0x04, value->at, value->len);
    bytes_wrap(&extension, 0x30);
    bytes_add_all(extensions, &extension);
}

void csr_maker_add_extension_conf(struct bytes *extensions, int nid, const char *value)
{
    X509V3_CTX context;
    X509_EXTENSION *extension;
    unsigned char *der = NULL;
    int len;

    X509V3_set_ctx_nodb(&context);
    X509V3_set_ctx(&context, NULL, NULL, NULL, NULL, 0);
    extension = X509V3_EXT_conf_nid(NULL, &context, nid, value);
    len = i2d_X509_EXTENSION(extension, &der);
    must(len > 0, value);
    bytes_add(extensions, der, (size_t)len);
    OPENSSL_free(der);
    X509_EXTENSION_free(extension);
}

void csr_maker_add_attribute(struct bytes *attributes, const char *oid, const struct bytes *values)
{
    struct bytes attribute = { .len = 0 };

    bytes_add_oid(&attribute, oid);
    bytes_add_element(&attribute, 0x31, values->at, values->len);
    bytes_wrap(&attribute, 0x30);
    bytes_add_all(attributes, &attribute);
}

void csr_maker_set_extensions(struct csr_maker *m, const struct bytes *extensions)
{
    struct bytes value = *extensions;

    bytes_wrap(&value, 0x30);
    m->attributes.len = 0;
    csr_maker_add_attribute(&m->attributes, EXTENSION_REQUEST, &value);
}

void csr_maker_spki(struct bytes *out, const char *algorithm_hex, const struct bytes *key)
{
    struct bytes bits = { .len = 1 };

    bytes_add_all(&bits, key);
    bytes_wrap(&bits, 0x03);
    out->len = 0;
    bytes_add_hex(out, algorithm_hex);
    bytes_add_all(out, &bits);
    bytes_wrap(out, 0x30);
}

void csr_maker_rsa_spki(struct bytes *out, size_t bits, uint8_t low, const char *exponent_hex)
{
    struct bytes modulus = { .len = 0 }, key = { .len = 0 };
    size_t len = (bits + 7) / 8;

    if (bits % 8 == 0)
        modulus.len = 1;
    memset(modulus.at + modulus.len, 0xa5, len);
    modulus.at[modulus.len] = (uint8_t)(bits % 8 ? 1 << (bits % 8 - 1) : 0x80);
    modulus.len += len;
    modulus.at[modulus.len - 1] = low;
    bytes_add_element(&key, 0x02, modulus.at, modulus.len);
    bytes_add_hex(&key, exponent_hex);
    bytes_wrap(&key, 0x30);
    csr_maker_spki(out, "300d06092a864886f70d0101010500", &key);
}
