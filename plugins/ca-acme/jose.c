/*
 * JOSE over EVP; see jose.h. Integers of a JWK and of an ECDSA signature have the full width of the curve (RFC 7518 3.4 and
 * 6.2.1.2): OpenSSL's own forms are shorter when a number begins with zero bits.
 */
#include "jose.h"

#include <errno.h>
#include <openssl/bio.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <stdlib.h>
#include <string.h>

#include "base/base64url.h"
#include "base/error.h"
#include "base/pem.h"
#include "base/text.h"

#define MESSAGE_MAX ((size_t)128 * 1024)
#define RSA_MAKE_BITS 3072
#define RSA_LEAST_BITS 2048
#define RSA_MOST_BITS 8192

struct kind {
    const char *word; /* in the settings */
    const char *alg;
    const char *curve; /* in a JWK; NULL: RSA */
    const char *group; /* OpenSSL's name */
    int width;         /* bytes of a coordinate */
};

static const struct kind kinds[] = {
    { "es256", "ES256", "P-256", "prime256v1", 32 },
    { "es384", "ES384", "P-384", "secp384r1", 48 },
    { "rs256", "RS256", NULL, NULL, 0 },
};
#define N_KINDS (sizeof kinds / sizeof *kinds)

struct jose_key {
    EVP_PKEY *pkey;
    EVP_MD_CTX *signer; /* begun with the key and its digest; each signature is made with a copy */
    const struct kind *kind;
    json_t *jwk;
    char *jwk_text;
    char thumbprint[JOSE_THUMBPRINT_LEN + 1];
};

static int no_memory(struct cs_error *err)
{
    return cs_fail(err, CS_EBUSY, "out of memory, or OpenSSL failed");
}

static char *encode(const void *data, size_t len)
{
    char *text = malloc(BASE64_ENCODED_MAX(len));

    if (text)
        base64url_encode(text, data, len);
    return text;
}

/* Put a number of the public key into the JWK, `width` bytes wide; 0: as many as it needs. */
static int jwk_put_number(json_t *jwk, const char *member, EVP_PKEY *pkey, const char *param, int width)
{
    uint8_t bytes[RSA_MOST_BITS / 8];
    BIGNUM *number = NULL;
    char *text = NULL;
    int rc = -1;

    if (EVP_PKEY_get_bn_param(pkey, param, &number) != 1)
        goto out;
    if (width == 0)
        width = BN_num_bytes(number);
    if (width > (int)sizeof bytes || BN_bn2binpad(number, bytes, width) != width)
        goto out;
    text = encode(bytes, (size_t)width);
    if (text)
        rc = json_object_set_new(jwk, member, json_string(text));
out:
    free(text);
    BN_free(number);
    return rc;
}

static json_t *make_jwk(EVP_PKEY *pkey, const struct kind *kind)
{
    json_t *jwk = json_object();
    int failed;

    if (kind->curve)
        failed = json_object_set_new(jwk, "kty", json_string("EC")) < 0 ||
                 json_object_set_new(jwk, "crv", json_string(kind->curve)) < 0 ||
                 jwk_put_number(jwk, "x", pkey, OSSL_PKEY_PARAM_EC_PUB_X, kind->width) < 0 ||
                 jwk_put_number(jwk, "y", pkey, OSSL_PKEY_PARAM_EC_PUB_Y, kind->width) < 0;
    else
        failed = json_object_set_new(jwk, "kty", json_string("RSA")) < 0 ||
                 jwk_put_number(jwk, "n", pkey, OSSL_PKEY_PARAM_RSA_N, 0) < 0 ||
                 jwk_put_number(jwk, "e", pkey, OSSL_PKEY_PARAM_RSA_E, 0) < 0;
    if (failed) {
        json_decref(jwk);
        return NULL;
    }
    return jwk;
}

static int sha256(uint8_t digest[32], const void *data, size_t len)
{
    return EVP_Digest(data, len, digest, NULL, EVP_sha256(), NULL) == 1 ? 0 : -1;
}

