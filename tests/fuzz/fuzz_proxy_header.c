/*
 * Fuzzes http/proxy_header.c. The first byte says in which steps the rest arrives: however it is cut, the verdict is the same,
 * and no more bytes are asked for than the header has.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "http/proxy_header.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct peer whole = { 0 }, cut = { 0 };
    enum proxy_header verdict, state = PROXY_HEADER_MORE;
    size_t need = 0, asked = PROXY_HEADER_FIRST, len = 0;

    if (size < 1)
        return 0;
    verdict = proxy_header_read(data + 1, size - 1, &need, &whole);
    assert(need >= PROXY_HEADER_FIRST && (need <= PROXY_HEADER_MOST || verdict == PROXY_HEADER_BAD));
    assert(verdict != PROXY_HEADER_READY || need <= size - 1);
    while (state == PROXY_HEADER_MORE && len < size - 1) {
        size_t step = 1 + data[0] % 32, more = asked - len < step ? asked - len : step;
        uint8_t *copy;

        assert(asked > len); /* MORE asks for more */
        len = len + more < size - 1 ? len + more : size - 1;
        copy = malloc(len); /* of exactly that size: reading past it is seen */
        assert(copy);
        memcpy(copy, data + 1, len);
        state = proxy_header_read(copy, len, &asked, &cut);
        free(copy);
    }
    assert(state == verdict);
    if (state == PROXY_HEADER_READY)
        assert(len == need && whole.len == cut.len && memcmp(&whole.address, &cut.address, sizeof cut.address) == 0);
    return 0;
}
