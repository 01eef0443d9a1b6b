/*
 * A certificate from OpenSSL's templates, less one; see leaf.h. X509 itself decodes the public key along with the rest, and
 * OpenSSL 3 searches all its decoders for that each time.
 */
#include "request/leaf.h"

#include <string.h>

#include <openssl/asn1t.h>
#include <openssl/evp.h>
#include <openssl/x509v3.h>

/* clang-format off */
ASN1_SEQUENCE(leaf_validity) = {
    ASN1_SIMPLE(struct leaf_validity, not_before, ASN1_TIME),
    ASN1_SIMPLE(struct leaf_validity, not_after, ASN1_TIME),
} static_ASN1_SEQUENCE_END_name(struct leaf_validity, leaf_validity)

ASN1_SEQUENCE(leaf_key) = {
    ASN1_SIMPLE(struct leaf_key, algorithm, X509_ALGOR),
    ASN1_SIMPLE(struct leaf_key, bits, ASN1_BIT_STRING),
} static_ASN1_SEQUENCE_END_name(struct leaf_key, leaf_key)

static const ASN1_AUX leaf_tbs_aux = { .flags = ASN1_AFLG_ENCODING, .enc_offset = offsetof(struct leaf_tbs, encoding) };

ASN1_SEQUENCE(leaf_tbs) = {
    ASN1_EXP_OPT(struct leaf_tbs, version, ASN1_INTEGER, 0),
    ASN1_SIMPLE(struct leaf_tbs, serial, ASN1_INTEGER),
    ASN1_SIMPLE(struct leaf_tbs, algorithm, X509_ALGOR),
    ASN1_SIMPLE(struct leaf_tbs, issuer, X509_NAME),
    ASN1_SIMPLE(struct leaf_tbs, validity, leaf_validity),
    ASN1_SIMPLE(struct leaf_tbs, subject, X509_NAME),
    ASN1_SIMPLE(struct leaf_tbs, key, leaf_key),
    ASN1_IMP_OPT(struct leaf_tbs, issuer_id, ASN1_BIT_STRING, 1),
    ASN1_IMP_OPT(struct leaf_tbs, subject_id, ASN1_BIT_STRING, 2),
    ASN1_EXP_SEQUENCE_OF_OPT(struct leaf_tbs, extensions, X509_EXTENSION, 3),
} static_ASN1_SEQUENCE_END_ref(struct leaf_tbs, leaf_tbs)

ASN1_SEQUENCE(leaf) = {
    ASN1_SIMPLE(struct leaf, tbs, leaf_tbs),
    ASN1_SIMPLE(struct leaf, algorithm, X509_ALGOR),
    ASN1_SIMPLE(struct leaf, signature, ASN1_BIT_STRING),
} static_ASN1_SEQUENCE_END_name(struct leaf, leaf)
/* clang-format on */

struct leaf *leaf_decode(const uint8_t *der, size_t len)
{
    const unsigned char *at = der;
    struct leaf *leaf = (struct leaf *)ASN1_item_d2i(NULL, &at, (long)len, ASN1_ITEM_rptr(leaf));

    if (leaf && at == der + len)
        return leaf;
    leaf_free(leaf);
    return NULL;
}

void leaf_free(struct leaf *leaf)
{
    ASN1_item_free((ASN1_VALUE *)leaf, ASN1_ITEM_rptr(leaf));
}

bool leaf_has_key(const struct leaf *leaf, const uint8_t hash[32])
{
    unsigned char *spki = NULL;
    uint8_t its_hash[32];
    int len = ASN1_item_i2d((const ASN1_VALUE *)leaf->tbs->key, &spki, ASN1_ITEM_rptr(leaf_key));
    bool has = len > 0 && EVP_Digest(spki, (size_t)len, its_hash, NULL, EVP_sha256(), NULL) == 1 &&
               memcmp(its_hash, hash, sizeof its_hash) == 0;

    OPENSSL_free(spki);
    return has;
}

static int bad(struct cs_error *err, const char *fault)
{
    return cs_fail_as(err, CS_EUPSTREAM, "bad-chain", "%s", fault);
}

/* *value: for the extension's own _free(), NULL when it is missing. false: it is there twice, or cannot be read. */
static bool read_extension(const STACK_OF(X509_EXTENSION) *extensions, int nid, void **value)
{
    int found;

    *value = X509V3_get_d2i(extensions, nid, &found, NULL);
    return *value || found == -1;
}