/* RFC 7638 3: the required members only, sorted, without white space; that is exactly what our JWK has. */
static int make_thumbprint(struct jose_key *key)
{
    uint8_t digest[32];

    key->jwk_text = json_dumps(key->jwk, JSON_COMPACT | JSON_SORT_KEYS);
    if (!key->jwk_text || sha256(digest, key->jwk_text, strlen(key->jwk_text)) != 0)
        return -1;
    base64url_encode(key->thumbprint, digest, sizeof digest);
    return 0;
}

static const struct kind *kind_of(EVP_PKEY *pkey, struct cs_error *err)
{
    char group[64] = "";

    if (EVP_PKEY_is_a(pkey, "RSA")) {
        int bits = EVP_PKEY_get_bits(pkey);

        if (bits >= RSA_LEAST_BITS && bits <= RSA_MOST_BITS)
            return &kinds[2];
        cs_fail(err, CS_ECONFIG, "the account key is RSA of %d bits; %d to %d are possible", bits, RSA_LEAST_BITS,
                RSA_MOST_BITS);
        return NULL;
    }
    if (EVP_PKEY_is_a(pkey, "EC") && EVP_PKEY_get_group_name(pkey, group, sizeof group, NULL) == 1)
        for (size_t i = 0; i < N_KINDS; i++)
            if (kinds[i].group && strcmp(kinds[i].group, group) == 0)
                return &kinds[i];
    cs_fail(err, CS_ECONFIG, "the account key is of a kind that ACME servers do not take; P-256, P-384 and RSA are possible");
    return NULL;
}

/* To begin costs as much as a tenth of the signature, since OpenSSL looks up digest and algorithm by name. */
static EVP_MD_CTX *begin_signing(EVP_PKEY *pkey, const struct kind *kind)
{
    EVP_MD_CTX *signer = EVP_MD_CTX_new();

    if (signer && EVP_DigestSignInit(signer, NULL, kind->width == 48 ? EVP_sha384() : EVP_sha256(), NULL, pkey) == 1)
        return signer;
    EVP_MD_CTX_free(signer);
    return NULL;
}

/* Owns `pkey` from here on. */
static int wrap(struct jose_key **out, EVP_PKEY *pkey, struct cs_error *err)
{
    struct jose_key *key = calloc(1, sizeof *key);

    if (!key) {
        EVP_PKEY_free(pkey);
        return no_memory(err);
    }
    key->pkey = pkey;
    key->kind = kind_of(pkey, err);
    if (!key->kind) {
        jose_key_free(key);
        return -1;
    }
    key->signer = begin_signing(pkey, key->kind);
    key->jwk = make_jwk(pkey, key->kind);
    if (!key->signer || !key->jwk || make_thumbprint(key) < 0) {
        jose_key_free(key);
        return no_memory(err);
    }
    *out = key;
    return 0;
}

static const struct kind *kind_named(const char *alg, struct cs_error *err)
{
    for (size_t i = 0; i < N_KINDS; i++)
        if (strcmp(kinds[i].word, alg) == 0)
            return &kinds[i];
    cs_fail(err, CS_ECONFIG, "key_type \"%.20s\" is not known; use es256, es384 or rs256", alg);
    return NULL;
}

int jose_check_alg(const char *alg, struct cs_error *err)
{
    return kind_named(alg, err) ? 0 : -1;
}

int jose_key_make(struct jose_key **out, const char *alg, struct cs_error *err)
{
    const struct kind *kind = kind_named(alg, err);
    EVP_PKEY *pkey = NULL;

    if (!kind)
        return -1;
    pkey = kind->group ? EVP_EC_gen(kind->group) : EVP_RSA_gen(RSA_MAKE_BITS);
    return pkey ? wrap(out, pkey, err) : no_memory(err);
}

int jose_key_read(struct jose_key **out, const char *pem, size_t len, struct cs_error *err)
{
    BIO *bio = len <= INT32_MAX ? BIO_new_mem_buf(pem, (int)len) : NULL;
    EVP_PKEY *pkey = NULL;

    if (!bio)
        return no_memory(err);
    pkey = PEM_read_bio_PrivateKey(bio, NULL, pem_no_passphrase, NULL);
    BIO_free(bio);
    ERR_clear_error();
    if (!pkey)
        return cs_fail(err, CS_ECONFIG, "there is no readable private key in it (PEM, without passphrase)");
    return wrap(out, pkey, err);
}

