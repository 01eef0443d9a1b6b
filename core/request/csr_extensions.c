/*
 * The attributes and the requested extensions of a CSR; see csr_extensions.h. The CA decides what goes into a certificate; what
 * is refused here is what a CA could take as a wish for more than names.
 */
#include "request/csr_extensions.h"

#include <string.h>

#include <openssl/err.h>

#define MAX_ATTRIBUTES 16
#define MAX_EXTENSIONS 32

static int refuse(struct cs_error *err, const char *fault)
{
    return cs_fail_as(err, CS_EINPUT, "extension", "%s", fault);
}

static int bad_attribute(struct cs_error *err, const char *fault)
{
    return cs_fail_as(err, CS_EINPUT, "bad-attribute", "%s", fault);
}

static int bad_der(struct cs_error *err)
{
    return cs_fail_as(err, CS_EINPUT, "bad-der", "a requested extension is not DER (X.690)");
}

static void free_attributes(STACK_OF(X509_ATTRIBUTE) *attributes)
{
    sk_X509_ATTRIBUTE_pop_free(attributes, X509_ATTRIBUTE_free);
}

static X509_ATTRIBUTE *decode_attribute(struct der_span bytes)
{
    const unsigned char *at = bytes.at;
    X509_ATTRIBUTE *attribute = d2i_X509_ATTRIBUTE(NULL, &at, (long)bytes.len);

    if (attribute && at == bytes.at + bytes.len)
        return attribute;
    X509_ATTRIBUTE_free(attribute);
    return NULL;
}

/* All of them, for free_attributes(). */
static STACK_OF(X509_ATTRIBUTE) *decode_attributes(struct der_span bytes, struct cs_error *err)
{
    STACK_OF(X509_ATTRIBUTE) *attributes = sk_X509_ATTRIBUTE_new_null();
    struct der_span list, content, whole;
    bool failed = !attributes;
    uint8_t tag;

    failed |= der_next(&bytes, &tag, &list, &whole) != 0;
    while (!failed && list.len) {
        X509_ATTRIBUTE *attribute = der_next(&list, &tag, &content, &whole) == 0 ? decode_attribute(whole) : NULL;

        failed = !attribute || sk_X509_ATTRIBUTE_push(attributes, attribute) <= 0;
        if (failed)
            X509_ATTRIBUTE_free(attribute);
    }
    if (!failed)
        return attributes;
    free_attributes(attributes);
    cs_fail_as(err, CS_EINPUT, "bad-der", "the CSR has an attribute that is not one (RFC 2986 4.1)");
    return NULL;
}

/* Each type once: two of a kind could be read differently by a CA. The challenge password is neither looked at nor kept. */
static int check_attributes(const STACK_OF(X509_ATTRIBUTE) *attributes, struct cs_error *err)
{
    int n = sk_X509_ATTRIBUTE_num(attributes);

    if (n > MAX_ATTRIBUTES)
        return bad_attribute(err, "the CSR has too many attributes");
    for (int i = 0; i < n; i++) {
        X509_ATTRIBUTE *attribute = sk_X509_ATTRIBUTE_value(attributes, i);
        const ASN1_OBJECT *type = X509_ATTRIBUTE_get0_object(attribute);

        for (int j = 0; j < i; j++)
            if (OBJ_cmp(type, X509_ATTRIBUTE_get0_object(sk_X509_ATTRIBUTE_value(attributes, j))) == 0)
                return bad_attribute(err, "the CSR has an attribute twice");
        if (OBJ_obj2nid(type) == NID_ms_ext_req)
            return bad_attribute(err, "the CSR has its extensions in Microsoft's old attribute: "
                                      "put them into extensionRequest (RFC 2985 5.4.2)");
        if (X509_ATTRIBUTE_count(attribute) == 0)
            return bad_attribute(err, "the CSR has an attribute without a value");
    }
    return 0;
}

/* Extension { OID, BOOLEAN DEFAULT FALSE, OCTET STRING }: a FALSE that is written out is not DER, but OpenSSL takes it. */
static bool has_written_false(const ASN1_STRING *list)
{
    struct der_span in = { ASN1_STRING_get0_data(list), (size_t)ASN1_STRING_length(list) }, extensions, extension, content,
                    whole;
    uint8_t tag;

    if (der_next(&in, &tag, &extensions, &whole) != 0)
        return true;
    while (extensions.len) {
        if (der_next(&extensions, &tag, &extension, &whole) != 0 || der_next(&extension, &tag, &content, &whole) != 0 ||
            der_next(&extension, &tag, &content, &whole) != 0)
            return true;
        if (tag == V_ASN1_BOOLEAN && content.len && content.at[0] == 0)
            return true;
    }
    return false;
}

