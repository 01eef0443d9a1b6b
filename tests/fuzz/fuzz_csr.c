/* request/csr.c: any bytes as a CSR, or as one part of a CSR that is then signed, so that what stands behind the signature is
 * reached, too. The first byte of the input says which part. What was accepted must be what it says, and OpenSSL's reader of
 * whole requests must agree. */
#include <stdlib.h>
#include <string.h>

#include "csr_maker.h"
#include "csr_reference.h"
#include "request/csr.h"
#include "request/subject_name.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool ok)
{
    if (!ok)
        abort();
}

static void check_names(const struct csr *csr)
{
    char name[NAME_MAX_LEN + 1];

    must(csr->n_names > 0 && csr->n_names <= CSR_MAX_NAMES);
    for (size_t i = 0; i < csr->n_names; i++) {
        must(name_check(name, csr->names[i], strlen(csr->names[i]), NAME_WILDCARD, NULL) == 0);
        must(strcmp(name, csr->names[i]) == 0);
        must(i == 0 || strcmp(csr->names[i - 1], csr->names[i]) < 0);
    }
}

static void check_subject(const struct csr *csr, const char *outline)
{
    char *again = NULL;

    must(outline && strcmp(outline, csr->subject) == 0);
    must(subject_name_parse(csr->subject, &again, NULL) == 0 && strcmp(again, csr->subject) == 0);
    free(again);
}

static void read_it(const uint8_t *der, size_t len)
{
    struct cs_error err = { 0 };
    char *outline = csr_outline(der, len, &err);
    struct csr csr;

    must(outline || err.reason[0]);
    err = (struct cs_error){ 0 };
    if (csr_read(&csr, der, len, &err) == 0) {
        struct text advice = TEXT_MAX(1 << 20);

        check_names(&csr);
        check_subject(&csr, outline);
        csr_cn_only_advice(&csr, &advice);
        must(!text_failed(&advice) && advice.len > 0);
        must(csr_reference_agrees(der, len, &csr, NULL));
        text_free(&advice);
        csr_free(&csr);
    } else {
        must(err.code == CS_EINPUT && err.reason[0] && err.text[0]);
        must(csr_reference_agrees(der, len, &csr, &err));
    }
    free(outline);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct csr_maker m;
    struct bytes der, *parts[] = { &m.attributes, &m.subject, &m.spki, &m.algorithm };
    const size_t n_parts = sizeof parts / sizeof *parts;

    if (size == 0 || size > CSR_MAX_DER)
        return 0;
    if (data[0] >= n_parts) {
        read_it(data + 1, size - 1);
        return 0;
    }
    csr_maker_start(&m, "p256", "CN=go.example.com,O=Example", "DNS:go.example.com,DNS:a.example.com");
    parts[data[0]]->len = 0;
    bytes_add(parts[data[0]], data + 1, size - 1);
    if (m.algorithm.len || data[0] != 3) {
        csr_maker_make(&m, &der);
        read_it(der.at, der.len);
    }
    return 0;
}