int jose_key_write(const struct jose_key *key, char **pem, size_t *len, struct cs_error *err)
{
    BIO *bio = BIO_new(BIO_s_mem());
    char *at = NULL;
    long n;
    int rc = -1;

    *pem = NULL;
    if (!bio || PEM_write_bio_PKCS8PrivateKey(bio, key->pkey, NULL, NULL, 0, NULL, NULL) != 1) {
        no_memory(err);
        goto out;
    }
    n = BIO_get_mem_data(bio, &at);
    *pem = malloc((size_t)n);
    if (!*pem) {
        no_memory(err);
        goto out;
    }
    memcpy(*pem, at, (size_t)n);
    *len = (size_t)n;
    OPENSSL_cleanse(at, (size_t)n);
    rc = 0;
out:
    BIO_free(bio);
    return rc;
}

void jose_key_free(struct jose_key *key)
{
    if (!key)
        return;
    free(key->jwk_text);
    json_decref(key->jwk);
    EVP_MD_CTX_free(key->signer);
    EVP_PKEY_free(key->pkey);
    free(key);
}

void jose_wipe(char *secret, size_t len)
{
    if (secret)
        OPENSSL_cleanse(secret, len);
    free(secret);
}

const char *jose_key_alg(const struct jose_key *key)
{
    return key->kind->alg;
}

json_t *jose_key_jwk(const struct jose_key *key)
{
    return key->jwk;
}

int jose_key_spki(const struct jose_key *key, unsigned char **der, size_t *len, struct cs_error *err)
{
    const int n = i2d_PUBKEY(key->pkey, NULL);
    unsigned char *at = *der = n > 0 ? malloc((size_t)n) : NULL;

    if (!at || i2d_PUBKEY(key->pkey, &at) != n) {
        free(*der);
        *der = NULL;
        return no_memory(err);
    }
    *len = (size_t)n;
    return 0;
}

const char *jose_key_thumbprint(const struct jose_key *key)
{
    return key->thumbprint;
}

/* From ECDSA's DER to r and s side by side (RFC 7518 3.4). */
static int flatten(uint8_t *out, size_t *out_len, const uint8_t *der, size_t der_len, int width)
{
    ECDSA_SIG *sig = d2i_ECDSA_SIG(NULL, &der, (long)der_len);
    int rc = -1;

    if (sig && BN_bn2binpad(ECDSA_SIG_get0_r(sig), out, width) == width &&
        BN_bn2binpad(ECDSA_SIG_get0_s(sig), out + width, width) == width) {
        *out_len = 2 * (size_t)width;
        rc = 0;
    }
    ECDSA_SIG_free(sig);
    return rc;
}

/* The signature of `input` in base64url, for free(); NULL: OpenSSL failed. */
static char *signature_of(const struct jose_key *key, const struct text *input)
{
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    uint8_t raw[RSA_MOST_BITS / 8], flat[2 * 48];
    size_t raw_len = sizeof raw, flat_len;
    char *text = NULL;

    if (!ctx || EVP_MD_CTX_copy_ex(ctx, key->signer) != 1 ||
        EVP_DigestSign(ctx, raw, &raw_len, (const uint8_t *)text_of(input), input->len) != 1)
        goto out;
    if (!key->kind->curve)
        text = encode(raw, raw_len);
    else if (flatten(flat, &flat_len, raw, raw_len, key->kind->width) == 0)
        text = encode(flat, flat_len);
out:
    EVP_MD_CTX_free(ctx);
    return text;
}

/* RFC 7515 5.1: header and payload in base64url with a dot between them, which is what gets signed. */
static int make_input(struct text *input, size_t *header_len, const char *header, const char *payload)
{
    char *first = encode(header, strlen(header)), *second = encode(payload, strlen(payload));
    int rc = -1;

    if (first && second) {
        text_add(input, first);
        *header_len = input->len;
        text_add_char(input, '.');
        text_add(input, second);
        rc = text_failed(input) ? -1 : 0;
    }
    free(first);
    free(second);
    return rc;
}

