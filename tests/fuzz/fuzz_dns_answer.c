/*
 * Fuzzes the DNS server as a function (dns-builtin's answer.c): whatever is asked, the answer keeps to its size and is a packet
 * that ldns can read. The first byte chooses UDP or TCP.
 */
#include <ldns/ldns.h>
#include <stdlib.h>

#include "../fakes/dns_snapshot.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static struct served served;

static void must(bool it_holds)
{
    if (!it_holds)
        abort();
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    static const char *const zones[] = { "a", "b.a" };
    static const char *const name_servers[] = { "n.a 192.0.2.1 ::1" };
    static const char *const records[] = { "a A 192.0.2.1", "w.a AAAA ::1", "b.a CAA 0 issue \"x\"", "a TXT y" };
    const struct zones_text text = { .zones = { zones, 2 }, .ns = { name_servers, 1 }, .records = { records, 4 }, .contact = "",
                                     .own_addresses = "", .ttl = 300, .negative_ttl = 30 };

    (void)argc, (void)argv;
    must(serve_zones(&served, &text, NULL) == 0);
    must(serve_txt(&served, "c.w.a.", "value", false, 5, 1000) == 0);
    must(serve_txt(&served, "a.", "value", false, 5, 1000) == 0);
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static uint8_t out[ANSWER_TCP_MOST];
    struct answer answer = { .at = out, .most = len > 0 && data[0] & 1 ? ANSWER_TCP_MOST : ANSWER_UDP_MOST };
    ldns_pkt *pkt = NULL;

    if (len < 1)
        return 0;
    answer_query(atomic_load(&served.shelf.current), data + 1, len - 1, 500, &answer);
    must(answer.len == 0 || (answer.len >= 12 && answer.len <= answer.most));
    if (answer.len > 0) {
        must(answer.at[0] == data[1] && answer.at[1] == data[2] && answer.at[2] & 0x80);
        must(ldns_wire2pkt(&pkt, answer.at, answer.len) == LDNS_STATUS_OK);
        ldns_pkt_free(pkt);
    }
    return 0;
}
