/* What the tests of CSR intake share: read a made CSR and say what should come of it. */
#ifndef UNIT_REQUEST_CSR_TEST_H
#define UNIT_REQUEST_CSR_TEST_H

#include "csr_maker.h"
#include "request/csr.h"

static inline void refuses_bytes(const struct bytes *der, const char *reason, const char *words)
{
    struct csr csr;
    struct cs_error err = { 0 };

    if (csr_read(&csr, der->at, der->len, &err) != -1)
        fail_msg("accepted, but should be %s", reason);
    assert_int_equal(err.code, CS_EINPUT);
    if (strcmp(err.reason, reason) != 0 || !strstr(err.text, words))
        fail_msg("%s: \"%s\", but should be %s: \"… %s …\"", err.reason, err.text, reason, words);
    assert_null(csr.der);
    assert_null(csr.subject);
    assert_null(csr.names);
}

static inline void refuses(struct csr_maker *m, const char *reason, const char *words)
{
    struct bytes der;

    csr_maker_make(m, &der);
    refuses_bytes(&der, reason, words);
}

/* The caller frees it. */
static inline struct csr accepts(struct csr_maker *m)
{
    struct bytes der;
    struct csr csr;
    struct cs_error err = { 0 };

    csr_maker_make(m, &der);
    if (csr_read(&csr, der.at, der.len, &err) != 0)
        fail_msg("%s: %s", err.reason, err.text);
    assert_int_equal(csr.len, der.len);
    assert_memory_equal(csr.der, der.at, der.len);
    return csr;
}

static inline void accepts_and_frees(struct csr_maker *m)
{
    struct csr csr = accepts(m);

    csr_free(&csr);
}

#endif
