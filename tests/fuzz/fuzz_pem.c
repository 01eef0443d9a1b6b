/* base/pem.c: any body, as a CSR and as a chain; and what is written must be read again. */
#include <stdlib.h>
#include <string.h>

#include "base/base64url.h"
#include "base/pem.h"
#include "base/text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int look(void *arg, const uint8_t *der, size_t der_len, struct cs_error *err)
{
    uint8_t *sum = arg;

    (void)err;
    for (size_t i = 0; i < der_len; i++)
        *sum = (uint8_t)(*sum + der[i]);
    return 0;
}

static void write_and_read_again(const uint8_t *der, size_t len)
{
    struct text out = TEXT_MAX(1 << 20);
    uint8_t *again;
    size_t again_len;

    pem_add(&out, "NEW CERTIFICATE REQUEST", der, len);
    again = malloc(BASE64_DECODED_MAX(out.len));
    if (!again || text_failed(&out) || pem_find_csr(text_of(&out), out.len, again, &again_len, NULL) != 0 || again_len != len ||
        memcmp(again, der, len) != 0)
        abort();
    free(again);
    text_free(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t *der = malloc(BASE64_DECODED_MAX(size) + 1), sum = 0;
    size_t der_len;
    struct cs_error err = { 0 };

    if (der && pem_find_csr((const char *)data, size, der, &der_len, &err) == 0)
        write_and_read_again(der, der_len);
    free(der);
    pem_each_certificate((const char *)data, size, 4, look, &sum, &err);
    return 0;
}
