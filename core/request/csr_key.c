/*
 * The key and the signature of a CSR; see csr_key.h. Forms are compared byte by byte before OpenSSL sees anything of them, so a
 * curve of the sender's own making or a modulus of 100,000 bits never gets to it. The key is then made from its numbers: to
 * have a SubjectPublicKeyInfo decoded costs more than the signature's verification, since OpenSSL 3 searches all its decoders
 * each time.
 */
#include "request/csr_key.h"

#include <stdatomic.h>
#include <string.h>

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/params.h>

#include "request/rsa_modulus.h"

#define RSA_MOST_BYTES (4096 / 8)
#define ALLOWED "use RSA with 2048, 3072 or 4096 bits, or EC on P-256 or P-384"
#define NEW_KEY "make a new one with a current openssl, and destroy this one"

enum { INTEGER = 0x02, BIT_STRING = 0x03, OBJECT = 0x06, SEQUENCE = 0x30 };

#define RSA_OID  0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01
#define EC_OID   0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01
#define P256_OID 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07
#define P384_OID 0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x22

static const uint8_t rsa_oid[] = { RSA_OID }, ec_oid[] = { EC_OID };
static const uint8_t rsa_key[] = { SEQUENCE, 0x0d, RSA_OID, 0x05, 0x00 };
static const uint8_t p256_key[] = { SEQUENCE, 0x13, EC_OID, P256_OID };
static const uint8_t p384_key[] = { SEQUENCE, 0x10, EC_OID, P384_OID };

static int bad_type(struct cs_error *err, const char *fault)
{
    return cs_fail_as(err, CS_EINPUT, "key-type", "%s: " ALLOWED, fault);
}

static int bad_der(struct cs_error *err, const char *fault)
{
    return cs_fail_as(err, CS_EINPUT, "bad-der", "%s", fault);
}

static bool is(struct der_span span, const uint8_t *bytes, size_t len)
{
    return span.len == len && memcmp(span.at, bytes, len) == 0;
}

static bool starts_with(struct der_span span, const uint8_t *bytes, size_t len)
{
    return span.len >= len && memcmp(span.at, bytes, len) == 0;
}

/* A positive INTEGER's bytes without the sign's zero; -1 for others. */
static int next_positive(struct der_span *in, struct der_span *number)
{
    struct der_span whole;
    uint8_t tag;

    if (der_next(in, &tag, number, &whole) != 0 || tag != INTEGER || number->len == 0 || number->at[0] >= 0x80)
        return -1;
    if (number->at[0] == 0) {
        number->at++;
        number->len--;
    }
    return number->len ? 0 : -1;
}

static size_t count_bits(struct der_span number)
{
    size_t bits = number.len * 8;

    for (uint8_t top = number.at[0]; top < 0x80; top = (uint8_t)(top << 1))
        bits--;
    return bits;
}

static int check_rsa(struct csr_key *out, struct der_span key, struct cs_error *err)
{
    static const struct {
        size_t bits;
        const char *type;
    } sizes[] = { { 2048, "rsa2048" }, { 3072, "rsa3072" }, { 4096, "rsa4096" } };
    static const uint8_t f4[] = { 0x01, 0x00, 0x01 };
    struct der_span numbers, whole, n, e;
    size_t bits;
    uint8_t tag;

    if (!der_is_strict(key.at, key.len) || der_next(&key, &tag, &numbers, &whole) != 0 || tag != SEQUENCE ||
        next_positive(&numbers, &n) != 0 || next_positive(&numbers, &e) != 0 || numbers.len != 0)
        return bad_der(err, "the RSA key is not two positive numbers in DER (RFC 8017 A.1.1)");
    bits = count_bits(n);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        if (sizes[i].bits == bits)
            out->type = sizes[i].type;
    if (!out->type)
        return cs_fail_as(err, CS_EINPUT, bits < 2048 ? "weak-key" : "key-type", "the RSA key has %zu bits: " ALLOWED, bits);
    if (!is(e, f4, sizeof f4))
        return cs_fail_as(err, CS_EINPUT, "rsa-exponent", "the RSA key's public exponent is not 65537: " NEW_KEY);
    out->number = n;
    return 0;
}

static int check_ec(struct csr_key *out, const char *type, struct der_span point, size_t field_bytes, struct cs_error *err)
{
    if (point.len == 0 || point.at[0] != 0x04)
        return bad_type(err, "the EC key's point is compressed, and must not be");
    if (point.len != 1 + 2 * field_bytes)
        return bad_der(err, "the EC key's point has not the length of its curve");
    out->type = type;
    out->number = point;
    return 0;
}

