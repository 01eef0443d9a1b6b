/* The CA's side of a replay; see judge.h. */
#include "judge.h"

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../fakes/jws.h"
#include "base/base64url.h"
#include "base/text.h"

#define NONCES_MOST 400

static char nonces[NONCES_MOST][16], account[300], why[600], thumbprint[44], txt_value[44], chain[8192];
static size_t n_nonces;
static EVP_PKEY *key, *host_key;
static json_t *jwk, *last_payload;
static char last_url[300];

void judge_begin(void)
{
    n_nonces = 0;
    account[0] = '\0';
}

void judge_end(void)
{
    EVP_PKEY_free(key);
    key = NULL;
    json_decref(jwk);
    jwk = NULL;
    json_decref(last_payload);
    last_payload = NULL;
}

static const char *wrong(const char *format, ...) __attribute__((format(printf, 1, 2)));
static const char *wrong(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(why, sizeof why, format, args);
    va_end(args);
    return why;
}

const char *judge_new_nonce(void)
{
    if (n_nonces == NONCES_MOST)
        host_end(), abort();
    snprintf(nonces[n_nonces], sizeof nonces[0], "nonce-%zu", n_nonces + 1);
    return nonces[n_nonces++];
}

static bool use_nonce(const char *nonce)
{
    for (size_t i = 0; i < n_nonces; i++)
        if (nonce[0] && strcmp(nonces[i], nonce) == 0) {
            nonces[i][0] = '\0';
            return true;
        }
    return false;
}

void judge_set_account(const char *url)
{
    snprintf(account, sizeof account, "%s", url);
}

static const char *string_of(const json_t *json, const char *name)
{
    const char *value = json_string_value(json_object_get(json, name));

    return value ? value : "";
}

/* Everything of `wanted` is in `found`; null: must be missing; "*": any string. */
static bool contains(const json_t *found, const json_t *wanted)
{
    const char *name;
    json_t *value;

    if (json_is_string(wanted) && strcmp(json_string_value(wanted), "*") == 0)
        return json_is_string(found);
    if (!json_is_object(wanted))
        return json_equal(found, wanted);
    if (json_object_size(wanted) == 0)
        return json_is_object(found) && json_object_size(found) == 0;
    json_object_foreach((json_t *)wanted, name, value) {
        const json_t *there = json_object_get(found, name);

        if (json_is_null(value) ? there != NULL : !there || !contains(there, value))
            return false;
    }
    return true;
}

static const char *check_payload(const struct jws *jws, const json_t *wanted)
{
    json_decref(last_payload);
    last_payload = json_loads(jws->payload, JSON_REJECT_DUPLICATES, NULL);
    if (!wanted)
        return jws->payload_len == 0 ? NULL : wrong("the payload is %s, it should be empty", jws->payload);
    if (!last_payload || !contains(last_payload, wanted))
        return wrong("the payload is %s", jws->payload);
    return NULL;
}

static const char *take_key(const json_t *header)
{
    const json_t *shown = json_object_get(header, "jwk");

    if (json_object_get(header, "kid") || !shown)
        return "the header should have jwk and no kid";
    EVP_PKEY_free(key);
    key = jws_key(shown);
    json_decref(jwk);
    jwk = json_deep_copy(shown);
    jws_thumbprint(jwk, thumbprint);
    return key ? NULL : "the jwk is malformed";
}

static const char *check_kid(const json_t *header)
{
    if (json_object_get(header, "jwk"))
        return "the header should have no jwk";
    if (strcmp(string_of(header, "kid"), account) != 0)
        return wrong("kid is \"%s\", the account is \"%s\"", string_of(header, "kid"), account);
    return NULL;
}

static const char *check_jws(const struct host_http *request, const char *as, const json_t *payload, struct jws *jws,
                             const json_t *message)
{
    const char *bad;

    if (jws_read(jws, message) < 0)
        return jws->why;
    if (strcmp(string_of(jws->header, "url"), request->url) != 0)
        return "the url in the header is another one";
    if (json_object_size(jws->header) != 4)
        return "the header should have alg, nonce, url and one of jwk and kid";
    if (!use_nonce(string_of(jws->header, "nonce")))
        return wrong("the nonce \"%s\" was not given, or used before", string_of(jws->header, "nonce"));
    bad = strcmp(as, "jwk") == 0 ? take_key(jws->header) : check_kid(jws->header);
    if (bad)
        return bad;
    if (jws_verify(jws, message, key) < 0)
        return jws->why;
    return check_payload(jws, payload);
}