/* JSON takes it between quotes as it is. */
static bool is_plain(const char *value)
{
    for (; *value; value++)
        if (*value <= ' ' || *value > '~' || *value == '"' || *value == '\\')
            return false;
    return true;
}

static void add_member(struct text *out, const char *before, const char *value, const char *after)
{
    text_add(out, before);
    text_add(out, value);
    text_add(out, after);
}

/* Seven are made for one certificate, so it does without an object for each. */
static int make_header(struct text *out, const struct jose_key *key, const struct jose_header *header)
{
    if (!is_plain(header->nonce) || !is_plain(header->url) || (header->kid && !is_plain(header->kid)))
        return -1;
    add_member(out, "{\"alg\":\"", key->kind->alg, "\"");
    if (header->kid)
        add_member(out, ",\"kid\":\"", header->kid, "\"");
    else
        add_member(out, ",\"jwk\":", key->jwk_text, "");
    add_member(out, ",\"nonce\":\"", header->nonce, "\"");
    add_member(out, ",\"url\":\"", header->url, "\"}");
    return text_failed(out) ? -1 : 0;
}

/* RFC 7515 7.2.2. All three values are base64url, which JSON takes as it is. */
static char *make_message(const struct text *input, size_t header_len, const char *signature)
{
    struct text message = TEXT_MAX(2 * MESSAGE_MAX);

    text_add(&message, "{\"protected\":\"");
    text_add_n(&message, text_of(input), header_len);
    text_add(&message, "\",\"payload\":\"");
    text_add(&message, text_of(input) + header_len + 1);
    text_add(&message, "\",\"signature\":\"");
    text_add(&message, signature);
    text_add(&message, "\"}");
    return text_take(&message);
}

char *jose_sign(const struct jose_key *key, const struct jose_header *header, const char *payload, struct cs_error *err)
{
    struct text words = TEXT_MAX(MESSAGE_MAX), input = TEXT_MAX(MESSAGE_MAX);
    char *signature = NULL, *message = NULL;
    size_t header_len;

    errno = 0;
    if (make_header(&words, key, header) == 0 && make_input(&input, &header_len, text_of(&words), payload) == 0)
        signature = signature_of(key, &input);
    if (signature)
        message = make_message(&input, header_len, signature);
    if (!message) {
        cs_fail(err, CS_EINTERNAL, "a message to the CA could not be signed");
        error_blame_memory(err);
    }
    free(signature);
    text_free(&input);
    text_free(&words);
    return message;
}

json_t *jose_mac(const uint8_t *secret, size_t secret_len, json_t *header, const char *payload, struct cs_error *err)
{
    struct text input = TEXT_MAX(MESSAGE_MAX);
    char *words = NULL, *signature = NULL;
    json_t *whole = NULL;
    uint8_t mac[32];
    size_t mac_len = 0, header_len;

    if (json_object_set_new(header, "alg", json_string("HS256")) == 0)
        words = json_dumps(header, JSON_COMPACT);
    if (words && make_input(&input, &header_len, words, payload) == 0 &&
        EVP_Q_mac(NULL, "HMAC", NULL, "SHA256", NULL, secret, secret_len, (const uint8_t *)text_of(&input), input.len, mac,
                  sizeof mac, &mac_len))
        signature = encode(mac, mac_len);
    if (signature)
        whole = json_pack("{s:s%, s:s, s:s}", "protected", text_of(&input), header_len, "payload",
                          text_of(&input) + header_len + 1, "signature", signature);
    if (!whole)
        no_memory(err);
    free(words);
    free(signature);
    text_free(&input);
    return whole;
}

int jose_dns01_value(const struct jose_key *key, const char *token, char value[JOSE_THUMBPRINT_LEN + 1], struct cs_error *err)
{
    struct text authorization = TEXT_MAX(1024);
    uint8_t digest[32];
    int rc = -1;

    text_addf(&authorization, "%s.%s", token, key->thumbprint);
    if (!text_failed(&authorization) && sha256(digest, text_of(&authorization), authorization.len) == 0) {
        base64url_encode(value, digest, sizeof digest);
        rc = 0;
    }
    text_free(&authorization);
    return rc < 0 ? no_memory(err) : 0;
}