static int refuse_kind(struct der_span algorithm, struct cs_error *err)
{
    struct der_span content, whole;
    uint8_t tag;

    if (der_next(&algorithm, &tag, &content, &whole) != 0)
        return bad_der(err, "the key's algorithm is not DER");
    if (starts_with(content, rsa_oid, sizeof rsa_oid))
        return bad_type(err, "the RSA key's parameters are not NULL (RFC 3279 2.3.1)");
    if (!starts_with(content, ec_oid, sizeof ec_oid))
        return bad_type(err, "keys of this kind are not accepted");
    if (content.len > sizeof ec_oid && content.at[sizeof ec_oid] == OBJECT)
        return bad_type(err, "the EC key is on another curve");
    return bad_type(err, "the EC key spells its curve out instead of naming it");
}

int csr_key_check(struct csr_key *out, struct der_span spki, struct cs_error *err)
{
    struct der_span parts, algorithm, key, content, whole;
    uint8_t tag;

    *out = (struct csr_key){ 0 };
    if (der_next(&spki, &tag, &parts, &whole) != 0 || der_next(&parts, &tag, &content, &algorithm) != 0 || tag != SEQUENCE ||
        der_next(&parts, &tag, &key, &whole) != 0 || tag != BIT_STRING || parts.len != 0 || key.len == 0 || key.at[0] != 0)
        return bad_der(err, "the key is not a SubjectPublicKeyInfo in DER (RFC 5280 4.1)");
    key.at++;
    key.len--;
    if (is(algorithm, rsa_key, sizeof rsa_key))
        return check_rsa(out, key, err);
    if (is(algorithm, p256_key, sizeof p256_key))
        return check_ec(out, "p256", key, 32, err);
    if (is(algorithm, p384_key, sizeof p384_key))
        return check_ec(out, "p384", key, 48, err);
    return refuse_kind(algorithm, err);
}

bool csr_key_is_rsa(const struct csr_key *key)
{
    return key->type[0] == 'r';
}

int csr_key_check_algorithm(struct csr_key *key, struct der_span algorithm, struct der_span signature, struct cs_error *err)
{
    /* sha256, sha384 and sha512WithRSAEncryption with NULL (RFC 4055 5); ecdsa-with-SHA256, 384 and 512 without (RFC 5758 3.2);
     * the last number of the OID differs. */
    static const uint8_t with_rsa[] = { SEQUENCE, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01 };
    static const uint8_t with_ec[] = { SEQUENCE, 0x0a, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03 };
    const EVP_MD *const digests[] = { EVP_sha256(), EVP_sha384(), EVP_sha512() };
    struct der_span content, whole;
    unsigned which = 3;
    uint8_t tag;

    if (csr_key_is_rsa(key)) {
        if (starts_with(algorithm, with_rsa, sizeof with_rsa) && algorithm.len == sizeof with_rsa + 3 &&
            algorithm.at[algorithm.len - 2] == 0x05)
            which = algorithm.at[sizeof with_rsa] - 0x0bu;
    } else if (starts_with(algorithm, with_ec, sizeof with_ec) && algorithm.len == sizeof with_ec + 1) {
        which = algorithm.at[sizeof with_ec] - 0x02u;
    }
    if (which >= 3)
        return cs_fail_as(err, CS_EINPUT, "signature-algorithm",
                          "the CSR is not signed with SHA-256, SHA-384 or SHA-512 and %s in its plain form: "
                          "make it with openssl req -sha256",
                          csr_key_is_rsa(key) ? "RSA (PKCS #1 v1.5)" : "ECDSA");
    if (der_next(&signature, &tag, &content, &whole) != 0 || content.len < 2 || content.at[0] != 0)
        return bad_der(err, "the signature is not a whole number of bytes");
    key->signature = (struct der_span){ content.at + 1, content.len - 1 };
    key->digest = digests[which];
    return 0;
}

/* ---- What the key's numbers give away --------------------------------------------------------------------------------- */

static int refuse_modulus(struct cs_error *err, const char *reason, const char *fault)
{
    return cs_fail_as(err, CS_EINPUT, reason, "the RSA key's modulus %s, so anybody can find the private key: " NEW_KEY, fault);
}

int csr_key_examine(const struct csr_key *key, struct cs_error *err)
{
    if (!csr_key_is_rsa(key))
        return 0;
    switch (rsa_modulus_check(key->number.at, key->number.len)) {
    case RSA_SOUND:
        return 0;
    case RSA_SMALL_FACTOR:
        return refuse_modulus(err, "rsa-small-factor", "can be divided by a prime up to 751");
    case RSA_PATTERN:
        return refuse_modulus(err, "rsa-pattern", "follows a pattern instead of being the product of two random primes");
    case RSA_ROCA:
        return refuse_modulus(err, "rsa-roca",
                              "has the form that chips and TPMs with Infineon's old library give it (ROCA, CVE-2017-15361)");
    case RSA_POWER:
        return refuse_modulus(err, "rsa-power", "is a square or a higher power of one number");
    case RSA_CLOSE_PRIMES:
        return refuse_modulus(err, "rsa-close-primes", "is the product of two primes that lie close together (Fermat)");
    case RSA_NO_MEMORY:
        break;
    }
    return cs_fail(err, CS_EBUSY, "no memory");
}