/* What is looked at elsewhere, or by others who will check the path. */
static bool are_readable(const STACK_OF(X509_EXTENSION) *extensions)
{
    static const int nids[] = { NID_ext_key_usage,          NID_subject_key_identifier, NID_authority_key_identifier,
                                NID_subject_alt_name,       NID_name_constraints,       NID_crl_distribution_points,
                                NID_sbgp_ipAddrBlock,       NID_sbgp_autonomousSysNum };
    bool are = true;

    for (size_t i = 0; are && i < sizeof nids / sizeof *nids; i++) {
        void *value;

        are = read_extension(extensions, nids[i], &value);
        if (value)
            ASN1_item_free(value, ASN1_ITEM_ptr(X509V3_EXT_get_nid(nids[i])->it));
    }
    return are;
}

/* RFC 5280 4.2.1.13: one of both must be there. */
static bool are_points_named(const STACK_OF(X509_EXTENSION) *extensions)
{
    CRL_DIST_POINTS *points = X509V3_get_d2i(extensions, NID_crl_distribution_points, NULL, NULL);
    bool are = true;

    for (int i = 0; i < sk_DIST_POINT_num(points); i++) {
        const DIST_POINT *point = sk_DIST_POINT_value(points, i);

        are &= point->distpoint || sk_GENERAL_NAME_num(point->CRLissuer) > 0;
    }
    CRL_DIST_POINTS_free(points);
    return are;
}

static bool has_bit(const ASN1_BIT_STRING *bits, int first, int last)
{
    bool has = false;

    for (int i = first; i <= last; i++)
        has |= ASN1_BIT_STRING_get_bit(bits, i) == 1;
    return has;
}

/* As X509_check_ca() has it: keyUsage, where there is one, must allow it; then basicConstraints decides; without that keyUsage,
 * or Netscape's type. -1: they cannot be read, or say nothing. */
static int is_ca(const STACK_OF(X509_EXTENSION) *extensions)
{
    enum { KEY_CERT_SIGN = 5, NETSCAPE_CA_FIRST = 5, NETSCAPE_CA_LAST = 7, USAGE_LAST = 15 };
    void *constraints = NULL, *usage = NULL, *netscape = NULL;
    int is = -1;

    if (!read_extension(extensions, NID_basic_constraints, &constraints) ||
        !read_extension(extensions, NID_key_usage, &usage) ||
        !read_extension(extensions, NID_netscape_cert_type, &netscape) || (usage && !has_bit(usage, 0, USAGE_LAST)))
        goto out;
    if (constraints) {
        const BASIC_CONSTRAINTS *said = constraints;

        if (said->pathlen && ASN1_STRING_type(said->pathlen) == V_ASN1_NEG_INTEGER)
            goto out;
        is = said->ca != 0;
    } else {
        is = usage || (netscape && has_bit(netscape, NETSCAPE_CA_FIRST, NETSCAPE_CA_LAST));
    }
    if (usage && !has_bit(usage, KEY_CERT_SIGN, KEY_CERT_SIGN))
        is = 0;
out:
    BASIC_CONSTRAINTS_free(constraints);
    ASN1_BIT_STRING_free(usage);
    ASN1_BIT_STRING_free(netscape);
    return is;
}

int leaf_check(const struct leaf *leaf, struct cs_error *err)
{
    const STACK_OF(X509_EXTENSION) *extensions = leaf->tbs->extensions;

    if (ASN1_INTEGER_get(leaf->tbs->version) != X509_VERSION_3)
        return bad(err, "the certificate is not of version 3");
    switch (is_ca(extensions)) {
    case 0:
        break;
    case 1:
        return bad(err, "the chain does not begin with a host's certificate but with a CA's");
    default:
        return bad(err, "the certificate has basicConstraints or a keyUsage that cannot be read, or twice");
    }
    if (!are_readable(extensions) || !are_points_named(extensions))
        return bad(err, "the certificate has an extension that cannot be read, or twice");
    if (X509v3_get_ext_by_NID(extensions, NID_proxyCertInfo, -1) >= 0)
        return bad(err, "the certificate is a proxy's (RFC 3820), which only a host can issue");
    return 0;
}

bool leaf_is_issued_by(const struct leaf *leaf, X509 *issuer)
{
    AUTHORITY_KEYID *issuer_key = X509V3_get_d2i(leaf->tbs->extensions, NID_authority_key_identifier, NULL, NULL);
    EVP_PKEY *key = X509_get0_pubkey(issuer);
    bool is = key && X509_check_purpose(issuer, -1, 0) == 1 && /* reads its key identifier */
              X509_NAME_cmp(X509_get_subject_name(issuer), leaf->tbs->issuer) == 0 &&
              X509_check_akid(issuer, issuer_key) == X509_V_OK &&
              X509_ALGOR_cmp(leaf->algorithm, leaf->tbs->algorithm) == 0 &&
              ASN1_item_verify(ASN1_ITEM_rptr(leaf_tbs), leaf->algorithm, leaf->signature, leaf->tbs, key) == 1;

    AUTHORITY_KEYID_free(issuer_key);
    return is;
}
