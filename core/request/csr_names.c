/*
 * The names that a CSR asks for; see csr_names.h.
 */
#include "request/csr_names.h"

#include <stdlib.h>
#include <string.h>

#include "base/text.h"

#define CN_MAX 64 /* RFC 5280 A.1, ub-common-name */

static int read_cn(struct csr *out, const X509_NAME *subject, struct cs_error *err)
{
    int i = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);
    const ASN1_STRING *value;

    if (i < 0)
        return 0;
    value = X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, i));
    if (ASN1_STRING_length(value) > CN_MAX)
        return cs_fail_as(err, CS_EINPUT, "bad-subject",
                          "the CN has more than 64 characters: leave it out, and put the name into subjectAltName only");
    if (name_check(out->cn, (const char *)ASN1_STRING_get0_data(value), (size_t)ASN1_STRING_length(value), NAME_WILDCARD,
                   err) == 0)
        return 0;
    return cs_fail_in(err, "the CN must be a host name of the certificate, or be left out");
}

static int refuse_type(int type, struct cs_error *err)
{
    static const char *const names[] = {
        [GEN_OTHERNAME] = "otherName",    [GEN_EMAIL] = "e-mail address",    [GEN_X400] = "X.400 address",
        [GEN_DIRNAME] = "directory name", [GEN_EDIPARTY] = "EDI party name", [GEN_URI] = "URI",
        [GEN_IPADD] = "IP address",       [GEN_RID] = "registered ID"
    };
    bool known = type >= 0 && (size_t)type < sizeof names / sizeof *names && names[type];

    return cs_fail_as(err, CS_EINPUT, "san-type", "subjectAltName has an entry of the type \"%s\": only DNS names are accepted",
                      known ? names[type] : "unknown");
}

/* Room for `most` names; ours, until csr_free(). */
static int add(struct csr *out, const char *name, struct cs_error *err)
{
    out->names[out->n_names] = text_copy(name);
    if (!out->names[out->n_names])
        return cs_fail(err, CS_EBUSY, "no memory");
    out->n_names++;
    return 0;
}

static int add_san(struct csr *out, const GENERAL_NAME *entry, int number, struct cs_error *err)
{
    char name[NAME_MAX_LEN + 1];
    int type;
    const ASN1_STRING *value = GENERAL_NAME_get0_value(entry, &type);

    if (type != GEN_DNS)
        return refuse_type(type, err);
    if (name_check(name, (const char *)ASN1_STRING_get0_data(value), (size_t)ASN1_STRING_length(value), NAME_WILDCARD, err) !=
        0)
        return cs_fail_in(err, "subjectAltName, entry %d", number);
    return add(out, name, err);
}

static void sort_and_fold(struct csr *out)
{
    size_t kept = 0;

    qsort(out->names, out->n_names, sizeof *out->names, name_compare);
    for (size_t i = 0; i < out->n_names; i++) {
        if (kept && strcmp(out->names[kept - 1], out->names[i]) == 0)
            free(out->names[i]);
        else
            out->names[kept++] = out->names[i];
    }
    out->n_names = kept;
}

int csr_names_read(struct csr *out, const X509_NAME *subject, const GENERAL_NAMES *san, struct cs_error *err)
{
    int n = san ? sk_GENERAL_NAME_num(san) : 0;

    out->cn_only = !san;
    if (read_cn(out, subject, err) != 0)
        return -1;
    if (san && n == 0)
        return cs_fail_as(err, CS_EINPUT, "no-names", "the CSR's subjectAltName is empty: put a host name into it");
    if (n > CSR_MAX_NAMES)
        return cs_fail_as(err, CS_EINPUT, "too-many-names", "the CSR has %d names, %d at most are accepted", n, CSR_MAX_NAMES);
    out->names = calloc((size_t)n + 1, sizeof *out->names);
    if (!out->names)
        return cs_fail(err, CS_EBUSY, "no memory");
    if (out->cn[0] && add(out, out->cn, err) != 0)
        return -1;
    for (int i = 0; i < n; i++)
        if (add_san(out, sk_GENERAL_NAME_value(san, i), i + 1, err) != 0)
            return -1;
    sort_and_fold(out);
    if (out->n_names == 0)
        return cs_fail_as(err, CS_EINPUT, "no-names",
                          "the CSR names no host: make it with openssl req … -addext 'subjectAltName=DNS:host.example'");
    if (out->n_names > CSR_MAX_NAMES)
        return cs_fail_as(err, CS_EINPUT, "too-many-names", "the CSR has %zu names, %d at most are accepted", out->n_names,
                          CSR_MAX_NAMES);
    return 0;
}
