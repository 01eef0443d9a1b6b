/*
 * X.509 names as the scheme's first implementation writes them; see subject_name.h. What is refused here could be read in more
 * than one way, or could not be shown to a person.
 */
#include "request/subject_name.h"

#include <stdlib.h>
#include <string.h>

#include "base/der.h"
#include "base/text.h"
#include "request/subject_parse.h"

static int bad(struct cs_error *err, const char *fault)
{
    return cs_fail_as(err, CS_EINPUT, "bad-subject", "%s", fault);
}

static bool is_control(unsigned long c)
{
    return c < 0x20 || (c >= 0x7f && c < 0xa0);
}

/* X.680 41.4, and the two characters beyond it that CAs forgive (Go's encoding/asn1). */
static bool is_printable(unsigned long c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           (c && c < 0x80 && strchr(" '()+,-./:=?*&", (int)c));
}

static int check_value(const ASN1_STRING *value, struct cs_error *err)
{
    const unsigned char *at = ASN1_STRING_get0_data(value);
    int left = ASN1_STRING_length(value), type = ASN1_STRING_type(value), used;
    bool blank = true;

    if (type != V_ASN1_UTF8STRING && type != V_ASN1_PRINTABLESTRING && type != V_ASN1_IA5STRING)
        return bad(err, "the subject has a string that is not a UTF8String, PrintableString or IA5String");
    for (; left; at += used, left -= used) {
        unsigned long c;

        used = UTF8_getc(at, left, &c);
        if (used <= 0 || (c >= 0x80 && type != V_ASN1_UTF8STRING))
            return bad(err, "the subject has text that is not valid in its string type");
        if (type == V_ASN1_PRINTABLESTRING && c >= ' ' && c < 0x7f && !is_printable(c))
            return bad(err, "the subject has a PrintableString with a character that such cannot have: use UTF8String");
        if (is_control(c))
            return bad(err, "the subject has a control character or NUL");
        blank &= c == ' ';
    }
    return blank ? bad(err, "the subject has an empty value") : 0;
}

/* RFC 4514 2.4; everything beyond ASCII stays as it is. */
static void add_value(struct text *out, const ASN1_STRING *value)
{
    const char *at = (const char *)ASN1_STRING_get0_data(value);
    size_t len = (size_t)ASN1_STRING_length(value);

    for (size_t i = 0; i < len; i++) {
        bool edge_space = at[i] == ' ' && (i == 0 || i == len - 1);

        if (edge_space || (at[i] == '#' && i == 0) || strchr("\\\"+,;<>", at[i]))
            text_add_char(out, '\\');
        text_add_char(out, at[i]);
    }
}

static int add_attribute(struct text *out, const X509_NAME_ENTRY *entry, struct cs_error *err)
{
    const ASN1_OBJECT *type = X509_NAME_ENTRY_get_object(entry);
    const char *name = subject_short_name(type);
    char oid[128];
    int len;

    if (check_value(X509_NAME_ENTRY_get_data(entry), err) != 0)
        return -1;
    if (!name) {
        len = OBJ_obj2txt(oid, sizeof oid, type, 1);
        if (len <= 0 || (size_t)len >= sizeof oid)
            return bad(err, "the subject has an object identifier that is too long");
        name = oid;
    }
    text_addf(out, "%s=", name);
    add_value(out, X509_NAME_ENTRY_get_data(entry));
    return 0;
}

static int set_at(const X509_NAME *name, int i)
{
    return X509_NAME_ENTRY_set(X509_NAME_get_entry(name, i));
}

static int check_types(const X509_NAME *name, struct cs_error *err)
{
    int n = X509_NAME_entry_count(name), n_cn = 0;

    if (n > SUBJECT_MAX_ATTRIBUTES)
        return bad(err, "the subject has too many attributes");
    for (int i = 0; i < n; i++)
        n_cn += OBJ_obj2nid(X509_NAME_ENTRY_get_object(X509_NAME_get_entry(name, i))) == NID_commonName;
    return n_cn > 1 ? bad(err, "the subject has more than one CN") : 0;
}

/* OpenSSL reads over an RDN without attributes. */
static int check_rdns(const X509_NAME *name, struct cs_error *err)
{
    struct der_span in, rdns, content, whole;
    uint8_t tag;

    if (X509_NAME_get0_der(name, &in.at, &in.len) != 1 || der_next(&in, &tag, &rdns, &whole) != 0)
        return bad(err, "the subject is not a Name");
    while (rdns.len)
        if (der_next(&rdns, &tag, &content, &whole) != 0 || content.len == 0)
            return bad(err, "the subject has an empty RDN");
    return 0;
}

/* In DER order, which is by length, type, string type, value, equal types and lengths are next to each other. Their string
 * types are not in the text, so for the text only the values count: Go puts two organisations into one RDN. */
static bool comes_later(const X509_NAME *name, int a, int b)
{
    const X509_NAME_ENTRY *first = X509_NAME_get_entry(name, a), *second = X509_NAME_get_entry(name, b);
    const ASN1_STRING *one = X509_NAME_ENTRY_get_data(first), *other = X509_NAME_ENTRY_get_data(second);
    int len = ASN1_STRING_length(one);

    return OBJ_cmp(X509_NAME_ENTRY_get_object(first), X509_NAME_ENTRY_get_object(second)) == 0 &&
           len == ASN1_STRING_length(other) &&
           memcmp(ASN1_STRING_get0_data(one), ASN1_STRING_get0_data(other), (size_t)len) > 0;
}

