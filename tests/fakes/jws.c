/* The server's side of JOSE; see jws.h. */
#include "jws.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/param_build.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/base64url.h"

static const char *string_of(const json_t *json, const char *name)
{
    const char *value = json_string_value(json_object_get(json, name));

    return value ? value : "";
}

/* -1: not base64url. `out` is malloc'ed with one byte more, a NUL. */
static int decode(const char *text, uint8_t **out, size_t *len)
{
    *out = malloc(BASE64_DECODED_MAX(strlen(text)) + 1);
    if (!*out || base64url_decode(*out, len, text, strlen(text)) < 0) {
        free(*out);
        *out = NULL;
        return -1;
    }
    (*out)[*len] = '\0';
    return 0;
}

static EVP_PKEY *from_params(const char *type, OSSL_PARAM_BLD *builder)
{
    OSSL_PARAM *params = OSSL_PARAM_BLD_to_param(builder);
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, type, NULL);
    EVP_PKEY *key = NULL;

    if (EVP_PKEY_fromdata_init(ctx) != 1 || EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_PUBLIC_KEY, params) != 1)
        key = NULL;
    EVP_PKEY_CTX_free(ctx);
    OSSL_PARAM_free(params);
    return key;
}

static EVP_PKEY *ec_key(const json_t *jwk)
{
    bool is_256 = strcmp(string_of(jwk, "crv"), "P-256") == 0, is_384 = strcmp(string_of(jwk, "crv"), "P-384") == 0;
    size_t width = is_256 ? 32 : 48, x_len = 0, y_len = 0;
    uint8_t *x = NULL, *y = NULL, point[1 + 2 * 48] = { 4 };
    OSSL_PARAM_BLD *builder = OSSL_PARAM_BLD_new();
    EVP_PKEY *key = NULL;

    if ((is_256 || is_384) && json_object_size(jwk) == 4 && decode(string_of(jwk, "x"), &x, &x_len) == 0 &&
        decode(string_of(jwk, "y"), &y, &y_len) == 0 && x_len == width && y_len == width) {
        memcpy(point + 1, x, width);
        memcpy(point + 1 + width, y, width);
        OSSL_PARAM_BLD_push_utf8_string(builder, OSSL_PKEY_PARAM_GROUP_NAME, is_256 ? "prime256v1" : "secp384r1", 0);
        OSSL_PARAM_BLD_push_octet_string(builder, OSSL_PKEY_PARAM_PUB_KEY, point, 1 + 2 * width);
        key = from_params("EC", builder);
    }
    OSSL_PARAM_BLD_free(builder);
    free(x);
    free(y);
    return key;
}

static EVP_PKEY *rsa_key(const json_t *jwk)
{
    uint8_t *n = NULL, *e = NULL;
    size_t n_len = 0, e_len = 0;
    OSSL_PARAM_BLD *builder = OSSL_PARAM_BLD_new();
    BIGNUM *modulus = NULL, *exponent = NULL;
    EVP_PKEY *key = NULL;

    if (json_object_size(jwk) == 3 && decode(string_of(jwk, "n"), &n, &n_len) == 0 &&
        decode(string_of(jwk, "e"), &e, &e_len) == 0 && n_len >= 256 && n[0] && e_len && e[0]) {
        modulus = BN_bin2bn(n, (int)n_len, NULL);
        exponent = BN_bin2bn(e, (int)e_len, NULL);
        OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_N, modulus);
        OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_E, exponent);
        key = from_params("RSA", builder);
    }
    OSSL_PARAM_BLD_free(builder);
    BN_free(modulus);
    BN_free(exponent);
    free(n);
    free(e);
    return key;
}

EVP_PKEY *jws_key(const json_t *jwk)
{
    if (strcmp(string_of(jwk, "kty"), "EC") == 0)
        return ec_key(jwk);
    return strcmp(string_of(jwk, "kty"), "RSA") == 0 ? rsa_key(jwk) : NULL;
}

void jws_thumbprint(const json_t *jwk, char out[44])
{
    uint8_t digest[32];
    char text[2048];

    if (strcmp(string_of(jwk, "kty"), "EC") == 0)
        snprintf(text, sizeof text, "{\"crv\":\"%s\",\"kty\":\"EC\",\"x\":\"%s\",\"y\":\"%s\"}", string_of(jwk, "crv"),
                 string_of(jwk, "x"), string_of(jwk, "y"));
    else
        snprintf(text, sizeof text, "{\"e\":\"%s\",\"kty\":\"RSA\",\"n\":\"%s\"}", string_of(jwk, "e"), string_of(jwk, "n"));
    EVP_Digest(text, strlen(text), digest, NULL, EVP_sha256(), NULL);
    base64url_encode(out, digest, sizeof digest);
}

static int bad(struct jws *jws, const char *why)
{
    snprintf(jws->why, sizeof jws->why, "%s", why);
    return -1;
}

