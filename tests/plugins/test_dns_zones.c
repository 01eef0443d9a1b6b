/* plugins/dns-builtin/zones.c, name_servers.c, record.c: from settings to records; each fault has a message that helps. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "../fakes/dns_snapshot.h"

#define LIST(...) { (const char *const[]){ __VA_ARGS__ }, sizeof((const char *const[]){ __VA_ARGS__ }) / sizeof(char *) }

static const struct zones_text plain = { .zones = LIST("go.example.com"), .ns = LIST("ns1.go.example.com 192.0.2.53"),
                                         .contact = "", .own_addresses = "", .ttl = 300, .negative_ttl = 30, .serial = 1 };

static const struct rrset *set_at(const struct zones *zones, const char *name, uint16_t type)
{
    struct key key = key_of(name);

    return zones_set(zones, &key, type);
}

static struct zones *made(const struct zones_text *text)
{
    struct cs_error err = { 0 };
    struct zones *zones = zones_new(text, &err);

    if (!zones)
        print_error("%s\n", err.text);
    assert_non_null(zones);
    return zones;
}

static void a_zone_and_a_name_server_are_enough(void **state)
{
    struct zones *zones = made(&plain);
    const struct rrset *soa = set_at(zones, "go.example.com.", RR_SOA);

    (void)state;
    assert_int_equal(zones->n_zones, 1);
    assert_int_equal(set_at(zones, "go.example.com.", RR_NS)->n, 1);
    assert_memory_equal(set_at(zones, "ns1.go.example.com.", RR_A)->rdata, "\0\4\300\0\2\65", 6);
    assert_int_equal(soa->n, 1);
    assert_memory_equal(soa->rdata + 2, "\3ns1\2go\7example\3com\0\12hostmaster\2go\7example\3com\0\0\0\0\1", 51);
    assert_true(zones->zones[0].soa == soa);
    assert_int_equal(zones->zones[0].negative_ttl, 30);
    zones_free(zones);
}

static void the_listen_address_serves_when_nothing_else_is_said(void **state)
{
    struct zones_text text = plain;
    struct zones *zones;

    (void)state;
    text.ns.n = 0;
    text.own_addresses = "127.0.0.1 ::1  127.0.0.1 ";
    zones = made(&text);
    assert_memory_equal(set_at(zones, "go.example.com.", RR_NS)->rdata + 2, "\3ns1\2go\7example\3com", 20);
    assert_int_equal(set_at(zones, "ns1.go.example.com.", RR_A)->n, 1);
    assert_int_equal(set_at(zones, "ns1.go.example.com.", RR_AAAA)->n, 1);
    zones_free(zones);
}

static void records_are_read_as_in_a_zone_file(void **state)
{
    struct zones_text text = plain;
    struct zones *zones;

    (void)state;
    text.records = (struct cs_strings)LIST("go.example.com. 60 IN A 192.0.2.1", "GO.example.com 60 A 192.0.2.2",
                                           "go.example.com 60 A 192.0.2.1 ; again", "go.example.com TXT \"one two\" three",
                                           "go.example.com 0 CAA 128 issue \";\"", "x.y.go.example.com AAAA ::1");
    zones = made(&text);
    assert_int_equal(set_at(zones, "go.example.com.", RR_A)->n, 2);
    assert_int_equal(set_at(zones, "go.example.com.", RR_A)->ttl, 60);
    assert_memory_equal(set_at(zones, "go.example.com.", RR_TXT)->rdata, "\0\16\7one two\5three", 16);
    assert_int_equal(set_at(zones, "go.example.com.", RR_CAA)->ttl, 0);
    assert_int_equal(set_at(zones, "x.y.go.example.com.", RR_AAAA)->ttl, 300);
    zones_free(zones);
}

static void a_soa_of_ones_own_is_taken(void **state)
{
    struct zones_text text = plain;
    struct zones *zones;

    (void)state;
    text.records = (struct cs_strings)LIST("go.example.com 20 SOA a. b. 1 2 3 4 50");
    zones = made(&text);
    assert_int_equal(zones->zones[0].negative_ttl, 20);
    assert_memory_equal(zones->zones[0].soa->rdata, "\0\32\1a\0\1b\0\0\0\0\1", 12);
    zones_free(zones);
}

static void the_contact_becomes_a_name(void **state)
{
    struct zones_text text = plain;
    struct zones *zones;

    (void)state;
    text.contact = "first.last@Example.org";
    zones = made(&text);
    assert_memory_equal(zones->zones[0].soa->rdata + 2 + 20, "\12first.last\7example\3org", 24);
    zones_free(zones);
}

static const struct zone *zone_of(const struct zones *zones, const char *name)
{
    struct key key = key_of(name);

    return zones_find(zones, &key);
}

static void the_deepest_zone_is_found(void **state)
{
    struct zones_text text = plain;
    struct zones *zones;
    char name[1024];

    (void)state;
    text.zones = (struct cs_strings)LIST("b.example", "example", "a.x.example", "x.example", "c.a.x.example", "example.net",
                                         "z");
    text.ns = (struct cs_strings)LIST("ns.elsewhere.org");
    zones = made(&text);
    dns_name_from_wire(name, zone_of(zones, "q.b.a.x.example.")->apex, zone_of(zones, "q.b.a.x.example.")->apex_len);
    assert_string_equal(name, "a.x.example.");
    assert_true(zone_of(zones, "c.a.x.example.")->parent == zone_of(zones, "a.x.example."));
    assert_true(zone_of(zones, "a.x.example.")->parent == zone_of(zones, "x.example."));
    assert_true(zone_of(zones, "x.example.")->parent == zone_of(zones, "example."));
    assert_true(zone_of(zones, "zz.example.") == zone_of(zones, "example."));
    assert_true(zone_of(zones, "b.b.example.") == zone_of(zones, "b.example."));
    assert_true(zone_of(zones, "example.z.")->parent == NULL);
    assert_null(zone_of(zones, "com."));
    assert_null(zone_of(zones, "."));
    assert_null(zone_of(zones, "net."));
    zones_free(zones);
}

struct fault {
    const char *says;
    struct cs_strings zones, ns, records; /* in place of `plain`'s */
    const char *contact;
    bool no_zones, no_ns;
};