/* The RDN of attributes start to end - 1. */
static int add_rdn_text(struct text *out, const X509_NAME *name, int start, int end, struct cs_error *err)
{
    int order[SUBJECT_MAX_ATTRIBUTES];
    int n = 0;

    for (int i = start; i < end; i++) {
        int at = n++;

        for (; at > 0 && comes_later(name, order[at - 1], i); at--)
            order[at] = order[at - 1];
        order[at] = i;
    }
    if (out->len)
        text_add_char(out, ',');
    for (int i = 0; i < n; i++) {
        if (i > 0)
            text_add_char(out, '+');
        if (add_attribute(out, X509_NAME_get_entry(name, order[i]), err) != 0)
            return -1;
    }
    return 0;
}

char *subject_name_text(const X509_NAME *name, struct cs_error *err)
{
    struct text out = TEXT_MAX(SUBJECT_MAX_TEXT);
    int end = X509_NAME_entry_count(name), start, rc;

    rc = check_types(name, err);
    for (; rc == 0 && end > 0; end = start) {
        for (start = end - 1; start > 0 && set_at(name, start - 1) == set_at(name, end - 1);)
            start--;
        rc = add_rdn_text(&out, name, start, end, err);
    }
    if (rc == 0)
        rc = check_rdns(name, err);
    if (rc == 0 && text_failed(&out))
        rc = bad(err, "the subject is too long");
    if (rc == 0)
        return text_take(&out);
    text_free(&out);
    return NULL;
}

/* `string_type`: V_ASN1_UTF8STRING for any length, or MBSTRING_UTF8 for the types and lengths of X.520. */
static int add_to_name(X509_NAME *name, const struct subject_attribute *attribute, bool first, int string_type,
                       struct cs_error *err)
{
    const char *type = subject_short_name(attribute->type);

    if (attribute->len == 0)
        return bad(err, "the subject has an empty value");
    if (X509_NAME_add_entry_by_OBJ(name, attribute->type, string_type, (const unsigned char *)attribute->value,
                                   (int)attribute->len, -1, first ? 0 : -1) == 1)
        return 0;
    return cs_fail_as(err, CS_EINPUT, "bad-subject", "the subject's %s is too long, or not of the form that X.520 wants%s",
                      type ? type : "value", type && strcmp(type, "C") == 0 ? " (two letters)" : "");
}

static int add_rdn(X509_NAME *name, const struct subject_attributes *all, unsigned rdn, int string_type, struct cs_error *err)
{
    bool first = true;

    for (size_t i = 0; i < all->n; i++) {
        if (all->v[i].rdn != rdn)
            continue;
        if (add_to_name(name, &all->v[i], first, string_type, err) != 0)
            return -1;
        first = false;
    }
    return 0;
}

/* Encoded and decoded, because encoding puts the attributes of an RDN into their DER order. */
static X509_NAME *settle(X509_NAME *name)
{
    unsigned char *der = NULL;
    const unsigned char *at;
    int len = i2d_X509_NAME(name, &der);
    X509_NAME *settled;

    at = der;
    settled = len > 0 ? d2i_X509_NAME(NULL, &at, len) : NULL;
    OPENSSL_free(der);
    return settled;
}

static X509_NAME *build(const char *text, int string_type, struct cs_error *err)
{
    struct subject_attributes all;
    X509_NAME *name = NULL, *settled = NULL;
    unsigned n_rdns;

    if (subject_parse(&all, text, err) != 0)
        goto out;
    name = X509_NAME_new();
    if (!name) {
        cs_fail(err, CS_EBUSY, "no memory");
        goto out;
    }
    n_rdns = all.n ? all.v[all.n - 1].rdn + 1 : 0;
    for (unsigned i = 0; i < n_rdns; i++)
        if (add_rdn(name, &all, all.reversed ? n_rdns - 1 - i : i, string_type, err) != 0)
            goto out;
    settled = settle(name);
    if (!settled)
        bad(err, "the subject cannot be encoded: is all of it UTF-8?");
out:
    X509_NAME_free(name);
    subject_attributes_free(&all);
    return settled;
}

int subject_name_parse(const char *text, char **out, struct cs_error *err)
{
    X509_NAME *name = build(text, V_ASN1_UTF8STRING, err);

    *out = name ? subject_name_text(name, err) : NULL;
    X509_NAME_free(name);
    return *out ? 0 : -1;
}

X509_NAME *subject_name_build(const char *subject, struct cs_error *err)
{
    return build(subject, MBSTRING_UTF8, err);
}

char *subject_name_cn(const char *subject)
{
    struct subject_attributes all;
    char *cn = NULL;

    if (subject_parse(&all, subject, NULL) == 0)
        for (size_t i = 0; i < all.n && !cn; i++)
            if (OBJ_obj2nid(all.v[i].type) == NID_commonName)
                cn = text_copy_n(all.v[i].value, all.v[i].len);
    subject_attributes_free(&all);
    return cn;
}