int csr_key_hash(const struct csr_key *key, uint8_t sha256[32])
{
    struct der_span number = key->number;

    if (!csr_key_is_rsa(key)) /* 4, x, y */
        number = (struct der_span){ number.at + 1, number.len / 2 };
    while (number.len && number.at[0] == 0) {
        number.at++;
        number.len--;
    }
    return EVP_Digest(number.at, number.len, sha256, NULL, EVP_sha256(), NULL) == 1 ? 0 : -1;
}

/* ---- Proof of possession ---------------------------------------------------------------------------------------------- */

static EVP_PKEY *key_from(const char *algorithm, int what, OSSL_PARAM *params)
{
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, algorithm, NULL);
    EVP_PKEY *key = NULL;

    if (context && EVP_PKEY_fromdata_init(context) == 1)
        (void)EVP_PKEY_fromdata(context, &key, what, params); /* on failure there is no key */
    EVP_PKEY_CTX_free(context);
    return key;
}

static EVP_PKEY *make_rsa(struct der_span modulus)
{
    uint8_t native[RSA_MOST_BYTES];
    uint32_t exponent = 65537;
    OSSL_PARAM params[] = { OSSL_PARAM_construct_BN(OSSL_PKEY_PARAM_RSA_N, native, modulus.len),
                            OSSL_PARAM_construct_uint32(OSSL_PKEY_PARAM_RSA_E, &exponent), OSSL_PARAM_construct_end() };
    BIGNUM *n = BN_bin2bn(modulus.at, (int)modulus.len, NULL);
    EVP_PKEY *key = NULL;

    if (n && BN_bn2nativepad(n, native, (int)modulus.len) > 0)
        key = key_from("RSA", EVP_PKEY_PUBLIC_KEY, params);
    BN_free(n);
    return key;
}

/* One key of each curve to put the next point into, since to make one from a curve's name costs more than a signature. Whoever
 * has it has it alone. */
static struct spare {
    char curve[6];
    _Atomic(EVP_PKEY *) key;
} spares[] = { { .curve = "P-256" }, { .curve = "P-384" } };

static struct spare *spare_for(const struct csr_key *key)
{
    return &spares[strcmp(key->type, "p256") != 0];
}

static EVP_PKEY *make_curve(char *name)
{
    OSSL_PARAM params[] = { OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, name, 0), OSSL_PARAM_construct_end() };

    return key_from("EC", EVP_PKEY_KEY_PARAMETERS, params);
}

/* NULL: the point is not on the curve. */
static EVP_PKEY *make_ec(struct spare *spare, struct der_span point)
{
    EVP_PKEY *key = atomic_exchange(&spare->key, NULL);

    if (!key)
        key = make_curve(spare->curve);
    if (key && EVP_PKEY_set1_encoded_public_key(key, point.at, point.len) == 1)
        return key;
    EVP_PKEY_free(key);
    return NULL;
}

static void give_back(const struct csr_key *key, EVP_PKEY *pkey)
{
    EVP_PKEY_free(csr_key_is_rsa(key) || !pkey ? pkey : atomic_exchange(&spare_for(key)->key, pkey));
}

/* On the curve, not at infinity, coordinates in range. That is all there is to check on curves whose cofactor is 1, as P-256
 * and P-384 have it: the full check would multiply by the order of the group besides, for 0.05 ms. */
static bool is_point_of_group(EVP_PKEY *key)
{
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_pkey(NULL, key, NULL);
    bool is_one = context && EVP_PKEY_public_check_quick(context) == 1;

    EVP_PKEY_CTX_free(context);
    return is_one;
}

static bool has_signed(const struct csr_key *key, EVP_PKEY *pkey, struct der_span info)
{
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    bool has = context && EVP_DigestVerifyInit(context, NULL, key->digest, NULL, pkey) == 1 &&
               EVP_DigestVerify(context, key->signature.at, key->signature.len, info.at, info.len) == 1;

    EVP_MD_CTX_free(context);
    return has;
}

int csr_key_prove(const struct csr_key *key, struct der_span info, struct cs_error *err)
{
    EVP_PKEY *pkey = csr_key_is_rsa(key) ? make_rsa(key->number) : make_ec(spare_for(key), key->number);
    int rc = 0;

    if (!pkey)
        rc = csr_key_is_rsa(key) ? cs_fail(err, CS_EBUSY, "no memory") :
                           cs_fail_as(err, CS_EINPUT, "ec-point", "the EC key's point is not on its curve: " NEW_KEY);
    else if (!csr_key_is_rsa(key) && !is_point_of_group(pkey))
        rc = cs_fail_as(err, CS_EINPUT, "ec-point", "the EC key's point is not one of its curve's group: " NEW_KEY);
    else if (!has_signed(key, pkey, info))
        rc = cs_fail_as(err, CS_EINPUT, "bad-signature",
                        "the CSR's signature was not made with its key: was it changed after it was signed?");
    give_back(key, pkey);
    ERR_clear_error();
    return rc;
}