int jws_read(struct jws *jws, const json_t *message)
{
    uint8_t *header = NULL, *payload = NULL;
    size_t header_len = 0;

    *jws = (struct jws){ 0 };
    if (!json_is_object(message) || json_object_size(message) != 3)
        return bad(jws, "not an object of protected, payload and signature");
    if (decode(string_of(message, "protected"), &header, &header_len) < 0)
        return bad(jws, "protected is not base64url");
    jws->header = json_loadb((const char *)header, header_len, JSON_REJECT_DUPLICATES, NULL);
    free(header);
    if (!json_is_object(jws->header))
        return bad(jws, "the protected header is not a JSON object");
    if (!json_is_string(json_object_get(message, "payload")) ||
        decode(string_of(message, "payload"), &payload, &jws->payload_len) < 0)
        return bad(jws, "payload is not base64url");
    jws->payload = (char *)payload;
    return 0;
}

static size_t signing_input(const json_t *message, char **out)
{
    const char *header = string_of(message, "protected"), *payload = string_of(message, "payload");
    size_t size = strlen(header) + strlen(payload) + 2;

    *out = malloc(size);
    snprintf(*out, size, "%s.%s", header, payload);
    return size - 1;
}

/* From r and s side by side back to DER. */
static int to_der(const uint8_t *flat, size_t len, size_t width, uint8_t **der)
{
    ECDSA_SIG *sig = ECDSA_SIG_new();
    int der_len;

    if (len != 2 * width) {
        ECDSA_SIG_free(sig);
        return -1;
    }
    ECDSA_SIG_set0(sig, BN_bin2bn(flat, (int)width, NULL), BN_bin2bn(flat + width, (int)width, NULL));
    der_len = i2d_ECDSA_SIG(sig, der);
    ECDSA_SIG_free(sig);
    return der_len;
}

static int check(EVP_PKEY *key, const EVP_MD *md, const uint8_t *sig, size_t sig_len, const char *input, size_t len)
{
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    int ok = EVP_DigestVerifyInit(ctx, NULL, md, NULL, key) == 1 &&
             EVP_DigestVerify(ctx, sig, sig_len, (const uint8_t *)input, len) == 1;

    EVP_MD_CTX_free(ctx);
    return ok ? 0 : -1;
}

int jws_verify(struct jws *jws, const json_t *message, EVP_PKEY *key)
{
    const char *alg = string_of(jws->header, "alg");
    bool ec = strcmp(alg, "ES256") == 0 || strcmp(alg, "ES384") == 0;
    size_t width = strcmp(alg, "ES384") == 0 ? 48 : 32, raw_len = 0, len;
    const EVP_MD *md = width == 48 ? EVP_sha384() : EVP_sha256();
    uint8_t *raw = NULL, *der = NULL;
    char *input = NULL;
    int rc = -1, der_len;

    if (!ec && strcmp(alg, "RS256") != 0)
        return bad(jws, "alg is none of ES256, ES384, RS256");
    if (!key || !EVP_PKEY_is_a(key, ec ? "EC" : "RSA") || (ec && EVP_PKEY_get_bits(key) != (int)width * 8))
        return bad(jws, "alg does not fit the key");
    if (decode(string_of(message, "signature"), &raw, &raw_len) < 0)
        return bad(jws, "signature is not base64url");
    len = signing_input(message, &input);
    if (ec) {
        der_len = to_der(raw, raw_len, width, &der);
        if (der_len > 0)
            rc = check(key, md, der, (size_t)der_len, input, len);
    } else {
        rc = check(key, md, raw, raw_len, input, len);
    }
    OPENSSL_free(der);
    free(raw);
    free(input);
    return rc < 0 ? bad(jws, "the signature does not fit") : 0;
}

int jws_verify_mac(struct jws *jws, const json_t *message, const void *secret, size_t secret_len)
{
    uint8_t mac[32], *raw = NULL;
    size_t mac_len = 0, raw_len = 0, len;
    char *input = NULL;
    int rc = -1;

    if (strcmp(string_of(jws->header, "alg"), "HS256") != 0)
        return bad(jws, "alg is not HS256");
    len = signing_input(message, &input);
    if (decode(string_of(message, "signature"), &raw, &raw_len) == 0 && raw_len == 32 &&
        EVP_Q_mac(NULL, "HMAC", NULL, "SHA256", NULL, secret, secret_len, (const uint8_t *)input, len, mac, sizeof mac,
                  &mac_len) &&
        memcmp(mac, raw, 32) == 0)
        rc = 0;
    free(raw);
    free(input);
    return rc < 0 ? bad(jws, "the MAC does not fit") : 0;
}

void jws_release(struct jws *jws)
{
    json_decref(jws->header);
    free(jws->payload);
    jws->header = NULL;
    jws->payload = NULL;
}
