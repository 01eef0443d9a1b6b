/*
 * Fuzzes http/json_request.c: what is taken has a CSR and proper labels, what is refused says why.
 */
#include <assert.h>
#include <string.h>

#include "http/json_request.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct text csr = TEXT_MAX(2 * MESSAGE_MAX_BODY);
    struct labels labels = { 0 };
    struct cs_error err = { 0 };

    if (size > MESSAGE_MAX_BODY)
        return 0;
    if (json_request_read(&csr, &labels, (const char *)data, size, &err) == 0) {
        assert(csr.len > 0 && !text_failed(&csr) && labels.n <= LABELS_MAX);
        for (size_t i = 0; i < labels.n; i++) {
            assert(labels.v[i].name[0] && strlen(labels.v[i].name) <= LABELS_MAX_NAME);
            assert(labels.v[i].value[0] && strlen(labels.v[i].value) <= LABELS_MAX_VALUE);
        }
    } else {
        assert(err.code == CS_EINPUT && err.reason[0] && err.text[0]);
    }
    text_free(&csr);
    return 0;
}
