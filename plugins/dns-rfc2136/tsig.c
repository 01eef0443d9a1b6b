/*
 * TSIG with HMAC over SHA-2; see tsig.h.
 */
#include "tsig.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <string.h>

#include "base/base64url.h"
#include "base/dns_packet.h"

enum { TYPE_TSIG = 250, CLASS_ANY = 255, VARIABLES_MOST = 2 * DNS_NAME_MOST + 18, OTHER_MOST = 6 };

/* RFC 8945 6. Those with MD5 or SHA-1 are left out: they are not to be used any more, and every server has a better one. */
struct tsig_algorithm {
    const char *word;
    const char *digest; /* OpenSSL's name */
    size_t mac_len;
};
static const struct tsig_algorithm algorithms[] = {
    { "hmac-sha256", "SHA256", 32 },
    { "hmac-sha384", "SHA384", 48 },
    { "hmac-sha512", "SHA512", 64 },
};

/* ---- Keys ---------------------------------------------------------------------------------------------------------- */

static const struct tsig_algorithm *find_algorithm(const char *word)
{
    for (size_t i = 0; i < sizeof algorithms / sizeof *algorithms; i++)
        if (strcmp(algorithms[i].word, word) == 0)
            return &algorithms[i];
    return NULL;
}

static int read_secret(struct tsig_key *key, const char *secret, struct cs_error *err)
{
    const size_t len = strlen(secret);

    if (len == 0)
        return cs_fail(err, CS_ECONFIG, "`key_name` is set, but `key` is not: it holds the secret in base64");
    if (BASE64_DECODED_MAX(len) > sizeof key->secret)
        return cs_fail(err, CS_ECONFIG, "the secret in `key` is longer than %d bytes", TSIG_SECRET_MOST);
    if (base64_decode(key->secret, &key->secret_len, secret, len) < 0 || key->secret_len == 0)
        return cs_fail(err, CS_ECONFIG,
                       "the secret in `key` is not base64: of what tsig-keygen prints, only what stands in quotes behind "
                       "`secret`");
    return 0;
}

int tsig_key_init(struct tsig_key *key, const char *name, const char *secret, const char *algorithm, struct cs_error *err)
{
    int len = dns_name_to_wire(key->name, name);

    if (len < 0)
        return cs_fail(err, CS_ECONFIG, "`key_name`: \"%.260s\" is not a DNS name", name);
    for (int i = 0; i < len; i++)
        key->name[i] = dns_reader_lower(key->name[i]);
    key->name_len = (size_t)len;
    if (!find_algorithm(algorithm))
        return cs_fail(err, CS_ECONFIG, "`algorithm`: \"%.40s\" is none of hmac-sha256, hmac-sha384, hmac-sha512", algorithm);
    if (read_secret(key, secret, err) < 0)
        return -1;
    key->algorithm = find_algorithm(algorithm);
    return 0;
}

void tsig_key_wipe(struct tsig_key *key)
{
    OPENSSL_cleanse(key, sizeof *key);
}

const char *tsig_key_algorithm(const struct tsig_key *key)
{
    return key->algorithm->word;
}

/* ---- Bytes --------------------------------------------------------------------------------------------------------- */

/* A message grows here; what is written fits, since every part has a most. */
struct writer {
    uint8_t *at;
    size_t len;
};

static void put(struct writer *w, const void *bytes, size_t len)
{
    if (len > 0)
        memcpy(w->at + w->len, bytes, len);
    w->len += len;
}

static void put16(struct writer *w, unsigned value)
{
    const uint8_t bytes[2] = { (uint8_t)(value >> 8), (uint8_t)value };

    put(w, bytes, sizeof bytes);
}

static void put_time(struct writer *w, uint64_t time_s)
{
    put16(w, (unsigned)(time_s >> 32) & 0xffff);
    put16(w, (unsigned)(time_s >> 16) & 0xffff);
    put16(w, (unsigned)time_s & 0xffff);
}

static void put_algorithm(struct writer *w, const struct tsig_algorithm *algorithm)
{
    const uint8_t label = (uint8_t)strlen(algorithm->word);

    put(w, &label, 1);
    put(w, algorithm->word, (size_t)label + 1); /* its NUL is the root label */
}

/* What of a TSIG is signed beside the message. */
struct variables {
    uint64_t time_s;
    uint16_t fudge_s, error;
    const uint8_t *other;
    size_t other_len;
};

/* RFC 8945 4.3.3: names in canonical form, that is lower case and uncompressed. */
static void put_variables(struct writer *w, const struct tsig_key *key, const struct variables *v)
{
    put(w, key->name, key->name_len);
    put16(w, CLASS_ANY);
    put16(w, 0);
    put16(w, 0);
    put_algorithm(w, key->algorithm);
    put_time(w, v->time_s);
    put16(w, v->fudge_s);
    put16(w, v->error);
    put16(w, (unsigned)v->other_len);
    put(w, v->other, v->other_len);
}

/* ---- MACs ---------------------------------------------------------------------------------------------------------- */

/* RFC 8945 4.3: the request's MAC, if this is an answer; the message as it was before the TSIG came to it; the variables. */
struct signed_parts {
    const struct tsig_mac *request; /* NULL: this is a request */
    const uint8_t *header;          /* 12 bytes with the original id and without the TSIG in the count */
    const uint8_t *rest;
    size_t rest_len;
    const struct variables *variables;
};

