/*
 * Fuzzes what visible.c and alias.c do with a server's answer: the check by hand, ldns, and the search for the value or the
 * alias. Id and question are right already; the input is flags, counts and records.
 */
#include <stdlib.h>
#include <string.h>

#include "base/dns_packet.h"
#include "request/alias_reply.h"
#include "request/txt_reply.h"

enum { FLAGS_AND_COUNTS = 8 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static size_t make_packet(uint8_t packet[4096], const uint8_t *data, size_t len)
{
    static const uint8_t question[] = { 1, 'a', 1, 'b', 0, 0, 16, 0, 1 };

    memset(packet, 0, 12);
    packet[2] = data[0] | 0x80;
    packet[3] = data[1];
    packet[5] = 1;
    memcpy(packet + 6, data + 2, FLAGS_AND_COUNTS - 2);
    memcpy(packet + 12, question, sizeof question);
    memcpy(packet + 12 + sizeof question, data + FLAGS_AND_COUNTS, len - FLAGS_AND_COUNTS);
    return 12 + sizeof question + len - FLAGS_AND_COUNTS;
}

static void read_alias(unsigned rcode, const ldns_pkt *pkt)
{
    const struct txt_question question = { .owner = "a.b.", .alias = "c.", .zone = "b." };
    struct alias_reply alias;
    struct txt_reply reply;

    alias_reply_read(&alias, rcode, pkt, "a.b.", "b.");
    if (alias.kind < ALIAS_NONE || (alias.kind == ALIAS_UNKNOWN && !alias.said[0]) ||
        ((alias.kind == ALIAS_TO || alias.kind == ALIAS_BELOW) && !alias.target[0]))
        abort();
    txt_reply_read(&reply, rcode, pkt, &question);
    if (reply.has && alias.kind != ALIAS_TO && alias.kind != ALIAS_UNKNOWN)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static const uint8_t name[] = "\1A\1b";
    const struct txt_question question = { .owner = "a.b.", .value = "value", .zone = "b." };
    uint8_t packet[4096];
    struct txt_reply reply;
    struct cs_error err;
    ldns_pkt *pkt = NULL;

    if (len < FLAGS_AND_COUNTS || len > 4000)
        return 0;
    len = make_packet(packet, data, len);
    if (dns_check_reply(packet, len, 0, name, sizeof name, 16, &err) < 0)
        return 0;
    if (ldns_wire2pkt(&pkt, packet, len) != LDNS_STATUS_OK)
        return 0;
    txt_reply_read(&reply, packet[3] & 15u, pkt, &question);
    if (!reply.has && !reply.said[0])
        abort();
    read_alias(packet[3] & 15u, pkt);
    ldns_pkt_free(pkt);
    return 0;
}
