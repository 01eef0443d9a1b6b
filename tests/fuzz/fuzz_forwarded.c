/*
 * Fuzzes what proxies say about a request's origin: http/arrival.c with forwarded.c and user_agent.c. The input is field
 * lines. Whatever they say, an untrusted peer's word changes nothing; and whatever a client wrote before a trusted proxy's own
 * entry in X-Forwarded-For, that entry counts.
 */
#include <assert.h>
#include <string.h>

#include "http/arrival.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct peer peer = {
    .address.v4 = { .sin_family = AF_INET, .sin_addr.s_addr = 0x0100000a }, .len = sizeof peer.address.v4
};

static const char *const trusted[] = { "10.0.0.0/8", "unix" };

static bool read_head(struct message *m, const char *before, const uint8_t *data, size_t size, const char *behind)
{
    static char bytes[9000];
    size_t n = strlen(before), end = strlen(behind);

    memset(m, 0, sizeof *m);
    memcpy(bytes, before, n);
    memcpy(bytes + n, data, size);
    memcpy(bytes + n + size, behind, end);
    return message_read(m, bytes, n + size + end) == MESSAGE_READY;
}

static struct arrival arrival_with(const struct message *m, size_t n_trusted)
{
    struct proxies proxies;
    struct arrival arrival;

    assert(proxies_read(&proxies, trusted, n_trusted, NULL) == 0);
    arrival_read(&arrival, m, &peer, &proxies);
    proxies_clear(&proxies);
    assert(arrival.from >= ARRIVAL_SOCKET && arrival.from <= ARRIVAL_MALFORMED && arrival.client[0]);
    assert((arrival.source.family == SOURCE_UNKNOWN) == (arrival.from >= ARRIVAL_UNKNOWN));
    return arrival;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct message m;

    if (size > 8000)
        return 0;
    if (read_head(&m, "POST / HTTP/1.1\r\nHost: a\r\n", data, size, "\r\n\r\n")) {
        assert(arrival_with(&m, 0).from == ARRIVAL_SOCKET);
        arrival_with(&m, 2);
    }
    if (!memchr(data, '\n', size) &&
        read_head(&m, "POST / HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: ", data, size, ", 192.0.2.1\r\n\r\n")) {
        struct arrival arrival = arrival_with(&m, 2);

        assert(arrival.from == ARRIVAL_FORWARDED && arrival.source.family == SOURCE_IPV4);
        assert(memcmp(arrival.source.address, "\xc0\x00\x02\x01\0\0\0", 8) == 0);
    }
    return 0;
}
