/* Fuzzes what visible.c does with a server's answer: the check by hand, ldns, and the search for the value. */
#include <stdlib.h>

#include "base/dns_packet.h"
#include "request/txt_reply.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static const uint8_t name[] = "\1a\1b";
    const struct txt_question question = { .owner = "a.b.", .value = "value", .zone = "b." };
    struct txt_reply reply;
    struct cs_error err;
    ldns_pkt *pkt = NULL;

    if (len < 12 || dns_check_reply(data, len, (uint16_t)(data[0] << 8 | data[1]), name, sizeof name, 16, &err) < 0)
        return 0;
    if (ldns_wire2pkt(&pkt, data, len) != LDNS_STATUS_OK)
        return 0;
    txt_reply_read(&reply, data[3] & 15u, pkt, &question);
    if (!reply.has && !reply.said[0])
        abort();
    ldns_pkt_free(pkt);
    return 0;
}
