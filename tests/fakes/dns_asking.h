/* Asks answer.c of dns-builtin questions, for tests: zones, a question `m`, an answer that ldns must be able to read. Needs
 * cmocka.h before it. */
#ifndef FAKES_DNS_ASKING_H
#define FAKES_DNS_ASKING_H

#include <ldns/ldns.h>
#include <stdio.h>

#include "dns_message.h"
#include "dns_snapshot.h"

enum { A = 1, NS = 2, SOA = 6, TXT = 16, AAAA = 28, OPT = 41, DS = 43 };
enum { TSIG = 250, IXFR = 251, AXFR = 252, ANY = 255, CAA = 257 };
enum { IN = 1, CHAOS = 3, QR = 0x8000, AA = 0x0400, TC = 0x0200, RD = 0x0100, Z = 0x40, AD = 0x20, CD = 0x10 };
enum { NOERROR, FORMERR, SERVFAIL, NXDOMAIN, NOTIMP, REFUSED, NOTAUTH = 9, BADVERS = 16 };
enum { NOW = 1000000 };

static const char *const zone_names[] = { "go.example.com", "example.com", "Sub.Deep.go.example.com" };
static const char *const name_servers[] = { "ns1.go.example.com 192.0.2.53 2001:db8::53", "ns.example.net" };
static const char *const records[] = { "go.example.com A 192.0.2.1",
                                       "go.example.com CAA 0 issue \"ca.example\"",
                                       "go.example.com 60 TXT \"v=spf1 -all\"",
                                       "www.go.example.com. 600 IN AAAA 2001:db8::1",
                                       "a.b.c.go.example.com TXT \"deep\"" };
static const struct zones_text text = { .zones = { zone_names, 3 }, .ns = { name_servers, 2 }, .records = { records, 5 },
                                        .contact = "", .own_addresses = "", .ttl = 300, .negative_ttl = 30, .serial = 7 };

static struct served served;
static struct message m; /* the question */
static uint8_t out[ANSWER_TCP_MOST];
static struct answer answer;
static ldns_pkt *pkt;

static inline void free_packet(void)
{
    ldns_pkt_free(pkt);
    pkt = NULL;
}

/* Ask what `m` holds. What comes back must be a packet that ldns can read, too. */
static inline void ask_most(size_t most)
{
    free_packet();
    answer = (struct answer){ .at = out, .most = most };
    answer_query(atomic_load(&served.shelf.current), m.at, m.len, NOW, &answer);
    if (answer.len > 0)
        assert_int_equal(ldns_wire2pkt(&pkt, answer.at, answer.len), LDNS_STATUS_OK);
}

static inline void ask(void)
{
    ask_most(ANSWER_UDP_MOST);
}

static inline void ask_for(const char *name, unsigned type)
{
    put_header(&m, 0x1234, 0, 1, 0, 0, 0);
    put_question(&m, name, type, IN);
    ask();
}

static inline unsigned flags(void)
{
    return read16(answer.at + 2);
}

static inline unsigned count(int section)
{
    return read16(answer.at + 4 + 2 * section);
}

/* The i-th record of a section as text; valid until the next call. */
static inline const char *record(const ldns_rr_list *list, size_t i)
{
    static char line[1024];
    char *made;

    assert_true(list != NULL && i < ldns_rr_list_rr_count(list));
    made = ldns_rr2str(ldns_rr_list_rr(list, i));
    snprintf(line, sizeof line, "%s", made);
    line[strcspn(line, "\n")] = '\0';
    free(made);
    return line;
}

static inline void expect_soa_only(unsigned rcode)
{
    assert_int_equal(flags(), QR | AA | rcode);
    assert_int_equal(count(1), 0);
    assert_int_equal(count(2), 1);
    assert_int_equal(count(3), 0);
}

static inline int set_up(void **state)
{
    struct cs_error err = { 0 };

    (void)state;
    return serve_zones(&served, &text, &err);
}

static inline int tear_down(void **state)
{
    (void)state;
    free_packet();
    serve_nothing(&served);
    return 0;
}

#endif