/* The one value of extensionRequest. *out stays NULL when there is none. */
static int read_request(const STACK_OF(X509_ATTRIBUTE) *attributes, X509_EXTENSIONS **out, struct cs_error *err)
{
    int i = X509at_get_attr_by_NID(attributes, NID_ext_req, -1);
    X509_ATTRIBUTE *request = i < 0 ? NULL : sk_X509_ATTRIBUTE_value(attributes, i);
    const unsigned char *at;
    const ASN1_STRING *list;
    const ASN1_TYPE *value;

    if (!request)
        return 0;
    if (X509_ATTRIBUTE_count(request) != 1)
        return bad_attribute(err, "the CSR's extensionRequest must have one value");
    value = X509_ATTRIBUTE_get0_type(request, 0);
    if (!value || ASN1_TYPE_get(value) != V_ASN1_SEQUENCE)
        return bad_attribute(err, "the CSR's extensionRequest is not a list of extensions");
    list = value->value.sequence;
    at = ASN1_STRING_get0_data(list);
    *out = d2i_X509_EXTENSIONS(NULL, &at, ASN1_STRING_length(list));
    if (!*out)
        return bad_attribute(err, "the CSR's extensionRequest is not a list of extensions");
    return has_written_false(list) ? bad_der(err) : 0;
}

/* A known extension's value, decoded to its end; NULL and an error otherwise. */
static void *decode(X509_EXTENSION *extension, struct cs_error *err)
{
    const ASN1_OCTET_STRING *value = X509_EXTENSION_get_data(extension);
    void *decoded = NULL;

    if (der_is_strict(ASN1_STRING_get0_data(value), (size_t)ASN1_STRING_length(value)))
        decoded = X509V3_EXT_d2i(extension);
    if (!decoded)
        bad_der(err);
    return decoded;
}

static int check_basic_constraints(X509_EXTENSION *extension, struct cs_error *err)
{
    BASIC_CONSTRAINTS *constraints = decode(extension, err);
    bool is_ca = constraints && constraints->ca;

    if (!constraints)
        return -1;
    BASIC_CONSTRAINTS_free(constraints);
    return is_ca ? refuse(err, "the CSR asks for a CA certificate (basicConstraints CA:TRUE): leave that out") : 0;
}

static int check_key_usage(X509_EXTENSION *extension, struct cs_error *err)
{
    enum { KEY_CERT_SIGN = 5, CRL_SIGN = 6 };
    ASN1_BIT_STRING *usage = decode(extension, err);
    bool is_ca;

    if (!usage)
        return -1;
    is_ca = ASN1_BIT_STRING_get_bit(usage, KEY_CERT_SIGN) || ASN1_BIT_STRING_get_bit(usage, CRL_SIGN);
    ASN1_BIT_STRING_free(usage);
    return is_ca ? refuse(err, "the CSR asks for a CA's key usage (keyCertSign or cRLSign): leave that out") : 0;
}

static int check_extended_key_usage(X509_EXTENSION *extension, struct cs_error *err)
{
    EXTENDED_KEY_USAGE *usage = decode(extension, err);

    EXTENDED_KEY_USAGE_free(usage);
    return usage ? 0 : -1;
}

static int check_extension(X509_EXTENSION *extension, GENERAL_NAMES **san, struct cs_error *err)
{
    switch (OBJ_obj2nid(X509_EXTENSION_get_object(extension))) {
    case NID_subject_alt_name:
        *san = decode(extension, err);
        return *san ? 0 : -1;
    case NID_key_usage:
        return check_key_usage(extension, err);
    case NID_ext_key_usage:
        return check_extended_key_usage(extension, err);
    case NID_basic_constraints:
        return check_basic_constraints(extension, err);
    case NID_subject_key_identifier:
        return 0;
    case NID_ct_precert_poison:
        return refuse(err, "the CSR asks for a precertificate (CT poison, RFC 6962 3.1)");
    case NID_tlsfeature:
        return refuse(err, "the CSR asks for OCSP Must-Staple (RFC 7633), which CAs no longer support: leave tlsfeature out");
    case NID_name_constraints:
        return refuse(err, "the CSR asks for nameConstraints, which only a CA has: leave that out");
    default:
        if (X509_EXTENSION_get_critical(extension))
            return refuse(err, "the CSR asks for a critical extension that is not known here: leave it out");
        return 0;
    }
}

static int check_all(const X509_EXTENSIONS *extensions, GENERAL_NAMES **san, struct cs_error *err)
{
    int n = sk_X509_EXTENSION_num(extensions);

    if (n > MAX_EXTENSIONS)
        return refuse(err, "the CSR asks for too many extensions");
    for (int i = 0; i < n; i++) {
        X509_EXTENSION *extension = sk_X509_EXTENSION_value(extensions, i);

        for (int j = 0; j < i; j++)
            if (OBJ_cmp(X509_EXTENSION_get_object(extension),
                        X509_EXTENSION_get_object(sk_X509_EXTENSION_value(extensions, j))) == 0)
                return refuse(err, "the CSR asks for the same extension twice");
        if (check_extension(extension, san, err) != 0)
            return -1;
    }
    return 0;
}

int csr_extensions_read(struct der_span attributes, GENERAL_NAMES **san, struct cs_error *err)
{
    STACK_OF(X509_ATTRIBUTE) *decoded = decode_attributes(attributes, err);
    X509_EXTENSIONS *extensions = NULL;
    int rc;

    *san = NULL;
    rc = decoded ? check_attributes(decoded, err) : -1;
    if (rc == 0)
        rc = read_request(decoded, &extensions, err);
    if (rc == 0 && extensions)
        rc = check_all(extensions, san, err);
    if (rc != 0) {
        GENERAL_NAMES_free(*san);
        *san = NULL;
    }
    sk_X509_EXTENSION_pop_free(extensions, X509_EXTENSION_free);
    free_attributes(decoded);
    ERR_clear_error();
    return rc;
}
