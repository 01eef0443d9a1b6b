/* Fuzzes dns_reader_tsig() with the data of a record, and tsig_verify() with what it made of that. */
#include <stdlib.h>
#include <string.h>

#include "tsig.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void must(bool it_holds)
{
    if (!it_holds)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static const uint8_t packet[DNS_HEADER] = { 0x12, 0x34, 0xa8, 0, 0, 0, 0, 0, 0, 0, 0, 1 };
    struct dns_record rr = { .owner = "\3key", .owner_len = 5, .type = 250, .class_ = 255, .rdata = data };
    const struct tsig_mac mac = { .len = 32 };
    struct dns_tsig tsig;
    struct tsig_key key;

    if (len > 65535)
        return 0;
    rr.rdata_len = (uint16_t)len;
    if (!dns_reader_tsig(&tsig, &rr))
        return 0;
    must(tsig.algorithm_len + 16 + tsig.mac_len + tsig.other_len == len);
    must(tsig.mac + tsig.mac_len <= data + len && tsig.other + tsig.other_len == data + len);
    must(tsig_key_init(&key, "KEY.", "MDEyMzQ1Njc4OWFiY2RlZg==", "hmac-sha256", NULL) == 0);
    switch (tsig_verify(&key, &mac, tsig.time_s, 0, &(struct tsig_answer){ packet, DNS_HEADER, &rr, &tsig })) {
    case TSIG_GOOD:
    case TSIG_STALE:
        must(false); /* nobody forges a MAC */
        break;
    case TSIG_ERROR:
        must(tsig.mac_len == 0 && tsig.error != 0);
        break;
    case TSIG_NOT_OURS:
        break;
    }
    return 0;
}