static const struct fault faults[] = {
    { "zones: name at least one zone", .no_zones = true },
    { "zones: \"go..example\" is not a DNS name", .zones = LIST("go..example") },
    { "is not a DNS name", .zones = LIST(".") },
    { "is not a DNS name", .zones = LIST("a b") },
    { "zones: a zone is named twice", .zones = LIST("go.example.com", "GO.example.com.") },
    { "zone go.example.com. has no name server: set ns = ( \"ns1.go.example.com. ADDRESS\" )", .no_ns = true },
    { "name server ns1.go.example.com. lies in a zone of ours but has no address", .ns = LIST("ns1.go.example.com") },
    { "\"192.0.2.300\" is not an IPv4 or IPv6 address", .ns = LIST("ns1.go.example.com 192.0.2.300") },
    { "lies outside the zones", .ns = LIST("ns.example.net 192.0.2.1") },
    { "is not a DNS name", .ns = LIST("") },
    { "contact: write an address", .contact = "nobody" },
    { "contact: the part before the @ is empty", .contact = "@example.com" },
    { "contact: \"b..c\" is not a DNS name", .contact = "a@b..c" },
    { "the owner lies in none of the zones; write names in full", .records = LIST("www.example.net A 192.0.2.1") },
    { "the owner lies in none of the zones", .records = LIST("www A 192.0.2.1") },
    { "a record begins with the full name of its owner", .records = LIST(" A 192.0.2.1") },
    { "a record begins with the full name of its owner", .records = LIST("@ A 192.0.2.1") },
    { "a record begins with the full name of its owner", .records = LIST("$TTL 5") },
    { "records: ", .records = LIST("") },
    { "records: go.example.com: ", .records = LIST("go.example.com") },
    { "records: go.example.com A 192.0.2: ", .records = LIST("go.example.com A 192.0.2") },
    { "superfluous", .records = LIST("go.example.com A 192.0.2.1 junk") },
    { "one line without control characters", .records = LIST("go.example.com A 192.0.2.1\nx.go.example.com A 192.0.2.1") },
    { "not as \\#", .records = LIST("go.example.com TXT \\# 1 05") },
    { "the TTL is more than 2147483647 seconds", .records = LIST("go.example.com 99999999999 A 192.0.2.1") },
    { "the TTL is more than 2147483647 seconds", .records = LIST("go.example.com IN 2147483648 A 192.0.2.1") },
    { "only class IN is served", .records = LIST("go.example.com CH TXT a") },
    { "only SOA, NS, A, AAAA, CAA and TXT records are served", .records = LIST("x.go.example.com CNAME y.example.com") },
    { "only SOA, NS, A, AAAA, CAA and TXT records are served", .records = LIST("x.go.example.com MX 1 y.example.com") },
    { "wildcard records are not served", .records = LIST("*.go.example.com A 192.0.2.1") },
    { "NS records belong to the zone's own name: there are no delegations here",
      .records = LIST("x.go.example.com NS ns.example.net") },
    { "SOA records belong to the zone's own name", .records = LIST("x.go.example.com SOA a. b. 1 2 3 4 5") },
    { "need one TTL", .records = LIST("go.example.com 1 A 192.0.2.1", "go.example.com 2 A 192.0.2.2") },
    { "one SOA record", .records = LIST("go.example.com SOA a. b. 1 2 3 4 5", "go.example.com SOA a. b. 2 2 3 4 5") },
};

static struct zones_text text_of_fault(const struct fault *fault)
{
    struct zones_text text = plain;

    if (fault->zones.n || fault->no_zones)
        text.zones = fault->zones;
    if (fault->ns.n || fault->no_ns)
        text.ns = fault->ns;
    if (fault->contact)
        text.contact = fault->contact;
    text.records = fault->records;
    return text;
}

static void every_fault_is_named(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) {
        struct zones_text text = text_of_fault(&faults[i]);
        struct cs_error err = { 0 };
        struct zones *zones = zones_new(&text, &err);

        if (zones || !strstr(err.text, faults[i].says))
            print_error("fault %zu: expected \"%s\", got \"%s\"\n", i, faults[i].says, err.text);
        assert_null(zones);
        assert_int_equal(err.code, CS_ECONFIG);
        assert_true(strstr(err.text, faults[i].says) != NULL);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_zone_and_a_name_server_are_enough),
        cmocka_unit_test(the_listen_address_serves_when_nothing_else_is_said),
        cmocka_unit_test(records_are_read_as_in_a_zone_file),
        cmocka_unit_test(a_soa_of_ones_own_is_taken),
        cmocka_unit_test(the_contact_becomes_a_name),
        cmocka_unit_test(the_deepest_zone_is_found),
        cmocka_unit_test(every_fault_is_named),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