const char *judge_post(const struct host_http *request, const char *as, const json_t *payload)
{
    json_t *message = json_loads(request->body ? request->body : "", JSON_REJECT_DUPLICATES, NULL);
    struct jws jws = { 0 };
    const char *bad;

    if (!strstr(request->headers, "Content-Type: application/jose+json\n"))
        bad = "the content type is not application/jose+json";
    else
        bad = check_jws(request, as, payload, &jws, message);
    if (bad && bad != why)
        bad = wrong("%s", bad);
    snprintf(last_url, sizeof last_url, "%s", request->url);
    jws_release(&jws);
    json_decref(message);
    return bad;
}

const char *judge_binding(const char *kid, const char *secret_base64url)
{
    const json_t *binding = json_object_get(last_payload, "externalAccountBinding");
    uint8_t secret[200];
    size_t len = 0;
    struct jws jws = { 0 };
    const char *bad = NULL;
    json_t *inner = NULL;

    base64url_decode(secret, &len, secret_base64url, strlen(secret_base64url));
    if (!binding || jws_read(&jws, binding) < 0)
        bad = "there is no externalAccountBinding";
    else if (jws_verify_mac(&jws, binding, secret, len) < 0)
        bad = jws.why;
    else if (strcmp(string_of(jws.header, "kid"), kid) != 0 || strcmp(string_of(jws.header, "url"), last_url) != 0 ||
             json_object_get(jws.header, "nonce"))
        bad = "the binding's header is wrong";
    else if (!(inner = json_loads(jws.payload, 0, NULL)) || !json_equal(inner, jwk))
        bad = "the binding's payload is not the account key";
    if (bad)
        bad = wrong("%s", bad);
    json_decref(inner);
    jws_release(&jws);
    return bad;
}

const char *judge_txt_value(const char *token)
{
    char text[300];
    uint8_t digest[32];

    snprintf(text, sizeof text, "%s.%s", token, thumbprint);
    EVP_Digest(text, strlen(text), digest, NULL, EVP_sha256(), NULL);
    base64url_encode(txt_value, digest, sizeof digest);
    return txt_value;
}

static void add_certificate(BIO *out, const char *subject, EVP_PKEY *of, const char *issuer, EVP_PKEY *signer)
{
    X509 *certificate = X509_new();

    ASN1_INTEGER_set(X509_get_serialNumber(certificate), 128);
    X509_gmtime_adj(X509_getm_notBefore(certificate), 0);
    X509_gmtime_adj(X509_getm_notAfter(certificate), 86400);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate), "CN", MBSTRING_UTF8, (const uint8_t *)subject, -1, -1, 0);
    X509_NAME *name = X509_NAME_new();
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, (const uint8_t *)issuer, -1, -1, 0);
    X509_set_issuer_name(certificate, name);
    X509_NAME_free(name);
    X509_set_pubkey(certificate, of);
    X509_sign(certificate, signer, EVP_sha256());
    PEM_write_bio_X509(out, certificate);
    X509_free(certificate);
}

/* Chains are made while the scenario is read, for all of its runs: they keep the key. */
static EVP_PKEY *the_host_key(void)
{
    if (!host_key)
        host_key = EVP_EC_gen("prime256v1");
    return host_key;
}

void judge_host_key(uint8_t spki_sha256[32])
{
    uint8_t *der = NULL;
    int len = i2d_PUBKEY(the_host_key(), &der);

    EVP_Digest(der, (size_t)len, spki_sha256, NULL, EVP_sha256(), NULL);
    OPENSSL_free(der);
}

static const char *make_chain(const char *top, EVP_PKEY *of)
{
    EVP_PKEY *signer = EVP_EC_gen("prime256v1");
    BIO *out = BIO_new(BIO_s_mem());
    int n;

    add_certificate(out, "leaf", of ? of : signer, "Intermediate", signer);
    add_certificate(out, "Intermediate", signer, top, signer);
    n = BIO_read(out, chain, sizeof chain - 1);
    chain[n > 0 ? n : 0] = '\0';
    BIO_free(out);
    EVP_PKEY_free(signer);
    return chain;
}

const char *judge_chain(const char *top)
{
    return make_chain(top, the_host_key());
}

const char *judge_foreign_chain(const char *top)
{
    return make_chain(top, NULL);
}
