/* Fuzzes dns_check_query() and dns_check_reply(), and checks what they promise. */
#include <stdlib.h>
#include <string.h>

#include "base/dns_packet.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void must(bool it_holds)
{
    if (!it_holds)
        abort();
}

static void check_names(const uint8_t *wire, size_t len)
{
    char text[1024];
    uint8_t again[255];
    int n;

    must(dns_name_from_wire(text, wire, len) == 0);
    n = dns_name_to_wire(again, text);
    must(n == (int)len || strchr(text, '\\') != NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct dns_question q;
    struct cs_error err;

    if (dns_check_query(data, len, &q) == DNS_PACKET_OK) {
        must(q.end <= len && q.name_len >= 1 && q.name_len <= 255 && q.name + q.name_len + 4 == data + q.end);
        check_names(q.name, q.name_len);
        if (q.tsig)
            check_names(q.tsig_name, q.tsig_name_len);
        must(q.edns_udp >= 512);
    }
    if (len >= 2)
        dns_check_reply(data, len, (uint16_t)(data[0] << 8 | data[1]), (const uint8_t *)"\1a", 3, 16, &err);
    return 0;
}