static bool update(EVP_MAC_CTX *ctx, const struct tsig_key *key, const struct signed_parts *parts)
{
    uint8_t bytes[VARIABLES_MOST + OTHER_MOST];
    struct writer w = { bytes, 0 };

    if (parts->request) {
        put16(&w, (unsigned)parts->request->len);
        if (EVP_MAC_update(ctx, bytes, w.len) != 1 || EVP_MAC_update(ctx, parts->request->at, parts->request->len) != 1)
            return false;
        w.len = 0;
    }
    put_variables(&w, key, parts->variables);
    return EVP_MAC_update(ctx, parts->header, DNS_HEADER) == 1 && EVP_MAC_update(ctx, parts->rest, parts->rest_len) == 1 &&
           EVP_MAC_update(ctx, bytes, w.len) == 1;
}

static int make_mac(struct tsig_mac *out, const struct tsig_key *key, const struct signed_parts *parts)
{
    const OSSL_PARAM params[] = { OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST,
                                                                   (char *)(uintptr_t)key->algorithm->digest, 0),
                                  OSSL_PARAM_construct_end() };
    EVP_MAC *hmac = EVP_MAC_fetch(NULL, "HMAC", NULL);
    EVP_MAC_CTX *ctx = hmac ? EVP_MAC_CTX_new(hmac) : NULL;
    int rc = -1;

    if (!ctx || EVP_MAC_init(ctx, key->secret, key->secret_len, params) != 1 || !update(ctx, key, parts))
        goto out;
    if (EVP_MAC_final(ctx, out->at, &out->len, sizeof out->at) == 1 && out->len == key->algorithm->mac_len)
        rc = 0;
out:
    EVP_MAC_CTX_free(ctx);
    EVP_MAC_free(hmac);
    return rc;
}

/* ---- Signing ------------------------------------------------------------------------------------------------------- */

static void append(struct writer *w, const struct tsig_key *key, const struct variables *v, const struct tsig_mac *mac)
{
    uint16_t id = dns_reader_get16(w->at), additional = dns_reader_get16(w->at + 10);
    size_t length_at;

    put(w, key->name, key->name_len);
    put16(w, TYPE_TSIG);
    put16(w, CLASS_ANY);
    put16(w, 0);
    put16(w, 0);
    length_at = w->len;
    put16(w, 0);
    put_algorithm(w, key->algorithm);
    put_time(w, v->time_s);
    put16(w, v->fudge_s);
    put16(w, (unsigned)mac->len);
    put(w, mac->at, mac->len);
    put16(w, id);
    put16(w, 0);
    put16(w, 0);
    put16(&(struct writer){ w->at, length_at }, (unsigned)(w->len - length_at - 2));
    put16(&(struct writer){ w->at, 10 }, additional + 1u);
}

int tsig_sign(const struct tsig_key *key, uint64_t now_s, uint16_t fudge_s, uint8_t *message, size_t *len, struct tsig_mac *mac,
              struct cs_error *err)
{
    const struct variables variables = { .time_s = now_s, .fudge_s = fudge_s };
    const struct signed_parts parts = {
        .header = message, .rest = message + DNS_HEADER, .rest_len = *len - DNS_HEADER, .variables = &variables
    };
    struct writer w = { message, *len };

    if (make_mac(mac, key, &parts) < 0)
        return cs_fail(err, CS_EINTERNAL, "OpenSSL cannot make a %s", key->algorithm->word);
    append(&w, key, &variables, mac);
    *len = w.len;
    return 0;
}

/* ---- Verifying ----------------------------------------------------------------------------------------------------- */

static bool is_of_key(const struct tsig_key *key, const struct tsig_answer *answer)
{
    uint8_t algorithm[DNS_NAME_MOST];
    struct writer w = { algorithm, 0 };

    put_algorithm(&w, key->algorithm);
    return dns_reader_same_name(answer->owner->owner, answer->owner->owner_len, key->name, key->name_len) &&
           dns_reader_same_name(answer->tsig->algorithm, answer->tsig->algorithm_len, algorithm, w.len);
}

/* RFC 8945 5.3: the MAC is over the original id. That of the header is another one when a secondary forwarded our update. */
static bool has_good_mac(const struct tsig_key *key, const struct tsig_mac *request, const struct tsig_answer *answer)
{
    const struct dns_tsig *tsig = answer->tsig;
    const struct variables variables = { .time_s = tsig->time_s,
                                         .fudge_s = tsig->fudge_s,
                                         .error = tsig->error,
                                         .other = tsig->other,
                                         .other_len = tsig->other_len };
    uint8_t header[DNS_HEADER];
    const struct signed_parts parts = { .request = request,
                                        .header = header,
                                        .rest = answer->packet + DNS_HEADER,
                                        .rest_len = answer->tsig_at - DNS_HEADER,
                                        .variables = &variables };
    struct tsig_mac mac;

    memcpy(header, answer->packet, DNS_HEADER);
    put16(&(struct writer){ header, 0 }, tsig->original_id);
    put16(&(struct writer){ header, 10 }, dns_reader_get16(header + 10) - 1u);
    return make_mac(&mac, key, &parts) == 0 && CRYPTO_memcmp(mac.at, tsig->mac, mac.len) == 0;
}

enum tsig_verdict tsig_verify(const struct tsig_key *key, const struct tsig_mac *request, uint64_t now_s, uint16_t fudge_s,
                              const struct tsig_answer *answer)
{
    const struct dns_tsig *tsig = answer->tsig;

    if (!is_of_key(key, answer) || tsig->other_len > OTHER_MOST)
        return TSIG_NOT_OURS;
    if (tsig->mac_len == 0 && tsig->error != 0)
        return TSIG_ERROR;
    if (tsig->mac_len != key->algorithm->mac_len || !has_good_mac(key, request, answer))
        return TSIG_NOT_OURS;
    if (tsig->time_s > now_s + fudge_s || tsig->time_s + fudge_s < now_s)
        return TSIG_STALE;
    return TSIG_GOOD;
}
